"""Compile every hot loop into numba's cache: `python -m quickstudy.warm`, once after installing."""

from __future__ import annotations

import time

import numpy as np

from quickstudy.learners.check import make_stream
from quickstudy.learners.classifier.classifier import Classifier

TEXTS = ("where is my card", "my card was stolen", "how do I top up", "top up by cheque please")


def warm() -> float:
    """Run tabular, text and vector learners once through all they do; returns the seconds taken."""
    start = time.perf_counter()
    tabular = Classifier()
    tabular.learn_many(*make_stream(250))
    tabular.explain({"a": 1.0})
    texts = Classifier()
    texts.learn_many(
        [t + " now" * (i % 3) for i, t in enumerate(TEXTS * 5)], [t[0] for t in TEXTS * 5]
    )
    texts.explain(TEXTS[0])
    vectors = Classifier()
    rows = np.random.default_rng(0).normal(size=(40, 16))
    vectors.learn_many(list(rows), [int(row[0] > 0) for row in rows])
    vectors.explain(rows[0])
    return time.perf_counter() - start


if __name__ == "__main__":
    print(f"hot loops compiled and cached in {warm():.1f} s")
