"""The exam: pins made, replaced and taken out, what is refused, sitting it, and CSV files."""

from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import update

import quickstudy
from quickstudy.api.versions import Pin
from quickstudy.deploy.core.context import HANDLERS
from quickstudy.deploy.core.tables import CASES, EXAM
from quickstudy.deploy.decisions.commands import PinCases, Pinning, Unpin
from quickstudy.deploy.versions import exam
from quickstudy.errors import (
    DataFileError,
    InputError,
    LabelError,
    NotFoundError,
    RecordError,
    StoreError,
)
from tests.deploy.support import SECONDS, record, sound, train, types


@dataclass(frozen=True)
class Corrected:
    """A trusted source says that this prediction should have been that."""

    prediction_id: str
    label: Any


def correct(desk, request):
    case = desk.book.find(CASES, request.prediction_id)
    duty = desk.by_number[case["learner"]]
    return exam.auto_pin(desk, duty, case, request.label, "boss")


@pytest.fixture(autouse=True)
def handled(monkeypatch):
    for kind, handler in ((PinCases, exam.pin), (Unpin, exam.unpin), (Corrected, correct)):
        monkeypatch.setitem(HANDLERS, kind, handler)


def ask(desk, request):
    return desk.writer.submit(request).result(SECONDS)


def put(desk, *items, actor="ana", name="t"):
    return ask(desk, PinCases(name, items, actor))


def standing(desk, name="t"):
    with desk.store.reading() as connection:
        return exam.pins(connection, desk.desk.duty(name).number)


def test_pins_a_record(desk):
    (made,) = put(desk, Pinning("odd", {"b": 2.5, "a": 1}, source="boss"))
    (event,) = [e for e in desk.events() if e.type == "pinned"]
    assert (event.actor, event.subject, event.seq) == ("ana", "", made.seq)
    assert event.payload == {
        "record": {"a": 1, "b": 2.5},
        "label": "odd",
        "bound": "must",
        "auto": False,
        "source": "boss",
        "replaces": [],
    }
    assert made == Pin(
        id=f"pin-{event.seq}",
        learner="t",
        record={"a": 1, "b": 2.5},
        label="odd",
        bound="must",
        auto=False,
        source="boss",
        seq=event.seq,
        time=event.time,
    )
    assert standing(desk) == [made]
    assert sound(desk) == []


def test_pins_the_record_of_a_prediction(desk):
    answer = desk.predict("t", record(3))
    (made,) = put(desk, Pinning(True, prediction_id=answer.id, bound="should"))
    assert (made.record, made.label, made.bound, made.source) == (record(3), True, "should", "ana")
    assert "pinned" in [event.type for event in desk.events() if event.subject == answer.id]
    put(desk, Pinning(1, record(3)))
    assert [p.label for p in standing(desk)] == [1]  # the same input


def test_same_input_again_takes_the_place_of_the_earlier_pin(desk):
    first, other = put(desk, Pinning("odd", {"a": 1}), Pinning("odd", "some text"))
    (second,) = put(desk, Pinning("even", {"a": 1}, bound="should"))
    assert standing(desk) == [other, second]
    event = [e for e in desk.events() if e.type == "pinned"]
    assert {e.seq: e.payload["replaces"] for e in event}[second.seq] == [first.id]
    _, fourth = put(desk, Pinning("x", {"a": 1}), Pinning("y", {"a": 1}))
    assert standing(desk) == [other, fourth]
    assert sound(desk) == []


def test_unpins(desk):
    first, second = put(desk, Pinning("odd", {"a": 1}), Pinning("even", {"a": 2}))
    ask(desk, Unpin("t", first.id, "boss"))
    assert standing(desk) == [second]
    (event,) = [e for e in desk.events() if e.type == "unpinned"]
    assert (event.actor, event.subject) == ("boss", first.id)
    for nothing in (first.id, "pin-0", "pin-99999999999999999999", "7", "pin--1", "pin-٣"):
        with pytest.raises(NotFoundError, match="no pin"):
            ask(desk, Unpin("t", nothing, "boss"))
    desk.create("u")
    with pytest.raises(NotFoundError, match="learner 'u' has no pin"):
        ask(desk, Unpin("u", second.id, "boss"))
    assert standing(desk) == [second]


@pytest.mark.parametrize(
    ("item", "error", "message"),
    [
        (Pinning("odd"), InputError, "either prediction_id or record"),
        (Pinning("odd", {"a": 1}, "p_1"), InputError, "either prediction_id or record"),
        (Pinning("odd", prediction_id="p_1"), NotFoundError, "'t' made no prediction 'p_1'"),
        (Pinning(1.5, {"a": 1}), LabelError, "float"),
        (Pinning("odd", {"a": 1}, bound="may"), InputError, "bound is 'may'"),
        (Pinning("odd", {"a": 1}, source=""), InputError, "source"),
        (Pinning("odd", {"a": float("nan")}), RecordError, "'a'"),
        (Pinning("odd", {"a": "text", "b": [1, "x"]}), RecordError, "b"),
    ],
)
def test_refuses_what_cannot_be_pinned_and_pins_nothing(desk, item, error, message):
    with pytest.raises(error, match=message):
        put(desk, item)
    with pytest.raises(error, match=r"pins\[1\]: .*" + message):
        put(desk, Pinning("odd", {"a": 1}), item)
    assert standing(desk) == []
    assert "pinned" not in types(desk)


def test_predictions_of_other_learners_are_not_pinned(desk):
    desk.create("u")
    answer = desk.predict("u", record(0))
    with pytest.raises(NotFoundError, match="'t' made no prediction"):
        put(desk, Pinning("odd", prediction_id=answer.id))
    with pytest.raises(NotFoundError, match="no learner 'v'"):
        put(desk, Pinning("odd", record(0)), name="v")


def test_room_for_so_many_pins(desk, monkeypatch):
    monkeypatch.setattr(exam, "MOST_PINS", 3)
    put(desk, *[Pinning("odd", {"a": i}) for i in range(3)])
    put(desk, *[Pinning("even", {"a": i}) for i in range(3)])  # in place of the others
    with pytest.raises(InputError, match="has 3 pins, and 1 more are too many: it may have 3"):
        put(desk, Pinning("odd", {"a": 0}), Pinning("odd", {"a": 3}))
    assert [p.label for p in standing(desk)] == ["even"] * 3
    ask(desk, Unpin("t", standing(desk)[0].id, "ana"))
    put(desk, Pinning("odd", {"a": 3}))
    desk.create("u")
    put(desk, Pinning("odd", {"a": 3}), name="u")
    assert (len(standing(desk)), len(standing(desk, "u"))) == (3, 1)


def test_many_at_once(desk):
    made = put(desk, *[Pinning("odd", {"a": i}) for i in range(exam.MOST_PINS)])
    assert standing(desk) == made
    assert len(made) == 5000
    with pytest.raises(InputError, match="has 5,000 pins"):
        put(desk, Pinning("odd", {"a": -1}))


def test_corrections_are_pinned_and_the_oldest_leave(desk, monkeypatch):
    monkeypatch.setattr(exam, "MOST_AUTO", 3)
    (by_hand,) = put(desk, Pinning("odd", record(9)))
    answers = [desk.predict("t", record(i)) for i in range(5)]
    made = [ask(desk, Corrected(answer.id, "odd")) for answer in answers[:3]]
    assert all(p.auto and p.bound == "should" and p.source == "boss" for p in made)
    assert [p.record for p in made] == [record(i) for i in range(3)]
    assert ask(desk, Corrected(answers[0].id, "odd")) is None  # it is pinned so
    changed = ask(desk, Corrected(answers[0].id, "even"))
    assert standing(desk) == [by_hand, *made[1:], changed]
    last = ask(desk, Corrected(answers[4].id, "odd"))
    assert standing(desk) == [by_hand, made[2], changed, last]
    (event,) = [e for e in desk.events() if e.type == "pinned" and e.seq == last.seq]
    assert (event.actor, event.subject) == ("desk", answers[4].id)
    assert event.payload["replaces"] == [made[1].id]
    assert sound(desk) == []


def test_corrections_never_take_the_place_of_a_pin_made_by_hand(desk):
    answer = desk.predict("t", record(0))
    auto = ask(desk, Corrected(answer.id, "odd"))
    (by_hand,) = put(desk, Pinning("even", record(0)))
    assert standing(desk) == [by_hand]  # but the other way round they do
    assert ask(desk, Corrected(answer.id, "odd")) is None
    assert standing(desk) == [by_hand]
    assert auto.seq < by_hand.seq


def test_pins_teach_nothing_and_stay_after_a_restart(path):
    with quickstudy.open(path) as desk:
        desk.create("t", seed=1)
        train(desk, "t", 10)
        before = desk.state_hash("t")
        made = put(desk, Pinning("odd", record(0)), Pinning("even", "a text"))
        assert desk.state_hash("t") == before
    with quickstudy.open(path) as desk:
        assert standing(desk) == made
        assert desk.state_hash("t") == before
        assert sound(desk) == []


def test_a_damaged_row_is_noticed(desk):
    (made,) = put(desk, Pinning("odd", record(0)))
    with desk.store.engine.begin() as connection:
        connection.execute(update(EXAM).where(EXAM.c.seq == made.seq).values(label='"even"'))
    with pytest.raises(StoreError, match="doctor"):
        standing(desk)


def case(i, label, bound="must"):
    return Pin(f"pin-{i}", "t", {"a": i}, label, bound, False, "ana", i, 0.0)


def test_sits_the_exam_with_what_failed_first():
    cases = [case(1, "a"), case(2, "b", "should"), case(3, "c"), case(4, 1), case(5, "e")]
    sat = exam.sit(cases, ["a", "x", None, True, "e"], "v1")
    assert (sat.version, sat.passed, sat.failed, sat.must_failed) == ("v1", 2, 3, 2)
    assert [p.id for p in sat.pins] == ["pin-3", "pin-4", "pin-2", "pin-1", "pin-5"]
    assert [p.answer for p in sat.pins] == [None, True, "x", "a", "e"]
    assert [p.passes for p in sat.pins] == [False, False, False, True, True]
    with pytest.raises(ValueError, match="zip"):
        exam.sit(cases, ["a"], "v1")
    assert exam.sit([], [], "v1").pins == ()


def written(tmp_path, text):
    path = tmp_path / "pins.csv"
    path.write_bytes(text.encode())
    return path


def test_reads_records(tmp_path):
    path = written(
        tmp_path,
        "amount,plan,new,label,bound\n12,pro,true,refund,\n"
        "-2.5,,false, keep ,SHOULD\n,7,true,7,must\n",
    )
    assert exam.read_pins(path) == [
        ({"amount": 12, "plan": "pro", "new": True}, "refund", "must"),
        ({"amount": -2.5, "new": False}, "keep", "should"),
        ({"plan": "7", "new": True}, "7", "must"),
    ]
    assert [type(r.get("amount")) for r, _, _ in exam.read_pins(path)] == [int, float, type(None)]


def test_reads_plain_texts(tmp_path):
    path = written(tmp_path, 'label;text\nrefund;"money, back"\nkeep;12\n')
    assert exam.read_pins(path) == [("money, back", "refund", "must"), ("12", "keep", "must")]


def test_labels_are_those_that_the_learner_knows(tmp_path):
    path = written(tmp_path, "a,label\n1,1\n2,True\n3,2\n4,x\n")
    read = [label for _, label, _ in exam.read_pins(path)]
    assert read == ["1", "True", "2", "x"]
    read = [label for _, label, _ in exam.read_pins(path, labels=[1, True, 2, "2", "x"])]
    assert read == [1, True, "2", "x"]
    assert type(read[0]) is int


def test_what_was_read_can_be_pinned(desk, tmp_path):
    path = written(tmp_path, "a,b,label\n1,x,odd\n2,,even\n")
    put(desk, *[Pinning(label, r, bound=bound) for r, label, bound in exam.read_pins(path)])
    assert [p.record for p in standing(desk)] == [{"a": 1, "b": "x"}, {"a": 2}]
    put(desk, Pinning("even", {"a": 1, "b": "x"}))  # as a program would say it: the same input
    assert len(standing(desk)) == 2


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is empty"),
        ("a,label\n", "has no rows"),
        ("a,b\n1,2\n", "column 'label'"),
        ("label,bound\nx,must\n", "others for the record"),
        ("a,label\n1,x\n2,\n", "line 3, column 'label': the label is missing"),
        ("a,label,bound\n1,x,may\n", "line 2, column 'bound': 'may'"),
        ("a,label\n1,x\n1e999,y\n", "line 3, column 'a': inf is not a finite number"),
        ("text,label\nhi,x\n,y\n", "line 3, column 'text': the text is missing"),
        ("a,label\n1\n", "line 2 has 1 cell"),
    ],
)
def test_says_what_is_wrong_with_a_file(tmp_path, text, message):
    with pytest.raises(DataFileError, match=r"pins\.csv: ") as caught:
        exam.read_pins(written(tmp_path, text))
    assert message in str(caught.value)
