"""Compiles all hot loops into numba's cache: `python -m quickstudy.warm`, once after installing."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np

from quickstudy.encode.landmarks import PAIRS, choose_landmarks
from quickstudy.learners.check import make_stream
from quickstudy.learners.classifier.classifier import Classifier
from quickstudy.learners.value.value_function import ValueFunction

TEXTS = ("where is my card", "my card was stolen", "how do I top up", "top up by cheque please")
WIDTH, WIDE = 16, 3000  # dimensions of a vector that is kept, and of one that is projected


def warm() -> float:
    """Run learners of all kinds once through all their methods; returns the seconds taken."""
    start = time.perf_counter()
    for part in PARTS:
        part()
    return time.perf_counter() - start


def _tables() -> None:
    learner = Classifier()
    learner.learn_many(*make_stream(250))
    learner.explain({"a": 1.0})


def _texts() -> None:
    learner = Classifier()
    learner.learn_many(
        [t + " now" * (i % 3) for i, t in enumerate(TEXTS * 5)], [t[0] for t in TEXTS * 5]
    )
    learner.explain(TEXTS[0])


def _vectors() -> None:
    for width in (WIDTH, WIDE):
        learner = Classifier()
        rows = np.random.default_rng(0).normal(size=(40, width))
        learner.learn_many(list(rows), [int(row[0] > 0) for row in rows])
        learner.explain(rows[0])


def _landmarks() -> None:
    """Learn so many rows that the scale of the kernel is measured on a sample of them."""
    rng = np.random.default_rng(0)
    choose_landmarks(rng.normal(size=(2 * PAIRS, 2)), most=8, width=1.0, rng=rng)


def _runs() -> None:
    learner = ValueFunction()
    for i in range(40):
        run = learner.start()
        for text in TEXTS:
            run.step({"text": text, "paid": i % 2 == 0}, action="buy", reward=0.1)
        run.end(float(i % 2 == 0))


def _deployment() -> None:
    """Learn as in a deployment, which stores the votes of a prediction until its label comes."""
    from quickstudy import open as open_store

    with tempfile.TemporaryDirectory() as folder, open_store(Path(folder) / "warm.db") as store:
        store.create("warm", consolidate=False)
        for i in range(120):
            case = store.predict("warm", {"a": i % 4, "b": i % 5})
            store.feedback(case.id, label=("even", "odd")[i % 2])
        store.predict_many("warm", [{"a": 1}, {"a": 2}])
        store.flush()


PARTS: tuple[Callable[[], None], ...] = (
    _tables,
    _texts,
    _vectors,
    _landmarks,
    _runs,
    _deployment,
)

if __name__ == "__main__":
    print(f"hot loops compiled and cached in {warm():.1f} s")
