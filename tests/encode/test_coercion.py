"""Numbers that came as texts, and texts that came as numbers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstudy.encode.coercion import coerced
from quickstudy.encode.record import RecordEncoder


def admitted(*xs):
    encoder = RecordEncoder()
    raws = [encoder.admit(encoder.parse([x]))[0] for x in xs]
    return encoder, raws


@pytest.mark.parametrize(
    "text, number",
    [("12.5", 12.5), (" 7 ", 7.0), ("1e3", 1000.0), ("-.5", -0.5), ("+3.", 3.0), ("007", 7.0)],
)
def test_a_text_that_is_a_number_is_read_as_one_where_numbers_always_came(text, number):
    encoder, raws = admitted({"a": 1.0}, {"a": text})
    assert raws[1].numbers[0, 0] == number
    assert encoder.encode([{"a": text}]).numbers[0, 0] == number
    report = encoder.report()
    assert [f.type for f in report] == ["number"] and report[0].note == "1 read from texts"


@pytest.mark.parametrize(
    "text",
    ["nan", "inf", "-Infinity", "0x10", "1_000", "1,5", "12 EUR", "", " ", "1e400", "\u0663", "1e"],
)
def test_anything_else_is_no_number(text):
    encoder, raws = admitted({"a": 1.0}, {"a": text})
    assert math.isnan(raws[1].numbers[0, 0])
    assert [f.type for f in encoder.report()] == ["number", "category"]


def test_a_field_that_was_ever_a_string_is_no_number_field():
    encoder, _ = admitted({"a": 1.0}, {"a": "none"}, {"a": "2"})
    assert {f.type: f.seen for f in encoder.report()} == {"number": 1, "category": 2}


@pytest.mark.parametrize("number, text", [(7, "7"), (7.0, "7"), (7.5, "7.5"), (np.int64(7), "7")])
def test_a_number_is_read_as_its_text_where_strings_always_came(number, text):
    encoder, raws = admitted({"k": text}, {"k": "other"}, {"k": number})
    assert raws[2].numbers[0, 0] == raws[0].numbers[0, 0] != raws[1].numbers[0, 0]
    assert encoder.report()[0].note == "1 read from numbers"


def test_a_number_in_a_text_is_a_text():
    encoder, raws = admitted({"q": "where is the parcel of my order"}, {"q": 4711})
    assert raws[1].texts == ["4711"] and [f.type for f in encoder.report()] == ["text"]


def test_true_and_false_are_read_where_booleans_always_came():
    encoder, raws = admitted({"ok": True}, {"ok": "false"}, {"ok": "True"}, {"ok": "yes"})
    assert [raw.numbers[0, 0] for raw in raws[:3]] == [1.0, 0.0, 1.0]
    assert [f.type for f in encoder.report()] == ["boolean", "category"]


def test_predicting_coerces_by_what_was_learned_alone():
    """One input of a batch says nothing about the next."""
    encoder, _ = admitted({"k": "x"})
    both = encoder.encode([{"k": "a long text of more than five words"}, {"k": "x"}])
    np.testing.assert_array_equal(both.numbers[1:], encoder.encode([{"k": "x"}]).numbers)


@given(st.floats(allow_nan=False, allow_infinity=False, min_value=-1e100, max_value=1e100))
def test_every_number_comes_back_from_its_text(number):
    assert coerced(repr(number), {"number"}) == number


@given(st.text(max_size=12))
def test_no_text_becomes_anything_but_a_finite_number(text):
    found = coerced(text, {"number"})
    assert found == text or (isinstance(found, float) and math.isfinite(found))
    assert coerced(text, {"category"}) == text and coerced(text, {"number", "category"}) == text
