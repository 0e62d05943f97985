"""The chain: what is changed in the log afterwards is seen; what is forgotten breaks nothing."""

from dataclasses import fields, replace

import pytest
from hypothesis import given
from hypothesis import strategies as some

from quickstudy.log.events import FIRST_LINK, TYPES, Logged, canonical, make_event

LATER = {"b": [1, 2.5, None], "a": {"label": "ü"}}
numbers = some.floats(allow_nan=False, allow_infinity=False)
values = some.recursive(
    some.none() | some.booleans() | some.integers() | some.text() | numbers,
    lambda inner: some.lists(inner, max_size=3) | some.dictionaries(some.text(), inner, max_size=3),
    max_leaves=8,
)


def made(before=(0, FIRST_LINK), type="feedback", *, payload=LATER, **columns):
    given = {"time": 12.5, "learner": 3, "actor": "ana", "subject": "case 7"} | columns
    return make_event(before, type, payload=payload, **given)


def other(value):
    """A value of the same type that is not this one."""
    if isinstance(value, bytes):
        return bytes([value[0] ^ 1]) + value[1:]
    return value + "x" if isinstance(value, str) else value + 1


def test_an_event_keeps_what_it_was_told():
    event = made()
    assert event.read() == LATER and event.is_intact(FIRST_LINK)
    assert (event.seq, event.type, event.learner) == (1, "feedback", 3)
    assert (event.time, event.actor, event.subject) == (12.5, "ana", "case 7")


@pytest.mark.parametrize("column", [f.name for f in fields(Logged)])
def test_no_column_can_be_changed_unseen(column):
    event = made()
    changed = replace(event, **{column: other(getattr(event, column))})
    assert not changed.is_intact(FIRST_LINK)


@pytest.mark.parametrize("column", ["commitment", "link", "payload", "time"])
@pytest.mark.parametrize("damage", [None, 7, "text"])
def test_a_column_that_was_wiped_or_is_of_another_type_is_damage(column, damage):
    if (column, damage) in (("payload", None), ("time", 7)):
        return  # forgotten on purpose; another time is a changed column
    assert not replace(made(), **{column: damage}).is_intact(FIRST_LINK)


def test_an_event_belongs_to_its_place_in_the_chain():
    first = made()
    second = made((first.seq, first.link))
    assert second.seq == 2 and second.is_intact(first.link)
    assert not second.is_intact(FIRST_LINK) and not second.is_intact(made().link)


def test_a_forgotten_payload_leaves_the_chain_whole():
    first = made()
    second = made((first.seq, first.link))
    forgotten = replace(first, payload=None, salt=None)
    assert forgotten.is_intact(FIRST_LINK) and forgotten.read() == {}
    assert second.is_intact(forgotten.link)


def test_a_commitment_tells_nothing_to_who_guesses_the_payload():
    assert made().commitment != made().commitment
    assert made().salt != made().salt


def test_there_are_no_events_of_unknown_types():
    assert {"created", "predicted", "feedback", "refitted", "migrated"} <= TYPES
    with pytest.raises(ValueError, match="approved"):
        made(type="approved")


@given(values)
def test_one_value_has_one_spelling(value):
    turned = dict(reversed(value.items())) if isinstance(value, dict) else value
    event = made(payload={"value": value})
    assert event.read() == {"value": value}
    assert canonical(value) == canonical(turned)


def test_one_true_and_text_one_are_spelled_apart():
    assert len({canonical(v) for v in (1, True, "1", 1.0)}) == 4


@pytest.mark.parametrize("value", [float("nan"), float("inf"), {1, 2}, b"bytes"])
def test_what_json_cannot_hold_is_refused(value):
    with pytest.raises((ValueError, TypeError)):
        canonical({"field": value})
