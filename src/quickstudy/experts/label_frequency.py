"""Label frequencies: recent base rates, and transitions from the last label."""

from __future__ import annotations

import numpy as np
from numba import njit

from quickstudy.experts.base import FLOOR, LEFT_OUT, Batch, State, widened
from quickstudy.types import Floats

FADE = 0.99  # factor per example: about the last 100 count
PRIOR = 0.5  # pseudo-count of each label


class LabelFrequency:
    """Two experts: transition frequencies from the last label received, and recent base rates.

    The no-change predictor beats most learners on autocorrelated streams; this is its probabilistic
    form. It does not read the input, so it does not depend on the feature map.
    """

    def __init__(self) -> None:
        self.names: tuple[str, ...] = ("habit after", "habit rate")
        self.fading: tuple[bool, ...] = (True, True)
        self._transitions = np.zeros((2, 1))
        self._rates = np.zeros(1)

    def grow(self, labels: int) -> None:
        self._transitions = widened(widened(self._transitions, labels), labels + 1, axis=0)
        self._rates = widened(self._rates, labels)

    def predict(self, batch: Batch) -> Floats:
        out = np.empty((2, len(batch), batch.labels))
        _predict(batch.last, self._transitions, self._rates, batch.labels, out)
        return out

    def learn(self, batch: Batch) -> Floats:
        out = np.empty((2, len(batch), batch.labels))
        memory = (self._transitions, self._rates)
        _learn(batch.last, batch.y, batch.evidence, *memory, batch.labels, out)
        return out

    def relearn(self, batch: Batch) -> Floats:
        self._transitions[:] = 0.0
        self._rates[:] = 0.0
        return self.learn(batch)[:, -LEFT_OUT:]

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
    """`out` is (2, labels); row 0 of `transitions` is for "no label yet"."""
    _shares(transitions[last + 1], labels, out[0])
    _shares(rates, labels, out[1])


@njit(cache=True)
def _predict(last, transitions, rates, labels, out):  # type: ignore[no-untyped-def]
    for i in range(len(last)):
        _predict_row(last[i], transitions, rates, labels, out[:, i])


@njit(cache=True)
def _learn(last, y, evidence, transitions, rates, labels, out):  # type: ignore[no-untyped-def]
    for i in range(len(last)):
        _predict_row(last[i], transitions, rates, labels, out[:, i])
        row = transitions[last[i] + 1]
        fade = FADE ** evidence[i]
        row *= fade
        row[y[i]] += evidence[i]
        rates *= fade
        rates[y[i]] += evidence[i]
