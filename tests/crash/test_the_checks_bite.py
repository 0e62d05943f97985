"""The crash tests would notice a store that loses, doubles or changes what it said yes to."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parents[2]
NOTICED = {
    "lost_prediction": "is in the log 0 times",
    "another_answer": "'confidence': 2.0",
    "lost_feedback": "feedbacks in the log, not",
    "lost_events": "events were lost",
    "changed_events": "are not what they were",
    "lost_setting": "acknowledged was",
    "another_state": "replayed",
    "doubled_feedback": "feedbacks in the log, not",
}


@pytest.fixture(scope="module")
def said(tmp_path_factory):
    """What the checks say of each fault, and of none."""
    path = tmp_path_factory.mktemp("bites") / "work.db"
    command = [sys.executable, "-m", "tests.crash.bites", str(path)]
    run = subprocess.run(command, cwd=ROOT, capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
    return json.loads(run.stdout)


def test_nothing_is_said_of_a_store_that_is_whole(said):
    assert said["none"] == []


@pytest.mark.parametrize("fault", NOTICED)
def test_a_fault_is_noticed(said, fault):
    assert any(NOTICED[fault] in problem for problem in said[fault]), said[fault]
