"""What the examples say is so."""

import json
import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).parents[1]
DRIFT = ROOT / "examples" / "drift.py"
LOOP = ROOT / "examples" / "agent_loop.py"
TARGET = 0.9
SWAP, TICKETS = 400, 1200
PICTURE = b"\x89PNG"


def run(example, *given):
    return subprocess.run(
        [sys.executable, example, *given], cwd=ROOT, capture_output=True, text=True, timeout=300
    )


@pytest.fixture(scope="module")
def drift(tmp_path_factory):
    """The short form: its figures, and its plot."""
    plot = tmp_path_factory.mktemp("drift") / "drift.png"
    done = run(DRIFT, "--tickets", f"{TICKETS}", "--swap", f"{SWAP}", "--json", "--plot", plot)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), plot.read_bytes()


def test_before_the_night_it_acts_at_the_target(drift):
    told, _ = drift
    assert told["acts_from"] < 350 and told["precision_before"] >= TARGET


def test_after_it_the_guard_steps_in(drift):
    told, _ = drift
    assert 0 < told["alarm"] - SWAP <= 250
    assert 0 < told["wrong"] <= told["acted"] <= told["alarm"] - SWAP


def test_it_earns_its_way_back(drift):
    told, _ = drift
    assert told["alarm"] + 100 < told["acts_again_from"] < TICKETS - 50
    assert told["precision_after"] >= TARGET


def test_it_is_plotted(drift):
    assert drift[1].startswith(PICTURE) and len(drift[1]) > 20_000
    kept = (ROOT / "docs" / "drift.png").read_bytes()
    assert kept.startswith(PICTURE) and len(kept) < 200_000


def test_a_story_without_an_end_is_not_told():
    module = runpy.run_path(str(DRIFT))
    rows = np.zeros((40, 4), dtype=int)
    with pytest.raises(SystemExit, match="--tickets"):
        module["told"](rows, 20)
    rows[5:25, 0], rows[5:25, 3], rows[35:, 0] = 1, 3, 1  # act, asked from 25 on, act again
    story = module["told"](rows, 20)
    found = [story[name] for name in ("acts_from", "alarm", "acted", "acts_again_from")]
    assert found == [5, 25, 5, 35]


@pytest.fixture(scope="module")
def loop(tmp_path_factory):
    """The short form of the agent loop: its figures, and its plot."""
    plot = tmp_path_factory.mktemp("loop") / "run.png"
    done = run(LOOP, "--watched", "150", "--runs", "80", "--json", "--plot", plot)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout), plot.read_bytes()


def test_an_agent_that_asks_takes_less_than_half_the_steps(loop):
    alone, asking = loop[0]["never asks"], loop[0]["asks before each step"]
    assert asking["steps"] < alone["steps"] / 2
    assert asking["found"] > 0.6 * alone["found"] > 15
    assert asking["worth"] > alone["worth"]


def test_it_gives_up_mostly_where_it_goes_in_circles(loop):
    alone, asking = loop[0]["never asks"], loop[0]["asks before each step"]
    assert alone["given up"] == 0
    assert asking["in circles"] > asking["given up"] / 2 > 5
    assert asking["found"] + asking["given up"] <= 80
    assert loop[1].startswith(PICTURE)


def test_an_agent_that_does_not_heed_does_what_it_did_before():
    """Asking alone changes nothing: the value function only watches."""
    module = runpy.run_path(str(LOOP))
    learner = module["ValueFunction"]()
    courses = [(module["fetch"](n, None), module["fetch"](n, learner)) for n in range(6)]
    assert all((a.steps, a.found) == (b.steps, b.found) for a, b in courses)
    assert learner.runs == 6 and learner.open == ()
