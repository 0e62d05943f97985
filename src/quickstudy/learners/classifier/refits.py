"""Refits of a mixture: which slow experts are due, and fits that were made elsewhere."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.experts.base import Block, Expert
from quickstudy.experts.exemplars import Exemplars
from quickstudy.experts.refitted import SlowExpert
from quickstudy.learners.classifier.order import Order, coarse
from quickstudy.stats.moments import one_blas_thread


@dataclass(frozen=True)
class Fitted:
    """Slow experts fitted on the state after `count` examples and `maps` feature maps.

    `places` are their places among the experts; `arrays` are named `place/name`.
    """

    count: int
    maps: int
    places: list[int]
    arrays: dict[str, NDArray[Any]]


class Refits:
    """The half of a mixture that refits its slow experts from remembered examples."""

    experts: list[Expert]
    exemplars: Exemplars
    order: Order
    labels: int
    count: int
    maps: int
    seed: int
    _fitted_at: int
    _refit_at: int
    _fades: bool

    def _remembered(self, slots: NDArray[np.int64]) -> Block:
        raise NotImplementedError

    def _as_filed(self, block: Block, slots: NDArray[np.int64]) -> Block:
        """The block, in a random order where its examples had been filed by label."""
        y, last = self.exemplars.facts(slots)[:, :2].T
        filed = self._fades and not self.order.told and coarse(y, last)
        return block.shuffled() if filed else block

    @one_blas_thread()
    def refit(self, experts: list[SlowExpert] | None = None) -> None:
        """Fit slow experts anew on remembered examples, all of them unless some are given."""
        self._refit(self._slow if experts is None else experts)
        self._fitted_at = self.count
        self._refit_at = self._next_refit()

    @property
    def _slow(self) -> list[SlowExpert]:
        return [e for e in self.experts if isinstance(e, SlowExpert)]

    def _refit(self, experts: list[SlowExpert]) -> None:
        slots = self.exemplars.order()
        block = self._as_filed(self._remembered(slots), slots)
        for expert in experts:
            expert.refit(block, seed=self.seed)

    @property
    def refit_due(self) -> bool:
        """Whether a slow expert has come to the size at which it wants to be refitted."""
        return self.count >= self._refit_at

    def _slow_due(self) -> list[SlowExpert]:
        return [e for e in self._slow if e.next_refit(self._fitted_at) <= self.count]

    def _next_refit(self) -> int:
        return min((e.next_refit(self._fitted_at) for e in self._slow), default=sys.maxsize)

    def fit_due(self) -> Fitted:
        """Refit the slow experts that are due; what `install` puts into this mixture grown older.

        Changes this mixture: to be called on a copy.
        """
        due = {self.experts.index(e): e for e in self._slow_due()}
        self._refit(list(due.values()))
        arrays = {f"{i}/{n}": a for i, e in due.items() for n, a in e.fitted().items()}
        return Fitted(count=self.count, maps=self.maps, places=list(due), arrays=arrays)

    def install(self, fitted: Fitted) -> None:
        """Take over slow experts fitted elsewhere, on an earlier state of this mixture.

        What was fitted under another feature map is dropped, unless it does not read the map.
        """
        for i in fitted.places if len(self.experts) > max(fitted.places, default=-1) else ():
            expert = self.experts[i]
            same_map = fitted.maps == self.maps
            if isinstance(expert, SlowExpert) and (same_map or not expert.reads_map):
                prefix = f"{i}/"
                state = {
                    n.removeprefix(prefix): a
                    for n, a in fitted.arrays.items()
                    if n.startswith(prefix)
                }
                expert.install(state, self.labels)
        self._fitted_at = max(self._fitted_at, fitted.count)
        self._refit_at = self._next_refit()
