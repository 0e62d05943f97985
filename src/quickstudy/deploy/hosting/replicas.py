"""Twins: two copies of one learner, so that predictions never wait for learning.

A reader uses the active copy while the worker teaches the other; then the copies change places, and
the first is taught the same, or becomes a copy of the other where that is cheaper. As the same
lessons give the same bits, the twins are equal whenever the worker rests. (After left-right
concurrency: Ramalhete & Correia, 2013; their readers do not wait for each other, these do.)
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from quickstudy.errors import StoreError
from quickstudy.learners.classifier.classifier import Classifier
from quickstudy.log.failpoints import failpoint


class LostReplicaError(StoreError):
    """One of the two copies is lost, and there is no room for another."""


class LeftRightReplicas:
    """One worker, and readers from any thread: one at a time has the active copy."""

    def __init__(self, learner: Classifier, version: str) -> None:
        self.version = version  # that the learner in front is a line of; read it while reading
        self._pair: list[Classifier | None] = [learner, learner.copy()]
        self._locks = (threading.Lock(), threading.Lock())
        self._front = 0

    @contextmanager
    def reading(self) -> Iterator[Classifier]:
        """The learner in front; nobody changes it meanwhile. Not to be changed by the reader."""
        while True:
            front = self._front
            with self._locks[front]:
                if front == self._front:
                    yield self._at(front)
                    return

    def _at(self, place: int) -> Classifier:
        learner = self._pair[place]
        assert learner is not None
        return learner

    def change(self, act: Callable[[Classifier], None]) -> None:
        """Do the same to both, one after the other; for the worker alone.

        If `act` raises, both are as they were: it may have stopped half-way in the learner behind,
        which is given up and becomes a copy of the one in front.

        Raises:
            LostTwinError: there is no room for that copy.
        """
        learner = self.back
        back, maps = 1 - self._front, learner.maps
        with self._locks[back]:
            try:
                act(learner)
            except Exception:
                self._pair[back] = None
                raise
        self._front = back
        failpoint("between-replicas")
        with self._locks[1 - back]:
            self._follow(act, learner, same_map=learner.maps == maps)

    def _follow(
        self, act: Callable[[Classifier], None], learner: Classifier, *, same_map: bool
    ) -> None:
        """Take the twin behind to where `learner` is, which was changed first."""
        back = 1 - self._front
        try:
            if same_map:
                act(self._at(back))
            else:  # a new feature map takes long to choose, and the copy has it
                self._pair[back] = learner.copy()
        except Exception:  # what was learned is learned: only this twin is to be made again
            self._pair[back] = None

    def replace(self, learner: Classifier, version: str) -> None:
        """Another learner takes the place of both; for the worker alone."""
        twin = learner.copy()
        back = 1 - self._front
        with self._locks[back]:
            self._pair[back] = learner
        with self._locks[self._front]:  # readers go to the front, so they see both change at once
            self.version, self._front = version, back
        with self._locks[1 - back]:
            self._pair[1 - back] = twin

    @property
    def back(self) -> Classifier:
        """The learner behind; for the worker alone, which must not change it but by `change`.

        Raises:
            LostTwinError: it was given up, and there is no room for a copy of the one in front.
        """
        back = 1 - self._front
        if self._pair[back] is None:
            try:
                with self._locks[self._front]:
                    self._pair[back] = self._at(self._front).copy()
            except Exception as error:
                told = f"there is no room for a second copy ({type(error).__name__}: {error})"
                raise LostReplicaError(told) from error
        return self._at(back)

    def differ(self) -> bool:
        """Whether the twins have come apart, which they never should; for the worker alone."""
        return self.back.state_hash() != self._at(self._front).state_hash()
