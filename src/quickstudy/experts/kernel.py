"""Kernel least squares: Bayesian linear read-out of one-hot labels on frozen features."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quickstudy.experts.base import (
    LEFT_OUT,
    Block,
    State,
    best_temperature,
    linear_scores,
    log_softmax,
    widened,
)
from quickstudy.stats.moments import (
    downdate,
    label_sums,
    one_blas_thread,
    regularised_inverse,
    symmetric_times,
    weighted_gram,
)
from quickstudy.types import Floats

REFRESH = 256  # examples between refreshes of the inverse, as many more as it is wider than 256
TEMPERATURES = np.geomspace(1.0, 64.0, 37)
RIDGE = 1.0
START = 8.0  # temperature before anything is known


class LeastSquares:
    """Posterior mean `W = (G + r I)^{-1} C`, scores `x'W`, softmax at a temperature learned online.

    `G` and `C` are discounted sums over all examples; the inverse follows by rank-1 updates
    (recursive least squares) and is refreshed at every 256th example. Which examples it saw, not
    their order, decides its state when `discount` is 1.

    Args:
        view: name of the view it reads.
        discount: in (0, 1]; the weight of an example falls by this factor with each later one.
        ridge: prior precision r > 0.
        familiar: whether it fills in the block's familiarity.

    Reference:
        Zhuang et al. (2022), ACIL: analytic class-incremental learning, NeurIPS 35.
    """

    def __init__(
        self,
        name: str,
        *,
        view: str,
        discount: float = 1.0,
        ridge: float = RIDGE,
        familiar: bool = False,
    ) -> None:
        self.names: tuple[str, ...] = (name,)
        self.fading: tuple[bool, ...] = (discount < 1.0,)
        self.familiar = familiar
        self.view = view
        self.discount = discount
        self.ridge = ridge
        self._reset(0, 1)

    def _reset(self, dim: int, labels: int) -> None:
        self._gram = np.zeros((dim, dim))
        self._cross = np.zeros((dim, labels))
        self._inverse = np.eye(dim) / self.ridge
        self._weights = np.zeros((dim, labels))
        self._period = REFRESH * max(1, dim // 256)
        self._rows = np.zeros((self._period, dim))
        self._row_labels = np.zeros(self._period, np.int64)
        self._row_evidence = np.ones(self._period)
        self._count = 0
        self._scalars = np.array([START, 1.0])

    def grow(self, labels: int) -> None:
        self._cross = widened(self._cross, labels)
        self._weights = widened(self._weights, labels)

    def predict(self, block: Block) -> Floats:
        out = np.empty((1, len(block), block.labels))
        rows = block.features[self.view]
        _predict(rows, self._weights, self._scalars, self._peaks(block), block.labels, out[0])
        return out

    def learn(self, block: Block) -> Floats:
        features, peaks = block.features[self.view], self._peaks(block)
        out = np.empty((1, len(block), block.labels))
        at = 0
        while at < len(block):
            size = min(len(block) - at, self._period - self._count)
            rows, y = features[at : at + size], block.y[at : at + size]
            evidence = block.evidence[at : at + size]
            _learn(
                rows,
                y,
                self._inverse,
                self._weights,
                self._scalars,
                self.discount**evidence,
                evidence,
                peaks[at : at + size],
                block.labels,
                out[0, at : at + size],
            )
            self._rows[self._count : self._count + size] = rows
            self._row_labels[self._count : self._count + size] = y
            self._row_evidence[self._count : self._count + size] = evidence
            self._count += size
            at += size
            if self._count == self._period:
                self._refresh()
        return out

    def _peaks(self, block: Block) -> Floats:
        return block.familiarity if self.familiar else np.zeros(len(block))

    def _refresh(self) -> None:
        total = np.cumsum(self._row_evidence)
        weights = self.discount ** (total[-1] - total)
        fade = self.discount ** total[-1]
        self._gram = fade * self._gram + weighted_gram(self._rows, weights)
        sums = label_sums(self._rows, self._row_labels, weights, self._cross.shape[1])
        self._cross = fade * self._cross + sums
        self._solve()

    def _solve(self) -> None:
        self._inverse = regularised_inverse(self._gram, self.ridge)
        with one_blas_thread():
            self._weights = self._inverse @ self._cross
        self._count = 0

    def relearn(self, block: Block) -> Floats:
        rows = block.features[self.view]
        width = self._cross.shape[1]
        self._reset(rows.shape[1], width)
        weight = block.weight * self.discount**block.age
        self._gram = weighted_gram(rows, weight)
        self._cross = label_sums(rows, block.y, weight, width)
        self._solve()
        recent = slice(max(0, len(rows) - LEFT_OUT), None)
        y, weight = block.y[recent], weight[recent]
        left_out = _leave_one_out(
            rows[recent], y, weight, self._inverse, self._weights[:, : block.labels]
        )
        self._scalars[0] = best_temperature(
            left_out, y, np.minimum(weight, 1.0) * block.judged(), TEMPERATURES, START, 1.0
        )
        out: Floats = _log_softmax_rows(left_out, self._scalars[0])
        return out

    def state(self) -> State:
        return {
            "gram": self._gram,
            "cross": self._cross,
            "inverse": self._inverse,
            "weights": self._weights,
            "rows": self._rows[: self._count],
            "row_labels": self._row_labels[: self._count],
            "row_evidence": self._row_evidence[: self._count],
            "scalars": self._scalars,
        }

    def restore(self, state: State) -> None:
        self._reset(len(state["gram"]), state["cross"].shape[1])
        self._gram, self._cross = state["gram"].copy(), state["cross"].copy()
        self._inverse, self._weights = state["inverse"].copy(), state["weights"].copy()
        self._count = len(state["rows"])
        self._rows[: self._count] = state["rows"]
        self._row_labels[: self._count] = state["row_labels"]
        self._row_evidence[: self._count] = state.get("row_evidence", 1.0)
        self._scalars = state["scalars"].copy()


@njit(cache=True)
def _predict(X, W, scalars, peaks, labels, out):  # type: ignore[no-untyped-def]
    s = np.empty(labels)
    for i in range(len(X)):
        linear_scores(X[i], W, labels, s)
        peaks[i] += s.max()
        log_softmax(s, labels, scalars[0], out[i])


@njit(cache=True)
def _learn(X, y, P, W, scalars, discount, evidence, peaks, labels, out):  # type: ignore[no-untyped-def]
    n, d = X.shape
    s = np.empty(labels)
    px = np.empty(d)
    for i in range(n):
        x = X[i]
        linear_scores(x, W, labels, s)
        peaks[i] += s.max()
        log_softmax(s, labels, scalars[0], out[i])
        _warm(s, out[i], y[i], labels, scalars, evidence[i])
        symmetric_times(P, x, px)
        q = discount[i]
        for j in range(d):
            q += x[j] * px[j]
        k = 1.0 / q
        for j in range(d):
            gain = k * px[j]
            for c in range(labels):
                W[j, c] -= gain * s[c]
            W[j, y[i]] += gain
        downdate(P, px, k, 1.0 / discount[i])


@njit(cache=True, nogil=True)
def _warm(s, logp, y, labels, scalars, evidence):  # type: ignore[no-untyped-def]
    """One normalised gradient step of the log loss in log T."""
    mean = 0.0
    for c in range(labels):
        mean += np.exp(logp[c]) * s[c]
    g = (s[y] - mean) * scalars[0]
    scalars[1] += 0.001 * evidence * (g * g - scalars[1])
    step = 0.02 * evidence * g / np.sqrt(scalars[1] + 1e-2)
    scalars[0] = min(max(scalars[0] * np.exp(step), 1.0), 64.0)


def left_out_votes(X: Floats, y: NDArray[np.int64], weight: Floats, labels: int) -> Floats:
    """Log-probability of its own label (m,) that a regression without it gives each recent row.

    Args:
        X: features of n rows; y, weight: their labels and how many examples each stands for.
        labels: how many labels there are.
    """
    inverse = regularised_inverse(weighted_gram(X, weight), RIDGE)
    with one_blas_thread():
        weights = inverse @ label_sums(X, y, weight, labels)
    recent = slice(max(0, len(X) - LEFT_OUT), None)
    y, weight = y[recent], weight[recent]
    scores = _leave_one_out(X[recent], y, weight, inverse, weights)
    counts = np.minimum(weight, 1.0)
    temperature = best_temperature(scores, y, counts, TEMPERATURES, START, 1.0)
    return np.asarray(_log_softmax_rows(scores, temperature)[0, np.arange(len(y)), y])


def _leave_one_out(X: Floats, y: NDArray[np.int64], weight: Floats, P: Floats, W: Floats) -> Floats:
    """Scores of each row by the solution without it: `(s - h y) / (1 - h)`, `h = w x'Px`."""
    with one_blas_thread():
        out = X @ W
        h = np.minimum(((X @ P) * X).sum(1) * weight, 1.0 - 1e-9)
    out[np.arange(len(y)), y] -= h
    return np.asarray(out / (1.0 - h)[:, None])


@njit(cache=True)
def _log_softmax_rows(scores, temperature):  # type: ignore[no-untyped-def]
    out = np.empty((1, *scores.shape))
    for i in range(len(scores)):
        log_softmax(scores[i], scores.shape[1], temperature, out[0, i])
    return out
