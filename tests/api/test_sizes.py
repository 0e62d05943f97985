"""Sizes of inputs: one limit for the process and over HTTP, and a refusal changes nothing."""

from dataclasses import fields

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import quickstudy
from quickstudy import Feedback, Sizes
from quickstudy.errors import InputError, LabelError, RecordError, SettingError
from tests.sizes import LONG, SMALL


@pytest.fixture(scope="module")
def small(tmp_path_factory):
    """A store that takes in little, with a classifier and a value learner with a run."""
    path = tmp_path_factory.mktemp("store") / "work.db"
    with quickstudy.open(path, sizes=SMALL) as opened:
        opened.create("cards", budget_mb=16)
        opened.create_value("agents", budget_mb=16)
        opened.start("agents", id="run-1")
        yield opened


TOO_LARGE = [
    (LONG, "field 'text' has 11 characters; at most 10 are read", "max_text"),
    ({"city": LONG}, "field 'city' has 11 characters; at most 10 are read", "max_text"),
    ({"city": np.str_(LONG)}, "field 'city' has 11 characters", "max_text"),
    ({"tags": ["a", LONG]}, "field 'tags' holds a text that has 11 characters", "max_text"),
    ({"tags": [*"abcde"]}, "field 'tags' holds 5 texts; at most 4 are read", "max_fields"),
    ([0.5] * 5, "field 'vector' holds 5 numbers; at most 4 are read", "max_numbers"),
    (np.ones(5, np.float32), "field 'vector' holds 5 numbers", "max_numbers"),
    ({"v": (1, 2.5, 3, 4, 5)}, "field 'v' holds 5 numbers; at most 4", "max_numbers"),
    ({"v": np.arange(5)}, "field 'v' holds 5 numbers; at most 4", "max_numbers"),
    ({"height": 1}, "field 'heigh...' has a name of 6 characters; at most 5", "max_name"),
    ({f"f{i}": i for i in range(5)}, "the record has 5 fields; at most 4", "max_fields"),
]
WAYS = {
    "predict": lambda d, x: d.predict("cards", x),
    "predict_many": lambda d, x: d.predict_many("cards", ["a", x]),
    "feedback": lambda d, x: d.feedback(learner="cards", record=x, label="lost"),
    "feedback_many": lambda d, x: d.feedback_many([Feedback(None, "cards", x, "lost", key="k")]),
    "pin": lambda d, x: d.pin("cards", record=x, label="lost"),
    "pin_many": lambda d, x: d.pin_many("cards", [("a", "lost", "must"), (x, "lost", "must")]),
    "step": lambda d, x: d.step("agents", "run-1", x),
}


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize(("record", "says", "setting"), TOO_LARGE)
def test_what_is_too_large_is_refused_before_anything_is_logged(small, way, record, says, setting):
    before = small.events(limit=1000)[-1].seq
    with pytest.raises(RecordError) as refused:
        WAYS[way](small, record)
    assert says in str(refused.value) and f"({setting})" in str(refused.value)
    assert small.events(limit=1000)[-1].seq == before


@pytest.mark.parametrize(
    ("name", "call"),
    [
        ("records", lambda d, n: d.predict_many("cards", ["a"] * n)),
        (
            "feedback",
            lambda d, n: d.feedback_many([Feedback(None, "cards", "a", "x", key="k")] * n),
        ),
        ("pins", lambda d, n: d.pin_many("cards", [("a", "lost", "must")] * n)),
    ],
)
def test_a_batch_has_its_limit(small, name, call):
    before = small.events(limit=1000)[-1].seq
    with pytest.raises(InputError, match=rf"{name} has 4 entries; give 1 to 3 .*\(max_batch\)"):
        call(small, 4)
    with pytest.raises(InputError, match=f"{name} is empty; give 1 to 3"):
        call(small, 0)
    assert small.events(limit=1000)[-1].seq == before


@pytest.mark.parametrize(
    "call",
    [
        lambda d: d.feedback(learner="cards", record="a", label="x" * 7),
        lambda d: d.pin("cards", record="a", label="x" * 7),
        lambda d: d.rule(d.predict("cards", "a", id="ruled").id, "x" * 7),
    ],
)
def test_a_label_has_its_limit(small, call):
    with pytest.raises(LabelError, match=r"label .* has 7 characters; at most 6 .*\(max_label\)"):
        call(small)


@pytest.mark.parametrize("what", ["task", "action"])
def test_tasks_and_actions_of_runs_have_their_limit(small, what):
    with pytest.raises(InputError, match=rf"{what} has 11 characters; at most 10 .*\(max_action\)"):
        if what == "task":
            small.start("agents", task=LONG)
        else:
            small.step("agents", "run-1", action=LONG)


def test_what_is_just_small_enough_is_taken(small):
    record = {"city": "x" * 10, "name5": 1, "v": [0.5] * 4}
    assert small.predict("cards", record).id
    assert small.feedback(learner="cards", record=record, label="lost").status == "accepted"
    assert len(small.predict_many("cards", ["a"] * 3)) == 3


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    record=st.one_of(
        st.text(max_size=14),
        st.dictionaries(
            st.text("abcdefg", min_size=1, max_size=7),
            st.one_of(st.text(max_size=14), st.integers(-9, 9), st.booleans(), st.none()),
            max_size=6,
        ),
    )
)
def test_a_record_is_refused_exactly_where_it_is_larger_than_the_sizes(record):
    fields = record if isinstance(record, dict) else {"text": record}
    fits = len(fields) <= 4 and all(
        len(name) <= 5 and (not isinstance(value, str) or len(value) <= 10)
        for name, value in fields.items()
    )
    if fits:
        assert SMALL.record(record) == record
        return
    with pytest.raises(RecordError, match="at most"):
        SMALL.record(record)


@pytest.mark.parametrize("name", [field.name for field in fields(Sizes)])
@pytest.mark.parametrize("value", [0, -1, 1.5, True, "10", None, 2_000_000_000])
def test_a_size_that_is_none_is_refused_by_name(name, value):
    with pytest.raises(SettingError, match=name):
        Sizes(**{name: value})


def test_a_log_with_more_than_the_sizes_of_today_is_read_all_the_same(tmp_path):
    with quickstudy.open(tmp_path / "work.db") as opened:
        opened.create("cards", budget_mb=16)
        opened.feedback(learner="cards", record=LONG, label="lost", wait_learned=True)
        state = opened.state_hash("cards")
    with quickstudy.open(tmp_path / "work.db", sizes=SMALL) as opened:
        assert opened.state_hash("cards") == state
