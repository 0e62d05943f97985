"""Slow experts: refitted in batches from remembered examples, at geometrically growing sizes."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quickstudy.encode.featuremap import KERNEL_SCALE
from quickstudy.experts.base import (
    FLOOR,
    LEFT_OUT,
    Batch,
    Expert,
    State,
    linear_scores,
    log_softmax,
    widened,
)
from quickstudy.experts.trees import Trees, grow_trees
from quickstudy.stats.moments import one_blas_thread
from quickstudy.types import Floats

TREES_FIRST, TREES_GROWTH = 100, ((np.inf, 1.5),)  # size of the first fit; (below, factor)
SOFTMAX_FIRST, SOFTMAX_GROWTH = 8, ((1000, 1.05), (np.inf, 1.1))
RELABEL_PRIOR, RELABEL_FADE = 5.0, 0.02  # prior count of the diagonal; decay per example
FOLDS = 4
AT_ONCE = 1024  # rows that are concatenated at once
PENALTY = 0.02  # of the squared weights of the softmax regression, on unit-length inputs
STEPS, WARM_STEPS, FOLD_STEPS = 25, 10, 15  # of L-BFGS: from zero, from a fit, in a fold
MOST_LABELS = 64  # trees are grown per label: for more labels they cost more than they gain


def next_size(count: int, first: int, growth: tuple[tuple[float, float], ...]) -> int:
    """The next size above `count` in the schedule `first`, `first * factor`, ...

    >>> [next_size(n, 100, ((np.inf, 1.5),)) for n in (0, 100, 150, 225, 400)]
    [100, 150, 225, 338, 506]
    """
    size = float(first)
    while round(size) <= count:
        size *= next(factor for below, factor in growth if size < below)
    return round(size)


class SlowExpert(Expert):
    """An expert that is also refitted from remembered examples between two feature maps.

    `reads_map`: whether a fit is valid only with the feature map that it was fitted on.
    """

    reads_map = True

    def next_refit(self, count: int) -> int:
        """The next number of examples, above `count`, at which it is to be refitted."""
        raise NotImplementedError

    def refit(self, batch: Batch, *, seed: int) -> None:
        """Fit again on all remembered examples, oldest first."""
        raise NotImplementedError

    def fitted(self) -> State:
        """The arrays that `refit` computed, for `install` in a copy of the expert."""
        raise NotImplementedError

    def install(self, fitted: State, labels: int) -> None:
        """Take over arrays that were fitted elsewhere; `labels` labels are known now."""
        raise NotImplementedError


class SlowTrees(SlowExpert):
    """Boosted trees on the unscaled columns and the last label, over all remembered examples.

    A second output remaps the trees' labels with a decayed confusion matrix: if labels change their
    meaning, it adapts within a few examples of each, long before the trees are refitted.
    """

    reads_map = False

    def __init__(self, name: str) -> None:
        self.names: tuple[str, ...] = (name, f"{name} relabelled")
        self.fading: tuple[bool, ...] = (False, True)
        self._trees: Trees | None = None
        self._halves: list[Trees] = []  # each grown on one half of examples sorted by label
        self._confusion = np.zeros((1, 1))  # row: label of the trees; column: right label

    def grow(self, labels: int) -> None:
        self._confusion = widened(widened(self._confusion, labels), labels, axis=0)
        new = np.flatnonzero(np.diag(self._confusion) == 0.0)
        self._confusion[new, new] = RELABEL_PRIOR

    def predict(self, batch: Batch) -> Floats:
        return self._run(batch, batch.y[:0])

    def learn(self, batch: Batch) -> Floats:
        return self._run(batch, batch.y)

    def _run(self, batch: Batch, y: NDArray[np.int64]) -> Floats:
        out = np.full((2, len(batch), batch.labels), -np.log(batch.labels))
        if self._trees is not None:
            out[0] = self._trees.log_probabilities(_columns(batch), batch.labels)
            _relabel(out[0], y, batch.evidence, self._confusion, out[1])
        return out

    def relearn(self, batch: Batch) -> Floats | None:
        if not (batch.filed and self._halves):
            return None
        columns = _columns(batch)[-LEFT_OUT:]
        votes = [trees.log_probabilities(columns, batch.labels) for trees in self._halves]
        out = np.where(_half(columns)[:, None] == 0, votes[1], votes[0])
        self._confusion = RELABEL_PRIOR * np.eye(len(self._confusion))
        return np.stack([out, out])

    def next_refit(self, count: int) -> int:
        return next_size(count, TREES_FIRST, TREES_GROWTH)

    def refit(self, batch: Batch, *, seed: int) -> None:
        if batch.labels > MOST_LABELS or len(np.unique(batch.y)) < 2:
            return
        columns = _columns(batch)
        self._trees = grow_trees(columns, batch.y, seed=seed)
        half = _half(columns)
        self._halves = []
        if batch.filed and all(len(np.unique(batch.y[half == h])) > 1 for h in (0, 1)):
            rows = [(columns[half == h], batch.y[half == h]) for h in (0, 1)]
            self._halves = [grow_trees(x, y, seed=seed, share=0.5) for x, y in rows]

    def fitted(self) -> State:
        out = dict(self._trees.arrays) if self._trees else {}
        for h, trees in enumerate(self._halves):
            out |= {f"half{h}/{name}": array for name, array in trees.arrays.items()}
        return out

    def install(self, fitted: State, labels: int) -> None:
        if not fitted:
            return
        parts: list[State] = [{}, {}, {}]
        for name, array in fitted.items():
            half, _, rest = name.rpartition("/")
            parts[{"": 0, "half0": 1, "half1": 2}[half]][rest] = array.copy()
        self._trees = Trees(parts[0])
        self._halves = [Trees(part) for part in parts[1:] if part]

    def state(self) -> State:
        return {"meaning": self._confusion} | self.fitted()

    def restore(self, state: State) -> None:
        arrays = dict(state)
        self._confusion = arrays.pop("meaning").copy()
        self.install(arrays, len(self._confusion))


@njit(cache=True)
def _relabel(votes, y, evidence, confusion, out):  # type: ignore[no-untyped-def]
    """`q(y) = sum_j p(j) M[j, y] / sum M[j]`; with `y`, M is updated after each row."""
    n, labels = votes.shape
    for i in range(n):
        out[i] = FLOOR / labels
        for j in range(labels):
            p = np.exp(votes[i, j])
            total = confusion[j, :labels].sum()
            for c in range(labels):
                out[i, c] += (1.0 - FLOOR) * p * confusion[j, c] / total
        for c in range(labels):
            out[i, c] = np.log(out[i, c])
        for j in range(labels if len(y) else 0):
            p = np.exp(votes[i, j]) * evidence[i]
            for c in range(labels):
                confusion[j, c] *= 1.0 - RELABEL_FADE * p
            confusion[j, y[i]] += p


def _columns(batch: Batch) -> Floats:
    return np.hstack([batch.last[:, None].astype(float), batch.raw])


@njit(cache=True)
def _half(rows):  # type: ignore[no-untyped-def]
    """0 or 1 for each row, a hash of its present values: equal inputs are in the same half."""
    out = np.empty(len(rows), np.int64)
    for i in range(len(rows)):
        mixed = 0.0
        for j in range(rows.shape[1]):
            if not np.isnan(rows[i, j]):
                mixed += np.sin(rows[i, j] * 12.9898 + j * 78.233) * 43758.5453
        out[i] = int(np.floor(mixed)) & 1
    return out


class SlowSoftmax(SlowExpert):
    """Multinomial logistic regression on dense inputs, refitted with and between feature maps.

    While every remembered input is a landmark, it reads the scaled columns and the kernel features;
    later only the columns, which are then as accurate and ten times cheaper.

    Args:
        view: name of a view with kernel features only.
    """

    def __init__(self, name: str, *, view: str) -> None:
        self.names: tuple[str, ...] = (name,)
        self.fading: tuple[bool, ...] = (False,)
        self.view = view
        self._weights = np.zeros((0, 1))
        self._mean = np.zeros(0)
        self._scale = np.zeros(2)  # of centred columns and kernel features: unit length in all
        self._seen = np.zeros(1, np.int64)  # labels at the last fit

    def grow(self, labels: int) -> None:
        self._weights = widened(self._weights, labels)

    def predict(self, batch: Batch) -> Floats:
        out = np.full((1, len(batch), batch.labels), -np.log(batch.labels))
        if len(self._weights):
            _predict(self._columns(batch), self._weights, self._seen[0], batch.labels, out[0])
        return out

    def learn(self, batch: Batch) -> Floats:
        return self.predict(batch)

    def _columns(self, batch: Batch, part: slice = slice(None)) -> Floats:
        centred: Floats = (batch.z[part] - self._mean) * self._scale[0]
        if len(self._weights) == batch.z.shape[1]:
            return centred
        kernel = batch.features[self.view][part] * self._scale[1]
        return np.concatenate([centred, kernel], axis=1)

    def _rows(self, batch: Batch) -> NDArray[np.float32]:
        """The columns of all rows in float32, as a fit reads them."""
        rows = np.empty((len(batch), len(self._weights)), np.float32)
        for at in range(0, len(batch), AT_ONCE):
            part = slice(at, at + AT_ONCE)
            rows[part] = self._columns(batch, part)
        return rows

    def relearn(self, batch: Batch) -> Floats | None:
        exact = batch.features[self.view].shape[1] >= 0.9 * len(batch)
        self._weights = np.zeros((0, self._weights.shape[1]))
        self._fit(batch, kernel=exact)
        return self._left_out(batch) if len(batch) <= LEFT_OUT else None

    def next_refit(self, count: int) -> int:
        return next_size(count, SOFTMAX_FIRST, SOFTMAX_GROWTH)

    def refit(self, batch: Batch, *, seed: int) -> None:
        kernel = len(self._weights) > batch.z.shape[1]
        self._fit(batch, kernel=kernel)

    def _fit(self, batch: Batch, *, kernel: bool) -> None:
        self._mean = batch.z.mean(0)
        spread = max(float(np.einsum("ij,ij->", batch.z, batch.z)) / len(batch), 0.0)
        spread = max(spread - float(self._mean @ self._mean), 0.0)
        share = 0.5 if kernel else 1.0
        length = np.array([np.sqrt(spread), KERNEL_SCALE])
        self._scale = np.sqrt([share, 1.0 - share]) / np.maximum(length, 1e-12)
        size = batch.z.shape[1] + (batch.features[self.view].shape[1] if kernel else 0)
        warm = len(self._weights) == size
        if not warm:
            self._weights = np.zeros((size, self._weights.shape[1]))
        start = self._weights[:, : batch.labels]
        rows = self._rows(batch)
        self._weights[:, : batch.labels] = _softmax_regression(
            rows, batch.y, start, steps=WARM_STEPS if warm else STEPS
        )
        self._seen[0] = batch.labels

    def _left_out(self, batch: Batch) -> Floats:
        """Votes on each row by a fit without its fold; labels are spread evenly over folds."""
        rows = self._rows(batch)
        fold = _folds(batch.y)
        start = np.zeros((rows.shape[1], batch.labels))
        out = np.full((1, len(batch), batch.labels), -np.log(batch.labels))
        for f in range(FOLDS):
            held = fold == f
            if held.any() and not held.all():
                weights = _softmax_regression(rows[~held], batch.y[~held], start, steps=FOLD_STEPS)
                part = np.empty((int(held.sum()), batch.labels))
                _predict(rows[held].astype(float), weights, batch.labels, batch.labels, part)
                out[0, held] = part
        return out

    def fitted(self) -> State:
        return self.state()

    def install(self, fitted: State, labels: int) -> None:
        self.restore(fitted)
        self.grow(labels)

    def state(self) -> State:
        return {
            "weights": self._weights,
            "mean": self._mean,
            "scale": self._scale,
            "seen": self._seen,
        }

    def restore(self, state: State) -> None:
        self._weights, self._mean = state["weights"].copy(), state["mean"].copy()
        self._scale, self._seen = state["scale"].copy(), state["seen"].copy()


def _folds(y: NDArray[np.int64]) -> NDArray[np.int64]:
    """Fold of each row: the i-th row of a label goes to fold i mod 4."""
    seen: dict[int, int] = {}
    out = np.empty(len(y), np.int64)
    for i, label in enumerate(y.tolist()):
        out[i] = seen.get(label, 0) % FOLDS
        seen[label] = seen.get(label, 0) + 1
    return out


def _softmax_regression(
    rows: NDArray[np.float32], y: NDArray[np.int64], start: Floats, *, steps: int
) -> Floats:
    """Weights (d, labels) that maximise the penalised likelihood, by L-BFGS in float32."""
    from scipy.optimize import minimize

    shape = start.shape
    target = np.arange(len(rows)), y

    def loss(flat: Floats) -> tuple[float, Floats]:
        weights = flat.reshape(shape).astype(np.float32)
        scores = rows @ weights
        scores -= scores.max(1, keepdims=True)
        p = np.exp(scores)
        total = p.sum(1)
        value = float(np.log(total).sum(dtype=float) - scores[target].sum(dtype=float))
        p /= total[:, None]
        p[target] -= 1.0
        gradient = (rows.T @ p).astype(float).ravel() + PENALTY * flat
        return value + 0.5 * PENALTY * float(flat @ flat), gradient

    with one_blas_thread():
        found = minimize(
            loss,
            start.ravel(),
            jac=True,
            method="L-BFGS-B",
            options={"maxiter": steps, "maxcor": 4},
        )
    return np.asarray(found.x.reshape(shape))


@njit(cache=True)
def _predict(X, W, known, labels, out):  # type: ignore[no-untyped-def]
    """Log-probabilities; labels that came after the fit share a probability of 1e-3."""
    s = np.empty(labels)
    unseen = 1e-3 if labels > known else 0.0
    for i in range(len(X)):
        linear_scores(X[i], W, labels, s)
        log_softmax(s, known, 1.0, out[i])
        for c in range(labels):
            p = (1.0 - unseen) * np.exp(out[i, c]) if c < known else 0.0
            out[i, c] = np.log(p + unseen / labels)
