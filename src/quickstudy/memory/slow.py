"""Slow experts: refitted from remembered examples at sizes that grow by half each time."""

from __future__ import annotations

import numpy as np

from quickstudy.memory.expert import Block, State
from quickstudy.memory.trees import Trees, grow_trees
from quickstudy.types import Floats

FIRST = 100  # labels before the first fit
GROWTH = 1.5
MOST_LABELS = 64  # boosted trees are grown per label: beyond this they cost more than they give


def next_refit(count: int) -> int:
    """The next number of examples, above `count`, at which slow experts are refitted.

    >>> [next_refit(n) for n in (0, 100, 150, 225, 400)]
    [100, 150, 225, 338, 507]
    """
    size = float(FIRST)
    while round(size) <= count:
        size *= GROWTH
    return round(size)


class SlowTrees:
    """Boosted trees on the unscaled columns and the last label, over all remembered examples.
    """

    def __init__(self, name: str) -> None:
        self.names = (name,)
        self._trees: Trees | None = None

    def grow(self, labels: int) -> None:
        return None

    def predict(self, block: Block) -> Floats:
        if self._trees is None:
            return np.full((1, len(block), block.labels), -np.log(block.labels))
        return self._trees.log_probabilities(_columns(block), block.labels)[None]

    def learn(self, block: Block) -> Floats:
        return self.predict(block)

    def relearn(self, block: Block) -> None:
        return None

    def refit(self, block: Block, *, seed: int) -> None:
        """Grow the trees anew from remembered examples, oldest first."""
        if block.labels <= MOST_LABELS and len(np.unique(block.y)) > 1:
            self._trees = grow_trees(_columns(block), block.y, seed=seed)

    def state(self) -> State:
        return {} if self._trees is None else dict(self._trees.arrays)

    def restore(self, state: State) -> None:
        self._trees = Trees({k: v.copy() for k, v in state.items()}) if state else None


def _columns(block: Block) -> Floats:
    return np.hstack([block.last[:, None].astype(float), block.raw])
