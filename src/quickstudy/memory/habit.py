"""Habit: what usually comes, and what usually comes after the last label."""

from __future__ import annotations

import numpy as np
from numba import njit

from quickstudy.memory.expert import FLOOR, Block, State, widened
from quickstudy.types import Floats

FADES = np.array([0.99, 0.998])  # about the last 100 and the last 500 examples
PRIOR = 0.5  # pseudo-count of each label


class Habit:
    """Transitions from the last label received, and base rates at two speeds, discounted.

    The no-change predictor beats most learners on autocorrelated streams; this is its probabilistic
    form. It does not look at the input, so a new feature map leaves it as it is.
    """

    def __init__(self) -> None:
        self.names = ("habit after", "habit recent", "habit long")
        self._transitions = np.zeros((2, 1))
        self._rates = np.zeros((len(FADES), 1))

    def grow(self, labels: int) -> None:
        self._transitions = widened(widened(self._transitions, labels), labels + 1, axis=0)
        self._rates = widened(self._rates, labels)

    def predict(self, block: Block) -> Floats:
        out = np.empty((3, len(block), block.labels))
        _predict(block.last, self._transitions, self._rates, block.labels, out)
        return out

    def learn(self, block: Block) -> Floats:
        out = np.empty((3, len(block), block.labels))
        _learn(block.last, block.y, self._transitions, self._rates, block.labels, out)
        return out

    def relearn(self, block: Block) -> None:
        return None

    def state(self) -> State:
        return {"transitions": self._transitions, "rates": self._rates}

    def restore(self, state: State) -> None:
        self._transitions = state["transitions"].copy()
        self._rates = state["rates"].copy()


@njit(cache=True)
def _shares(counts, labels, out):  # type: ignore[no-untyped-def]
    total = 0.0
    for c in range(labels):
        total += counts[c]
    prior = min(PRIOR, 2.0 / labels)
    for c in range(labels):
        share = (counts[c] + prior) / (total + prior * labels)
        out[c] = np.log((1.0 - FLOOR) * share + FLOOR / labels)


@njit(cache=True)
def _predict_row(last, transitions, rates, labels, out):  # type: ignore[no-untyped-def]
    """`out` is (3, labels); row 0 of `transitions` stands for "no label yet"."""
    _shares(transitions[last + 1], labels, out[0])
    for r in range(rates.shape[0]):
        _shares(rates[r], labels, out[1 + r])


@njit(cache=True)
def _predict(last, transitions, rates, labels, out):  # type: ignore[no-untyped-def]
    for i in range(len(last)):
        _predict_row(last[i], transitions, rates, labels, out[:, i])


@njit(cache=True)
def _learn(last, y, transitions, rates, labels, out):  # type: ignore[no-untyped-def]
    for i in range(len(last)):
        _predict_row(last[i], transitions, rates, labels, out[:, i])
        row = transitions[last[i] + 1]
        row *= FADES[0]
        row[y[i]] += 1.0
        for r in range(rates.shape[0]):
            rates[r] *= FADES[r]
            rates[r, y[i]] += 1.0
