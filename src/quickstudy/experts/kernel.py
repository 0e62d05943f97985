"""Kernel least squares: Bayesian linear regression of one-hot labels on frozen features."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quickstudy.experts.base import (
    LEFT_OUT,
    Batch,
    State,
    best_temperature,
    linear_scores,
    log_softmax,
    step_temperature,
    temperature_gradient,
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

REFRESH = 256  # examples between refreshes of the inverse; its width if that is larger
TEMPERATURES = np.geomspace(1.0, 64.0, 37)
RIDGE = 1.0
START = 8.0  # temperature before the first example


class LeastSquares:
    """Posterior mean `W = (G + r I)^{-1} C`, scores `x'W`, softmax at a temperature learned online.

    `G` and `C` are discounted sums over all examples; the inverse is updated by rank-1 updates
    (recursive least squares) and refreshed at every 256th example. With `discount` 1 the state
    depends on the set of examples, not on their order.

    Args:
        view: name of the view it reads.
        discount: in (0, 1]; each later example multiplies the weight of an example by this.
        ridge: prior precision r > 0.
        familiar: whether it writes the familiarity of the batch.

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

    def predict(self, batch: Batch) -> Floats:
        out = np.empty((1, len(batch), batch.labels))
        rows = batch.features[self.view]
        _predict(rows, self._weights, self._scalars, self._peaks(batch), batch.labels, out[0])
        return out

    def learn(self, batch: Batch) -> Floats:
        features, peaks = batch.features[self.view], self._peaks(batch)
        out = np.empty((1, len(batch), batch.labels))
        at = 0
        while at < len(batch):
            size = min(len(batch) - at, self._period - self._count)
            rows, y = features[at : at + size], batch.y[at : at + size]
            evidence = batch.evidence[at : at + size]
            _learn(
                rows,
                y,
                self._inverse,
                self._weights,
                self._scalars,
                self.discount**evidence,
                evidence,
                peaks[at : at + size],
                batch.labels,
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

    def _peaks(self, batch: Batch) -> Floats:
        return batch.familiarity if self.familiar else np.zeros(len(batch))

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

    def relearn(self, batch: Batch) -> Floats:
        rows = batch.features[self.view]
        width = self._cross.shape[1]
        self._reset(rows.shape[1], width)
        weight = batch.weight * self.discount**batch.age
        self._gram = weighted_gram(rows, weight)
        self._cross = label_sums(rows, batch.y, weight, width)
        self._solve()
        recent = slice(max(0, len(rows) - LEFT_OUT), None)
        y, weight = batch.y[recent], weight[recent]
        left_out = _leave_one_out(
            rows[recent], y, weight, self._inverse, self._weights[:, : batch.labels]
        )
        self._scalars[0] = best_temperature(
            left_out, y, np.minimum(weight, 1.0) * batch.judged(), TEMPERATURES, START, 1.0
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
        g = temperature_gradient(s, out[i], y[i], labels, scalars[0])
        scalars[1] += 0.001 * evidence[i] * (g * g - scalars[1])
        step_temperature(scalars, g, 0.02 * evidence[i], 1.0, 64.0)
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


def left_out_votes(X: Floats, y: NDArray[np.int64], weight: Floats, labels: int) -> Floats:
    """Log-probability (m,) of each recent row's label under the regression without that row.

    Args:
        X: features of n rows; y, weight: their labels, and the examples that each represents.
        labels: number of labels.
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
