"""One contract of runs for both ends: a store in the process, and one over HTTP."""

import itertools

import numpy as np
import pytest

from quickstudy import Costs
from quickstudy.api.runs import RunInfo, RunReport, ValueInfo, ValueReport
from quickstudy.errors import InputError, NotFoundError, RecordError, SettingError
from quickstudy.types import Estimate
from tests.serve.support import until

names = (f"learner {i}" for i in itertools.count())


@pytest.fixture
def name(deployment):
    """A value learner that knows nothing yet."""
    return deployment.create_value(next(names), seed=0, budget_mb=16).name


def walk(deployment, name, id, outcome, steps=3):
    """A whole run; the estimates on its way."""
    deployment.start(name, task="a flight", id=id)
    said = [deployment.step(name, id, f"page {i}", action=f"open({i})") for i in range(steps)]
    if outcome is not None:
        deployment.end(name, id, outcome)
    return said


def test_settings_are_kept_and_changed(deployment):
    info = deployment.create_value(
        next(names),
        success=0.5,
        discount=0.9,
        outcome_range=(-1, 2),
        costs={"step": 0.01, "ask": 0.2},
        stop_error=0.1,
        alpha=0.2,
        audit=0.3,
        loops=False,
        wait_seconds=30,
        most_open=7,
        budget_mb=16,
        schema={"price": "number"},
        seed=3,
    )
    assert isinstance(info, ValueInfo) and (info.kind, info.runs, info.open) == ("value", 0, 0)
    kept = info.settings
    assert kept.costs == Costs(step=0.01, ask=0.2) and kept.outcome_range == (-1.0, 2.0)
    assert (kept.success, kept.discount, kept.stop_error, kept.alpha) == (0.5, 0.9, 0.1, 0.2)
    assert (kept.audit, kept.loops, kept.wait_seconds, kept.most_open) == (0.3, False, 30.0, 7)
    assert kept.schema == {"price": "number"} and kept.seed == 3
    changed = deployment.change(info.name, costs=Costs(failure=0.5), wait_seconds=60.0).settings
    assert (changed.costs, changed.wait_seconds) == (Costs(failure=0.5), 60.0)
    assert deployment.change(info.name, costs={"step": 0.25}).settings.costs.step == 0.25
    assert deployment.change(info.name, stop_error=0.2, most_open=9).settings.most_open == 9
    assert deployment.learner(info.name).settings.stop_error == 0.2
    for wrong in ({"stop_error": 2.0}, {"most_open": 0}, {"wait_seconds": -1.0}):
        with pytest.raises(SettingError, match=next(iter(wrong))):
            deployment.change(info.name, **wrong)
    with pytest.raises(SettingError, match="costs"):
        deployment.change(info.name, costs={"step": -1.0})
    assert deployment.learner(info.name).settings.most_open == 9


def test_a_value_learner_is_made_by_naming_its_kind_as_by_its_own_method(deployment):
    given = {"costs": {"step": 0.01}, "seed": 3, "budget_mb": 16}
    made = deployment.create(next(names), kind="value", **given)
    other = deployment.create_value(next(names), **given)
    assert isinstance(made, ValueInfo) and made.settings == other.settings
    assert deployment.state_hash(made.name) == deployment.state_hash(other.name)
    with pytest.raises(SettingError, match="target"):
        deployment.create(next(names), kind="value", target=0.9)
    with pytest.raises(SettingError, match=r"'oracle'.* must be one of: classifier, value"):
        deployment.create(next(names), kind="oracle")


def test_learners_of_both_kinds_are_in_one_list(deployment, name):
    cases = deployment.create(next(names), budget_mb=16).name
    kinds = {info.name: info.kind for info in deployment.learners()}
    assert (kinds[name], kinds[cases]) == ("value", "classifier")
    assert (
        isinstance(deployment.learner(name), ValueInfo) and deployment.learner(cases).labels == ()
    )
    with pytest.raises(InputError, match="already"):
        deployment.create_value(cases)
    with pytest.raises(InputError, match="already"):
        deployment.create(name)
    deployment.delete(name)
    with pytest.raises(NotFoundError):
        deployment.value(name)


def test_a_run_from_its_start_to_its_end(deployment, name):
    begun = deployment.start(name, task="a flight")
    assert isinstance(begun, RunInfo) and begun.id.startswith("r_")
    assert (begun.status, begun.steps, begun.value, begun.outcome) == ("live", 0, None, None)
    inputs = ["3 flights", {"price": 9.5}, np.arange(3.0), None]
    for number, given in enumerate(inputs, 1):
        said = deployment.step(name, begun.id, given, action=f"act {number}", reward=0.5)
        assert isinstance(said, Estimate) and (said.run, said.step) == (begun.id, number)
        assert said.low <= said.value <= said.high and 0.0 <= said.success_probability <= 1.0
        assert said.advice in ("continue", "stop", "ask") and said.why and said.votes
    report = deployment.run(name, begun.id)
    assert isinstance(report, RunReport) and [s.number for s in report.steps] == [1, 2, 3, 4]
    sent = [s.input for s in report.steps]
    assert sent == ["3 flights", {"price": 9.5}, [0.0, 1.0, 2.0], None]
    assert report.steps[-1].estimate == said and report.steps[-1].action == "act 4"
    assert report.run.success_probability == said.success_probability
    done = deployment.end(name, begun.id, 1.0, source="checker")
    assert (done.status, done.outcome, done.success, done.steps) == ("ended", 1.0, True, 4)
    assert deployment.run(name, begun.id).run == done
    types = [event.type for event in deployment.events(learner=name)]
    assert types == ["created", "run_started", *["stepped"] * 4, "run_ended"]


def test_runs_that_end_teach(deployment, name):
    before = walk(deployment, name, "first", 1.0)[0].success_probability
    for i in range(15):
        walk(deployment, name, f"bad {i}", 0.0)
    assert walk(deployment, name, "last", None)[0].success_probability < before


def test_what_is_said_again_counts_once(deployment, name):
    one, two = (deployment.start(name, task="a flight", id="mine") for _ in range(2))
    assert (one.id, one.started) == (two.id, two.started) and two.repeated
    said, again = (deployment.step(name, "mine", action="look", number=1) for _ in range(2))
    assert said == again and deployment.run(name, "mine").run.steps == 1
    for number, action in ((1, "book"), (3, "look"), (0, "look")):
        with pytest.raises(InputError, match="number"):
            deployment.step(name, "mine", action=action, number=number)
    with pytest.raises(InputError, match="id"):
        deployment.start(name, task="another", id="mine")
    one, two = (deployment.end(name, "mine", 0.0) for _ in range(2))
    assert (one.repeated, two.repeated) == (False, True) and two.outcome == 0.0
    with pytest.raises(InputError, match="outcome"):
        deployment.end(name, "mine", 1.0)
    with pytest.raises(InputError, match="ended"):
        deployment.step(name, "mine", action="more")
    assert deployment.value(name).ended == 1


def test_what_cannot_be_is_refused_and_changes_nothing(deployment, name):
    deployment.start(name, id="x")
    digest = deployment.state_hash(name)
    for error, step in (
        (InputError, {}),
        (RecordError, {"x": {"price": {}}}),
        (RecordError, {"x": {"price": float("nan")}}),
        (InputError, {"action": "look", "reward": float("inf")}),
    ):
        with pytest.raises(error):
            deployment.step(name, "x", **step)
    for outcome in (1.5, float("nan")):
        with pytest.raises(InputError, match=r"outcome|JSON|nan"):
            deployment.end(name, "x", outcome)
    for call, given in ((deployment.run, {}), (deployment.step, {"action": "look"})):
        with pytest.raises(NotFoundError, match="nobody"):
            call(name, "nobody", **given)
    with pytest.raises(NotFoundError):
        deployment.start("nobody")
    assert deployment.state_hash(name) == digest and deployment.run(name, "x").steps == ()


def test_runs_are_listed_by_what_became_of_them(deployment, name):
    walk(deployment, name, "won", 1.0)
    walk(deployment, name, "lost", 0.0)
    walk(deployment, name, "open", None)
    assert {run.id for run in deployment.runs(name)} == {"won", "lost", "open"}
    assert [run.id for run in deployment.runs(name, status="live")] == ["open"]
    assert [run.id for run in deployment.runs(name, status="ended")] == ["lost", "won"]
    assert (
        len(deployment.runs(name, limit=2)) == 2 and deployment.runs(name, status="expired") == []
    )
    for wrong in ({"status": "gone"}, {"limit": 0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            deployment.runs(name, **wrong)


def test_how_a_value_learner_does(deployment, name):
    walk(deployment, name, "won", 1.0)
    walk(deployment, name, "lost", 0.0)
    walk(deployment, name, "open", None)
    report = deployment.value(name)
    assert isinstance(report, ValueReport) and report.learner == deployment.learner(name)
    assert (report.live, report.ended, report.successes, report.expired) == (1, 2, 1, 0)
    assert (report.learner.runs, report.learner.steps, report.learner.open) == (2, 9, 1)
    assert not report.stopping.certified and report.stopping.error == 0.05
    assert report.stopping.log_evidence < report.stopping.log_bar
    assert report.experts and all(weight >= 0.0 for _, weight in report.experts)


def test_a_run_without_steps_expires_and_its_end_is_late(deployment):
    name = deployment.create_value(next(names), wait_seconds=0.2, budget_mb=16).name
    deployment.start(name, id="slow")
    until(lambda: deployment.runs(name, status="expired"))
    late = deployment.end(name, "slow", 1.0)
    assert (late.status, late.outcome) == ("late", 1.0)
    assert [run.id for run in deployment.runs(name, status="late")] == ["slow"]
    report = deployment.value(name)
    assert (report.ended, report.successes, report.late) == (0, 0, 1)


def test_a_run_that_was_stopped_is_closed_and_not_learned(deployment, name):
    walk(deployment, name, "won", 1.0)
    said = walk(deployment, name, "stopped", None)[-1]
    closed = deployment.expire(name, "stopped")
    assert isinstance(closed, RunInfo) and not closed.repeated
    assert (closed.status, closed.outcome, closed.value) == ("expired", None, said.value)
    assert (
        deployment.run(name, "stopped").run == closed and deployment.run(name, "stopped").expired_by
    )
    again, digest = deployment.expire(name, "stopped"), deployment.state_hash(name)
    assert again.repeated and again.status == "expired"
    with pytest.raises(InputError, match="has ended"):
        deployment.expire(name, "won")
    with pytest.raises(InputError, match="expired"):
        deployment.step(name, "stopped", action="more")
    with pytest.raises(NotFoundError, match="nobody"):
        deployment.expire(name, "nobody")
    report = deployment.value(name)
    assert (report.live, report.ended, report.expired) == (0, 1, 1)
    assert (
        deployment.end(name, "stopped", 0.0).status == "late"
        and deployment.state_hash(name) == digest
    )
    assert [event.type for event in deployment.events(learner=name)].count("expired") == 1


def test_while_paused_every_estimate_says_to_ask(deployment, name):
    deployment.start(name, id="x")
    deployment.pause(name, reason="the shop is closed")
    said = deployment.step(name, "x", action="look")
    assert (said.advice, said.stop) == ("ask", False) and "the shop is closed" in said.why
    deployment.resume(name)
    assert "the shop is closed" not in deployment.step(name, "x", action="look").why


def test_each_kind_says_what_to_call_instead(deployment, name):
    cases = deployment.create(next(names), budget_mb=16).name
    for call in (
        deployment.report,
        deployment.asks,
        deployment.versions,
        deployment.exam,
        deployment.autonomy,
        deployment.limits,
    ):
        with pytest.raises(InputError, match="start"):
            call(name)
    with pytest.raises(InputError, match="start"):
        deployment.predict(name, "hello")
    with pytest.raises(InputError, match="start"):
        deployment.feedback(learner=name, record="hello", label="x")
    for call in (deployment.start, deployment.runs, deployment.value):
        with pytest.raises(InputError, match="predict"):
            call(cases)
    with pytest.raises(InputError, match="predict"):
        deployment.step(cases, "x", action="look")
