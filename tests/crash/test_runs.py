"""What runs survive, in the short form."""

import json
import os
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

import quickstudy
from tests.crash.alone import ALONE
from tests.crash.runs import NAME, Agent, Books, Check

ROOT = Path(__file__).parents[2]
POINTS = 30


@pytest.mark.slow
def test_no_step_or_end_that_was_acknowledged_is_lost_or_doubled_by_a_kill(tmp_path):
    """In a process of its own: it forks, which a process with threads must not."""
    command = [sys.executable, "-m", "tests.crash.runs", str(tmp_path)]
    command += ["--points", str(POINTS)]
    environment = os.environ | ALONE
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    row = json.loads(run.stdout.splitlines()[-1])
    assert row["holds"], "\n".join([row["measured"], *row["problems"][:10]])
    assert row["runs"] == POINTS and row["figures"]["acknowledged"] > 500
    assert len(set(row["figures"]["deaths"]) - {"at random", "in peace"}) >= 5


def lost_step(_, books):
    (key, told) = next((k, t) for k, t in books.ops.items() if k[0] == "step")
    books.ops["step", key[1], 10**6] = [told[0] | {"number": 10**6}, told[1]]


def another_answer(_, books):
    for (what, *_), told in books.ops.items():
        if what == "step":
            told[1] = told[1] | {"value": 2.0}


def another_end(_, books):
    for (what, *_), told in books.ops.items():
        if what == "end":
            told[1] = told[1] | {"outcome": 0.5}


def lost_end(_, books):
    run = next(run for run in books.runs if not list(books.of(run, "end")))
    books.ops["end", run, 0] = [{"do": "end", "run": run, "outcome": 0.0}, {"outcome": 0.0}]


def doubled_step(deployment, books):
    deployment.step(NAME, deployment.runs(NAME, status="live")[0].id, action="nobody's")


def changed_events(_, books):
    books.prefix = (5, "another digest")


NOTICED = {
    lost_step: "acknowledged and is lost",
    another_answer: "'value': 2.0",
    another_end: "acknowledged was",
    lost_end: "acknowledged and is lost",
    changed_events: "are not what they were",
    doubled_step: "in the log 1 times; sent: False",
}


@pytest.mark.parametrize("fault", [None, *NOTICED])
def test_the_checks_would_notice(tmp_path, fault):
    books = Books()

    def say(kind, **fields):
        books.read({"kind": kind} | fields)

    with quickstudy.open(tmp_path / "work.db") as deployment:
        deployment.create_value(NAME, seed=7)
        Agent(deployment, say, "bites", 40).run()
        if fault:
            fault(deployment, books)
        try:
            Check(deployment, books, say, Random(0)).run()
        except (quickstudy.errors.InputError, IndexError):
            assert books.problems
    assert any(NOTICED[fault] in text for text in books.problems) if fault else not books.problems
