"""Familiarity of form: which records lack what always came, and which gaps are ordinary."""

from __future__ import annotations

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstudy.encode.form import APART, ENOUGH, MATURE, OCCASIONS, FormStatistics
from quickstudy.types import Unfamiliar

FULL = {"amount": 9.0, "country": "DE", "hour": 3.0}


def parsed(record):
    kinds = {float: "number", str: "category", list: "vector", bool: "boolean"}
    return [(name, kinds[type(value)], value) for name, value in record.items()]


def learned(records, form=None):
    form = form or FormStatistics()
    for record in records:
        form.learn(parsed(record))
        form.map_chosen()
    return form


def unfamiliar(form, record):
    gap = form.gap(parsed(record))
    return None if gap is None else gap.names


def test_a_record_like_all_others_is_usual():
    assert unfamiliar(learned([FULL] * 60), FULL) is None


@pytest.mark.parametrize(
    "record, names",
    [
        ({"country": "DE", "hour": 3.0}, Unfamiliar(missing=("amount",))),
        ({"country": "DE", "hour": 3.0, "Amount": 9.0}, Unfamiliar(("amount",), ("Amount",))),
        ({**FULL, "amount": "9 EUR"}, Unfamiliar(retyped=("amount",))),
        ({**FULL, "country": " "}, Unfamiliar(missing=("country",))),
        ({}, Unfamiliar(missing=("amount", "country", "hour"))),
    ],
)
def test_what_is_gone_is_named(record, names):
    assert unfamiliar(learned([FULL] * 60), record) == names


def test_a_new_field_beside_all_the_others_is_no_alarm():
    assert unfamiliar(learned([FULL] * 60), {**FULL, "debug": 1.0}) is None


def test_nothing_is_unusual_at_the_start():
    assert unfamiliar(learned([FULL] * 20), {}) is None


@pytest.mark.parametrize("share", [0.05, 0.2, 0.5])
def test_a_field_that_is_often_missing_may_be_missing_again(share):
    rng = np.random.default_rng(0)
    short = {"country": "DE", "hour": 3.0}
    form = learned([short if rng.random() < share else FULL for _ in range(400)])
    assert unfamiliar(form, short) is None
    assert unfamiliar(form, {"amount": 9.0, "country": "DE"}).missing == ("hour",)


def test_fields_that_are_missing_together_may_be_missing_together():
    fields = {f"f{i}": float(i) for i in range(8)}
    short = {name: fields[name] for name in ("f0", "f1", "f2")}
    form = learned([short if i % 5 == 0 else fields for i in range(400)])
    assert unfamiliar(form, short) is None
    assert unfamiliar(form, {**short, "f3": 1.0, "f4": 1.0}) is not None


def test_each_sender_is_held_to_its_own_fields():
    senders = [{f"{s}{i}": 1.0 for i in range(4)} for s in "abc"]
    form = learned([senders[i % 3] for i in range(400)])
    for sender in senders:
        assert unfamiliar(form, sender) is None
        gone = next(iter(sender))
        rest = {name: value for name, value in sender.items() if name != gone}
        assert unfamiliar(form, rest).missing == (gone,)


def words(rng):
    return {f"w{j}": 1.0 for j in rng.zipf(1.3, 12) if j < 800}


def test_records_that_hold_what_occurs_lack_nothing_but_everything_is_a_gap():
    rng = np.random.default_rng(0)
    form, odd = FormStatistics(), 0
    for _ in range(1500):
        record = parsed(words(rng))
        odd += form.gap(record) is not None
        form.learn(record)
        form.map_chosen()
    assert odd < 30  # of 1,500, each judged before it was counted
    assert unfamiliar(form, {}) is not None
    assert unfamiliar(form, {"W1": 1.0, "W2": 1.0, "W3": 1.0}) is not None


def test_an_optional_field_under_another_name_is_noticed_by_the_new_name():
    """It is missing in a third of the records, but then nothing new is in its place."""
    short = {"country": "DE", "hour": 3.0}
    form = learned([short if i % 3 == 0 else FULL for i in range(400)])
    assert unfamiliar(form, short) is None
    assert unfamiliar(form, {**short, "Amount": 9.0}) == Unfamiliar(("amount",), ("Amount",))
    learned([{**FULL, "debug": 1.0}], form)
    assert unfamiliar(form, {**short, "debug": 1.0}) is None  # it came with an amount before


def on_trial(form, record, times, *, right):
    return [form.try_out(parsed(record), right) for _ in range(times)]


def test_a_new_form_is_usual_once_it_is_answered_as_well_as_others():
    form = learned([FULL] * (MATURE + 100))
    form.score([True] * 300)
    new = {name.upper(): value for name, value in FULL.items()}
    assert on_trial(form, new, ENOUGH, right=False)[-1]  # now the map is to be chosen
    form.map_chosen()
    assert unfamiliar(form, new) is not None
    on_trial(form, new, ENOUGH, right=True)
    assert unfamiliar(form, new) is None and unfamiliar(form, FULL) is None


def test_a_form_without_what_carries_the_answer_stays_unusual_until_it_is_accepted():
    form = learned([FULL] * (MATURE + 100))
    form.score([True] * 300)
    short = {"country": "DE", "hour": 3.0}
    for i in range(300):
        form.try_out(parsed(short), i % 4 > 0)
        form.map_chosen()
    assert unfamiliar(form, short) is not None
    form.accept()
    assert unfamiliar(form, short) is None


def test_what_lacks_a_field_now_and_then_for_long_becomes_usual_however_it_is_answered():
    form = learned([FULL] * (MATURE + 100))
    form.score([True] * 300)
    short = {"country": "DE", "hour": 3.0}
    for _ in range(ENOUGH + 2):
        learned([FULL] * 40, form)
        if unfamiliar(form, short) is not None:
            form.try_out(parsed(short), False)
    assert unfamiliar(form, short) is None


VALUES = st.sampled_from([None, 1.0, "x", True, "", [1.0]])
RECORDS = st.dictionaries(st.sampled_from("abcde"), VALUES, max_size=5)


def there(record):
    return {name: value for name, value in record.items() if value is not None}


@settings(max_examples=60, deadline=None)
@given(st.lists(RECORDS, min_size=1, max_size=80), st.lists(RECORDS, max_size=5))
def test_a_copy_by_its_state_judges_alike_and_judging_changes_nothing(taught, asked):
    form = learned([there(r) for r in taught])
    before = json.dumps(form.state())
    copy = FormStatistics()
    copy.restore(json.loads(before))
    for record in (there(r) for r in asked):
        assert copy.gap(parsed(record)) == form.gap(parsed(record))
    assert json.dumps(form.state()) == before
    for record in (there(r) for r in asked):
        form.learn(parsed(record))
        copy.learn(parsed(record))
    assert copy.state() == form.state()


@settings(max_examples=40, deadline=None)
@given(
    st.sets(st.sampled_from([f"f{i}" for i in range(12)]), min_size=1),
    st.sets(st.text("xyz", min_size=1, max_size=3), max_size=5),
)
def test_whatever_comes_instead_of_all_fields_is_unfamiliar(fields, others):
    form = learned([dict.fromkeys(fields, 1.0)] * 60)
    found = unfamiliar(form, dict.fromkeys(others, 1.0))
    assert set(found.missing) <= fields and len(found.missing) == min(len(fields), 10)
    assert set(found.unknown) == others


@settings(max_examples=30, deadline=None)
@given(st.permutations(list(FULL)), st.booleans())
def test_the_order_of_the_fields_does_not_matter(order, renamed):
    form = learned([FULL] * 60)
    record = {name.upper() if renamed else name: FULL[name] for name in order}
    assert (unfamiliar(form, record) is None) is not renamed


def rarely(form, record, *, occasions, times=1, right=True):
    """Learn an unusual record on some occasions, each among forty usual ones."""
    for _ in range(occasions):
        learned([FULL] * 40, form)
        if unfamiliar(form, record) is not None:
            on_trial(form, record, times, right=right)


def test_a_gap_that_comes_and_goes_is_ordinary_after_six_occasions():
    short = {"country": "DE", "hour": 3.0}
    form = learned([FULL] * (MATURE + 100))
    form.score([True] * 300)
    rarely(form, short, occasions=OCCASIONS - 1, times=4)
    assert unfamiliar(form, short) is not None
    rarely(form, short, occasions=1)
    assert unfamiliar(form, short) is None
    assert unfamiliar(form, {"amount": 9.0, "hour": 3.0}) is not None


def test_a_gap_that_costs_answers_takes_thirty_occasions():
    short = {"country": "DE", "hour": 3.0}
    form = learned([FULL] * (MATURE + 100))
    form.score([True] * 300)
    rarely(form, short, occasions=ENOUGH - 1, right=False)
    assert unfamiliar(form, short) is not None
    rarely(form, short, occasions=1, right=False)
    assert unfamiliar(form, short) is None


@given(st.lists(st.integers(1, APART - 1), min_size=10, max_size=60))
def test_what_stays_wrong_is_one_occasion_however_often_it_comes(between):
    short = {"country": "DE", "hour": 3.0}
    form = learned([FULL] * (MATURE + 100))
    form.score([True] * 300)
    for usual in between:
        learned([FULL] * (usual - 1), form)
        on_trial(form, short, 1, right=False)
    assert unfamiliar(form, short) is not None


@pytest.mark.parametrize("nothing", ["", " \n", "\u200b", "\ufeff\u2060 "])
def test_a_text_of_which_nothing_can_be_seen_is_not_there(nothing):
    form = learned([FULL] * 100)
    assert unfamiliar(form, {**FULL, "country": nothing}).missing == ("country",)
