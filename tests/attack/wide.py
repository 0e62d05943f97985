"""Wide inputs, each a shape that once took memory far beyond the budget.

`python -m tests.attack.wide SHAPE EXAMPLES` learns so many examples of a shape with 64 MiB and
prints JSON: size of the state, the most memory the process ever had, mean times of an example.
"""

from __future__ import annotations

import json
import resource
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np

WORDS = ["card", "lost", "stolen", "fee", "cheque", "cash", "late", "bank", "order", "house"]
Rng = np.random.Generator


def sentence(rng: Rng, words: int) -> str:
    return " ".join(rng.choice(WORDS, words))


def texts(fields: int, words: int) -> Callable[[Rng, int], Any]:
    return lambda rng, i: {f"t{f}": sentence(rng, words) for f in range(fields)}


def vector(size: int) -> Callable[[Rng, int], Any]:
    return lambda rng, i: rng.standard_normal(size)


def late_texts(rng: Rng, i: int) -> Any:
    """A text more with every second example, to one hundred."""
    return {f"t{f}": sentence(rng, 7) for f in range(1 + min(i // 2, 99))}


def new_numbers(rng: Rng, i: int) -> Any:
    """A hundred new numbers with every example, for ever."""
    return {f"n{i}_{f}": float(rng.random()) for f in range(100)}


def categories(rng: Rng, i: int) -> Any:
    return {f"c{f}": f"value {rng.integers(40)}" for f in range(1000)}


def many_vectors(rng: Rng, i: int) -> Any:
    return {f"v{f}": rng.standard_normal(384) / 384**0.5 for f in range(12)}


def everything(rng: Rng, i: int) -> Any:
    return texts(8, 9)(rng, i) | categories(rng, i) | {"v": rng.standard_normal(4096)}


SHAPES: dict[str, Callable[[Rng, int], Any]] = {
    "10 texts": texts(10, 7),
    "20 texts": texts(20, 7),
    "40 texts": texts(40, 7),
    "100 texts": texts(100, 7),
    "1,000 texts of 900 characters": texts(1000, 160),
    "a text more with every example": late_texts,
    "a vector of 1,536": vector(1536),
    "a vector of 150,000": vector(150_000),
    "12 vectors of 384": many_vectors,
    "10,000 numbers": lambda rng, i: {f"n{f}": float(v) for f, v in enumerate(rng.random(10_000))},
    "100 new numbers with every example": new_numbers,
    "1,000 categories of 40 values": categories,
    "texts, categories and a vector": everything,
}


def stream(shape: str, examples: int) -> Iterator[tuple[Any, str]]:
    """Examples of a shape, of three labels."""
    rng = np.random.default_rng(0)
    for i in range(examples):
        yield SHAPES[shape](rng, i), f"label {rng.integers(3)}"


def most_memory() -> float:
    """The most memory that this process ever had, MiB; getrusage tells that of its parent."""
    if sys.platform != "linux":
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM")) / 1024


def main(shape: str, examples: int) -> None:
    from quickstudy import Classifier

    learner = Classifier(budget_mb=64)
    learner.predict({"a": 1.0, "t": "this is what any learner needs to have read"})
    before = most_memory()
    predicting, learning = [], []
    for x, y in stream(shape, examples):
        start = time.process_time()
        learner.predict(x)
        between = time.process_time()
        learner.learn(x, y)
        predicting.append(between - start)
        learning.append(time.process_time() - between)
    most = most_memory()
    print(
        json.dumps(
            {
                "shape": shape,
                "state_mib": learner.size_bytes / 2**20,
                "rss_mib": most,
                "rss_before_mib": before,
                "learn_ms": 1000 * float(np.mean(learning)),
                "predict_ms": 1000 * float(np.mean(predicting)),
                "labels": len(learner.labels),
                "examples": learner.examples,
            }
        )
    )


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
