"""A learner small enough to check by eye: label shares so far, and half a chance of a new one."""

from __future__ import annotations

from collections import Counter

import numpy as np

from quickstudy.types import Prediction, PredictionBatch, Probabilities


class Shares:
    """Answers every input with the shares of the labels learned; keeps a diary of its calls."""

    def __init__(self):
        self.counts = Counter()
        self.diary = []

    def predict(self, x):
        self.diary.append(("predict", x))
        values = np.array([float(n) for n in self.counts.values()])
        values *= 0.5 / max(values.sum(), 1.0)
        best = max(self.counts, key=self.counts.__getitem__) if self.counts else None
        return Prediction(
            label=best,
            confidence=float(values.max(initial=0.0)),
            novelty=1.0 - float(values.sum()),
            probabilities=Probabilities(tuple(self.counts), values),
            votes=np.full((1, len(values)), float(x)),
        )

    def learn(self, x, y, *, prediction=None):
        self.diary.append(("learn", x, y, None if prediction is None else prediction.votes))
        self.counts[y] += 1

    def test_then_train(self, xs, ys):
        said = []
        for x, y in zip(xs, ys, strict=True):
            said.append(self.predict(x))
            self.learn(x, y)
        wide = np.zeros((len(said), len(self.counts)))
        for row, p in zip(wide, said, strict=True):
            row[: len(p.probabilities)] = list(p.probabilities.values())
        return PredictionBatch(
            labels=tuple(self.counts),
            probabilities=wide,
            novelty=np.array([p.novelty for p in said]),
            confidence=np.array([p.confidence for p in said]),
            votes=np.zeros((len(said), 1, len(self.counts))),
            last_label=np.zeros(len(said), dtype=np.int64),
        )
