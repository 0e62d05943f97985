"""What wide inputs cost: memory and time of a process that learns them, start of a store."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np

from common import Figures, claim

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tests.attack.wide import SHAPES, stream  # noqa: E402

EXAMPLES, FEW = 300, 60  # of most shapes; of those of a thousand fields and more
BUDGET, MOST_RSS, MOST_MS, MOST_SECONDS = 64, 3 * 64 + 300, 20.0, 5.0
LEARNERS, TAUGHT = 5, 60  # of a store, of 20 text columns each
NAMED = ("10 texts", "40 texts", "a vector of 150,000", "1,000 texts of 900 characters")
OPEN = """
import sys, time, quickstudy
start = time.process_time()
with quickstudy.open(sys.argv[1]) as store:
    for name in [info.name for info in store.learners()]:
        store.predict(name, {"t0": "where is the card that I ordered last week"})
    print(time.process_time() - start)
"""


def run_shape(shape: str) -> Figures:
    """State, memory and time of a process that learns one shape, with 64 MiB."""
    examples = FEW if "1,000" in shape or "10,000" in shape else EXAMPLES
    command = [sys.executable, "-m", "tests.attack.wide", shape, str(examples)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    figures: Figures = json.loads(done.stdout)
    return figures


def run_store() -> Figures:
    """Processor seconds to open a store of five wide learners, and a prediction of each."""
    import quickstudy

    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "wide.db"
        with quickstudy.open(path) as store:
            for number in range(LEARNERS):
                store.create(f"wide{number}")
                for x, y in stream("20 texts", TAUGHT):
                    store.feedback(learner=f"wide{number}", record=x, label=y)
            store.flush()
        found, wall = [], []
        for _ in range(3):
            start = time.perf_counter()
            command = [sys.executable, "-c", OPEN, str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            found.append(float(done.stdout))
            wall.append(time.perf_counter() - start)
        return {"cpu_seconds": float(np.median(found)), "process_seconds": float(np.median(wall))}


def print_width(runs: dict[str, Figures]) -> None:
    """Print a row for each shape."""
    print(f"\n{'with a budget of 64 MiB':36s}{'state':>8s}{'RSS':>7s}{'learn':>9s}{'predict':>9s}")
    for shape in SHAPES:
        r = runs.get(shape)
        if r:
            print(
                f"{shape:36s}{r['state_mib']:8.1f}{r['rss_mib']:7.0f}"
                f"{r['learn_ms']:6.1f} ms{r['predict_ms']:6.1f} ms"
            )
    r = runs.get("store")
    if r:
        print(f"five learners of 20 texts in one store: opened in {r['cpu_seconds']:.2f} s of CPU")


def width_claims(runs: dict[str, Figures]) -> list[Figures]:
    """The promises on wide inputs, each with the measured value."""
    found = []
    for shape in SHAPES:
        r = runs.get(shape)
        found.append(claim(f"{shape}: state, MiB", r and r["state_mib"], "<=", BUDGET))
        found.append(claim(f"{shape}: RSS, MiB", r and r["rss_mib"], "<=", MOST_RSS))
        if shape in NAMED:
            found.append(claim(f"{shape}: learn, mean ms", r and r["learn_ms"], "<=", MOST_MS))
    r = runs.get("store")
    found.append(
        claim("store of five wide learners, s", r and r["cpu_seconds"], "<=", MOST_SECONDS)
    )
    return found
