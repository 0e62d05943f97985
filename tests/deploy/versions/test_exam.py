"""The exam: pins made, replaced and taken out, what is refused, sitting it, and CSV files."""

from dataclasses import dataclass
from typing import Any

import pytest
from sqlalchemy import update

import quickstudy
from quickstudy.api.versions import Pin
from quickstudy.deploy.core.tables import CASES, EXAM
from quickstudy.deploy.handlers import HANDLERS
from quickstudy.deploy.hosting.transaction import HostedLearners
from quickstudy.deploy.versions import exam, exam_file, exam_queries
from quickstudy.deploy.versions.commands import PinCases, PinSpec, Unpin
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


def correct(context, command):
    case = context.rows.find(CASES, command.prediction_id)
    hosted = context.of(HostedLearners).by_number[case["learner"]]
    before = len(context.transaction.events)
    yield from exam.auto_pin(context, hosted, case, command.label, "boss")
    made = [event.seq for event in context.transaction.events[before:]]
    return (
        exam_queries.pin_of(context.rows.find(EXAM, hosted.number, made[0]), "t") if made else None
    )


@pytest.fixture(autouse=True)
def handled(monkeypatch):
    for kind, handler in ((PinCases, exam.pin), (Unpin, exam.unpin), (Corrected, correct)):
        monkeypatch.setitem(HANDLERS, kind, handler)


def ask(deployment, request):
    return deployment.writer.submit(request).result(SECONDS)


def put(deployment, *items, actor="ana", name="t"):
    return ask(deployment, PinCases(name, items, actor))


def standing(deployment, name="t"):
    with deployment.store.reading() as connection:
        return exam_queries.pins(connection, deployment.classifiers.by_name[name].number)


def test_pins_a_record(deployment):
    (made,) = put(deployment, PinSpec("odd", {"b": 2.5, "a": 1}, source="boss"))
    (event,) = [e for e in deployment.events() if e.type == "pinned"]
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
    assert standing(deployment) == [made]
    assert sound(deployment) == []


def test_pins_the_record_of_a_prediction(deployment):
    answer = deployment.predict("t", record(3))
    (made,) = put(deployment, PinSpec(True, prediction_id=answer.id, bound="should"))
    assert (made.record, made.label, made.bound, made.source) == (record(3), True, "should", "ana")
    assert "pinned" in [event.type for event in deployment.events() if event.subject == answer.id]
    put(deployment, PinSpec(1, record(3)))
    assert [p.label for p in standing(deployment)] == [1]  # the same input


def test_same_input_again_takes_the_place_of_the_earlier_pin(deployment):
    first, other = put(deployment, PinSpec("odd", {"a": 1}), PinSpec("odd", "some text"))
    (second,) = put(deployment, PinSpec("even", {"a": 1}, bound="should"))
    assert standing(deployment) == [other, second]
    event = [e for e in deployment.events() if e.type == "pinned"]
    assert {e.seq: e.payload["replaces"] for e in event}[second.seq] == [first.id]
    _, fourth = put(deployment, PinSpec("x", {"a": 1}), PinSpec("y", {"a": 1}))
    assert standing(deployment) == [other, fourth]
    assert sound(deployment) == []


def test_unpins(deployment):
    first, second = put(deployment, PinSpec("odd", {"a": 1}), PinSpec("even", {"a": 2}))
    ask(deployment, Unpin("t", first.id, "boss"))
    assert standing(deployment) == [second]
    (event,) = [e for e in deployment.events() if e.type == "unpinned"]
    assert (event.actor, event.subject) == ("boss", first.id)
    for nothing in (first.id, "pin-0", "pin-99999999999999999999", "7", "pin--1", "pin-٣"):
        with pytest.raises(NotFoundError, match="no pin"):
            ask(deployment, Unpin("t", nothing, "boss"))
    deployment.create("u")
    with pytest.raises(NotFoundError, match="learner 'u' has no pin"):
        ask(deployment, Unpin("u", second.id, "boss"))
    assert standing(deployment) == [second]


@pytest.mark.parametrize(
    ("item", "error", "message"),
    [
        (PinSpec("odd"), InputError, "either prediction_id or record"),
        (PinSpec("odd", {"a": 1}, "p_1"), InputError, "either prediction_id or record"),
        (PinSpec("odd", prediction_id="p_1"), NotFoundError, "'t' made no prediction 'p_1'"),
        (PinSpec(1.5, {"a": 1}), LabelError, "float"),
        (PinSpec("odd", {"a": 1}, bound="may"), InputError, "bound is 'may'"),
        (PinSpec("odd", {"a": 1}, source=""), InputError, "source"),
        (PinSpec("odd", {"a": float("nan")}), RecordError, "'a'"),
        (PinSpec("odd", {"a": "text", "b": [1, "x"]}), RecordError, "b"),
    ],
)
def test_refuses_what_cannot_be_pinned_and_pins_nothing(deployment, item, error, message):
    with pytest.raises(error, match=message):
        put(deployment, item)
    with pytest.raises(error, match=r"pins\[1\]: .*" + message):
        put(deployment, PinSpec("odd", {"a": 1}), item)
    assert standing(deployment) == []
    assert "pinned" not in types(deployment)


def test_predictions_of_other_learners_are_not_pinned(deployment):
    deployment.create("u")
    answer = deployment.predict("u", record(0))
    with pytest.raises(NotFoundError, match="'t' made no prediction"):
        put(deployment, PinSpec("odd", prediction_id=answer.id))
    with pytest.raises(NotFoundError, match="no learner 'v'"):
        put(deployment, PinSpec("odd", record(0)), name="v")


def test_room_for_so_many_pins(deployment, monkeypatch):
    monkeypatch.setattr(exam, "MOST_PINS", 3)
    put(deployment, *[PinSpec("odd", {"a": i}) for i in range(3)])
    put(deployment, *[PinSpec("even", {"a": i}) for i in range(3)])  # in place of the others
    with pytest.raises(InputError, match="has 3 pins, and 1 more are too many: it may have 3"):
        put(deployment, PinSpec("odd", {"a": 0}), PinSpec("odd", {"a": 3}))
    assert [p.label for p in standing(deployment)] == ["even"] * 3
    ask(deployment, Unpin("t", standing(deployment)[0].id, "ana"))
    put(deployment, PinSpec("odd", {"a": 3}))
    deployment.create("u")
    put(deployment, PinSpec("odd", {"a": 3}), name="u")
    assert (len(standing(deployment)), len(standing(deployment, "u"))) == (3, 1)


def test_many_at_once(deployment):
    made = put(deployment, *[PinSpec("odd", {"a": i}) for i in range(exam.MOST_PINS)])
    assert standing(deployment) == made
    assert len(made) == 5000
    with pytest.raises(InputError, match="has 5,000 pins"):
        put(deployment, PinSpec("odd", {"a": -1}))


def test_corrections_are_pinned_and_the_oldest_leave(deployment, monkeypatch):
    monkeypatch.setattr(exam, "MOST_AUTO", 3)
    (by_hand,) = put(deployment, PinSpec("odd", record(9)))
    answers = [deployment.predict("t", record(i)) for i in range(5)]
    made = [ask(deployment, Corrected(answer.id, "odd")) for answer in answers[:3]]
    assert all(p.auto and p.bound == "should" and p.source == "boss" for p in made)
    assert [p.record for p in made] == [record(i) for i in range(3)]
    assert ask(deployment, Corrected(answers[0].id, "odd")) is None  # it is pinned so
    changed = ask(deployment, Corrected(answers[0].id, "even"))
    assert standing(deployment) == [by_hand, *made[1:], changed]
    last = ask(deployment, Corrected(answers[4].id, "odd"))
    assert standing(deployment) == [by_hand, made[2], changed, last]
    (event,) = [e for e in deployment.events() if e.type == "pinned" and e.seq == last.seq]
    assert (event.actor, event.subject) == ("system", answers[4].id)
    assert event.payload["replaces"] == [made[1].id]
    assert sound(deployment) == []


def test_corrections_never_take_the_place_of_a_pin_made_by_hand(deployment):
    answer = deployment.predict("t", record(0))
    auto = ask(deployment, Corrected(answer.id, "odd"))
    (by_hand,) = put(deployment, PinSpec("even", record(0)))
    assert standing(deployment) == [by_hand]  # but the other way round they do
    assert ask(deployment, Corrected(answer.id, "odd")) is None
    assert standing(deployment) == [by_hand]
    assert auto.seq < by_hand.seq


def test_pins_teach_nothing_and_stay_after_a_restart(path):
    with quickstudy.open(path) as deployment:
        deployment.create("t", seed=1)
        train(deployment, "t", 10)
        before = deployment.state_hash("t")
        made = put(deployment, PinSpec("odd", record(0)), PinSpec("even", "a text"))
        assert deployment.state_hash("t") == before
    with quickstudy.open(path) as deployment:
        assert standing(deployment) == made
        assert deployment.state_hash("t") == before
        assert sound(deployment) == []


def test_a_damaged_row_is_noticed(deployment):
    (made,) = put(deployment, PinSpec("odd", record(0)))
    with deployment.store.engine.begin() as connection:
        connection.execute(update(EXAM).where(EXAM.c.seq == made.seq).values(label='"even"'))
    with pytest.raises(StoreError, match="doctor"):
        standing(deployment)


def case(i, label, bound="must"):
    return Pin(f"pin-{i}", "t", {"a": i}, label, bound, False, "ana", i, 0.0)


def test_sits_the_exam_with_what_failed_first():
    cases = [case(1, "a"), case(2, "b", "should"), case(3, "c"), case(4, 1), case(5, "e")]
    sat = exam_queries.sit(cases, ["a", "x", None, True, "e"], "v1")
    assert (sat.version, sat.passed, sat.failed, sat.must_failed) == ("v1", 2, 3, 2)
    assert [p.id for p in sat.pins] == ["pin-3", "pin-4", "pin-2", "pin-1", "pin-5"]
    assert [p.answer for p in sat.pins] == [None, True, "x", "a", "e"]
    assert [p.passes for p in sat.pins] == [False, False, False, True, True]
    with pytest.raises(ValueError, match="zip"):
        exam_queries.sit(cases, ["a"], "v1")
    assert exam_queries.sit([], [], "v1").pins == ()


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
    assert exam_file.read_pins(path) == [
        ({"amount": 12, "plan": "pro", "new": True}, "refund", "must"),
        ({"amount": -2.5, "new": False}, "keep", "should"),
        ({"plan": "7", "new": True}, "7", "must"),
    ]
    assert [type(r.get("amount")) for r, _, _ in exam_file.read_pins(path)] == [
        int,
        float,
        type(None),
    ]


def test_reads_plain_texts(tmp_path):
    path = written(tmp_path, 'label;text\nrefund;"money, back"\nkeep;12\n')
    assert exam_file.read_pins(path) == [("money, back", "refund", "must"), ("12", "keep", "must")]


def test_labels_are_those_that_the_learner_knows(tmp_path):
    path = written(tmp_path, "a,label\n1,1\n2,True\n3,2\n4,x\n")
    read = [label for _, label, _ in exam_file.read_pins(path)]
    assert read == ["1", "True", "2", "x"]
    read = [label for _, label, _ in exam_file.read_pins(path, labels=[1, True, 2, "2", "x"])]
    assert read == [1, True, "2", "x"]
    assert type(read[0]) is int


def test_what_was_read_can_be_pinned(deployment, tmp_path):
    path = written(tmp_path, "a,b,label\n1,x,odd\n2,,even\n")
    put(
        deployment,
        *[PinSpec(label, r, bound=bound) for r, label, bound in exam_file.read_pins(path)],
    )
    assert [p.record for p in standing(deployment)] == [{"a": 1, "b": "x"}, {"a": 2}]
    put(
        deployment, PinSpec("even", {"a": 1, "b": "x"})
    )  # as a program would say it: the same input
    assert len(standing(deployment)) == 2


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
        exam_file.read_pins(written(tmp_path, text))
    assert message in str(caught.value)
