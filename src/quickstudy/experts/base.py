"""The contract of an expert, and numerical functions that experts share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quickstudy.types import Floats

FLOOR = 1e-6  # least probability that an expert gives to a label: log losses stay finite
LEFT_OUT = 2000  # most recent remembered examples for which left-out votes are computed
State = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Batch:
    """Consecutive examples as experts read them; all arrays have n rows.

    Attributes:
        features: name of a view -> its matrix (n, d).
        z: scaled columns (n, dim).
        raw: unscaled columns (n, columns), NaN where a number is missing.
        last: index of the last label known at each row, -1 for none.
        labels: how many labels are known.
        y: label indices; empty if the batch is only predicted.
        age: number of examples since each was learned; weight: number of examples it represents.
            Both are used only when remembered examples are relearned.
        evidence: number of independent examples each counts for, in (0, 1]: less than 1 in a long
            run of one label. Discounts of fading experts are raised to this power.
        filed: whether the rows were sorted by label, and therefore shuffled.
        categories: which of the unscaled columns hold codes of categories (columns,).
        familiarity: the largest posterior mean (n,), written by the expert that measures it.
    """

    features: dict[str, Floats]
    z: Floats
    raw: Floats
    last: NDArray[np.int64]
    labels: int
    y: NDArray[np.int64]
    age: Floats
    weight: Floats
    familiarity: Floats
    evidence: Floats
    filed: bool = False
    categories: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, bool))

    def __len__(self) -> int:
        return len(self.last)

    def shuffled(self) -> Batch:
        """The same examples in a random order, seeded by their number."""
        order = np.random.default_rng(len(self)).permutation(len(self))
        return replace(
            self,
            features={name: rows[order] for name, rows in self.features.items()},
            z=self.z[order],
            raw=self.raw[order],
            last=self.last[order],
            y=self.y[order],
            weight=self.weight[order],
            filed=True,
        )

    def judged(self) -> Floats:
        """1 for each of the last 2,000 rows whose left-out vote can be right, else 0.

        If a label has only one row, the label is unknown once this row is left out.
        """
        counts = np.bincount(self.y, minlength=self.labels)
        return np.asarray(counts[self.y[-LEFT_OUT:]] > 1, dtype=float)


class Expert(Protocol):
    """One member model, or several that share memory: each name gives one distribution.

    `predict` is pure. `learn` processes the batch row by row and returns the votes on each row
    before it is learned, with the bits of `predict`. `relearn` starts again on a new feature map
    from remembered examples, oldest first, and returns the vote on each of the last 2,000 with that
    example left out; or None if it cannot, or need not: beyond 2,000 examples such votes are used
    only if the examples were sorted by label. All return log-probabilities over `batch.labels`
    labels, shape (len(names), n, labels).

    `fading` tells for each name whether it forgets; such experts are best in runs of one label.
    """

    names: tuple[str, ...]
    fading: tuple[bool, ...]

    def predict(self, batch: Batch) -> Floats: ...
    def learn(self, batch: Batch) -> Floats: ...
    def relearn(self, batch: Batch) -> Floats | None: ...
    def grow(self, labels: int) -> None: ...
    def state(self) -> State: ...
    def restore(self, state: State) -> None: ...


def widened(array: NDArray[Any], size: int, axis: int = -1) -> NDArray[Any]:
    """`array`, extended with zeros along `axis` to `size`."""
    missing = size - array.shape[axis]
    if missing <= 0:
        return array
    pad = [(0, 0)] * array.ndim
    pad[axis] = (0, missing)
    return np.ascontiguousarray(np.pad(array, pad))


@njit(cache=True)
def linear_scores(x, W, labels, s):  # type: ignore[no-untyped-def]
    """`s = x'W` for the first `labels` columns, summed in a fixed order."""
    s[:labels] = 0.0
    for j in range(len(x)):
        for c in range(labels):
            s[c] += x[j] * W[j, c]


@njit(cache=True)
def log_softmax(scores, labels, temperature, out):  # type: ignore[no-untyped-def]
    """Write `log((1-f) softmax(T s) + f/K)`, f = 1e-6, of the first `labels` scores into `out`."""
    top = -np.inf
    for c in range(labels):
        top = max(top, scores[c])
    total = 0.0
    for c in range(labels):
        out[c] = np.exp(temperature * (scores[c] - top))
        total += out[c]
    for c in range(labels):
        out[c] = np.log((1.0 - FLOOR) * out[c] / total + FLOOR / labels)


@njit(cache=True, nogil=True)
def best_temperature(scores, y, weight, grid, centre, strength):  # type: ignore[no-untyped-def]
    """The T of `grid` with the least weighted log loss of softmax(T s); prior at `centre`."""
    n, labels = scores.shape
    best, least = centre, np.inf
    for T in grid:
        loss = strength * np.log(T / centre) ** 2
        for i in range(n):
            top = -np.inf
            for c in range(labels):
                top = max(top, scores[i, c])
            total = 0.0
            for c in range(labels):
                total += np.exp(T * (scores[i, c] - top))
            loss += weight[i] * (np.log(total) - T * (scores[i, y[i]] - top))
        if loss < least:
            best, least = T, loss
    return best


@njit(cache=True, nogil=True)
def temperature_gradient(scores, logp, y, labels, temperature):  # type: ignore[no-untyped-def]
    """Gradient in log T of the log-likelihood of label y under softmax(T s), logp = log softmax."""
    mean = 0.0
    for c in range(labels):
        mean += np.exp(logp[c]) * scores[c]
    return (scores[y] - mean) * temperature


@njit(cache=True, nogil=True)
def step_temperature(scalars, gradient, rate, least, most):  # type: ignore[no-untyped-def]
    """Move `scalars[0]`, a temperature, by one gradient step; `scalars[1]` is a mean of squares."""
    step = rate * gradient / np.sqrt(scalars[1] + 1e-2)
    scalars[0] = min(max(scalars[0] * np.exp(step), least), most)
