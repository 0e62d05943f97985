"""What `Classifier` refuses at the door: named, and with nothing changed."""

import math

import numpy as np
import pytest

from quickstudy import Classifier
from quickstudy.errors import LabelError, RecordError, SettingError
from quickstudy.learners.classifier.classifier import LEAST_BUDGET_MB

LONG = "a sentence of quite enough words"


BAD_VALUES = [
    math.nan,
    math.inf,
    -math.inf,
    np.float64("nan"),
    1e300,
    10**400,
    [1.0, math.nan],
    [math.inf],
    [1e39],
    [],
    [[1.0]],
    ["a"],
    ["1", "2"],
    [1.0, None],
    {"deep": 1},
    {1.0, 2.0},
    b"bytes",
    1j,
    object(),
    "\ud83d",
    LONG + " \ud83d",
]


@pytest.mark.parametrize("bad", BAD_VALUES, ids=lambda v: f"{type(v).__name__} {v!a:.12}")
def test_a_field_that_cannot_be_read_is_named_and_nothing_changes(steady, bad):
    before, fields = steady.state_hash(), steady.fields
    record = {"a": 1.0, "brand new": 2.0, "culprit": bad}
    for attempt in (
        lambda: steady.learn(record, "yes"),
        lambda: steady.learn(record, "a new label"),
        lambda: steady.learn_many([{"a": 1.0}, {"also new": 1.0}, record], ["yes"] * 3),
        lambda: steady.predict(record),
        lambda: steady.predict_many([{"a": 1.0}, record]),
        lambda: steady.explain(record),
    ):
        with pytest.raises(RecordError, match="culprit"):
            attempt()
        assert steady.state_hash() == before
    assert steady.fields == fields


@pytest.mark.parametrize("bad", [None, 5, 1.5, b"bytes", object(), [], [[1.0]], {1: 2}])
def test_what_is_no_input_is_refused_and_nothing_changes(steady, bad):
    before = steady.state_hash()
    for attempt in (steady.predict, lambda x: steady.learn(x, "yes")):
        with pytest.raises(RecordError):
            attempt(bad)
    assert steady.state_hash() == before


@pytest.mark.parametrize(
    "bad", [None, 1.5, math.nan, ("a",), ["a"], {"a": 1}, b"a", "\ud83d", "", " ", np.float32(0.5)]
)
def test_what_is_no_label_is_refused_and_nothing_changes(steady, bad):
    before = steady.state_hash()
    for attempt in (
        lambda: steady.learn({"a": 1.0}, bad),
        lambda: steady.learn_many([{"a": 1.0}] * 3, ["yes", "a new label", bad]),
    ):
        with pytest.raises(LabelError):
            attempt()
        assert steady.state_hash() == before
    assert "a new label" not in steady.labels


def test_inputs_and_labels_must_be_as_many(steady):
    before = steady.state_hash()
    with pytest.raises(LabelError, match="2 inputs and 1 labels"):
        steady.learn_many([{"a": 1.0}, {"a": 2.0}], ["yes"])
    assert steady.state_hash() == before


def test_a_vector_of_another_length_is_refused():
    learner = Classifier()
    learner.learn([1.0, 2.0, 3.0], "x")
    before = learner.state_hash()
    for bad in ([1.0, 2.0], [1.0] * 4):
        with pytest.raises(RecordError, match=f"'vector' has {len(bad)} numbers; it had 3"):
            learner.learn(bad, "x")
    assert learner.state_hash() == before


@pytest.mark.parametrize(
    "settings, named",
    [
        ({"budget_mb": 0}, "budget_mb"),
        ({"budget_mb": LEAST_BUDGET_MB - 1}, "budget_mb"),
        ({"budget_mb": math.nan}, "budget_mb"),
        ({"budget_mb": math.inf}, "budget_mb"),
        ({"seed": -1}, "seed"),
        ({"seed": 1.5}, "seed"),
        ({"experts": ["kernal"]}, "kernal"),
        ({"experts": "habit"}, "experts"),
        ({"schema": {"a": "float"}}, "schema"),
    ],
)
def test_settings_out_of_range_are_named(settings, named):
    with pytest.raises(SettingError, match=named):
        Classifier(**settings)
