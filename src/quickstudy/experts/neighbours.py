"""Soft nearest neighbours among the most recent examples, in windows of three sizes."""

from __future__ import annotations

import numpy as np
from numba import njit

from quickstudy.experts.base import FLOOR, LEFT_OUT, Batch, State
from quickstudy.types import Floats

WINDOWS = np.array([100, 1000, 1000, 5000])
NEIGHBOURS = np.array([5, 7, 7, 5])
USES_LAST = np.array([False, False, True, False])
TILE = 1024  # distances that are summed while they are in the fastest cache
NOWHERE = -(1 << 40)  # value of `own` if no row is in the memory
PRIOR = 0.3  # votes spread over all labels
LAST_COST = 2.0  # added to the squared distance if the last labels differ


class Neighbours:
    """The k nearest of the last 100, 1,000 (without and with the last label) and 5,000 examples.

    Each neighbour votes `2 / (1 + d/mean d)` for its label, d its squared distance.

    Args:
        most_bytes: memory for the inputs; if it is short, windows are shorter.
    """

    def __init__(self, *, most_bytes: int = 1 << 22) -> None:
        self.most_bytes = most_bytes
        self.names: tuple[str, ...] = (
            "neighbours 100",
            "neighbours 1000",
            "neighbours 1000 after",
            "neighbours 5000",
        )
        self.fading: tuple[bool, ...] = (True, True, True, False)
        self._reset(0)

    def _reset(self, dim: int) -> None:
        most = int(min(WINDOWS.max(), max(self.most_bytes // (4 * max(dim, 1)), WINDOWS.min())))
        self._inputs = np.zeros((dim, most), np.float32)
        self._labels = np.zeros(most, np.int64)
        self._last = np.zeros(most, np.int64)
        self._count = np.zeros(1, np.int64)
        self._credit = np.zeros(1)  # accumulated evidence: an example enters at 1

    def grow(self, labels: int) -> None:
        return None

    def predict(self, batch: Batch) -> Floats:
        return self._run(batch, learn=False)

    def learn(self, batch: Batch) -> Floats:
        return self._run(batch, learn=True)

    def _run(self, batch: Batch, *, learn: bool) -> Floats:
        out = np.empty((len(self.names), len(batch), batch.labels))
        memory = (self._inputs, self._labels, self._last, self._count, self._credit)
        z = batch.z.astype(np.float32)
        _run(z, batch.last, batch.y, batch.evidence, *memory, learn, NOWHERE, batch.labels, out)
        return out

    def relearn(self, batch: Batch) -> Floats | None:
        self._reset(batch.z.shape[1])
        n = min(len(batch), self._inputs.shape[1])
        self._inputs[:, :n] = batch.z[len(batch) - n :].T
        self._labels[:n] = batch.y[len(batch) - n :]
        self._last[:n] = batch.last[len(batch) - n :]
        self._count[0] = n
        if len(batch) > LEFT_OUT and not batch.filed:
            return None  # not used, see `Expert.relearn`
        z, last = batch.z[-LEFT_OUT:].astype(np.float32), batch.last[-LEFT_OUT:]
        out = np.empty((len(self.names), len(z), batch.labels))
        memory = (self._inputs, self._labels, self._last, self._count, self._credit)
        none = batch.y[:0]
        _run(z, last, none, batch.evidence, *memory, False, n - len(z), batch.labels, out)
        return out

    def state(self) -> State:
        used = min(int(self._count[0]), self._inputs.shape[1])
        return {
            "inputs": self._inputs[:, :used],
            "labels": self._labels[:used],
            "last": self._last[:used],
            "count": self._count,
            "credit": self._credit,
        }

    def restore(self, state: State) -> None:
        self._reset(len(state["inputs"]))
        used = state["inputs"].shape[1]
        self._inputs[:, :used] = state["inputs"]
        self._labels[:used], self._last[:used] = state["labels"], state["last"]
        self._count = state["count"].copy()
        self._credit = state.get("credit", self._credit).copy()


@njit(cache=True)
def _run(Z, last, y, evidence, inputs, labels_in, last_in, count, credit, learn, own, labels, out):  # type: ignore[no-untyped-def]
    """Vote on each row; slot `own + i` holds row i itself and is left out."""
    d, most = inputs.shape
    distance = np.empty(most, np.float32)
    near = np.empty(16, np.float32)
    which = np.empty(16, np.int64)
    for i in range(len(Z)):
        held = min(count[0], most)
        distance[:held] = 0.0
        for start in range(0, held, TILE):
            stop = min(start + TILE, held)
            for a in range(d):
                here = Z[i, a]
                for j in range(start, stop):
                    gap = inputs[a, j] - here
                    distance[j] += gap * gap
        for e in range(len(WINDOWS)):
            window = min(held, WINDOWS[e])
            k = min(NEIGHBOURS[e], window - 1 if 0 <= own + i < held else window)
            for r in range(k):
                near[r] = np.inf
            j = (count[0] - 1) % most
            for _ in range(window if k > 0 else 0):
                q = distance[j]
                if USES_LAST[e] and last_in[j] != last[i]:
                    q += np.float32(LAST_COST)
                if q < near[k - 1] and j != own + i:
                    r = k - 1
                    while r > 0 and near[r - 1] > q:
                        near[r] = near[r - 1]
                        which[r] = which[r - 1]
                        r -= 1
                    near[r] = q
                    which[r] = labels_in[j]
                j = j - 1 if j > 0 else most - 1
            _vote(near, which, k, labels, out[e, i])
        if learn:
            credit[0] += evidence[i]
        if learn and credit[0] >= 1.0:
            credit[0] -= 1.0
            j = count[0] % most
            for a in range(d):
                inputs[a, j] = Z[i, a]
            labels_in[j] = y[i]
            last_in[j] = last[i]
            count[0] += 1


@njit(cache=True)
def _vote(near, which, k, labels, out):  # type: ignore[no-untyped-def]
    scale = 1e-9
    for r in range(k):
        scale += near[r] / k
    total = PRIOR
    for c in range(labels):
        out[c] = PRIOR / labels
    for r in range(k):
        vote = 2.0 / (1.0 + near[r] / scale)
        out[which[r]] += vote
        total += vote
    for c in range(labels):
        out[c] = np.log((1.0 - FLOOR) * out[c] / total + FLOOR / labels)
