"""The contract of an expert, and the numerics that experts share."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quickstudy.types import Floats

FLOOR = 1e-6  # least probability that an expert gives to a label: nobody is ever quite sure
LEFT_OUT = 2000  # most recent remembered examples for which left-out votes are given
State = dict[str, NDArray[Any]]


@dataclass(frozen=True)
class Block:
    """A run of examples as experts see them; all arrays have n rows.

    Attributes:
        features: name of a view -> its matrix (n, d).
        z: scaled columns (n, dim).
        raw: unscaled columns (n, columns), NaN where a number is missing.
        last: index of the last label known at each row, -1 for none.
        labels: how many labels are known.
        y: label indices; empty where a block is only to be predicted.
        age: how many examples ago each was learned; weight: how many examples it stands for.
            Both only matter when remembered examples are relearned.
        evidence: how many independent examples each counts for, in (0, 1]: less than 1 in a long
            run of one label. Experts that fade, fade by it.
        filed: whether the rows had been filed by label, and were shuffled for that.
        categories: which of the unscaled columns hold codes of categories (columns,).
        familiarity: filled in by the expert that measures it: the largest posterior mean (n,).
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

    def shuffled(self) -> Block:
        """The same examples as if they had come in a random order, which their number decides."""
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
        """1 for each of the last 2,000 rows that a left-out vote can get right, else 0.

        Where a row is its label's only one, nothing is known of the label once it is left out.
        """
        counts = np.bincount(self.y, minlength=self.labels)
        return np.asarray(counts[self.y[-LEFT_OUT:]] > 1, dtype=float)


class Expert(Protocol):
    """One member model, or a few that share their memory: each name gives one distribution.

    `predict` is pure. `learn` goes through the block row by row and returns what it would have said
    of each row before learning it, bit for bit what `predict` says. `relearn` starts anew on a new
    feature map from remembered examples, oldest first, and returns what it says of each of the last
    2,000 when that one is left out, or None where it cannot, or need not: beyond 2,000 examples
    votes are asked for only where these were filed by label. All return log-probabilities over
    `block.labels` labels, shape (len(names), n, labels).

    `fading` says of each name whether it forgets, so that it is at its best in a run of one label.
    """

    names: tuple[str, ...]
    fading: tuple[bool, ...]

    def predict(self, block: Block) -> Floats: ...
    def learn(self, block: Block) -> Floats: ...
    def relearn(self, block: Block) -> Floats | None: ...
    def grow(self, labels: int) -> None: ...
    def state(self) -> State: ...
    def restore(self, state: State) -> None: ...


def widened(array: NDArray[Any], size: int, axis: int = -1) -> NDArray[Any]:
    """`array` with zeros added along `axis` up to `size`."""
    missing = size - array.shape[axis]
    if missing <= 0:
        return array
    pad = [(0, 0)] * array.ndim
    pad[axis] = (0, missing)
    return np.ascontiguousarray(np.pad(array, pad))


@njit(cache=True)
def linear_scores(x, W, labels, s):  # type: ignore[no-untyped-def]
    """`s = x'W` for the first `labels` columns, summed up in one order."""
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
