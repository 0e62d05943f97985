"""Advice by costs: what going on, stopping and asking are worth, worked out by hand."""

import pytest

from quickstudy import Costs
from quickstudy.errors import SettingError
from quickstudy.learners.value.advice import advise, checked_costs, told_to_stop, with_loop
from quickstudy.types import Loop


def advice_of(costs, *, value=0.3, success=0.3, steps_left=10.0, worth=1.0):
    return advise(costs, value=value, success=success, steps_left=steps_left, worth=worth)


@pytest.mark.parametrize(
    "costs, value, advice, worth",
    [
        (Costs(), 0.01, "continue", "0.01"),
        (Costs(step=0.02), 0.3, "continue", "0.10"),
        (Costs(step=0.02), 0.1, "stop", "-0.10"),
        (Costs(failure=0.5), 0.3, "stop", "-0.05"),  # 0.3 less half of 0.7
        (Costs(failure=0.4), 0.3, "continue", "0.02"),
        (Costs(step=0.05, ask=0.2), 0.3, "ask", "0.80"),
        (Costs(ask=0.75), 0.3, "continue", "0.30"),
        (Costs(ask=0.2, help=0.4), 0.3, "continue", "0.30"),
        (Costs(ask=0.2, help=0.6), 0.3, "ask", "0.40"),
        (Costs(step=0.1, ask=1.5), 0.3, "stop", "-0.70"),  # asking is worth less than nothing
    ],
)
def test_the_advice_is_what_is_worth_most(costs, value, advice, worth):
    said, why = advice_of(costs, value=value, success=value)
    assert said == advice
    assert f"is worth {worth}" in why


def test_the_worth_of_a_success_scales_what_asking_brings():
    assert advice_of(Costs(ask=5.0), value=3.0)[0] == "continue"
    assert advice_of(Costs(ask=5.0), value=3.0, worth=10.0)[0] == "ask"


def test_the_longer_a_run_has_to_go_the_less_it_is_worth():
    costs = Costs(step=0.01)
    assert [advice_of(costs, steps_left=n)[0] for n in (5.0, 29.0, 31.0)] == [
        "continue",
        "continue",
        "stop",
    ]


def test_why_is_a_sentence_with_the_outlook():
    _, why = advice_of(Costs(), success=0.256, steps_left=7.4)
    assert why == "going on is worth 0.30: 26 % to succeed, some 7 steps to go"


@pytest.mark.parametrize(
    "given, name",
    [
        ({"step": -0.1}, "step"),
        ({"failure": float("nan")}, "failure"),
        ({"failure": float("inf")}, "failure"),
        ({"failure": None}, "failure"),
        ({"ask": -1.0}, "ask"),
        ({"ask": "1"}, "ask"),
        ({"help": 1.5}, "help"),
        ({"help": True}, "help"),
        ({"steps": 1.0}, "steps"),
        (Costs(step=-1.0), "step"),
    ],
)
def test_costs_out_of_their_range_are_refused_by_name(given, name):
    with pytest.raises(SettingError, match=name):
        checked_costs(given)


def test_costs_may_be_a_mapping_the_noun_or_nothing():
    assert checked_costs(None) == checked_costs({}) == Costs()
    assert checked_costs({"step": 1, "ask": None}) == Costs(step=1.0)
    assert checked_costs(Costs(ask=2.0, help=0.5)) == Costs(ask=2.0, help=0.5)


def loop(kind="repeat", *, times=3, period=1, runs=0):
    return Loop(kind, period, times, True, 0.25, runs)


@pytest.mark.parametrize(
    "found, told",
    [
        (loop(times=3), "the same step 3 times in a row"),
        (loop("cycle", times=2, period=4), "2 rounds of the same 4 steps"),
    ],
)
def test_a_loop_is_named_in_the_sentence(found, told):
    assert with_loop("so", found) == f"so ({told})"
    assert with_loop("so", None) == "so"


def test_the_record_of_a_loop_is_named_once_there_is_one():
    assert with_loop("so", loop(runs=4)).endswith("; 25 % of such runs succeed)")


def test_ordinal_numbers_are_none():
    told = [with_loop("so", loop("return", times=n)) for n in (3, 11, 13, 21, 22)]
    assert not any(wrong in text for text in told for wrong in ("13rd", "21th", "22th", "3th"))


def test_a_certified_stop_says_what_is_promised():
    assert "at most 5 % would have succeeded" in told_to_stop(0.05)


def test_a_promise_is_not_rounded():
    assert "0.1 %" in told_to_stop(0.001)
    assert "12.5 %" in told_to_stop(0.125)
