"""Replicas: two copies of one learner, so that predictions never wait for learning.

Readers use the active copy while the trainer updates the other; then the copies swap, and the
former active copy gets the same updates, or becomes a copy of the other where that is cheaper. As
the same updates give the same bits, both copies are equal whenever the trainer is idle.

The scheme is left-right (Ramalhete & Correia, 2013, "Left-right: a concurrency control technique
with wait-free population oblivious reads"): readers wait neither for the trainer nor for each
other, and the trainer waits for the readers of the copy that it is about to change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager

from quickstudy.deploy.hosting.readers import Readers
from quickstudy.errors import StoreError
from quickstudy.learners.decider import Decider
from quickstudy.log.failpoints import failpoint


class LostReplicaError(StoreError):
    """One of the two copies is lost, and there is no memory for another."""


class LeftRightReplicas:
    """Two copies of a learner for one trainer and any number of concurrent readers."""

    def __init__(self, learner: Decider, version: str) -> None:
        self._pair: list[Decider | None] = [learner, learner.copy()]
        self._versions = [version, version]  # version of the learner at each place
        self._front = 0
        self._readers = (Readers(), Readers())
        self._entry = 0  # index of the counter at which readers arrive now

    @contextmanager
    def reading(self) -> Iterator[Decider]:
        """The active learner; nobody changes it meanwhile, and the reader must not either."""
        with self.reading_version() as (learner, _):
            yield learner

    @contextmanager
    def reading_version(self) -> Iterator[tuple[Decider, str]]:
        """The active learner and its version."""
        inside = self._readers[self._entry]
        inside.arrive()
        try:
            front = self._front  # read after the arrival: `_turn` relies on this order
            yield self._at(front), self._versions[front]
        finally:
            inside.depart()

    def _turn(self) -> None:
        """Swap the copies; returns once no reader uses the copy that was active before.

        Readers that arrive from now on use the new active copy. Earlier readers are counted at
        either entry: a reader may have chosen its entry long ago and arrived late. So both counters
        must have been zero once since the swap, and the trainer waits for each while new readers
        arrive at the other: it never waits for readers that come later.
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
        """The version of the active learner; only for the trainer's thread."""
        return self._versions[self._front]

    def change(self, act: Callable[[Decider], None]) -> None:
        """Apply a change to both copies, one after the other; only for the trainer's thread.

        If `act` raises, both copies are as before: the change may have stopped half-way in the
        passive copy, which is discarded and replaced by a copy of the active one.

        Raises:
            LostReplicaError: there is no memory for that copy.
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
        """Bring the passive copy to the state of `learner`, which was changed first."""
        back = 1 - self._front
        try:
            if same_map:
                act(self._at(back))
            else:  # choosing a new feature map takes longer than a copy
                self._pair[back] = learner.copy()
        except Exception:  # the update is learned: only this copy has to be made again
            self._pair[back] = None

    def replace(self, learner: Decider, version: str) -> None:
        """Replace both copies by another learner; only for the trainer's thread."""
        copy = learner.copy()
        back = 1 - self._front
        self._pair[back], self._versions[back] = learner, version
        self._turn()
        self._pair[1 - back], self._versions[1 - back] = copy, version

    @property
    def back(self) -> Decider:
        """The passive copy, only for the trainer's thread, which changes it only by `change`.

        Raises:
            LostReplicaError: it was discarded, and there is no memory for a new copy.
        """
        back = 1 - self._front
        if self._pair[back] is None:
            try:
                self._pair[back] = self._at(self._front).copy()
            except Exception as error:
                why = f"there is no room for a second copy ({type(error).__name__}: {error})"
                raise LostReplicaError(why) from error
        return self._at(back)
