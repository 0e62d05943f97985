"""The short form of `benchmarks/safety.py`: every change of the code goes through it."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.crash.alone import ALONE

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
LEAST_RUNS = {"R2": 40, "R8": 300, "R14": 1, "R15": 1}
COMPILER = any(shutil.which(name) for name in ("cc", "gcc", "clang")) or "CI" in os.environ
COMPILED = ("R2",)
NO_COMPILER = "there is no C compiler (cc), so no write can be written down"
CUT = """
import json, sys
from pathlib import Path
from tests.crash import disk
from tests.crash.forking import preload
preload()
print(json.dumps(disk.bites(Path(sys.argv[1]), sys.argv[2], cuts=4)))
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    """All of it in one process of its own: it forks, which a process with threads must not."""
    folder = tmp_path_factory.mktemp("safety")
    chosen = [name for name in LEAST_RUNS if name not in COMPILED or COMPILER]
    command = [sys.executable, "benchmarks/safety.py", "--short", "--only", ",".join(chosen)]
    command += ["--results", str(folder / "results.json"), "--folder", str(folder)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert (folder / "results.json").exists(), run.stdout + run.stderr
    found = json.loads((folder / "results.json").read_text())["runs"]
    assert set(found) == set(chosen), run.stdout + run.stderr
    return found


@pytest.mark.parametrize("name", LEAST_RUNS)
def test_a_promise_of_safety_holds(results, name):
    if name in COMPILED and not COMPILER:
        pytest.skip(NO_COMPILER)
    row = results[name]
    assert row["holds"], "\n".join([row["measured"], *row["problems"][:10]])
    assert row["runs"] >= LEAST_RUNS[name]


@pytest.mark.skipif(not COMPILER, reason=NO_COMPILER)
def test_a_store_that_does_not_sync_its_commits_is_noticed(tmp_path):
    """With `synchronous=NORMAL` kill -9 loses nothing, and a power cut does."""
    command = [sys.executable, "-c", CUT, str(tmp_path), "synchronous=NORMAL"]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, env=os.environ | ALONE)
    assert run.returncode == 0, run.stderr
    problems = json.loads(run.stdout)
    assert any("were acknowledged" in problem or "is gone" in problem for problem in problems)
