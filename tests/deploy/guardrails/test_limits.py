"""Limits hold whatever the learner says, however clocks run, and whatever was kept of their use."""

import json
import os

import pytest
from hypothesis import given
from hypothesis import strategies as some

from quickstudy.api.guardrails import Allowed, Limits
from quickstudy.deploy.guardrails.limits import (
    LimitState,
    PauseFile,
    checked_limits,
    decode_limits,
    encode_limits,
)
from quickstudy.errors import SettingError
from tests.examples import many

DAY = 86_400.0
NOON = 20_000 * DAY + DAY / 2
X = {"amount": 9}
FULL = Limits(
    never=("amount > 500", "label == 'sue'"),
    allowed=(Allowed("country == 'CH'", ("refund", 1)), Allowed("true", ("refund", 1, True, "1"))),
    per_minute=2,
    costs=(("refund", 2.5), (1, 1.0), (True, 3.0), ("1", 7.0)),
    spend_per_day=10.0,
)


def rails(usage=None, **limits):
    return LimitState(checked_limits(Limits(**limits)), usage or {})


def test_limits_come_back_as_they_were_written():
    for limits in (FULL, Limits()):
        assert decode_limits(encode_limits(checked_limits(limits))) == limits
    kinds = [type(label) for label, _ in decode_limits(encode_limits(FULL)).costs]
    assert kinds == [str, int, bool, str]


def test_lists_are_taken_too_and_numbers_get_their_types():
    made = checked_limits(Limits(["a > 1"], [Allowed("b", ["x"])], 3, [["x", 2]], 5))
    assert made == Limits(("a > 1",), (Allowed("b", ("x",)),), 3, (("x", 2.0),), 5.0)
    assert hash(made)


@pytest.mark.parametrize(
    ("limits", "said"),
    [
        ({"never": ("a > 1", "a >")}, r"never\[1\]: at character 4"),
        ({"never": "a > 1"}, "never is 'a > 1'; it must be a list"),
        ({"never": (5,)}, r"never\[0\] is a int"),
        ({"never": ("a",) * 101}, "never has 101 entries"),
        ({"allowed": (Allowed("a >", ("x",)),)}, r"allowed\[0\].when: at character 4"),
        ({"allowed": (Allowed("a", "xy"),)}, r"allowed\[0\].labels is 'xy'"),
        ({"allowed": (Allowed("a", (1.5,)),)}, r"allowed\[0\].labels\[0\]: label 1.5 is a float"),
        ({"allowed": ("a",)}, r"allowed\[0\] is 'a'"),
        ({"per_minute": -1}, "per_minute is -1"),
        ({"per_minute": 1.5}, "per_minute is 1.5"),
        ({"per_minute": True}, "per_minute is True"),
        ({"per_minute": 10**9}, "per_minute is 1000000000"),
        ({"costs": (("x", -1),)}, r"costs\[0\].cost is -1"),
        ({"costs": (("x", "5"),)}, r"costs\[0\].cost is '5'"),
        ({"costs": (("x", float("nan")),)}, r"costs\[0\].cost is nan"),
        ({"costs": (("x", 10**400),)}, r"costs\[0\].cost is 1000"),
        ({"costs": (("x", None),)}, r"costs\[0\].cost is None"),
        ({"costs": (("x", 1), (1, 1), ("x", 2))}, r"costs\[2\]: label 'x' is there twice"),
        ({"costs": ("x",)}, r"costs\[0\] is 'x'"),
        ({"costs": {"x": 1}}, "costs is {'x': 1}; it must be a list"),
        ({"spend_per_day": float("inf"), "costs": (("x", 1),)}, "spend_per_day is inf"),
        ({"spend_per_day": False, "costs": (("x", 1),)}, "spend_per_day is False"),
        ({"spend_per_day": 5, "costs": (("x", 0),)}, "no label has a cost"),
    ],
)
def test_limits_that_limit_nothing_or_are_out_of_range_are_refused_by_name(limits, said):
    with pytest.raises(SettingError, match=said):
        checked_limits(Limits(**limits))


def test_each_limit_says_itself():
    held = rails(
        never=("amount > 500 and label == 'refund'",),
        allowed=(Allowed("country == 'CH'", ("refund", "wait")), Allowed("minor", ())),
        per_minute=2,
        costs=(("refund", 60),),
        spend_per_day=100,
    )
    assert held.refusal({"amount": 501}, "refund", NOON) == (
        "never: amount > 500 and label == 'refund'"
    )
    assert held.refusal({"amount": 501}, "wait", NOON) == ""
    assert held.refusal({"country": "CH"}, "sue", NOON) == (
        "allowed: where country == 'CH', only refund, wait"
    )
    assert held.refusal({"country": "CH"}, "wait", NOON) == ""
    both = {"country": "CH", "minor": True}
    assert held.refusal(both, "wait", NOON) == "allowed: where minor, only a person decides"
    held.acted("refund", NOON)
    assert held.refusal(X, "refund", NOON) == "spend: 100 a day"
    assert held.refusal(X, "wait", NOON) == ""
    held.acted("wait", NOON)
    assert held.refusal(X, "wait", NOON) == "rate: 2 actions a minute"
    assert held.acted_last_minute(NOON) == 2 and held.spent_today(NOON) == 60.0


def test_without_limits_nothing_is_refused_and_all_is_counted():
    held = rails()
    for i in range(100):
        assert held.refusal("a text", "y", NOON + i) == ""
        held.acted("y", NOON + i)
    assert held.acted_last_minute(NOON + 99) == 61 and held.spent_today(NOON + 99) == 0.0


def test_labels_of_three_types_cost_what_they_cost():
    for label, cost in ((1, 1.0), (True, 3.0), ("1", 7.0), (0, 0.0), (None, 0.0)):
        held = LimitState(FULL, {})
        held.acted(label, NOON)
        assert held.spent_today(NOON) == cost
    only = rails(allowed=(Allowed("true", (1,)),))
    assert [only.refusal(X, y, NOON) == "" for y in (1, True, "1", None)] == [True] + [False] * 3


def test_an_action_counts_for_a_minute_to_the_second():
    held = rails(per_minute=1)
    held.acted("y", NOON + 0.9)
    for later in (0.9, 1.0, 30.0, 59.9, 60.8, 60.99):
        assert held.refusal(X, "y", NOON + later) and held.acted_last_minute(NOON + later) == 1
    assert held.refusal(X, "y", NOON + 61.0) == "" and held.acted_last_minute(NOON + 61.0) == 0


def test_a_day_begins_at_midnight_utc():
    held = rails(costs=(("y", 6),), spend_per_day=10)
    midnight = 20_001 * DAY
    held.acted("y", midnight - 0.5)
    assert held.refusal(X, "y", midnight - 0.1) and held.spent_today(midnight - 0.1) == 6.0
    assert not held.refusal(X, "y", midnight) and held.spent_today(midnight) == 0.0


def test_money_is_added_up_exactly():
    held = rails(costs=(("y", 0.1), ("z", 0.2), ("dust", 1e-300)), spend_per_day=0.3)
    held.acted("z", NOON)
    assert held.refusal(X, "y", NOON) == ""  # although 0.1 + 0.2 > 0.3 in floats
    held.acted("y", NOON)
    assert held.spent_today(NOON) == 0.3
    assert held.refusal(X, "dust", NOON) and not held.refusal(X, "free", NOON)
    assert rails(costs=(("y", 1e12),), spend_per_day=1e12).refusal(X, "y", NOON) == ""


def test_zero_allows_nothing():
    assert rails(per_minute=0).refusal(X, "y", NOON)
    held = rails(costs=(("y", 1e-9),), spend_per_day=0)
    assert held.refusal(X, "y", NOON) and not held.refusal(X, "free", NOON)


def test_a_clock_that_goes_back_frees_nothing():
    held = rails(per_minute=2, costs=(("y", 6),), spend_per_day=10)
    held.acted("y", NOON)
    for back in (1.0, 61.0, DAY, 100 * DAY):
        assert held.acted_last_minute(NOON - back) == 1
        assert held.refusal(X, "y", NOON - back) == "spend: 10 a day"
    held.acted("free", NOON - DAY)
    assert held.refusal(X, "free", NOON - DAY) == held.refusal(X, "free", NOON + 60) != ""
    assert held.refusal(X, "free", NOON + 61) == ""


def test_what_is_used_up_outlives_a_restart_and_new_limits():
    held = rails(per_minute=2, costs=(("y", 6),), spend_per_day=10)
    held.acted("y", NOON)
    held.acted("free", NOON + 30)
    kept = json.loads(json.dumps(held.usage))
    again = rails(kept, per_minute=2, costs=(("y", 6),), spend_per_day=10)
    assert again.usage == held.usage
    for later in (30.0, 60.9, 61.0, 91.0, DAY):
        for label in ("y", "free"):
            now = NOON + later
            assert again.refusal(X, label, now) == held.refusal(X, label, now)
    assert rails(kept, per_minute=1).refusal(X, "free", NOON + 60.0)
    assert not rails(kept, per_minute=3).refusal(X, "free", NOON + 60.0)


def test_an_action_that_did_not_happen_is_taken_back():
    held = rails(per_minute=1, costs=(("y", 6),), spend_per_day=10)
    before = held.usage
    held.acted("y", NOON)
    held.restore(before)
    assert held.usage == before and held.refusal(X, "y", NOON) == ""


def test_what_is_kept_stays_small():
    held = rails()
    for i in range(1000):
        held.acted("y", NOON + i)
    assert len(held.usage["counts"]) == 61 and len(json.dumps(held.usage)) < 250
    held.acted("y", NOON + 10_000)
    assert held.usage["counts"] == [1]


STEPS = some.sampled_from([0.0, 0.3, 0.999, 1.0, 7.5, 29.9, 59.0, 60.0, 61.0, 3600.0, DAY])
CASES = some.lists(some.tuples(STEPS, some.sampled_from(["a", "b", "c"])), max_size=120)
JUMPS = some.sampled_from([0.0, 0.4, 1.0, 20.0, 61.0, -0.5, -1.0, -59.0, -61.0, -DAY])
PRICES = {"a": 0.1, "b": 2.5, "c": 0.0}


def run(held, times):
    """Ask for each (time, label), act where that is allowed; the actions."""
    done = []
    for now, label in times:
        if not held.refusal(X, label, now):
            held.acted(label, now)
            done.append((now, label))
        held = LimitState(held.limits, json.loads(json.dumps(held.usage)))  # a restart
    return done


@given(CASES, some.integers(0, 5))
@many(150)
def test_there_are_never_more_actions_in_any_minute(cases, most):
    now, times = NOON, []
    for step, label in cases:
        now += step
        times.append((now, label))
    done = [at for at, _ in run(rails(per_minute=most), times)]
    for i, first in enumerate(done):
        assert sum(at - first <= 60.0 for at in done[i:]) <= most
    refused = [at for at, _ in times if at not in done]
    for at in refused:  # and none is refused without need
        assert sum(at - 61.0 < other <= at for other in done) >= most


@given(CASES, some.sampled_from([0.0, 0.25, 0.3, 2.6, 7.5]))
@many(150)
def test_a_day_never_costs_more(cases, most):
    now, times = NOON, []
    for step, label in cases:
        now += step
        times.append((now, label))
    done = run(rails(costs=tuple(PRICES.items()), spend_per_day=most), times)
    tenths = {"a": 1, "b": 25, "c": 0}
    for day in {at // DAY for at, _ in done}:
        assert sum(tenths[label] for at, label in done if at // DAY == day) <= most * 10 + 1e-9
    assert sum(label == "c" for _, label in done) == sum(label == "c" for _, label in cases)


@given(some.lists(JUMPS, max_size=80), some.integers(1, 4))
@many(150)
def test_a_clock_that_jumps_never_allows_more_than_one_that_waits(jumps, most):
    """Judged by the latest time that any action had so far: real clocks do not go back."""
    limits = {"per_minute": most, "costs": (("y", 1),), "spend_per_day": 3 * most}
    held, now, done = rails(**limits), NOON, []
    for jump in jumps:
        now += jump
        if not held.refusal(X, "y", now):
            held.acted("y", now)
            done.append(max([now, *done[-1:]]))
    for i, first in enumerate(done):
        assert sum(at - first < 60.0 for at in done[i:]) <= most
    for day in {at // DAY for at in done}:
        assert sum(at // DAY == day for at in done) <= 3 * most


@pytest.fixture
def pause(tmp_path):
    return PauseFile(tmp_path)


def test_a_file_pauses_until_it_is_removed(pause, tmp_path):
    file = tmp_path / "PAUSE"
    assert pause.reason() is None
    file.touch()
    assert pause.reason() == ""
    file.write_text("  audit of the refunds, until Monday – ana\n", "utf-8")
    assert pause.reason() == "audit of the refunds, until Monday – ana"
    file.write_text("  audit of the refunds, until Friday – ana\n", "utf-8")
    os.utime(file, ns=(1, 1))
    assert pause.reason() == "audit of the refunds, until Friday – ana"
    file.unlink()
    assert pause.reason() is None


def test_a_file_that_is_put_in_its_place_is_read(pause, tmp_path):
    for reason in ("one", "two"):
        (tmp_path / "new").write_text(reason)
        os.utime(tmp_path / "new", ns=(5, 5))
        (tmp_path / "new").rename(tmp_path / "PAUSE")
        assert pause.reason() == reason


def test_what_is_there_and_cannot_be_read_pauses_all_the_same(pause, tmp_path):
    (tmp_path / "PAUSE").write_bytes(b"\xff\xfe" + b"x" * 5000)
    assert 900 < len(pause.reason()) <= 1000
    (tmp_path / "PAUSE").unlink()
    (tmp_path / "PAUSE").mkdir()
    assert pause.reason() == "PAUSE is no plain file"
    (tmp_path / "PAUSE").rmdir()
    (tmp_path / "PAUSE").symlink_to("PAUSE")
    assert "cannot be read" in pause.reason()
    (tmp_path / "PAUSE").unlink()
    os.mkfifo(tmp_path / "PAUSE")
    assert pause.reason() == "PAUSE is no plain file"


def test_without_its_folder_there_is_no_pause(tmp_path):
    assert PauseFile(tmp_path / "work.db.d").reason() is None
