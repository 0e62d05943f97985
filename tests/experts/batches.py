"""Batches of examples as experts get them, from plain matrices."""

import numpy as np

from quickstudy.experts.base import Batch

VIEW = "view"


def make_batch(rows, y=(), *, labels, last=None, weight=None, age=None, evidence=None):
    """A batch whose only view, scaled columns and raw columns are all `rows` (n, d)."""
    rows = np.ascontiguousarray(rows, dtype=float)
    n = len(rows)
    return Batch(
        features={VIEW: rows},
        z=rows,
        raw=rows,
        last=np.full(n, -1) if last is None else np.asarray(last),
        labels=labels,
        y=np.asarray(y, dtype=np.int64),
        age=np.arange(n - 1.0, -1.0, -1.0) if age is None else np.asarray(age, dtype=float),
        weight=np.ones(n) if weight is None else np.asarray(weight, dtype=float),
        familiarity=np.zeros(n),
        evidence=np.ones(n) if evidence is None else np.asarray(evidence, dtype=float),
    )


def clusters(n, *, labels=3, dim=4, spread=1.0, seed=0):
    """`n` points around one centre a label, with their labels."""
    rng = np.random.default_rng(seed)
    centres = rng.normal(size=(labels, dim)) * 2.0
    y = rng.integers(labels, size=n)
    return centres[y] + spread * rng.normal(size=(n, dim)), y


def softmax(scores):
    """Rows of scores as probabilities."""
    p = np.exp(scores - scores.max(-1, keepdims=True))
    return p / p.sum(-1, keepdims=True)
