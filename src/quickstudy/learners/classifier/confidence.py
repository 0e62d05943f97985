"""Confidence and novelty: online calibrated probabilities of a right answer, of a new label."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quickstudy.experts.base import State, widened
from quickstudy.types import Floats

FADE = 0.998  # decay of the curvature: about the last 500 labels count
PRIOR = 4.0  # labels of probability 1/2 that the first weights are worth
START = np.array([[0.0, 1.0, 0.0], [0.0, 1.0, -3.0]])  # confidence = top probability; novelty
MOST_LOGIT = 9.0


class Confidence:
    """Two logistic regressions by online Newton steps, each from three inputs.

    Novelty: from the share of labels seen once (the Good-Turing estimate of a new label) and the
    familiarity of the input (its largest kernel posterior mean). Confidence: from the logit of the
    top probability, times `1 - novelty`.

    Reference:
        Good (1953), The population frequencies of species, Biometrika 40.
    """

    def __init__(self) -> None:
        self._weights = START.copy()
        self._curvature = np.stack([np.eye(3) * PRIOR / 4.0] * 2)
        self._counts = np.zeros(1, np.int64)  # examples of each label
        self._record = np.array([0.0, 0.0, 0.5])  # labels seen once, examples, mean familiarity

    def grow(self, labels: int) -> None:
        """Make room for `labels` labels, and for the next new one."""
        self._counts = widened(self._counts, labels + 1)

    def answer(self, p: Floats, familiarity: Floats) -> tuple[Floats, Floats]:
        """Confidence and novelty (n,) of rows with pool probabilities `p` (n, K)."""
        return self._run(p, familiarity, np.full(len(p), -1), np.ones(len(p)))

    def learn(
        self, p: Floats, familiarity: Floats, y: NDArray[np.int64], evidence: Floats
    ) -> tuple[Floats, Floats]:
        """Like `answer`, but each label is learned after its row (K for a new label).

        `evidence` is the number of examples that each row counts for in the confidence.
        """
        return self._run(p, familiarity, y, evidence)

    def _run(
        self, p: Floats, familiarity: Floats, y: NDArray[np.int64], evidence: Floats
    ) -> tuple[Floats, Floats]:
        out = np.empty((2, len(p)))
        memory = (self._weights, self._curvature, self._counts, self._record)
        _run(p, familiarity, y, evidence, *memory, out)
        return out[0], out[1]

    def refuted(self, p: Floats) -> None:
        """Learn that the top answer of the only row of `p` was wrong; the right one is unknown."""
        _recalibrate(p, np.array([-1]), self._weights[0], self._curvature[0])

    def recalibrate(self, p: Floats, y: NDArray[np.int64]) -> None:
        """Refit the confidence from left-out probabilities (n, K) and their labels."""
        self._weights[0] = START[0]
        self._curvature[0] = np.eye(3) * PRIOR / 4.0
        _recalibrate(p, y, self._weights[0], self._curvature[0])

    def state(self) -> State:
        return {
            "weights": self._weights,
            "curvature": self._curvature,
            "counts": self._counts,
            "record": self._record,
        }

    def restore(self, state: State) -> None:
        for name, array in state.items():
            setattr(self, f"_{name}", array.copy())


@njit(cache=True)
def _logit(p):  # type: ignore[no-untyped-def]
    p = min(max(p, 1e-9), 1.0 - 1e-9)
    return min(max(np.log(p / (1.0 - p)), -MOST_LOGIT), MOST_LOGIT)


@njit(cache=True)
def _sigmoid(w, x):  # type: ignore[no-untyped-def]
    return 1.0 / (1.0 + np.exp(-(w[0] * x[0] + w[1] * x[1] + w[2] * x[2])))


@njit(cache=True)
def _newton(w, H, x, target, evidence):  # type: ignore[no-untyped-def]
    q = _sigmoid(w, x)
    fade = FADE if evidence == 1.0 else FADE**evidence
    for a in range(3):
        for b in range(3):
            H[a, b] = fade * H[a, b] + evidence * q * (1.0 - q) * x[a] * x[b]
        H[a, a] += (1.0 - fade) * PRIOR / 4.0
    step = np.linalg.solve(H, x)
    for a in range(3):
        w[a] += min(max(evidence * (target - q) * step[a], -0.5), 0.5)


@njit(cache=True)
def _run(p, familiarity, y, evidence, weights, curvature, counts, record, out):  # type: ignore[no-untyped-def]
    labels = p.shape[1]
    x = np.zeros((2, 3))
    x[:, 0] = 1.0
    for i in range(len(p)):
        top = np.argmax(p[i]) if labels > 0 else 0
        x[0, 1] = _logit(p[i, top]) if labels > 0 else 0.0
        x[1, 1] = _logit((record[0] + 0.5) / (record[1] + 1.0))
        x[1, 2] = familiarity[i] - record[2]
        out[1, i] = min(max(_sigmoid(weights[1], x[1]), 1e-9), 1.0 - 1e-9)
        out[0, i] = (1.0 - out[1, i]) * _sigmoid(weights[0], x[0])
        if labels == 0:
            out[0, i], out[1, i] = 0.0, 1.0  # before the first example any label is new
        if y[i] < 0:
            continue
        new = y[i] == labels
        _newton(weights[1], curvature[1], x[1], 1.0 if new else 0.0, 1.0)
        if not new:
            _newton(weights[0], curvature[0], x[0], 1.0 if y[i] == top else 0.0, evidence[i])
        counts[y[i]] += 1
        record[0] += 1.0 if new else (-1.0 if counts[y[i]] == 2 else 0.0)
        record[1] += 1.0
        record[2] += 0.02 * (familiarity[i] - record[2])


@njit(cache=True)
def _recalibrate(p, y, w, H):  # type: ignore[no-untyped-def]
    x = np.zeros(3)
    x[0] = 1.0
    for i in range(len(y)):
        top = np.argmax(p[i])
        x[1] = _logit(p[i, top])
        _newton(w, H, x, 1.0 if y[i] == top else 0.0, 1.0)
