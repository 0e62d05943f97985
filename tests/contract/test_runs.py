"""One contract of runs for both ends: a store in the process, and one over HTTP."""

import itertools
from contextlib import ExitStack

import numpy as np
import pytest

import quickstudy
from quickstudy import Costs
from quickstudy.api.runs import RunInfo, RunReport, ValueInfo, ValueReport
from quickstudy.errors import InputError, NotFoundError, RecordError, SettingError
from quickstudy.types import Estimate
from tests.serve.support import running, until

names = (f"learner {i}" for i in itertools.count())


@pytest.fixture(scope="module", params=["open", "connect"])
def desk(request, tmp_path_factory):
    """A deployment, here or behind a server."""
    with ExitStack() as stack:
        path = tmp_path_factory.mktemp("store") / "work.db"
        deployment = stack.enter_context(quickstudy.open(path))
        if request.param == "connect":
            address = stack.enter_context(running(deployment))
            yield stack.enter_context(quickstudy.connect(address))
        else:
            yield deployment


@pytest.fixture
def name(desk):
    """A value learner that knows nothing yet."""
    return desk.create_value(next(names), seed=0, budget_mb=16).name


def walk(desk, name, id, outcome, steps=3):
    """A whole run; the estimates on its way."""
    desk.start(name, task="a flight", id=id)
    said = [desk.step(name, id, f"page {i}", action=f"open({i})") for i in range(steps)]
    if outcome is not None:
        desk.end(name, id, outcome)
    return said


def test_settings_are_kept_and_changed(desk):
    info = desk.create_value(
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
    changed = desk.change(info.name, costs=Costs(failure=0.5), wait_seconds=60.0).settings
    assert (changed.costs, changed.wait_seconds) == (Costs(failure=0.5), 60.0)
    assert desk.change(info.name, costs={"step": 0.25}).settings.costs.step == 0.25
    assert desk.change(info.name, stop_error=0.2, most_open=9).settings.most_open == 9
    assert desk.learner(info.name).settings.stop_error == 0.2
    for wrong in ({"stop_error": 2.0}, {"most_open": 0}, {"wait_seconds": -1.0}):
        with pytest.raises(SettingError, match=next(iter(wrong))):
            desk.change(info.name, **wrong)
    with pytest.raises(SettingError, match="costs"):
        desk.change(info.name, costs={"step": -1.0})
    assert desk.learner(info.name).settings.most_open == 9


def test_learners_of_both_kinds_are_in_one_list(desk, name):
    cases = desk.create(next(names), budget_mb=16).name
    kinds = {info.name: info.kind for info in desk.learners()}
    assert (kinds[name], kinds[cases]) == ("value", "classifier")
    assert isinstance(desk.learner(name), ValueInfo) and desk.learner(cases).labels == ()
    with pytest.raises(InputError, match="already"):
        desk.create_value(cases)
    with pytest.raises(InputError, match="already"):
        desk.create(name)
    desk.delete(name)
    with pytest.raises(NotFoundError):
        desk.value(name)


def test_a_run_from_its_start_to_its_end(desk, name):
    begun = desk.start(name, task="a flight")
    assert isinstance(begun, RunInfo) and begun.id.startswith("r_")
    assert (begun.status, begun.steps, begun.value, begun.outcome) == ("live", 0, None, None)
    inputs = ["3 flights", {"price": 9.5}, np.arange(3.0), None]
    for number, given in enumerate(inputs, 1):
        said = desk.step(name, begun.id, given, action=f"act {number}", reward=0.5)
        assert isinstance(said, Estimate) and (said.run, said.step) == (begun.id, number)
        assert said.low <= said.value <= said.high and 0.0 <= said.success_probability <= 1.0
        assert said.advice in ("continue", "stop", "ask") and said.why and said.votes
    report = desk.run(name, begun.id)
    assert isinstance(report, RunReport) and [s.number for s in report.steps] == [1, 2, 3, 4]
    sent = [s.input for s in report.steps]
    assert sent == ["3 flights", {"price": 9.5}, [0.0, 1.0, 2.0], None]
    assert report.steps[-1].estimate == said and report.steps[-1].action == "act 4"
    assert report.run.success_probability == said.success_probability
    done = desk.end(name, begun.id, 1.0, source="checker")
    assert (done.status, done.outcome, done.success, done.steps) == ("ended", 1.0, True, 4)
    assert desk.run(name, begun.id).run == done
    types = [event.type for event in desk.events(learner=name)]
    assert types == ["created", "run_started", *["stepped"] * 4, "run_ended"]


def test_runs_that_end_teach(desk, name):
    before = walk(desk, name, "first", 1.0)[0].success_probability
    for i in range(15):
        walk(desk, name, f"bad {i}", 0.0)
    assert walk(desk, name, "last", None)[0].success_probability < before


def test_what_is_said_again_counts_once(desk, name):
    one, two = (desk.start(name, task="a flight", id="mine") for _ in range(2))
    assert (one.id, one.started) == (two.id, two.started) and two.repeated
    said, again = (desk.step(name, "mine", action="look", number=1) for _ in range(2))
    assert said == again and desk.run(name, "mine").run.steps == 1
    for number, action in ((1, "book"), (3, "look"), (0, "look")):
        with pytest.raises(InputError, match="number"):
            desk.step(name, "mine", action=action, number=number)
    with pytest.raises(InputError, match="id"):
        desk.start(name, task="another", id="mine")
    one, two = (desk.end(name, "mine", 0.0) for _ in range(2))
    assert (one.repeated, two.repeated) == (False, True) and two.outcome == 0.0
    with pytest.raises(InputError, match="outcome"):
        desk.end(name, "mine", 1.0)
    with pytest.raises(InputError, match="ended"):
        desk.step(name, "mine", action="more")
    assert desk.value(name).ended == 1


def test_what_cannot_be_is_refused_and_changes_nothing(desk, name):
    desk.start(name, id="x")
    digest = desk.state_hash(name)
    for error, step in (
        (InputError, {}),
        (RecordError, {"x": {"price": {}}}),
        (RecordError, {"x": {"price": float("nan")}}),
        (InputError, {"action": "look", "reward": float("inf")}),
    ):
        with pytest.raises(error):
            desk.step(name, "x", **step)
    for outcome in (1.5, float("nan")):
        with pytest.raises(InputError, match=r"outcome|JSON|nan"):
            desk.end(name, "x", outcome)
    for call, given in ((desk.run, {}), (desk.step, {"action": "look"})):
        with pytest.raises(NotFoundError, match="nobody"):
            call(name, "nobody", **given)
    with pytest.raises(NotFoundError):
        desk.start("nobody")
    assert desk.state_hash(name) == digest and desk.run(name, "x").steps == ()


def test_runs_are_listed_by_what_became_of_them(desk, name):
    walk(desk, name, "won", 1.0)
    walk(desk, name, "lost", 0.0)
    walk(desk, name, "open", None)
    assert {run.id for run in desk.runs(name)} == {"won", "lost", "open"}
    assert [run.id for run in desk.runs(name, status="live")] == ["open"]
    assert [run.id for run in desk.runs(name, status="ended")] == ["lost", "won"]
    assert len(desk.runs(name, limit=2)) == 2 and desk.runs(name, status="expired") == []
    for wrong in ({"status": "gone"}, {"limit": 0}):
        with pytest.raises(InputError, match=next(iter(wrong))):
            desk.runs(name, **wrong)


def test_how_a_value_learner_does(desk, name):
    walk(desk, name, "won", 1.0)
    walk(desk, name, "lost", 0.0)
    walk(desk, name, "open", None)
    report = desk.value(name)
    assert isinstance(report, ValueReport) and report.learner == desk.learner(name)
    assert (report.live, report.ended, report.successes, report.expired) == (1, 2, 1, 0)
    assert (report.learner.runs, report.learner.steps, report.learner.open) == (2, 9, 1)
    assert not report.stopping.certified and report.stopping.error == 0.05
    assert report.stopping.log_evidence < report.stopping.log_bar
    assert report.experts and all(weight >= 0.0 for _, weight in report.experts)


def test_a_run_without_steps_expires_and_its_end_is_late(desk):
    name = desk.create_value(next(names), wait_seconds=0.2, budget_mb=16).name
    desk.start(name, id="slow")
    until(lambda: desk.runs(name, status="expired"))
    late = desk.end(name, "slow", 1.0)
    assert (late.status, late.outcome) == ("late", 1.0)
    assert [run.id for run in desk.runs(name, status="late")] == ["slow"]
    report = desk.value(name)
    assert (report.ended, report.successes, report.late) == (0, 0, 1)


def test_a_run_that_was_stopped_is_closed_and_not_learned(desk, name):
    walk(desk, name, "won", 1.0)
    said = walk(desk, name, "stopped", None)[-1]
    closed = desk.expire(name, "stopped")
    assert isinstance(closed, RunInfo) and not closed.repeated
    assert (closed.status, closed.outcome, closed.value) == ("expired", None, said.value)
    assert desk.run(name, "stopped").run == closed and desk.run(name, "stopped").expired_by
    again, digest = desk.expire(name, "stopped"), desk.state_hash(name)
    assert again.repeated and again.status == "expired"
    with pytest.raises(InputError, match="has ended"):
        desk.expire(name, "won")
    with pytest.raises(InputError, match="expired"):
        desk.step(name, "stopped", action="more")
    with pytest.raises(NotFoundError, match="nobody"):
        desk.expire(name, "nobody")
    report = desk.value(name)
    assert (report.live, report.ended, report.expired) == (0, 1, 1)
    assert desk.end(name, "stopped", 0.0).status == "late" and desk.state_hash(name) == digest
    assert [event.type for event in desk.events(learner=name)].count("expired") == 1


def test_while_paused_every_estimate_says_to_ask(desk, name):
    desk.start(name, id="x")
    desk.pause(name, reason="the shop is closed")
    said = desk.step(name, "x", action="look")
    assert (said.advice, said.stop) == ("ask", False) and "the shop is closed" in said.why
    desk.resume(name)
    assert "the shop is closed" not in desk.step(name, "x", action="look").why


def test_each_kind_says_what_to_call_instead(desk, name):
    cases = desk.create(next(names), budget_mb=16).name
    for call in (desk.report, desk.asks, desk.versions, desk.exam, desk.autonomy, desk.limits):
        with pytest.raises(InputError, match="start"):
            call(name)
    with pytest.raises(InputError, match="start"):
        desk.predict(name, "hello")
    with pytest.raises(InputError, match="start"):
        desk.feedback(learner=name, record="hello", label="x")
    for call in (desk.start, desk.runs, desk.value):
        with pytest.raises(InputError, match="predict"):
            call(cases)
    with pytest.raises(InputError, match="predict"):
        desk.step(cases, "x", action="look")
