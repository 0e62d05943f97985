"""One door for values: however a value is spelled, one plain value comes out, or an error."""

import datetime as dt
import enum
import math
import unicodedata
import uuid
from collections import namedtuple
from decimal import Decimal
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from quickstudy.encode.actions import plain_action
from quickstudy.encode.inputs import plain_input
from quickstudy.encode.values import (
    plain_flag,
    plain_label,
    plain_number,
    plain_text,
)
from quickstudy.errors import InputError, LabelError, RecordError


class Queue(enum.StrEnum):
    CARDS = "cards"


class Mixed(str, enum.Enum):  # noqa: UP042 - the spelling before StrEnum
    CARDS = "cards"


class Bare(enum.Enum):
    CARDS = "cards"
    PAIR = (1, 2)


class Grade(enum.IntEnum):
    HIGH = 2


class Word(str):
    def __str__(self):
        return "something else"


SPELLED = [
    (Queue.CARDS, "cards"),
    (Mixed.CARDS, "cards"),
    (Bare.CARDS, "cards"),
    (Word("cards"), "cards"),
    (np.str_("cards"), "cards"),
    (np.array("cards"), "cards"),
    (Grade.HIGH, 2),
    (np.int8(2), 2),
    (np.uint64(2), 2),
    (2.0, 2),
    (np.float32(2), 2),
    (Decimal("2.0"), 2),
    (Fraction(4, 2), 2),
    (np.array(2), 2),
    (True, True),
    (np.True_, True),
    (uuid.UUID(int=5), "00000000-0000-0000-0000-000000000005"),
    (dt.date(2024, 5, 1), "2024-05-01"),
    (np.datetime64("2024-05-01"), "2024-05-01"),
    (np.datetime64("2024-05-01T00:00:00.000000000"), "2024-05-01T00:00:00"),
]


@pytest.mark.parametrize("spelled, plain", SPELLED, ids=lambda v: repr(v)[:30])
def test_a_label_is_its_value_however_it_is_spelled(spelled, plain):
    assert (type(plain_label(spelled)), plain_label(spelled)) == (type(plain), plain)


@pytest.mark.parametrize(
    "typed",
    [
        "lost card ",
        " lost card",
        "lost  card",
        "lost\tcard\n",
        "lost\u00a0card",
        "\ufefflost card\u200b",
        "\x00lost card\x7f",
        "lo\u200bst\u00ad card",
        "lost \u2060\ufeff card",
    ],
)
def test_labels_that_look_the_same_are_the_same(typed):
    assert plain_label(typed) == "lost card"


def test_marks_that_change_how_letters_are_drawn_stay_in_a_label():
    family = "\U0001f468\u200d\U0001f469"
    assert plain_label(f" {family}\u200b") == family != plain_label(family.replace("\u200d", ""))


def test_both_normal_forms_of_a_letter_are_one_label_and_flags_stay_apart():
    assert plain_label("cafe\u0301") == plain_label("caf\u00e9") == "caf\u00e9"
    england, scotland = (
        "\U0001f3f4" + "".join(chr(0xE0000 + ord(c)) for c in code) + "\U000e007f"
        for code in ("gbeng", "gbsct")
    )
    assert plain_label(england) != plain_label(scotland)


@pytest.mark.parametrize(
    "wrong, told",
    [
        (None, "missing"),
        (math.nan, "missing"),
        (np.float64("nan"), "missing"),
        (np.datetime64("NaT"), "missing"),
        (Decimal("NaN"), "missing"),
        (np.ma.masked, "missing"),
        ("", "empty"),
        (" \t\n", "empty"),
        ("\u200b\ufeff", "empty"),
        (1.5, "write '1.5'"),
        (2.0**60, "whole number"),
        (math.inf, "float"),
        (b"cards", "decode"),
        (1j, "complex"),
        (("a",), "tuple"),
        ({"a": 1}, "dict"),
        (Bare.PAIR, "PAIR"),
        ("a\x00b", "control character"),
        ("\ud83d", "Unicode"),
    ],
)
def test_what_is_no_label_is_refused_with_its_value(wrong, told):
    with pytest.raises(LabelError, match=told):
        plain_label(wrong)


@given(st.text())
@example("e\u0301 \u0301")
def test_a_plain_label_is_clean_and_stays_as_it_is(text):
    try:
        label = plain_label(text)
    except LabelError:
        return
    assert plain_label(label) == label == label.strip()
    assert label == unicodedata.normalize("NFC", label)
    assert plain_label(f"  {text}\t") == label


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(2**53), 2**53),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(),
)


def spellings(value):
    """Other ways to write a plain value."""
    found = [value]
    if value is not None:
        found.append(enum.Enum("Held", {"IT": value}).IT)
    if isinstance(value, bool):
        found.append(np.bool_(value))
    elif isinstance(value, int):
        found += [np.int64(value), Decimal(value), Fraction(value), np.array(value)]
    elif isinstance(value, float):
        found += [np.float64(value), np.array(value)]
    elif isinstance(value, str):
        found += [Word(value), unicodedata.normalize("NFD", value)]
    return found


@given(st.dictionaries(st.text(min_size=1), VALUES, max_size=4), st.data())
def test_a_record_is_plain_however_its_values_are_spelled(record, data):
    names = {unicodedata.normalize("NFC", name) for name in record}
    if len(names) < len(record):
        with pytest.raises(RecordError, match="comes twice"):
            plain_input(record)
        return
    plain = plain_input(record)
    spelled = {name: data.draw(st.sampled_from(spellings(v))) for name, v in record.items()}
    assert repr(plain_input(spelled)) == repr(plain)
    assert repr(plain_input(plain)) == repr(plain)
    assert {type(v) for v in plain.values()} <= {type(None), bool, int, float, str}


ANY_TIME = st.datetimes(dt.datetime(1, 1, 2), dt.datetime(9999, 12, 30))


@given(ANY_TIME)
def test_a_time_is_the_same_numbers_as_a_datetime_and_as_a_datetime64_of_its_unit(moment):
    told = plain_input({"at": moment})
    assert told == plain_input({"at": np.datetime64(moment, "us")})
    assert told["at.hour"] == pytest.approx(
        moment.hour + moment.minute / 60 + (moment.second + moment.microsecond / 1e6) / 3600
    )
    assert (told["at.weekday"], told["at.month"]) == (moment.weekday(), moment.month)
    seconds = (moment - dt.datetime(1970, 1, 1)).total_seconds()
    assert told["at.days"] == pytest.approx(seconds / 86_400, abs=1e-5)


@pytest.mark.parametrize("unit", ["Y", "M", "W", "D"])
def test_dates_of_every_unit_are_days_without_an_hour(unit):
    told = plain_input({"on": np.datetime64("2024-05-01").astype(f"datetime64[{unit}]")})
    assert set(told) == {"on.weekday", "on.month", "on.day", "on.days"}
    day = np.datetime64("2024-05-01").astype(f"datetime64[{unit}]").astype("datetime64[D]")
    assert told == plain_input({"on": day.item()})


@pytest.mark.parametrize("unit", ["h", "m", "s", "ms", "us", "ns"])
def test_times_of_every_unit_are_one_time(unit):
    before = np.datetime64("1969-12-31T23:00").astype(f"datetime64[{unit}]")
    assert plain_input({"at": before}) == plain_input({"at": dt.datetime(1969, 12, 31, 23)})


def test_a_zone_moves_the_age_and_not_the_clock_on_the_wall():
    rome = dt.timezone(dt.timedelta(hours=2))
    here = plain_input({"at": dt.datetime(2024, 5, 1, 1, 30, tzinfo=rome)})
    utc = plain_input({"at": dt.datetime(2024, 4, 30, 23, 30, tzinfo=dt.UTC)})
    assert (here["at.hour"], here["at.day"], utc["at.hour"]) == (1.5, 1, 23.5)
    assert here["at.days"] == pytest.approx(utc["at.days"])


def test_a_time_of_day_is_an_hour_a_duration_its_seconds_and_not_a_time_is_missing():
    record = {
        "opens": dt.time(14, 30),
        "took": dt.timedelta(minutes=2),
        "wait": np.timedelta64(3, "m"),
        "never": np.datetime64("NaT"),
    }
    assert plain_input(record) == {"opens.hour": 14.5, "took": 120.0, "wait": 180.0, "never": None}


@pytest.mark.parametrize(
    "wrong, told",
    [
        ({"at": np.datetime64(10**6, "Y")}, "years 1 to 9999"),
        ({"at": np.timedelta64(3, "M")}, "days or shorter"),
        ({"at": dt.date(2024, 5, 1), "at.day": 3}, "'at.day' comes twice: .* time 'at'"),
        ({"é": 1, "e\u0301": 2}, "'é' comes twice"),
        ({1: 2}, "field name 1"),
        (None, "an input is None"),
        (5, "an input is 5"),
        (b"text", "an input is b'text'"),
        (dt.date(2024, 5, 1), "an input is"),
    ],
)
def test_what_is_no_input_is_refused_by_name(wrong, told):
    with pytest.raises(RecordError, match=told):
        plain_input(wrong)


def test_numbers_in_a_vector_may_be_of_any_kind():
    assert plain_input([Decimal("0.5"), Fraction(1, 4), 2]) == [0.5, 0.25, 2]
    assert plain_input({"v": (np.float32(1), Decimal(2))})["v"] is not None


def test_numbers_flags_texts_and_ids():
    assert [plain_number(v) for v in (True, np.bool_(0), "1", None)] == [1.0, 0.0, "1", None]
    assert plain_number(10**400) == 10**400
    assert plain_flag(np.True_) is True and plain_flag(1) == 1
    assert plain_text(uuid.UUID(int=1)).endswith("0001") and plain_text(7) == 7


@given(
    st.recursive(
        VALUES, lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner), max_leaves=8
    )
)
def test_an_action_is_one_text_for_one_value(value):
    text = plain_action(value)
    assert (text is None) == (value is None)
    assert plain_action(text) == text
    if isinstance(value, dict):
        assert plain_action(dict(reversed(value.items()))) == text


def test_an_action_without_a_form_in_json_is_refused():
    assert plain_action(Queue.CARDS) == "cards"
    assert (
        plain_action({"at": dt.date(2024, 5, 1), "n": np.int64(3)}) == '{"at":"2024-05-01","n":3}'
    )
    for wrong in (object(), {"a": {1, 2}}, {1: 2}, [math.nan]):
        with pytest.raises(InputError, match="action"):
            plain_action(wrong)


def test_what_is_masked_is_missing_and_not_the_number_under_the_mask():
    assert plain_input({"a": np.ma.masked, "b": 1}) == {"a": None, "b": 1}
    vector = np.ma.masked_array([1.0, 7.0], mask=[False, True])
    np.testing.assert_array_equal(plain_input(vector), [1.0, math.nan])


def test_numbers_wider_than_a_float_and_times_finer_than_a_microsecond_are_plain():
    assert plain_label(np.longdouble(2)) == 2
    assert plain_input({"a": np.longdouble("0.5")}) == {"a": 0.5}
    for unit in ("us", "ns", "ps", "fs", "as"):
        assert plain_input({"at": np.datetime64(5, unit)})["at.days"] < 1e-8


Moment = namedtuple("Moment", ["amount", "country"])


@pytest.mark.parametrize(
    "wrong", [None, 5, b"x", {1, 2}, object(), (n for n in (1, 2)), dt.date.max]
)
def test_what_is_no_input_is_refused_and_the_message_says_what_one_is(wrong):
    with pytest.raises(RecordError, match=r"use a record .*, a text or a list of numbers"):
        plain_input(wrong)


def test_a_named_tuple_is_a_record():
    assert plain_input(Moment(2.0, "DE")) == {"amount": 2.0, "country": "DE"}
    assert plain_input(Moment(math.nan, None)) == {"amount": None, "country": None}
    assert plain_input((1.0, 2.0)) == (1.0, 2.0)
