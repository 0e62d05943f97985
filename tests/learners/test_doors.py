"""A learner takes values and batches however they are spelled, and learns the plain ones."""

import copy
import datetime as dt
import enum
import pickle

import numpy as np
import pytest

from quickstudy import Classifier, ValueFunction
from quickstudy.errors import InputError, RecordError
from quickstudy.learners.classifier.refits import UpkeepPolicy


class Queue(enum.StrEnum):
    BILLING = "billing"
    CARDS = "cards"


class Grade(enum.IntEnum):
    LOW = 1
    HIGH = 2


@pytest.mark.parametrize("labels", [Queue, Grade])
def test_members_of_an_enum_are_learned_as_their_values(labels):
    spelled, plain = Classifier(), Classifier()
    for i in range(20):
        label = list(labels)[i % 10 > 4]
        spelled.learn({"x": float(i % 10)}, label)
        plain.learn({"x": float(i % 10)}, label.value)
    assert spelled.labels == tuple(member.value for member in labels)
    assert spelled.state_hash() == plain.state_hash()
    answer = spelled.predict({"x": 9.0}).label
    assert type(answer) in (str, int) and answer == list(labels)[1]


def test_spaces_and_normal_forms_make_no_second_label():
    learner = Classifier()
    for i, label in enumerate(["lost card", "lost card ", " lost card", "caf\u00e9", "cafe\u0301"]):
        learner.learn({"x": float(i)}, label)
    assert learner.labels == ("lost card", "caf\u00e9")
    learner.learn_not({"x": 9.0}, "lost card\n")


def test_what_a_log_holds_is_learned_as_it_is():
    """Labels that were logged before there was one door keep their spaces in a replay."""
    learner = Classifier()
    learner.learn_many([{"e\u0301": 1.0}] * 2, ["lost card ", "lost card"], as_is=True)
    assert learner.labels == ("lost card ", "lost card")
    assert [f.name for f in learner.fields] == ["e\u0301"]
    learner.learn_not({"e\u0301": 1.0}, "lost card ", as_is=True)
    assert learner.predict_many([{"e\u0301": 1.0}], as_is=True)[0].label == "lost card"


def test_a_time_is_learned_by_its_parts_in_every_spelling():
    datetimes, arrays = Classifier(), Classifier()
    for i in range(60):
        moment = dt.datetime(2024, 5, 1) + dt.timedelta(hours=7 * i)
        label = "night" if moment.hour < 8 else "day"
        datetimes.learn({"at": moment}, label)
        arrays.learn({"at": np.datetime64(moment, "ns")}, label)
    assert datetimes.state_hash() == arrays.state_hash()
    names = [f.name for f in datetimes.fields]
    assert names == ["at.hour", "at.weekday", "at.month", "at.day", "at.days"]
    right = [
        datetimes.predict({"at": dt.datetime(2024, 8, 1, hour)}).label == answer
        for hour, answer in ((2, "night"), (4, "night"), (13, "day"), (20, "day"))
    ]
    assert sum(right) >= 3
    assert datetimes.predict({"at": np.datetime64("NaT")}).label in ("night", "day")


def table(n):
    rows = [{"amount": float(i % 10), "kind": "web" if i % 3 else "shop"} for i in range(n)]
    return rows, ["large" if row["amount"] > 5 else "small" for row in rows]


@pytest.mark.parametrize("library", ["pandas", "polars", "pyarrow"])
def test_a_table_is_learned_and_predicted_as_its_records(library):
    module = pytest.importorskip(library)
    make = {"pandas": "DataFrame", "polars": "DataFrame", "pyarrow": "table"}[library]
    column = {"pandas": "Series", "polars": "Series", "pyarrow": "array"}[library]
    rows, ys = table(40)
    frame = getattr(module, make)({name: [row[name] for row in rows] for name in rows[0]})
    labels = getattr(module, column)(ys)
    by_table, by_rows = Classifier(), Classifier()
    by_table.learn_many(frame, labels)
    by_rows.learn_many(rows, ys)
    assert by_table.state_hash() == by_rows.state_hash()
    said, expected = by_table.predict_many(frame), by_rows.predict_many(rows)
    assert len(said) == 40
    np.testing.assert_array_equal(said.probabilities, expected.probabilities)
    assert len(Classifier().test_then_train(frame, labels)) == 40


def test_a_missing_number_of_a_table_is_missing_and_of_a_record_refused():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1.0, None, 3.0], "b": ["x", None, "y"]})
    by_table, by_rows = Classifier(), Classifier()
    by_table.learn_many(frame, ["u", "v", "u"])
    rows = [{"a": 1.0, "b": "x"}, {"a": None, "b": None}, {"a": 3.0, "b": "y"}]
    by_rows.learn_many(rows, ["u", "v", "u"])
    assert by_table.state_hash() == by_rows.state_hash()
    with pytest.raises(RecordError, match="'a' is nan"):
        by_table.learn({"a": float("nan")}, "u")
    by_table.learn(frame.iloc[1], "v")
    assert by_table.predict(frame.iloc[0]).label == "u"


def test_gaps_of_an_array_are_missing_numbers():
    rng = np.random.default_rng(0)
    rows = 3.0 * rng.normal(size=(80, 4))
    ys = rows[:, 0] > 0
    holes = rows.copy()
    holes[rng.random(rows.shape) < 0.2] = np.nan
    holes[0] = rows[0]
    learner = Classifier()
    learner.learn_many(holes, ys)
    assert learner.labels == (bool(ys[0]), not ys[0])
    assert [(f.name, f.type) for f in learner.fields] == [("vector", "vector")]
    assert np.isfinite(learner.predict_many(holes).probabilities).all()
    gap = [None if np.isnan(x) else x for x in holes[5]]
    assert learner.predict(gap).probabilities == learner.predict(holes[5]).probabilities
    with pytest.raises(RecordError, match="'v' holds nan"):
        learner.learn({"v": holes[5] * np.nan}, True)


def test_gaps_of_an_embedding_are_zeros():
    rows = np.eye(4, dtype=np.float32)
    learner = Classifier()
    learner.learn_many(rows, ["a", "b", "c", "d"])
    gap = np.array([np.nan, 1.0, np.nan, np.nan])
    assert learner.predict(gap).probabilities == learner.predict(rows[1]).probabilities


@pytest.mark.parametrize("batch", [{"amount": 3.0}, "large", b"large", np.zeros(2), 5, None])
def test_one_input_is_no_batch_and_nothing_changes(batch):
    learner = Classifier()
    learner.learn_many(*table(10))
    before = learner.state_hash()
    for attempt in (
        lambda: learner.predict_many(batch),
        lambda: learner.learn_many(batch, ["small"]),
        lambda: learner.test_then_train(batch, ["small"]),
        lambda: learner.learn_many([{"amount": 1.0}], {"small": 1}),
        lambda: learner.learn_many([{"amount": 1.0}] * 5, "small"),
    ):
        with pytest.raises(InputError, match="write"):
            attempt()
    assert learner.state_hash() == before


@pytest.mark.parametrize(
    "copy_of", [copy.copy, copy.deepcopy, lambda c: pickle.loads(pickle.dumps(c))]
)
def test_pythons_own_copies_have_locks_of_their_own(copy_of):
    learner = Classifier()
    learner.learn_many(*table(60))
    learner.defer_refits()
    learner.freeze_map(50)
    runs = ValueFunction()
    runs.start(id="a").step({"x": 1.0})
    for one, teach in (
        (learner, lambda c: c.learn({"amount": 1.0}, "small")),
        (runs, lambda v: v.end("a", 1.0)),
    ):
        other = copy_of(one)
        assert other.state_hash() == one.state_hash()
        teach(other)
        assert other.state_hash() != one.state_hash()
        teach(one)
        assert other.state_hash() == one.state_hash()
    assert copy_of(learner)._policy == UpkeepPolicy(deferred=True, frozen_at=50)


def test_a_state_that_was_handed_out_does_not_change_with_the_learner():
    learner = Classifier()
    learner.learn_many(*table(30))
    arrays, plain = learner.state()
    then = Classifier.from_state(arrays, plain).state_hash()
    learner.learn_many(*table(30))
    learner.learn({"brand new": 1.0}, "another")
    assert Classifier.from_state(arrays, plain).state_hash() == then


def test_runs_take_any_action_and_true_as_an_outcome():
    spelled, plain = ValueFunction(), ValueFunction()
    for i in range(6):
        won = i % 2 == 0
        run = spelled.start("caf\u00e9")
        run.step(
            {"at": np.datetime64("2024-05-01T10:00")}, action={"tool": "search", "n": np.int64(i)}
        )
        run.step(action=Queue.CARDS, error=np.bool_(True), reward=np.float32(0.5))
        run.end(np.bool_(won))
        run = plain.start("cafe\u0301")
        run.step({"at": dt.datetime(2024, 5, 1, 10)}, action=f'{{"n":{i},"tool":"search"}}')
        run.step(action="cards", error=True, reward=0.5)
        run.end(float(won))
    assert spelled.runs == 6
    assert spelled.state_hash() == plain.state_hash()


def test_settings_of_numpy_and_enums_are_plain(tmp_path):
    numbers = {"discount": 0.5, "success": 0.5, "stop_error": 0.25, "trace": 0.5, "audit": 0.5}
    wide = {name: np.float32(value) for name, value in numbers.items()}
    whole = {"seed": 3, "budget_mb": 32, "most_open": 5}
    made = ValueFunction(**wide, **{name: np.int64(value) for name, value in whole.items()})
    assert made.state_hash() == ValueFunction(**numbers, **whole).state_hash()
    made.change(most_open=np.int8(7), stop_error=np.float32(0.125))
    assert made.most_open == 7 and type(made.most_open) is int
    spelled = Classifier(seed=np.int64(3), budget_mb=np.float32(32))
    assert spelled.state_hash() == Classifier(seed=3, budget_mb=32.0).state_hash()
    spelled.save(tmp_path / "model")


def test_a_schema_knows_its_field_in_both_normal_forms():
    learner = Classifier(schema={"cafe\u0301": "category"})
    for name in ("cafe\u0301", "caf\u00e9"):
        learner.learn({name: 75001}, "paris")
    assert [(field.name, field.type) for field in learner.fields] == [("caf\u00e9", "category")]
