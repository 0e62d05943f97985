"""Labels of files: one label, however the file spells it."""

import itertools
import json
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstudy.errors import DataFileError, LabelError, SettingError
from quickstudy.evaluate.budget import budget_for, check_room
from quickstudy.evaluate.data.labels import LabelReader
from quickstudy.learners.classifier.classifier import Classifier

SPELLINGS = st.integers(-50, 50).flatmap(
    lambda n: st.sampled_from([n, str(n), f"{n}.0", float(n), Decimal(n), f" {n} ", f"{n}.00"])
)


@given(st.lists(SPELLINGS, min_size=1, max_size=30))
def test_one_label_in_all_spellings(values):
    reader = LabelReader()
    labels = [reader.read(value) for value in values]
    for (a, x), (b, y) in itertools.combinations(zip(values, labels, strict=True), 2):
        assert (float(a) == float(b)) == ((type(x), x) == (type(y), y))


@given(st.lists(SPELLINGS), st.sampled_from([int, str]))
def test_labels_take_the_type_under_which_they_are_known(values, kind):
    reader = LabelReader([kind(n) for n in range(-50, 51)])
    assert all(type(reader.read(value)) is kind for value in values)
    assert [int(reader.read(value)) for value in values] == [int(float(v)) for v in values]


@pytest.mark.parametrize(
    ("known", "value", "label"),
    [
        ([1, 2], "3", 3),
        ([1, 2], "3.0", 3),
        ([1, 2], "other", "other"),
        (["1", "2"], 3, "3"),
        (["1"], 1, "1"),
        ([1], "2", "2"),  # one label is no pattern
        ([True, False], "TRUE", True),
        (["True"], True, "True"),
        (["café"], "cafe\u0301 ", "café"),
        (["lost card"], " lost  card\u00a0", "lost card"),
        (["01"], "1", "1"),  # a code is not its number
        ([], "01", "01"),
    ],
)
def test_what_a_label_is_read_as(known, value, label):
    read = LabelReader(known).read(value)
    assert (type(read), read) == (type(label), label)


def test_what_is_changed_or_unclear_is_said_in_one_line():
    reader = LabelReader([1, 2])
    for value in ("1", "2", "3"):
        reader.read(value)
    assert reader.notes == ["label '1' is read as 1, as it is known, and 2 more likewise"]
    reader = LabelReader([1, "1"])
    assert reader.read("1") == "1" and reader.read(1) == 1
    assert "known in several types" in reader.notes[0] and "--target-type" in reader.notes[0]
    assert LabelReader([1, "1"], "int").read("1") == 1
    assert LabelReader(["a"]).notes == []


@pytest.mark.parametrize(
    ("target_type", "values", "labels"),
    [
        ("str", [1, "1.0", True, "a"], ["1", "1", "true", "a"]),
        ("int", ["1", 2.0, "3.0", True], None),
        ("int", ["1", 2.0, "3.0"], [1, 2, 3]),
        ("bool", ["yes", 0, "False", "1"], [True, False, False, True]),
        ("bool", ["perhaps"], None),
    ],
)
def test_a_type_for_all_labels(read, target_type, values, labels):
    rows = "".join(json.dumps({"a": 1, "y": value}) + "\n" for value in values)
    if labels is None:
        with pytest.raises(
            DataFileError, match=r"column 'y': .* cannot be read as .*--target-type"
        ):
            read(rows, name="t.jsonl", target_type=target_type)
        return
    table = read(rows, name="t.jsonl", target_type=target_type)
    assert [(type(y), y) for y in table.labels] == [(type(y), y) for y in labels]


def test_a_budget_is_chosen_by_the_labels_and_said():
    assert budget_for(["a"] * 9999) == (64, "")
    budget, note = budget_for(map(str, range(600)))
    assert budget * 8 >= 600 * 1.25 - 8 and "600 labels" in note and "--budget-mb" in note
    assert budget_for(range(600), 75) == (75, "")
    with pytest.raises(SettingError, match=r"600 labels.* is for 512: --budget-mb 75 or more"):
        budget_for(range(600), 64)
    with pytest.raises(SettingError, match=r"9,000 labels: is it the right column\? .* 1125"):
        budget_for(range(9000))
    assert budget_for(range(9000), 2000) == (2000, "")


def test_a_learner_without_room_is_refused_before_it_learns():
    learner = Classifier(budget_mb=16)
    learner.learn_many([{"a": i} for i in range(100)], list(range(100)))
    check_room(learner, range(128), 16)
    with pytest.raises(LabelError, match=r"129.* is for 128: .* --budget-mb 17 or more"):
        check_room(learner, range(129))
    with pytest.raises(SettingError, match="made with budget_mb=16"):
        check_room(learner, [], 64)


def test_leading_zeros_of_labels_count(read):
    reader = LabelReader([1, 2])
    assert [reader.read(label) for label in ("1", "02", "2.0")] == [1, "02", 2]
    assert any("'02' stays text among integers" in note for note in reader.notes)
    assert LabelReader([1, 2], "int").read("02") == 2
    assert read("a,y\n1,007\n2,7\n").labels == ["007", "7"]


def test_fractions_are_labels_where_text_was_asked_for(read):
    content = '{"a": 1, "y": 0.5}\n{"a": 1, "y": 1.0}\n'
    assert read(content, name="t.jsonl", target_type="str").labels == ["0.5", "1"]


def test_the_target_cannot_be_dropped(read):
    with pytest.raises(DataFileError, match="'y' is the target"):
        read("a,y\n1,k\n", drop=["y"])


def test_labels_of_a_file_with_decimal_commas_are_the_same(read):
    assert LabelReader([1, 2]).read("2,0") == 2
    assert read("a;y\n1;1,0\n2;1\n3;1,000\n").labels == ["1,0", "1,0", "1,000"]
