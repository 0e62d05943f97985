"""`ValueFunction`: what a run will come to, learned from the runs that ended."""

from dataclasses import asdict

import numpy as np
import pytest

from quickstudy import Costs, ValueFunction
from quickstudy.errors import NotFoundError
from quickstudy.learners.value.trajectory import MOST_ROWS
from tests.learners.value.runs import FORMS, play, probe, shop


@pytest.fixture(scope="module")
def wise():
    """A learner that the tests which use it leave as it is."""
    return shop(60)


def test_before_the_first_run_ended_nothing_is_known():
    e = ValueFunction().start(task="A").step({"paid": True})
    assert (e.success_probability, e.value, e.credit) == pytest.approx((0.5, 0.5, 0.0))
    assert (e.low, e.high, e.loop, e.stop, e.advice) == (0.0, 1.0, None, False, "continue")
    assert {p for _, p in e.votes} == {0.5}


@pytest.mark.parametrize("form", FORMS)
def test_it_learns_online_from_every_kind_of_input(form):
    v = ValueFunction()
    said = [play(v, i % 2 == 0, form=form)[-1] for i in range(60)][40:]
    assert min(e.success_probability for e in said[::2]) > 0.7
    assert max(e.success_probability for e in said[1::2]) < 0.3


def test_it_learns_from_actions_without_inputs():
    v = ValueFunction()
    for i in range(40):
        run = v.start()
        e = run.step(action="pay(5)" if i % 2 == 0 else "leave()")
        run.end(float(i % 2 == 0))
        assert i < 20 or (e.success_probability > 0.7) == (i % 2 == 0)


def test_it_learns_from_errors():
    v = ValueFunction()
    for i in range(60):
        run = v.start()
        e = run.step({"a": 1}, error=i % 3 == 0)
        run.end(float(i % 3 != 0))
    assert probe(v, {"a": 1}, error=True).success_probability < 0.2
    assert probe(v, {"a": 1}).success_probability > 0.8
    assert e.success_probability > 0.8


def test_a_state_says_more_than_the_way_there(wise):
    """The third step turns a run that looked lost."""
    run = wise.copy().start()
    said = [run.step(FORMS["record"](good, s)) for s, good in enumerate((False, False, True))]
    assert said[1].success_probability < 0.2 < said[2].success_probability
    assert said[2].credit == max(e.credit for e in said)


def test_runs_that_are_open_at_once_may_end_in_any_order():
    v = ValueFunction()
    order = np.random.default_rng(0).permutation(40)
    for s in range(3):
        for i in range(40):
            run = v.start(id=f"run {i}") if s == 0 else v.run(f"run {i}")
            run.step(FORMS["record"](i % 2 == 0, s))
    assert v.open == tuple(f"run {i}" for i in range(40)) and v.runs == 0
    for i in order:
        v.end(f"run {i}", float(i % 2 == 0))
    assert (v.open, v.runs, v.steps) == ((), 40, 120)
    assert probe(v, {"paid": True, "hour": 0}).success_probability > 0.8
    assert probe(v, {"paid": False, "hour": 0}).success_probability < 0.2


def test_what_ended_counts_at_once_for_runs_under_way():
    v = ValueFunction()
    under_way = v.start()
    first = under_way.step({"paid": True, "hour": 0})
    for _ in range(5):
        play(v, True)
    assert under_way.step({"paid": True, "hour": 1}).success_probability > first.value + 0.2


def test_nothing_of_its_outcome_is_learned_of_a_run_that_expires(wise):
    v = wise.copy()
    run = v.start(task="new")
    run.step({"paid": True, "hour": 0})
    run.expire()
    assert (v.runs, v.tasks, v.open) == (wise.runs, wise.tasks, ())
    for good in (True, False):
        said, before = probe(v, {"paid": good, "hour": 1}), probe(wise, {"paid": good, "hour": 1})
        assert asdict(said) | {"run": ""} == asdict(before) | {"run": ""}


def test_the_oldest_run_expires_when_too_many_are_open():
    v = ValueFunction(most_open=3)
    runs = [v.start() for _ in range(5)]
    assert v.open == tuple(run.id for run in runs[2:])
    for gone in runs[:2]:
        with pytest.raises(NotFoundError, match="start it first"):
            gone.step({"a": 1})
        with pytest.raises(NotFoundError):
            gone.end(1.0)


def test_fewer_runs_may_be_open_from_now_on():
    v = ValueFunction()
    for _ in range(5):
        v.start()
    v.change(most_open=2)
    v.start()
    assert len(v.open) == 2


def test_credits_add_up_along_the_run(wise):
    v = wise.copy()
    for goods in ((True, True, True, True), (False, True, False, True), (True, False)):
        run = v.start()
        said = [run.step(FORMS["record"](good, s)) for s, good in enumerate(goods)]
        p = [e.success_probability for e in said]
        np.testing.assert_allclose([e.credit for e in said[1:]], np.diff(p), atol=1e-12)
        run.end(1.0)


def test_the_first_credit_is_what_the_first_step_adds_to_the_task():
    v = ValueFunction()
    for i in range(40):
        play(v, i % 2 == 0, task="good" if i % 2 == 0 else "bad")
    known = probe(v, {"paid": True, "hour": 0}, task="good")
    turn = probe(v, {"paid": False, "hour": 0}, task="good")
    assert 0.0 <= known.credit < 0.3
    assert turn.credit < known.credit - 0.1
    assert turn.success_probability - turn.credit == pytest.approx(
        known.success_probability - known.credit
    )


def test_tasks_are_remembered():
    v = ValueFunction()
    for _ in range(20):
        for task, outcome in (("easy", 1.0), ("hard", 0.0)):
            run = v.start(task=task)
            run.step({"a": 1})
            run.end(outcome)
    assert v.tasks == 2
    assert probe(v, {"a": 1}, task="easy").success_probability > 0.8
    assert probe(v, {"a": 1}, task="hard").success_probability < 0.2
    assert 0.3 < probe(v, {"a": 1}, task="other").success_probability < 0.7


def test_the_task_without_a_name_is_a_task_too():
    v = ValueFunction()
    for i in range(20):
        run = v.start(task="" if i % 2 else "other")
        run.step({"a": 1})
        run.end(float(i % 2))
    assert dict(probe(v, {"a": 1}).votes)["task"] == pytest.approx(0.5)


def test_graded_outcomes_have_a_value_and_a_success_of_their_own():
    v = ValueFunction(outcome_range=(0.0, 100.0), success=50.0)
    for i in range(60):
        run = v.start()
        good, last = run.step({"good": i % 2 == 0}), i >= 40
        run.end(80.0 if i % 2 == 0 else 30.0)
        assert not last or abs(good.value - (80.0 if i % 2 == 0 else 30.0)) < 10.0
        assert not last or (good.success_probability > 0.8) == (i % 2 == 0)
        assert good.low <= good.value <= good.high


def test_a_value_is_in_units_of_the_outcome_from_the_first_step_on():
    e = ValueFunction(outcome_range=(5.0, 10.0), success=7.0).start().step({"a": 1})
    assert 5.0 <= e.low <= e.value <= e.high <= 10.0


def test_success_may_be_told_apart_from_the_outcome():
    v = ValueFunction(outcome_range=(0.0, 1.0))
    for i in range(60):
        run = v.start()
        run.step({"good": i % 2 == 0})
        run.end(0.5, success=i % 2 == 0)
    for good in (True, False):
        e = probe(v, {"good": good})
        assert (e.success_probability > 0.8) == good
        assert e.value == pytest.approx(0.5, abs=0.05)


@pytest.mark.parametrize("discount, values", [(1.0, (3.5, 2.5, 0.5)), (0.5, (2.125, 2.25, 0.5))])
def test_values_hold_the_rewards_to_come(discount, values):
    """Step 2 brings 1, step 3 brings 2, and the end is worth a half."""
    v = ValueFunction(discount=discount)
    for _ in range(100):
        run = v.start()
        said = [run.step({"s": s}, reward=float(s)) for s in range(3)]
        run.end(0.5)
    assert [e.value for e in said] == pytest.approx(values, abs=0.15)


def test_success_is_not_discounted():
    v = ValueFunction(discount=0.1)
    for _ in range(40):
        play(v, True)
    e = probe(v, {"paid": True, "hour": 0})
    assert e.success_probability > 0.9 and e.value < 0.2


def test_fields_join_in_mid_stream_and_in_mid_run():
    v = ValueFunction()
    for i in range(30):
        run = v.start()
        run.step({"old": i})
        run.end(float(i % 2))
    for i in range(60):
        run = v.start()
        run.step({"old": i})
        e = run.step({"old": i, "new": float(i % 2), "note": "words that are quite new to it"})
        run.end(float(i % 2))
        assert i < 50 or (e.success_probability > 0.7) == bool(i % 2)


def test_what_comes_after_the_features_are_frozen_does_no_harm():
    v = ValueFunction()
    for i in range(165):
        play(v, i % 2 == 0, steps=1)
    before = probe(v, {"paid": True, "hour": 0}).success_probability
    for i in range(20):
        run = v.start()
        run.step({"paid": i % 2 == 0, "hour": 0, "late": i, "at": [0.6, 0.8]})
        run.step("all of a sudden a text without any field")
        run.end(float(i % 2 == 0))
    e = probe(v, {"paid": True, "hour": 0, "late": 7})
    assert e.success_probability > before - 0.1 > 0.7
    assert v.copy().state_hash() == v.state_hash()


def test_a_very_long_run_is_learned_and_the_next_ones_go_on():
    v, last = shop(10), []
    for good in (True, False):
        run = v.start()
        for s in range(MOST_ROWS + 20):
            e = run.step(FORMS["record"](good, s), action=f"look({s})")
        last.append(e)
        copy = v.copy()
        for each in (v, copy):
            each.end(run.id, float(good))
        assert v.state_hash() == copy.state_hash()
    assert [e.step for e in last] == [MOST_ROWS + 20] * 2
    assert (v.runs, v.steps) == (12, 30 + 2 * MOST_ROWS + 40)
    assert last[1].steps_left < MOST_ROWS
    assert probe(v, {"paid": True, "hour": 1}).success_probability > 0.7


def test_a_run_without_a_step_teaches_nothing(wise):
    v = wise.copy()
    v.start().end(0.0)
    assert v.runs == wise.runs
    assert probe(v, {"paid": True}).value == probe(wise, {"paid": True}).value


def test_costs_change_the_advice_and_nothing_else(wise):
    v = wise.copy()
    v.change(costs=Costs(step=1.0))
    said, before = probe(v, {"paid": False, "hour": 0}), probe(wise, {"paid": False, "hour": 0})
    assert (before.advice, said.advice, said.stop) == ("continue", "stop", False)
    assert said.value == before.value
    v.change(costs=Costs())
    assert v.state_hash() == wise.state_hash()


def test_another_stop_error_has_to_be_proved_anew(wise):
    v = wise.copy()
    v.change(stop_error=v.stopping["error"])
    assert v.state_hash() == wise.state_hash()
    v.change(stop_error=0.2)
    assert (v.stopping["error"], v.stopping["level"]) == (0.2, 0)
    assert set(v.stopping["log_evidence"]) == {0.0}


def test_whatever_comes_estimates_are_in_bounds():
    rng = np.random.default_rng(0)
    v = ValueFunction(outcome_range=(-2.0, 3.0), success=0.0, discount=0.9, costs={"step": 0.1})
    for i in range(60):
        run, start = v.start(task=f"t{i % 3}"), None
        for _ in range(int(rng.integers(1, 8))):
            x = {"a": float(rng.standard_cauchy() * 10.0 ** rng.integers(-9, 9)), "b": "xyz"[i % 3]}
            reward = float(rng.normal())
            e = run.step(x, action=rng.choice(["a()", "b()"]), reward=reward)
            start = e.success_probability - e.credit if start is None else start
            numbers = [e.value, e.low, e.high, e.steps_left, e.credit, *dict(e.votes).values()]
            assert np.isfinite(numbers).all() and e.low <= e.value <= e.high
            assert 0.0 < e.success_probability < 1.0 and e.steps_left >= 0.0
            assert all(0.0 <= p <= 1.0 for p in dict(e.votes).values())
            assert [name for name, _ in e.votes] == [name for name, _ in v.experts]
        run.end(float(rng.uniform(-2.0, 3.0)))


def test_wide_vectors_are_learned():
    rng, (good, bad) = np.random.default_rng(0), np.random.default_rng(1).normal(size=(2, 500))
    v = ValueFunction()
    for i in range(60):
        run = v.start()
        e = run.step((good if i % 2 else bad) * 0.1 + rng.normal(size=500) * 0.05)
        run.end(float(i % 2))
        assert i < 40 or (e.success_probability > 0.6) == bool(i % 2)


def test_certified_stops_are_said_with_their_reason():
    v, rng = ValueFunction(stop_error=0.25, loops=False), np.random.default_rng(0)
    wrong, stopped = 0, 0
    for i in range(500):
        hopeless = i % 2 == 0
        run = v.start()
        e = run.step({"a": float(hopeless) + float(rng.normal() * 0.2)})
        success = not hopeless and bool(rng.random() < 0.9)
        if e.stop:
            assert e.advice == "stop" and "at most 25 %" in e.why and v.stopping["level"] > 0
            assert run.step({"a": 0.0}).stop  # it stays so
            run.expire()
            wrong, stopped = wrong + success, stopped + 1
        else:
            run.end(float(success))
    assert stopped > 50 and wrong <= 0.25 * stopped
    assert v.runs == 500 - stopped
    assert v.stopping["alarms"] == 0 and 0.0 < max(v.stopping["thresholds"]) < 1.0


@pytest.fixture(scope="module")
def stopping():
    """A learner that may stop runs."""
    v, rng = ValueFunction(stop_error=0.3), np.random.default_rng(0)
    for i in range(600):
        run = v.start()
        run.step({"a": float(i % 2) + float(rng.normal() * 0.1)})
        run.end(float(i % 2 == 0))
    assert v.stopping["level"] > 0
    return v


def test_an_id_that_is_used_again_is_another_run(stopping):
    v = stopping.copy()
    left = next(run for run in (v.start() for _ in range(300)) if not run.step({"a": 1.0}).stop)
    assert left.id in v.open  # an audit, which later runs wait for
    told = next(f"n{i}" for i in range(100) if v.start(id=f"n{i}").step({"a": 1.0}).stop)
    v.expire(told)
    assert not v.start(id=told).step({"a": 0.0}).stop


def test_nothing_is_learned_of_a_run_that_went_on_though_it_was_told_to_stop(stopping):
    v, before = stopping.copy(), stopping.stopping["log_evidence"]
    told = next(
        run for run in (v.start(task="new") for _ in range(100)) if run.step({"a": 1.0}).stop
    )
    assert told.step({"a": 0.0}).stop
    told.end(1.0)
    assert (v.runs, v.tasks, v.stopping["alarms"]) == (stopping.runs, 0, 0)
    assert v.stopping["log_evidence"] == before
    with pytest.raises(NotFoundError):
        told.step({"a": 1.0})


def loops_of(deadly, *, runs=60, **settings):
    """Every other run does the same three times; whether that is the end of it, and a last word."""
    v = ValueFunction(**settings)
    for i in range(runs):
        run = v.start()
        for s in range(4):
            run.step(action="test()" if i % 2 else f"test({s})")
        run.end(float(i % 4 in ((0, 2) if deadly else (0, 1))))
    run = v.start()
    return [run.step(action="test()") for _ in range(4)]


def test_a_loop_that_is_deadly_in_the_data_lowers_the_probability():
    said = loops_of(True)
    assert said[-1].loop.kind == "repeat" and said[-1].loop.times == 4
    assert said[-1].loop.success < 0.1 and said[-1].loop.runs == 30
    assert said[-1].success_probability < 0.15
    assert said[-1].success_probability < said[0].success_probability
    assert "same step 4 times in a row" in said[-1].why


def test_a_loop_that_is_harmless_in_the_data_does_not():
    said = loops_of(False)
    assert said[-1].loop.success == pytest.approx(0.5, abs=0.05)
    assert abs(said[-1].success_probability - 0.5) < 0.15


def test_loops_are_not_looked_for_where_they_are_switched_off():
    said = loops_of(True, loops=False)
    assert {e.loop for e in said} == {None}


def test_the_kind_of_action_counts_without_loops_too():
    v = ValueFunction(loops=False)
    for i in range(60):
        run = v.start()
        run.step({"a": 1}, action="pay()" if i % 2 else "leave()")
        run.end(float(i % 2))
    assert probe(v, {"a": 1}, action="pay()").success_probability > 0.8


@pytest.fixture(scope="module")
def airline():
    """The first twelve steps of 200 runs on record, each said before its run ended."""
    from quickstudy.datasets.runs import load_tau_airline

    v, said = ValueFunction(), []
    for recorded in load_tau_airline():
        run = v.start(task=recorded.task)
        steps = [run.step(s.x, action=s.action, error=s.error) for s in recorded.steps[:12]]
        said.append((recorded.outcome, steps))
        run.end(recorded.outcome)
    return said


def test_on_runs_on_record_it_tells_good_ones_from_bad_ones(airline):
    outcomes = np.array([outcome for outcome, _ in airline])[100:]
    p = np.array([steps[-1].success_probability for _, steps in airline])[100:]
    above = p[outcomes == 1.0][:, None] - p[outcomes == 0.0][None]
    assert (above > 0.0).mean() > 0.7
    rate = outcomes.mean()
    assert ((p - outcomes) ** 2).mean() < rate * (1.0 - rate) - 0.02


def test_on_runs_on_record_intervals_cover_nine_in_ten(airline):
    held = [
        steps[at].low <= outcome <= steps[at].high
        for outcome, steps in airline[50:]
        for at in range(0, len(steps), 4)
    ]
    assert 0.84 < np.mean(held) < 0.96
