"""The effect of the order of rows: history sorted by label, before a test and before a stream.

    python benchmarks/order.py           about ten minutes on one core

Six generated tables and four that come with scikit-learn, three seeds each. A default learner is
taught 70 % of the rows, shuffled or filed by label (the labels in a random order); the rest is the
test, after the last row of the file. Then two thirds are imported, shuffled or filed, and the next
200 rows come as a shuffled stream: predicted, then learned. At last a label comes twenty times in a
row after another came a thousand times, where a field tells them apart.

The bars: filed at most 2 points below shuffled, mean of the seeds, on each table; the stream's
first 200 rows at most 1 point; one that was certain stays so. Results go to
`benchmarks/results/order.json`.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np
import sklearn.datasets

from common import Figures, Results, claim
from quickstudy import Classifier

SEEDS, ROWS, STREAM = 3, 900, 200
Table = tuple[list[dict[str, Any]], np.ndarray]


def records(rows: np.ndarray) -> list[dict[str, Any]]:
    """Rows of numbers as records."""
    return [{f"f{j}": float(v) for j, v in enumerate(row)} for row in rows]


def blobs(rng: np.random.Generator, *, labels: int) -> Table:
    """One Gaussian cloud for each label, in four dimensions."""
    centres = 2.5 * rng.normal(size=(labels, 4))
    y = rng.integers(labels, size=ROWS)
    return records(centres[y] + rng.normal(size=(ROWS, 4))), y


def categories(rng: np.random.Generator) -> Table:
    """Three categories that each name the label three times in four, and two numbers."""
    y = rng.integers(3, size=ROWS)
    xs = records(rng.normal(size=(ROWS, 2)) + 0.7 * y[:, None])
    for x, label in zip(xs, y, strict=True):
        for name in "xyz":
            code = 2 * label + rng.integers(2) if rng.random() < 0.75 else rng.integers(6)
            x[name] = "abcdef"[code]
    return xs, y


def exclusive_or(rng: np.random.Generator) -> Table:
    """The signs of two numbers differ; a third tells nothing."""
    rows = rng.normal(size=(ROWS, 3))
    return records(rows), ((rows[:, 0] > 0) ^ (rows[:, 1] > 0)).astype(int)


def useless(rng: np.random.Generator) -> Table:
    """Two of fourteen numbers tell four labels apart."""
    y = rng.integers(4, size=ROWS)
    rows = rng.normal(size=(ROWS, 14))
    rows[:, :2] += 2.2 * np.array([[0, 0], [0, 1], [1, 0], [1, 1]])[y]
    return records(rows), y


def imbalanced(rng: np.random.Generator) -> Table:
    """80, 15 and 5 in a hundred."""
    centres = np.array([[0.0, 0.0, 0.0], [2.0, 1.0, 0.0], [0.0, 2.0, 2.5]])
    y = rng.choice(3, size=ROWS, p=[0.8, 0.15, 0.05])
    return records(centres[y] + rng.normal(size=(ROWS, 3))), y


def shipped(rng: np.random.Generator, *, name: str) -> Table:
    """A table that comes with scikit-learn."""
    rows, y = getattr(sklearn.datasets, f"load_{name}")(return_X_y=True)
    return records(rows), y


TABLES: dict[str, Callable[[np.random.Generator], Table]] = {
    "blobs, 3 labels": partial(blobs, labels=3),
    "blobs, 10 labels": partial(blobs, labels=10),
    "categories": categories,
    "exclusive or": exclusive_or,
    "useless fields": useless,
    "imbalanced": imbalanced,
    "iris": partial(shipped, name="iris"),
    "wine": partial(shipped, name="wine"),
    "digits": partial(shipped, name="digits"),
    "breast cancer": partial(shipped, name="breast_cancer"),
}


def orders(rows: np.ndarray, y: np.ndarray, rng: np.random.Generator) -> dict[str, np.ndarray]:
    """The rows shuffled, and filed by label with the labels in a random order."""
    place = rng.permutation(int(y.max()) + 1)
    return {"shuffled": rows, "filed": rows[np.argsort(place[y[rows]], kind="stable")]}


def learned(xs: list[Any], y: np.ndarray, rows: np.ndarray) -> Classifier:
    """A default learner that was taught some rows in order."""
    learner = Classifier()
    learner.learn_many([xs[i] for i in rows], [f"label {y[i]}" for i in rows])
    return learner


def right(said: Any, y: np.ndarray) -> float:
    """Share of right answers."""
    return float(np.mean([p.label == f"label {label}" for p, label in zip(said, y, strict=True)]))


def run(name: str) -> Figures:
    """Accuracy on the test and on the stream, by order, mean of the seeds and least difference."""
    found: dict[str, list[float]] = {}
    for seed in range(SEEDS):
        rng = np.random.default_rng(seed)
        xs, y = TABLES[name](rng)
        rows = rng.permutation(len(y))
        parts = {"test": np.split(rows, [int(0.7 * len(y))])}
        parts["stream"] = np.split(rows, [2 * len(y) // 3, 2 * len(y) // 3 + STREAM])[:2]
        for part, (taught, rest) in parts.items():
            for order, given in orders(taught, y, rng).items():
                learner = learned(xs, y, given)
                asked = [xs[i] for i in rest]
                if part == "test":
                    said = learner.predict_many(asked)
                else:
                    said = learner.test_then_train(asked, [f"label {y[i]}" for i in rest])
                found.setdefault(f"{part}_{order}", []).append(right(said, y[rest]))
    figures: Figures = {what: float(np.mean(values)) for what, values in found.items()}
    for part in ("test", "stream"):
        gaps = 100 * (np.array(found[f"{part}_filed"]) - found[f"{part}_shuffled"])
        figures[f"{part}_points"], figures[f"{part}_points_worst"] = gaps.mean(), gaps.min()
    return figures


def run_twenty() -> Figures:
    """A label a thousand times, another twenty times in a row; then a record like the first."""
    rng, learner = random.Random(0), Classifier()
    for i in range(1020):
        field = "x" if i < 1000 else "z"
        learner.learn({"a": rng.randrange(7), "b": field}, "A" if i < 1000 else "B")
    said = [learner.predict({"a": a, "b": "x"}) for a in range(7)]
    return {
        "still_a": float(np.mean([p.label == "A" for p in said])),
        "confidence": float(min(p.confidence for p in said)),
    }


def print_table(runs: dict[str, Figures]) -> None:
    """Print a row for each table."""
    print(f"\n{'':18s}{'test: shuffled':>16s}{'filed':>8s}{'points':>8s}{'worst':>7s}", end="")
    print(f"{'stream: shuffled':>19s}{'filed':>8s}{'points':>8s}{'worst':>7s}")
    for name in TABLES:
        if name in runs:
            r = runs[name]
            print(f"{name:18s}", end="")
            for part, wide in (("test", 16), ("stream", 19)):
                print(f"{r[f'{part}_shuffled']:{wide}.3f}{r[f'{part}_filed']:8.3f}", end="")
                print(f"{r[f'{part}_points']:+8.1f}{r[f'{part}_points_worst']:+7.1f}", end="")
            print()
    if "twenty" in runs:
        r = runs["twenty"]
        print(f"\na thousand A, twenty B: an A is A in {r['still_a']:.0%}, ", end="")
        print(f"with a confidence of at least {r['confidence']:.2f}")


def claims(runs: dict[str, Figures]) -> list[Figures]:
    """The promises, each with the measured value."""
    found = []
    for name in TABLES:
        r = runs.get(name, {})
        lost = {part: -r[f"{part}_points"] if r else None for part in ("test", "stream")}
        found.append(claim(f"points lost on a test, history filed: {name}", lost["test"], "<=", 2))
        found.append(claim(f"points lost on a stream after it: {name}", lost["stream"], "<=", 1))
    still = runs.get("twenty", {}).get("still_a")
    found.append(claim("an A stays an A after twenty B in a row", still, ">=", 1.0))
    return found


def main() -> None:
    """Make the runs that are missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tables", nargs="+", choices=TABLES, default=list(TABLES))
    parser.add_argument("--keep", action="store_true", help="do not repeat runs of older code")
    parser.add_argument("--table", action="store_true", help="print the results there are")
    given = parser.parse_args()
    results = Results("order", keep=given.keep)
    if not given.table:
        results.run("twenty", run_twenty)
        for name in given.tables:
            results.run(name, partial(run, name))
    print_table(results.runs)
    results.conclude(claims(results.runs))


if __name__ == "__main__":
    main()
