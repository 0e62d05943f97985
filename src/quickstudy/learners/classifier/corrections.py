"""Corrections: an exact-match table, so that a repeated input gets its corrected label."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quickstudy.encode.record import Raw
from quickstudy.types import Floats

CAPACITY = 10_000  # corrected inputs that are kept; the oldest are dropped first
CONTESTED = 3  # changes of label after which the table is not used for an input


class Corrections:
    """Corrected inputs by a 64-bit digest of their raw columns: label, and number of changes.

    A correction is a label that differs from the answer of the learner. A later label for the same
    input replaces it; after the third change the input is contested, and the pool answers. The
    probability of recalled labels is the share of them that were right. Labels that were refuted
    for an input, without a right label, are excluded for it until a label is learned.
    """

    def __init__(self) -> None:
        self._table: dict[int, tuple[int, int]] = {}
        self._right, self._used = 2.0, 2.5
        self._refuted: dict[int, list[int]] = {}

    def label(self, key: int) -> int:
        """The corrected label for a digest, or -1."""
        label, changes = self._table.get(key, (-1, 0))
        return label if changes < CONTESTED else -1

    def apply(self, p: Floats, label: int) -> None:
        """Move probability in `p` (K,) to the recalled label, so that it is the most probable."""
        if label < 0:
            return
        others = np.delete(p, label)
        gap = float(others.max() - p[label]) if len(others) else 0.0
        share = max(self._right / self._used, gap / (1.0 + gap) + 1e-3 if gap >= 0 else 0.0)
        p *= 1.0 - min(share, 1.0 - 1e-6)
        p[label] += min(share, 1.0 - 1e-6)

    def exclude(self, key: int, label: int) -> None:
        """Exclude a label for an input."""
        labels = self._refuted.setdefault(key, [])
        if label not in labels:
            labels.append(label)
        if self.label(key) == label:
            del self._table[key]
        if len(self._refuted) > CAPACITY:
            del self._refuted[next(iter(self._refuted))]

    def rule_out(self, p: Floats, key: int) -> bool:
        """Move the probability of refuted labels in `p` (K,) to the others; False without any."""
        labels = self._refuted.get(key)
        if not labels:
            return False
        kept = p.copy()
        kept[labels] = 0.0
        if kept.sum() > 0.0:  # else all labels are refuted, and `p` stays
            p[:] = kept / kept.sum()
        return True

    def learn(self, key: int, y: int, *, recalled: int, wrong: bool) -> None:
        """Learn the label `y` of an input whose recalled label was `recalled` (-1 for none)."""
        self._refuted.pop(key, None)
        if not wrong and recalled < 0 and key not in self._table:
            return
        if recalled >= 0:
            self._right += float(recalled == y)
            self._used += 1.0
        if key in self._table:
            label, changes = self._table[key]
            if label != y:
                self._table[key] = (y, changes + 1)
        elif wrong:
            self._table[key] = (y, 0)
            if len(self._table) > CAPACITY:
                del self._table[next(iter(self._table))]

    def state(self) -> dict[str, Any]:
        table = [[str(key), label, changes] for key, (label, changes) in self._table.items()]
        refuted = [[str(key), labels] for key, labels in self._refuted.items()]
        return {"table": table, "refuted": refuted, "right": self._right, "used": self._used}

    def restore(self, state: dict[str, Any]) -> None:
        self._table = {int(key): (label, changes) for key, label, changes in state["table"]}
        self._refuted = {int(key): list(labels) for key, labels in state["refuted"]}
        self._right, self._used = state["right"], state["used"]


def digests(raw: Raw) -> NDArray[np.uint64]:
    """A 64-bit digest of each input's present values; later columns do not change it."""
    out = raw.salt.copy()
    _digest(raw.numbers, raw.numbers.view(np.uint64), out)
    if raw.dense.shape[1]:
        _digest_dense(np.ascontiguousarray(raw.dense).view(np.uint32), out)
    return out


@njit(cache=True)
def _mix(h, value):  # type: ignore[no-untyped-def]
    h = (h ^ value) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(29))) * np.uint64(0x94D049BB133111EB)
    return h ^ (h >> np.uint64(32))


@njit(cache=True)
def _digest(numbers, bits, out):  # type: ignore[no-untyped-def]
    for i in range(len(numbers)):
        for j in range(numbers.shape[1]):
            if not np.isnan(numbers[i, j]):
                out[i] = _mix(out[i], bits[i, j] + np.uint64(j + 1))


@njit(cache=True)
def _digest_dense(bits, out):  # type: ignore[no-untyped-def]
    for i in range(len(bits)):
        for j in range(bits.shape[1]):
            if bits[i, j] != 0:
                out[i] = _mix(out[i], np.uint64(bits[i, j]) + (np.uint64(j + 1) << np.uint64(32)))
