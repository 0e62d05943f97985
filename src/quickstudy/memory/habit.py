"""Habit: what usually comes, and what usually comes after the last label."""

from __future__ import annotations

import numpy as np
from numba import njit

from quickstudy.memory.expert import FLOOR, Block, State, widened
from quickstudy.types import Floats

FADE = 0.99  # about the last 100 examples count
PRIOR = 0.5  # pseudo-count of each label


class Habit:
    """Transitions from the last label received, and base rates of late.

    The no-change predictor beats most learners on autocorrelated streams; this is its probabilistic
    form. It does not look at the input, so a new feature map leaves it as it is.
    """

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ("habit after", "habit rate")
        self._transitions = np.zeros((2, 1))
        self._rates = np.zeros(1)

    def grow(self, labels: int) -> None:
        self._transitions = widened(widened(self._transitions, labels), labels + 1, axis=0)
        self._rates = widened(self._rates, labels)

    def predict(self, block: Block) -> Floats:
        out = np.empty((2, len(block), block.labels))
        _predict(block.last, self._transitions, self._rates, block.labels, out)
        return out

    def learn(self, block: Block) -> Floats:
        out = np.empty((2, len(block), block.labels))
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
    """`out` is (2, labels); row 0 of `transitions` stands for "no label yet"."""
    _shares(transitions[last + 1], labels, out[0])
    _shares(rates, labels, out[1])


@njit(cache=True)
def _predict(last, transitions, rates, labels, out):  # type: ignore[no-untyped-def]
    for i in range(len(last)):
        _predict_row(last[i], transitions, rates, labels, out[:, i])


@njit(cache=True)
def _learn(last, y, transitions, rates, labels, out):  # type: ignore[no-untyped-def]
    for i in range(len(last)):
        _predict_row(last[i], transitions, rates, labels, out[:, i])
        row = transitions[last[i] + 1]
        row *= FADE
        row[y[i]] += 1.0
        rates *= FADE
        rates[y[i]] += 1.0
