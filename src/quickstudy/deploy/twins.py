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

from quickstudy.learners.classifier import Classifier
from quickstudy.log.failpoints import reach


class Twins:
    """One worker, and readers from any thread: one at a time has the active copy."""

    def __init__(self, learner: Classifier, version: str) -> None:
        self.version = version  # that the learner in front is a line of; read it while reading
        self._pair = [learner, learner.copy()]
        self._locks = (threading.Lock(), threading.Lock())
        self._front = 0

    @contextmanager
    def reading(self) -> Iterator[Classifier]:
        """The learner in front; nobody changes it meanwhile. Not to be changed by the reader."""
        while True:
            front = self._front
            with self._locks[front]:
                if front == self._front:
                    yield self._pair[front]
                    return

    def change(self, act: Callable[[Classifier], None]) -> None:
        """Do the same to both, one after the other; for the worker alone."""
        back = 1 - self._front
        maps = self._pair[back].maps
        with self._locks[back]:
            act(self._pair[back])
        self._front = back
        reach("between-twins")
        with self._locks[1 - back]:
            if self._pair[back].maps == maps:
                act(self._pair[1 - back])
            else:  # a new feature map takes long to choose, and the copy has it
                self._pair[1 - back] = self._pair[back].copy()

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
    def resting(self) -> Classifier:
        """The learner behind; for the worker alone, which must not change it but by `change`."""
        return self._pair[1 - self._front]

    def differ(self) -> bool:
        """Whether the twins have come apart, which they never should; for the worker alone."""
        return self._pair[0].state_hash() != self._pair[1].state_hash()
