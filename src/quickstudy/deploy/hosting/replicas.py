"""Twins: two copies of one learner, so that predictions never wait for learning.

A reader uses the active copy while the worker teaches the other; then the copies change places, and
the first is taught the same, or becomes a copy of the other where that is cheaper. As the same
lessons give the same bits, the twins are equal whenever the worker rests.

The scheme is left-right (Ramalhete & Correia, 2013, "Left-right: a concurrency control technique
with wait-free population oblivious reads"): readers wait neither for the worker nor for each other,
and the worker waits for the readers of the copy that it wants to change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from quickstudy.deploy.hosting.readers import Readers
from quickstudy.errors import StoreError
from quickstudy.learners.decider import Decider
from quickstudy.log.failpoints import failpoint


class LostReplicaError(StoreError):
    """One of the two copies is lost, and there is no room for another."""


class LeftRightReplicas:
    """One worker, and any number of readers from any thread, all at the same time."""

    def __init__(self, learner: Decider, version: str) -> None:
        self._pair: list[Decider | None] = [learner, learner.copy()]
        self._versions = [version, version]  # that the learner at each place is a line of
        self._front = 0
        self._readers = (Readers(), Readers())
        self._entry = 0  # of these two, the one that readers now arrive at

    @contextmanager
    def reading(self) -> Iterator[Decider]:
        """The learner in front; nobody changes it meanwhile. Not to be changed by the reader."""
        with self.reading_version() as (learner, _):
            yield learner

    @contextmanager
    def reading_version(self) -> Iterator[tuple[Decider, str]]:
        """The same, with the version that it is a line of."""
        inside = self._readers[self._entry]
        inside.arrive()
        try:
            front = self._front  # read after it has arrived: `_turn` relies on that
            yield self._at(front), self._versions[front]
        finally:
            inside.depart()

    def _turn(self) -> None:
        """The twins change places; returns once no reader has the one that was in front.

        Who arrives from now on meets the one that is in front now. Those who arrived before are
        counted at either entry: one of them may have chosen its entry long ago and arrived late.
        So both must have been empty once since, and the worker waits for each while others arrive
        at the other one: it never waits for readers that come later.
        """
        self._front = 1 - self._front
        entry = self._entry
        self._readers[1 - entry].wait_until_none()
        self._entry = 1 - entry
        self._readers[entry].wait_until_none()

    def _at(self, place: int) -> Decider:
        learner = self._pair[place]
        assert learner is not None
        return learner

    @property
    def version(self) -> str:
        """The version that the learner in front is a line of; for the worker alone."""
        return self._versions[self._front]

    def change(self, act: Callable[[Decider], None]) -> None:
        """Do the same to both, one after the other; for the worker alone.

        If `act` raises, both are as they were: it may have stopped half-way in the learner behind,
        which is given up and becomes a copy of the one in front.

        Raises:
            LostTwinError: there is no room for that copy.
        """
        learner = self.back
        back, maps = 1 - self._front, learner.maps
        try:
            act(learner)
        except Exception:
            self._pair[back] = None
            raise
        self._turn()
        failpoint("between-replicas")
        self._follow(act, learner, same_map=learner.maps == maps)

    def _follow(self, act: Callable[[Decider], None], learner: Decider, *, same_map: bool) -> None:
        """Take the twin behind to where `learner` is, which was changed first."""
        back = 1 - self._front
        try:
            if same_map:
                act(self._at(back))
            else:  # a new feature map takes long to choose, and the copy has it
                self._pair[back] = learner.copy()
        except Exception:  # what was learned is learned: only this twin is to be made again
            self._pair[back] = None

    def replace(self, learner: Decider, version: str) -> None:
        """Another learner takes the place of both; for the worker alone."""
        twin = learner.copy()
        back = 1 - self._front
        self._pair[back], self._versions[back] = learner, version
        self._turn()
        self._pair[1 - back], self._versions[1 - back] = twin, version

    @property
    def back(self) -> Decider:
        """The learner behind; for the worker alone, which must not change it but by `change`.

        Raises:
            LostTwinError: it was given up, and there is no room for a copy of the one in front.
        """
        back = 1 - self._front
        if self._pair[back] is None:
            try:
                self._pair[back] = self._at(self._front).copy()
            except Exception as error:
                told = f"there is no room for a second copy ({type(error).__name__}: {error})"
                raise LostReplicaError(told) from error
        return self._at(back)
