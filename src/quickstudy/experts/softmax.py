"""Online softmax regression of second order: an extended Kalman filter with one covariance."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quickstudy.experts.base import LEFT_OUT, Batch, State, linear_scores, log_softmax, widened
from quickstudy.stats.moments import downdate, symmetric_times
from quickstudy.types import Floats

LEAST_CURVATURE = 0.02  # of the log loss: confident predictions still update the weights
LARGEST_TRACE = 1e4  # bound on the trace of a discounted covariance, relative to its prior
CHECK = 200  # examples between two checks of the trace
AT_ONCE = 128  # relearned examples per call: other threads can run between calls


class OnlineSoftmax:
    """Softmax regression by one Kalman step per example; all labels share the covariance.

    Args:
        view: name of the view it reads.
        discount: in (0, 1]; below 1 the weight of old examples decays.
        ridge: prior precision r > 0.

    Reference:
        Ollivier (2018), Online natural gradient as a Kalman filter, EJS 12(2).
    """

    def __init__(self, name: str, *, view: str, discount: float = 1.0, ridge: float = 1.0) -> None:
        self.names: tuple[str, ...] = (name,)
        self.fading: tuple[bool, ...] = (discount < 1.0,)
        self.view = view
        self.discount = discount
        self.ridge = ridge
        self._reset(0, 1)

    def _reset(self, dim: int, labels: int) -> None:
        self._covariance = np.eye(dim) / self.ridge
        self._weights = np.zeros((dim, labels))
        self._offsets = np.zeros(labels)
        self._count = np.zeros(1, np.int64)

    def grow(self, labels: int) -> None:
        """Make room; a label that comes after n examples starts with odds of 1 to n + 1."""
        known = len(self._offsets)
        self._weights = widened(self._weights, labels)
        self._offsets = widened(self._offsets, labels)
        self._offsets[known:] = -np.log(self._count[0] + 1.0)

    def predict(self, batch: Batch) -> Floats:
        out = np.empty((1, len(batch), batch.labels))
        rows = batch.features[self.view]
        _predict(rows, self._weights, self._offsets, batch.labels, out[0])
        return out

    def learn(self, batch: Batch) -> Floats:
        out = np.empty((1, len(batch), batch.labels))
        self._run(batch.features[self.view], batch.y, batch.evidence, out[0])
        return out

    def _run(self, rows: Floats, y: NDArray[np.int64], evidence: Floats, out: Floats) -> None:
        most = LARGEST_TRACE / self.ridge if self.discount < 1.0 else np.inf
        _learn(
            rows,
            y,
            self._covariance,
            self._weights,
            self._offsets,
            self._count,
            self.discount**evidence,
            most,
            out.shape[1],
            out,
        )

    def relearn(self, batch: Batch) -> Floats:
        rows = batch.features[self.view]
        self._reset(rows.shape[1], self._weights.shape[1])
        out = np.full((1, len(batch), batch.labels), -np.log(batch.labels))
        for at in range(0, len(batch), AT_ONCE):
            part = slice(at, at + AT_ONCE)
            self._run(rows[part], batch.y[part], batch.evidence[part], out[0, part])
        return out[:, -LEFT_OUT:]

    def state(self) -> State:
        return {
            "covariance": self._covariance,
            "weights": self._weights,
            "offsets": self._offsets,
            "count": self._count,
        }

    def restore(self, state: State) -> None:
        self._covariance = state["covariance"].copy()
        self._weights = state["weights"].copy()
        self._offsets = state.get("offsets", np.zeros(self._weights.shape[1])).copy()
        self._count = state["count"].copy()


@njit(cache=True)
def _predict(X, W, offsets, labels, out):  # type: ignore[no-untyped-def]
    s = np.empty(labels)
    for i in range(len(X)):
        linear_scores(X[i], W, labels, s)
        s += offsets[:labels]
        log_softmax(s, labels, 1.0, out[i])


@njit(cache=True)
def _learn(X, y, P, W, offsets, count, discount, most, labels, out):  # type: ignore[no-untyped-def]
    n, d = X.shape
    s = np.empty(labels)
    px = np.empty(d)
    for i in range(n):
        x = X[i]
        linear_scores(x, W, labels, s)
        s += offsets[:labels]
        log_softmax(s, labels, 1.0, out[i])
        h = LEAST_CURVATURE
        for c in range(labels):
            s[c] = np.exp(out[i, c])
            h = max(h, s[c] * (1.0 - s[c]))
        symmetric_times(P, x, px)
        q = discount[i] / h
        for j in range(d):
            q += x[j] * px[j]
        k = 1.0 / q
        for j in range(d):
            gain = px[j] * k / h
            for c in range(labels):
                W[j, c] -= gain * s[c]
            W[j, y[i]] += gain
        downdate(P, px, k, 1.0 / discount[i])
        count[0] += 1
        if count[0] % CHECK == 0:
            _bound_trace(P, most)


@njit(cache=True)
def _bound_trace(P, most):  # type: ignore[no-untyped-def]
    d = len(P)
    trace = 0.0
    for j in range(d):
        trace += P[j, j]
    if trace > d * most:
        P *= d * most / trace
