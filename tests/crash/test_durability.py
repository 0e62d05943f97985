"""What a store survives, in the short form; `benchmarks/durability.py` runs the long one."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
LEAST_RUNS = {"R1": 100, "R3": 60, "R4": 100, "R5": 5000, "R6": 1000, "R18": 300, "R20": 50}
COMPILER = any(shutil.which(name) for name in ("cc", "gcc", "clang")) or "CI" in os.environ


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """All of it in one process of its own: it forks, which a process with threads must not."""
    folder = tmp_path_factory.mktemp("durability")
    chosen = [name for name in LEAST_RUNS if name != "R3" or COMPILER]
    command = [sys.executable, "benchmarks/durability.py", "--short", "--only", ",".join(chosen)]
    command += ["--results", str(folder / "results.json"), "--folder", str(folder)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (folder / "results.json").exists(), run.stdout + run.stderr
    return json.loads((folder / "results.json").read_text())["runs"]


@pytest.mark.parametrize("name", LEAST_RUNS)
def test_a_promise_of_durability_holds(results, name):
    if name == "R3" and not COMPILER:
        pytest.skip("there is no C compiler (cc), so no write can be made to fail")
    row = results[name]
    assert row["holds"], "\n".join([row["measured"], *row["problems"][:10]])
    assert row["runs"] >= LEAST_RUNS[name]
