"""Naive Bayes: counts of labels by the values of categories, and by the words of sparse bags."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quickstudy.experts.base import (
    LEFT_OUT,
    Batch,
    State,
    best_temperature,
    log_softmax,
    step_temperature,
    temperature_gradient,
    widened,
)
from quickstudy.types import Floats

MOST_ROWS = 1 << 15  # rows of counts; values are hashed to them
FADE = 0.97  # factor on the fading counts of a value each time the value occurs
PRIOR = 0.5  # examples that the base rates count for in the counts of a value
TEMPERATURES = np.geomspace(0.05, 2.0, 25)
LEAST_COLUMNS, PRESENT = 32, 0.25  # a bag has this many numbers, at most this share present
MOST_WEIGHT = 4.0  # largest weight of a number in a bag


class ValueCounts:
    """`log p(y) + T sum_v w_v log p(y|v) / p(y)` over the values v of a row.

    Values are the codes of categories, with weight 1, and, in a row of many numbers of which few
    are present, the numbers above 0, with themselves as weights. The counts are additive, and do
    not depend on the feature map; a second expert fades the counts of a value each time the value
    occurs. The temperature T of each expert follows its log loss.

    Args:
        most_bytes: memory for the counts; if it is short, several values share counts.

    Reference:
        McCallum & Nigam (1998), A comparison of event models for naive Bayes text classification.
    """

    def __init__(self, *, most_bytes: int = 1 << 22) -> None:
        self.most_bytes = most_bytes
        self.names: tuple[str, ...] = ("counts", "counts fading")
        self.fading: tuple[bool, ...] = (False, True)
        self._counts = np.zeros((2, MOST_ROWS, 1), np.float32)
        self._rates = np.zeros(1)
        self._scalars = np.array([[1.0, 1.0], [1.0, 1.0]])  # temperature, size of its gradient

    def grow(self, labels: int) -> None:
        self._rates = widened(self._rates, labels)
        while self._counts.shape[1] > 1 and self._bytes(labels) > self.most_bytes:
            half = self._counts.shape[1] // 2
            self._counts = self._counts[:, :half] + self._counts[:, half:]
        self._counts = widened(self._counts, labels)

    def _bytes(self, labels: int) -> int:
        return 2 * 4 * self._counts.shape[1] * labels

    def predict(self, batch: Batch) -> Floats:
        return self._run(batch, batch.y[:0])

    def learn(self, batch: Batch) -> Floats:
        return self._run(batch, batch.y)

    def _run(self, batch: Batch, y: NDArray[np.int64]) -> Floats:
        out = np.empty((2, len(batch), batch.labels))
        memory = (self._counts, self._rates, self._scalars)
        _run(batch.raw, batch.categories, y, batch.evidence, *memory, batch.labels, out)
        return out

    def relearn(self, batch: Batch) -> Floats:
        """Keeps the counts; sets the temperatures from left-out votes."""
        recent = slice(max(0, len(batch) - LEFT_OUT), None)
        y = batch.y[recent]
        scores = np.empty((2, len(y), batch.labels))
        _left_out(
            batch.raw[recent], batch.categories, y, self._counts, self._rates, batch.labels, scores
        )
        out = np.empty_like(scores)
        for expert in range(2):
            found = best_temperature(scores[expert], y, batch.judged(), TEMPERATURES, 0.5, 1.0)
            self._scalars[expert] = found, 1.0
            for i in range(len(y)):
                log_softmax(scores[expert, i], batch.labels, found, out[expert, i])
        return out

    def state(self) -> State:
        used = np.flatnonzero(self._counts.any(axis=(0, 2)))
        return {
            "values": used,
            "counts": self._counts[:, used],
            "size": np.array([self._counts.shape[1]]),
            "rates": self._rates,
            "scalars": self._scalars,
        }

    def restore(self, state: State) -> None:
        self._rates, self._scalars = state["rates"].copy(), state["scalars"].copy()
        shape = (2, int(state["size"][0]), len(self._rates))
        self._counts = np.zeros(shape, np.float32)
        self._counts[:, state["values"]] = state["counts"]


@njit(cache=True)
def _values(row, categories, size, places, weights):  # type: ignore[no-untyped-def]
    """Write the rows of the counts of a row's values, and their weights; returns their number."""
    d = len(row)
    there = 0
    for j in range(d):
        if not np.isnan(row[j]) and not categories[j]:
            there += 1
    bag = d >= LEAST_COLUMNS and there <= PRESENT * d
    n = 0
    for j in range(d):
        if np.isnan(row[j]) or not (categories[j] or (bag and row[j] > 0.0)):
            continue
        code = np.uint64(row[j]) + np.uint64(1) if categories[j] else np.uint64(0)
        h = np.uint64(j + 1) * np.uint64(0x9E3779B97F4A7C15) + code
        h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        places[n] = np.int64((h ^ (h >> np.uint64(31))) & np.uint64(size - 1))
        weights[n] = 1.0 if categories[j] else min(row[j], MOST_WEIGHT)
        n += 1
    return n


@njit(cache=True)
def _score(counts, rates, places, weights, n, own, labels, s):  # type: ignore[no-untyped-def]
    """Scores of one expert; with `own` >= 0 one example of that label is left out."""
    gone = min(1.0, rates[own]) if own >= 0 else 0.0
    total = 0.5 * labels - gone
    for c in range(labels):
        total += rates[c]
    for c in range(labels):
        s[c] = np.log((rates[c] + 0.5 - (gone if c == own else 0.0)) / total)
    for v in range(n):
        row = counts[places[v]]
        seen = PRIOR
        for c in range(labels):
            seen += row[c]
        if own >= 0:
            seen -= min(weights[v], row[own])
        for c in range(labels):
            rate = (rates[c] + 0.5 - (gone if c == own else 0.0)) / total
            held = row[c] - (min(weights[v], row[c]) if c == own else 0.0)
            s[c] += weights[v] * np.log((held + PRIOR * rate) / seen / rate)


@njit(cache=True)
def _run(raw, categories, y, evidence, counts, rates, scalars, labels, out):  # type: ignore[no-untyped-def]
    s = np.empty(labels)
    places = np.empty(raw.shape[1], np.int64)
    weights = np.empty(raw.shape[1])
    for i in range(len(raw)):
        n = _values(raw[i], categories, counts.shape[1], places, weights)
        for expert in range(2):
            _score(counts[expert], rates, places, weights, n, -1, labels, s)
            log_softmax(s, labels, scalars[expert, 0], out[expert, i])
            if len(y):
                g = temperature_gradient(s, out[expert, i], y[i], labels, scalars[expert, 0])
                scalars[expert, 1] = 0.999 * scalars[expert, 1] + 0.001 * g * g
                step_temperature(scalars[expert], g, 0.02, 0.05, 2.0)
        if len(y) == 0:
            continue
        rates[y[i]] += evidence[i]
        for v in range(n):
            counts[0, places[v], y[i]] += weights[v] * evidence[i]
            for c in range(labels):
                counts[1, places[v], c] *= FADE
            counts[1, places[v], y[i]] += weights[v] * evidence[i]


@njit(cache=True)
def _left_out(raw, categories, y, counts, rates, labels, out):  # type: ignore[no-untyped-def]
    places = np.empty(raw.shape[1], np.int64)
    weights = np.empty(raw.shape[1])
    for i in range(len(raw)):
        n = _values(raw[i], categories, counts.shape[1], places, weights)
        for expert in range(2):
            _score(counts[expert], rates, places, weights, n, y[i], labels, out[expert, i])
