"""Baselines that a learner has to beat: no change, majority, nearest neighbour."""

from __future__ import annotations

from collections import Counter
from typing import Any

import numpy as np

from quickstudy.encode.record import RecordEncoder
from quickstudy.encode.room import Room
from quickstudy.types import Floats, Label

KEPT = 1000  # latest examples among which the nearest neighbour is searched
ROOM = Room(numbers=1024, dense=1536, codes=10_000)  # bounds the columns of these rows
NAMES = ("no change", "majority", "nearest neighbour")


class Baselines:
    """The three baselines; they learn the same examples as the learner.

    The nearest neighbour is searched in the last 1,000 examples: numbers are scaled by the standard
    deviation so far; different categories, and a missing and a present value, have distance 1.

    >>> baselines = Baselines()
    >>> for x, y in ({"a": 1.0}, "low"), ({"a": 1.2}, "low"), ({"a": 9.0}, "high"):
    ...     baselines.learn(x, y)
    >>> baselines.answers({"a": 8.0})
    ('high', 'low', 'high')
    >>> baselines.answers({"a": 2.0})
    ('high', 'low', 'low')
    """

    def __init__(self, schema: dict[str, str] | None = None) -> None:
        self._encoder = RecordEncoder(schema, room=ROOM)
        self._labels: list[Label] = []
        self._counts: Counter[tuple[str, Label]] = Counter()
        self._numbers: Floats = np.zeros((KEPT, 0))
        self._dense: Floats = np.zeros((KEPT, 0))
        self._seen = 0
        self._sums: Floats = np.zeros((3, 0))  # count, sum, sum of squares of each number

    def answers(self, x: Any) -> tuple[Label | None, ...]:
        """The answer of each baseline to an input, None before the first example."""
        if not self._labels:
            return (None,) * len(NAMES)
        majority = self._counts.most_common(1)[0][0][1]
        last = self._labels[(self._seen - 1) % KEPT]
        return last, majority, self._labels[self._nearest(x)]

    def _nearest(self, x: Any) -> int:
        raw = self._encoder.encode([x])
        n = len(self._labels)
        count, total, squares = self._sums
        mean = total / np.maximum(count, 1.0)
        spread = np.sqrt(np.maximum(squares / np.maximum(count, 1.0) - mean**2, 1e-12))
        gap = (self._numbers[:n] - raw.numbers[0]) / spread
        categories = self._encoder.category_columns
        gap[:, categories] = gap[:, categories] != 0.0
        both = np.isnan(self._numbers[:n]) & np.isnan(raw.numbers[0])
        far = np.where(both, 0.0, np.nan_to_num(gap, nan=1.0)) ** 2
        dense = ((self._dense[:n] - raw.dense[0]) ** 2).sum(axis=1)
        return int((far.sum(axis=1) + dense).argmin())

    def learn(self, x: Any, y: Label) -> None:
        """Learn one example."""
        raw, _ = self._encoder.admit(self._encoder.parse([x]))
        numbers, dense = raw.numbers[0], raw.dense[0]
        self._numbers = _widened(self._numbers, len(numbers), np.nan)
        self._dense = _widened(self._dense, len(dense), 0.0)
        self._sums = _widened(self._sums, len(numbers), 0.0)
        known = ~np.isnan(numbers)
        value = np.where(known, numbers, 0.0)
        self._sums += np.stack([known, value, value**2])
        at = self._seen % KEPT
        self._numbers[at], self._dense[at] = numbers, dense
        self._labels[at : at + 1] = [y]
        self._counts[type(y).__name__, y] += 1
        self._seen += 1


def _widened(rows: Floats, width: int, value: float) -> Floats:
    """The rows, widened to at least `width` columns."""
    more = width - rows.shape[1]
    return np.pad(rows, ((0, 0), (0, more)), constant_values=value) if more > 0 else rows
