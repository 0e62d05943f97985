"""Doubt: how likely the answer is right, and how likely the label was never seen; both online."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quickstudy.memory.expert import State
from quickstudy.types import Floats

FADE = 0.998  # of the record that calibrates: about the last 500 labels
PRIOR = 10.0  # labels that the starting point is worth
START = np.array([[0.0, 1.0, 0.0], [0.0, 1.0, -3.0]])  # confidence as the pool has it; novelty
MOST_LOGIT = 9.0


class Doubt:
    """Two logistic regressions by online Newton steps, each from three inputs.

    Confidence: from the logit of the top probability. Novelty: from the rate of first-seen labels
    of late and from the familiarity of the input (its largest kernel posterior mean).
    """

    def __init__(self) -> None:
        self._weights = START.copy()
        self._curvature = np.stack([np.eye(3) * PRIOR * 0.1] * 2)
        self._counts = np.array([0.5, 1.0, 0.5])  # first-seen labels, labels, mean familiarity

    def run(
        self, p: Floats, familiarity: Floats, right: NDArray[np.int64], first: NDArray[np.int64]
    ) -> tuple[Floats, Floats]:
        """Confidence and novelty (n,) of rows with pool probabilities `p` (n, K).

        `right` says whether the answer was right and `first` whether the label was first seen; rows
        where they are -1 are only answered, the others are learned, one after the other.
        """
        out = np.empty((2, len(p)))
        top = p.max(1) if p.shape[1] else np.full(len(p), 0.5)
        _run(
            top, familiarity, right, first, self._weights, self._curvature, self._counts, out
        )
        return out[0], out[1]

    def state(self) -> State:
        return {"weights": self._weights, "curvature": self._curvature, "counts": self._counts}

    def restore(self, state: State) -> None:
        for name, array in state.items():
            setattr(self, f"_{name}", array.copy())


@njit(cache=True)
def _logit(p):  # type: ignore[no-untyped-def]
    p = min(max(p, 1e-9), 1.0 - 1e-9)
    return min(max(np.log(p / (1.0 - p)), -MOST_LOGIT), MOST_LOGIT)


@njit(cache=True)
def _answer(w, x):  # type: ignore[no-untyped-def]
    return 1.0 / (1.0 + np.exp(-(w[0] * x[0] + w[1] * x[1] + w[2] * x[2])))


@njit(cache=True)
def _newton(w, H, x, target):  # type: ignore[no-untyped-def]
    q = _answer(w, x)
    for a in range(3):
        for b in range(3):
            H[a, b] = FADE * H[a, b] + q * (1.0 - q) * x[a] * x[b]
        H[a, a] += (1.0 - FADE) * PRIOR * 0.1
    step = np.linalg.solve(H, x)
    for a in range(3):
        w[a] += min(max((target - q) * step[a], -0.5), 0.5)


@njit(cache=True)
def _run(top, familiarity, right, first, weights, curvature, counts, out):  # type: ignore[no-untyped-def]
    x = np.zeros((2, 3))
    x[:, 0] = 1.0
    for i in range(len(top)):
        x[0, 1] = _logit(top[i])
        x[1, 1] = _logit(counts[0] / counts[1])
        x[1, 2] = familiarity[i] - counts[2]
        out[0, i] = _answer(weights[0], x[0])
        out[1, i] = _answer(weights[1], x[1])
        if right[i] >= 0:
            _newton(weights[0], curvature[0], x[0], float(right[i]))
        if first[i] >= 0:
            _newton(weights[1], curvature[1], x[1], float(first[i]))
            counts[0] = FADE * counts[0] + first[i] + (1.0 - FADE) * 0.1
            counts[1] = FADE * counts[1] + 1.0
            counts[2] += 0.02 * (familiarity[i] - counts[2])
