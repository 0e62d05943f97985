"""The shipped runs are whole, in their order, and their licence lies beside them."""

from collections import Counter
from importlib.resources import files

import pytest

from quickstudy.datasets import load_tau_airline
from quickstudy.learners.value.value_function import ValueFunction


@pytest.fixture(scope="module")
def runs():
    return load_tau_airline()


def test_four_trials_of_fifty_tasks_in_their_order(runs):
    assert [run.task for run in runs] == [f"A{i}" for i in range(50)] * 4
    assert Counter(run.outcome for run in runs) == {0.0: 116, 1.0: 84}


def test_each_call_is_followed_by_its_result(runs):
    steps = [run.steps for run in runs]
    calls = [(s, i) for s in steps for i in range(len(s)) if s[i].action is not None]
    assert len(calls) == 1164
    assert all(s[i].action == s[i].x and i + 1 < len(s) for s, i in calls)
    assert all(s[i + 1].action is None for s, i in calls)


def test_failures_of_calls_are_marked(runs):
    failed = [step for run in runs for step in run.steps if step.error]
    assert len(failed) == 73
    assert all(step.x.startswith("Error") and step.action is None for step in failed)


def test_texts_are_cut(runs):
    lengths = [len(step.x) for run in runs for step in run.steps]
    assert max(lengths) == 400 and len(lengths) == 5108


def test_runs_are_what_a_value_function_takes(runs):
    learner = ValueFunction(loops=True)
    for run in runs[:5]:
        live = learner.start(run.task)
        for step in run.steps:
            said = live.step(step.x, action=step.action, error=step.error)
        live.end(run.outcome)
    assert learner.runs == 5 and 0.0 <= said.success_probability <= 1.0


def test_attribution_ships_beside_the_data():
    text = files("quickstudy.datasets").joinpath("tau_airline.LICENSE.md").read_text("utf-8")
    assert "MIT License" in text and "Sierra" in text and "sierra-research/tau-bench" in text
    assert "THE SOFTWARE IS PROVIDED" in text
