"""Counts of labels by value: naive Bayes over categories, and over the words of sparse bags."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quickstudy.experts.base import LEFT_OUT, Block, State, best_temperature, log_softmax, widened
from quickstudy.types import Floats

MOST_ROWS = 1 << 15  # values that have counts of their own; others share, by a hash
FADE = 0.97  # of the second counts of a value, each time that it comes
TRUST = 0.5  # examples that the base rates count for, in the counts of a value
TEMPERATURES = np.geomspace(0.05, 2.0, 25)
LEAST_COLUMNS, PRESENT = 32, 0.25  # a row of so many numbers, so few of them there, is a bag
MOST_WEIGHT = 4.0  # of a number in a bag


class ValueCounts:
    """`log p(y) + T sum_v w_v log p(y|v) / p(y)` over the values v that a row has.

    Values are the codes of categories, with weight 1, and, in a row of many numbers of which few
    are there, those that are above 0, with their own weight. The counts are additive, and do not
    depend on the feature map; a second voice fades those of a value each time it comes. The
    temperature T of each voice follows its log loss.

    Args:
        most_bytes: memory for the counts; where it is short, values share them.

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

    def predict(self, block: Block) -> Floats:
        return self._run(block, block.y[:0])

    def learn(self, block: Block) -> Floats:
        return self._run(block, block.y)

    def _run(self, block: Block, y: NDArray[np.int64]) -> Floats:
        out = np.empty((2, len(block), block.labels))
        memory = (self._counts, self._rates, self._scalars)
        _run(block.raw, block.categories, y, block.evidence, *memory, block.labels, out)
        return out

    def relearn(self, block: Block) -> Floats:
        """Counts stay as they are; the temperatures follow from left-out votes."""
        recent = slice(max(0, len(block) - LEFT_OUT), None)
        y = block.y[recent]
        scores = np.empty((2, len(y), block.labels))
        _left_out(
            block.raw[recent], block.categories, y, self._counts, self._rates, block.labels, scores
        )
        out = np.empty_like(scores)
        for voice in range(2):
            found = best_temperature(scores[voice], y, block.judged(), TEMPERATURES, 0.5, 1.0)
            self._scalars[voice] = found, 1.0
            for i in range(len(y)):
                log_softmax(scores[voice, i], block.labels, found, out[voice, i])
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
    """Write where the counts of a row's values are, and their weights; how many there are."""
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
    """Scores of one voice; with `own` >= 0 one example of that label is taken out of them."""
    gone = min(1.0, rates[own]) if own >= 0 else 0.0
    total = 0.5 * labels - gone
    for c in range(labels):
        total += rates[c]
    for c in range(labels):
        s[c] = np.log((rates[c] + 0.5 - (gone if c == own else 0.0)) / total)
    for v in range(n):
        row = counts[places[v]]
        seen = TRUST
        for c in range(labels):
            seen += row[c]
        if own >= 0:
            seen -= min(weights[v], row[own])
        for c in range(labels):
            rate = (rates[c] + 0.5 - (gone if c == own else 0.0)) / total
            held = row[c] - (min(weights[v], row[c]) if c == own else 0.0)
            s[c] += weights[v] * np.log((held + TRUST * rate) / seen / rate)


@njit(cache=True)
def _run(raw, categories, y, evidence, counts, rates, scalars, labels, out):  # type: ignore[no-untyped-def]
    s = np.empty(labels)
    places = np.empty(raw.shape[1], np.int64)
    weights = np.empty(raw.shape[1])
    for i in range(len(raw)):
        n = _values(raw[i], categories, counts.shape[1], places, weights)
        for voice in range(2):
            _score(counts[voice], rates, places, weights, n, -1, labels, s)
            log_softmax(s, labels, scalars[voice, 0], out[voice, i])
            if len(y):
                _warm(s, out[voice, i], y[i], labels, scalars[voice])
        if len(y) == 0:
            continue
        rates[y[i]] += evidence[i]
        for v in range(n):
            counts[0, places[v], y[i]] += weights[v] * evidence[i]
            for c in range(labels):
                counts[1, places[v], c] *= FADE
            counts[1, places[v], y[i]] += weights[v] * evidence[i]


@njit(cache=True)
def _warm(s, logp, y, labels, scalars):  # type: ignore[no-untyped-def]
    """One normalised gradient step of the log loss in log T."""
    mean = 0.0
    for c in range(labels):
        mean += np.exp(logp[c]) * s[c]
    g = (s[y] - mean) * scalars[0]
    scalars[1] = 0.999 * scalars[1] + 0.001 * g * g
    step = 0.02 * g / np.sqrt(scalars[1] + 1e-2)
    scalars[0] = min(max(scalars[0] * np.exp(step), 0.05), 2.0)


@njit(cache=True)
def _left_out(raw, categories, y, counts, rates, labels, out):  # type: ignore[no-untyped-def]
    places = np.empty(raw.shape[1], np.int64)
    weights = np.empty(raw.shape[1])
    for i in range(len(raw)):
        n = _values(raw[i], categories, counts.shape[1], places, weights)
        for voice in range(2):
            _score(counts[voice], rates, places, weights, n, y[i], labels, out[voice, i])
