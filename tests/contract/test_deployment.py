"""One contract for both ends: a store opened in the process, and one reached over HTTP."""

import dataclasses
import inspect
import itertools

import numpy as np
import pytest

from quickstudy import Client, Deployment, Feedback
from quickstudy.api import decisions
from quickstudy.errors import (
    InputError,
    LabelError,
    NotFoundError,
    NotReadyError,
    RecordError,
    SettingError,
)
from quickstudy.types import Explanation
from tests.contract.support import ROWS

METHODS = [
    "asks",
    "autonomy",
    "cases",
    "challenge",
    "change",
    "claim",
    "close",
    "create",
    "create_value",
    "delete",
    "diff",
    "end",
    "events",
    "expire",
    "exam",
    "explain",
    "feedback",
    "feedback_many",
    "flush",
    "gate",
    "held",
    "history",
    "learner",
    "learners",
    "limit",
    "limits",
    "pause",
    "pauses",
    "pin",
    "pin_many",
    "predict",
    "predict_many",
    "promote",
    "release",
    "report",
    "resume",
    "rollback",
    "rule",
    "run",
    "runs",
    "sources",
    "start",
    "state_hash",
    "step",
    "unpin",
    "value",
    "version_at",
    "versions",
    "withdraw",
]
names = (f"learner {i}" for i in itertools.count())


@pytest.fixture
def name(deployment):
    """A learner that knows nothing yet."""
    return deployment.create(next(names), seed=0, budget_mb=16).name


@pytest.fixture
def taught(deployment, name):
    """A learner that was taught some rows."""
    items = [Feedback(learner=name, record=x, label=y, source="ana") for x, y in ROWS]
    deployment.feedback_many(items, wait_learned=True)
    return name


def test_both_ends_have_the_same_methods():
    for method in METHODS:
        here, there = (inspect.signature(getattr(c, method)) for c in (Deployment, Client))
        assert [p for p in here.parameters if p != "actor"] == list(there.parameters), method
        for parameter, meant in there.parameters.items():
            assert meant.kind == here.parameters[parameter].kind, method
            assert meant.default == here.parameters[parameter].default, (method, parameter)
        assert here.return_annotation == there.return_annotation, method


def test_neither_end_has_a_method_that_the_other_has_not():
    """But for what only who has the store can do."""
    here, there = (
        {name for name, _ in inspect.getmembers(cls, inspect.isfunction) if name[0] != "_"}
        for cls in (Deployment, Client)
    )
    assert there == set(METHODS)
    own = {"backup", "create_key", "doctor", "faults", "find_key", "keys", "lag", "listen"}
    own |= {"is_slow_key", "revoke_key", "submit_feedback", "submit_predict", "submit_step"}
    assert here - there == own


def test_a_learner_is_made_as_it_was_wished(deployment):
    info = deployment.create(
        next(names),
        schema={"id": "category"},
        target=0.9,
        alpha=0.1,
        targets={"x": 0.99, 1: 0.8},
        costs=[(True, 2.0)],
        audit=0.2,
        wait_seconds=60,
        budget_mb=16,
        seed=7,
        trusted=["ana"],
    )
    assert info.settings == decisions.Settings(
        schema={"id": "category"},
        target=0.9,
        alpha=0.1,
        targets=(("x", 0.99), (1, 0.8)),
        costs=((True, 2.0),),
        audit=0.2,
        wait_seconds=60.0,
        budget_mb=16.0,
        seed=7,
        trusted=("ana",),
    )
    assert type(info.settings.targets[1][0]) is int and info.settings.costs[0][0] is True
    assert deployment.learner(info.name) == info and info in deployment.learners()
    assert info.examples == 0 and info.labels == ()


def test_settings_change_and_the_rest_stays(deployment, name):
    before = deployment.learner(name).settings
    after = deployment.change(name, target=0.8, trusted=["ben"]).settings
    assert after == dataclasses.replace(before, target=0.8, trusted=("ben",))
    with pytest.raises(SettingError, match="target"):
        deployment.change(name, target=1.5)
    assert deployment.learner(name).settings == after


def test_a_name_is_given_once(deployment, name):
    with pytest.raises(InputError, match="already"):
        deployment.create(name)


@pytest.mark.parametrize(
    ("settings", "named"),
    [({"target": 1.0}, "target"), ({"audit": 2.0}, "audit"), ({"schema": {"a": "colour"}}, "'a'")],
)
def test_settings_out_of_range_are_refused_by_name(deployment, settings, named):
    count = len(deployment.learners())
    with pytest.raises(SettingError, match=named):
        deployment.create(next(names), **settings)
    assert len(deployment.learners()) == count


def test_a_deleted_learner_is_gone_and_its_name_is_free(deployment, name):
    deployment.delete(name)
    for asked in (
        deployment.learner,
        deployment.report,
        deployment.asks,
        deployment.cases,
        deployment.state_hash,
        deployment.delete,
    ):
        with pytest.raises(NotFoundError):
            asked(name)
    with pytest.raises(NotFoundError):
        deployment.predict(name, "hello")
    assert deployment.create(name, budget_mb=16).name == name


def test_an_answer_says_all_there_is_to_know(deployment, taught):
    answer = deployment.predict(taught, ROWS[0][0])
    assert answer.id.startswith("p_") and answer.learner == taught
    assert answer.label == "down" and answer.decision == "ask" and answer.policy == 0
    assert 0.5 < answer.confidence <= 1 and 0 <= answer.novelty < 1
    assert answer.alternatives[0][0] == "down" and isinstance(answer.alternatives, tuple)
    assert type(answer.confidence) is float and answer.seq > 0 and answer.time > 1.7e9


def test_before_anything_was_learned_there_is_no_label(deployment, name):
    answer = deployment.predict(name, "hello")
    assert (answer.label, answer.decision, answer.alternatives) == (None, "ask", ())


@pytest.mark.parametrize(
    "record",
    ["a text", {"a": 1, "b": None, "c": True, "d": "x"}, [1.0, 2.0], np.arange(3.0), {"v": (1, 2)}],
)
def test_every_kind_of_record_is_answered(deployment, name, record):
    assert deployment.predict(name, record).decision == "ask"


def test_numpy_or_not_is_the_same_record(deployment, name):
    a = deployment.predict(name, {"a": np.float64(0.1), "v": np.array([1.0, 2.0])})
    b = deployment.predict(name, {"a": 0.1, "v": [1.0, 2.0]})
    assert (
        deployment.history(a.id).record
        == deployment.history(b.id).record
        == {"a": 0.1, "v": [1.0, 2.0]}
    )


@pytest.mark.parametrize("record", [{"a": float("nan")}, {"a": {"b": 1}}, {"a": 1e200}])
def test_what_is_no_record_is_refused_with_its_name(deployment, name, record):
    with pytest.raises(RecordError):
        deployment.predict(name, record)
    assert deployment.cases(name) == []


def test_a_batch_is_answered_in_order_or_not_at_all(deployment, taught):
    said = deployment.predict_many(taught, [x for x, _ in ROWS] * 3)
    assert [a.label for a in said] == [y for _, y in ROWS] * 3
    assert [a.seq for a in said] == sorted(a.seq for a in said)
    with pytest.raises(RecordError):
        deployment.predict_many(taught, [ROWS[0][0], {"a": {}}])
    assert len(deployment.cases(taught)) == len(said)


def test_an_id_of_ones_own_gets_the_same_answer_again(deployment, name):
    first = deployment.predict(name, "hello", id="order 7/8 ü")
    assert first.id == "order 7/8 ü" and deployment.predict(name, "hello", id=first.id) == first
    with pytest.raises(InputError, match="another record"):
        deployment.predict(name, "goodbye", id=first.id)
    assert deployment.history(first.id).answer == first
    deployment.delete(name)


@pytest.mark.parametrize("id", ["", "p_mine", "x" * 129, "a\nb"])
def test_ids_that_cannot_be_are_refused(deployment, name, id):
    with pytest.raises(InputError):
        deployment.predict(name, "hello", id=id)


@pytest.mark.parametrize("label", ["card arrival", 1, True, "1", -(2**62)])
def test_labels_keep_their_type(deployment, name, label):
    answer = deployment.predict(name, "hello")
    receipt = deployment.feedback(answer.id, label=label, source="ana", wait_learned=True)
    assert (receipt.status, receipt.prediction_id, receipt.learner) == ("accepted", answer.id, name)
    again = deployment.predict(name, "hello")
    for said in (
        again.label,
        deployment.history(answer.id).label,
        deployment.learner(name).labels[0],
    ):
        assert said == label and type(said) is type(label)
    assert [case.id for case in deployment.cases(name, label=label)] == [again.id, answer.id]


@pytest.mark.parametrize("label", [1.5, "", None, 2**70])
def test_what_is_no_label_is_refused(deployment, name, label):
    answer = deployment.predict(name, "hello")
    with pytest.raises(LabelError):
        deployment.feedback(answer.id, label=label)
    assert deployment.learner(name).examples == 0


def test_feedback_sent_again_changes_nothing(deployment, name):
    answer = deployment.predict(name, "hello")
    first = deployment.feedback(answer.id, label="x", source="ana")
    again = deployment.feedback(answer.id, label="x", source="ana")
    assert again.status == "repeated" and again.seq == first.seq
    keyed = deployment.feedback(learner=name, record="bye", label="y", key="k")
    assert deployment.feedback(learner=name, record="bye", label="y", key="k").seq == keyed.seq
    deployment.flush()
    assert deployment.learner(name).examples == 2


def test_a_record_taught_twice_counts_twice(deployment, name):
    for _ in range(2):
        assert deployment.feedback(learner=name, record="hello", label="x").status == "accepted"
    deployment.flush()
    assert deployment.learner(name).examples == 2


def test_each_kind_of_feedback_has_its_answer(deployment, name):
    def say(label, source, id=None):
        return deployment.feedback(id or answer.id, label=label, source=source).status

    answer = deployment.predict(name, "hello")
    assert say("x", "ana") == "accepted"
    assert say("y", "ana") == "superseded"
    assert say("y", "ben") == "confirmed"
    assert say("z", "cyd") == "conflicting"
    assert say("x", "ana", "p_nobody") == "unknown"
    assert say("x", "ana", f"{name} early") == "early"
    joined = deployment.predict(name, "joined", id=f"{name} early")
    assert deployment.history(joined.id).label == "x"


def test_not_this_is_feedback_too(deployment, taught):
    answer = deployment.predict(taught, ROWS[0][0])
    receipt = deployment.feedback(answer.id, correct=False, source="ana", wait_learned=True)
    assert receipt.status == "accepted" and deployment.history(answer.id).label is None
    right = deployment.predict(taught, ROWS[1][0])
    deployment.feedback(right.id, correct=True)
    assert deployment.history(right.id).label == right.label


@pytest.mark.parametrize(
    "item",
    [
        Feedback(label="x"),
        Feedback("p_1", record="hello", label="x"),
        Feedback("p_1"),
        Feedback("p_1", label="x", correct=True),
        Feedback(record="hello", label="x"),
        Feedback("p_1", label="x", source=""),
    ],
)
def test_feedback_that_says_nothing_is_refused(deployment, item):
    with pytest.raises(InputError):
        deployment.feedback_many([item])


def test_several_feedbacks_are_taken_in_together_or_not_at_all(deployment, name):
    good, bad = (Feedback(learner=name, record="hello", label=y, key="k1") for y in ("x", 0.5))
    with pytest.raises(LabelError):
        deployment.feedback_many([good, bad])
    assert deployment.feedback_many([good])[0].status == "accepted"


def test_people_in_circles_are_stopped_and_one_rules(deployment, name):
    answer = deployment.predict(name, "hello")
    said = [
        deployment.feedback(answer.id, label=y, source=s).status
        for y, s in [("x", "ana"), ("y", "ben"), ("x", "ana"), ("z", "ana"), ("y", "cyd")]
    ]
    assert "contested" in said
    assert [case.id for case in deployment.cases(name, status="contested")] == [answer.id]
    assert deployment.rule(answer.id, "y", source="boss").status == "accepted"
    case = deployment.history(answer.id)
    assert (case.status, case.label) == ("labelled", "y")
    with pytest.raises(InputError, match="not contested"):
        deployment.rule(answer.id, "y")
    with pytest.raises(NotFoundError):
        deployment.rule("p_nobody", "y")


def test_two_people_never_get_the_same_case(deployment, name):
    ids = {a.id for a in deployment.predict_many(name, ["one", "two"])}
    assert {ask.id for ask in deployment.asks(name)} == ids
    mine, yours = (deployment.claim(name, holder=h) for h in ("ana", "ben"))
    assert {mine.id, yours.id} == ids and deployment.claim(name, holder="cyd") is None
    assert deployment.claim(name, holder="cyd", id=mine.id) is None
    deployment.release(mine.id, holder="ana")
    assert deployment.claim(name, holder="cyd").id == mine.id
    assert deployment.asks(name, limit=1)[0].record in ("one", "two")
    deployment.feedback(yours.id, label="x")
    assert [ask.id for ask in deployment.asks(name)] == [mine.id]
    assert deployment.claim(name, holder="ben", id=yours.id).id == yours.id  # to think again


def test_cases_are_found_by_what_they_are(deployment, taught):
    said = deployment.predict_many(taught, ["the blue hill", "the red hill", "a valley"])
    deployment.feedback(said[0].id, label="up")
    found = deployment.cases(taught, text="HILL")
    assert [case.id for case in found] == [said[1].id, said[0].id]
    assert [case.id for case in deployment.cases(taught, status="labelled")] == [said[0].id]
    assert deployment.cases(taught, decision="act") == []
    assert [case.id for case in deployment.cases(taught, limit=1)] == [said[2].id]
    older = deployment.cases(taught, before=said[2].seq, limit=1)
    assert [case.id for case in older] == [said[1].id]
    with pytest.raises(InputError):
        deployment.cases(taught, limit=0)


def test_a_history_has_every_word(deployment, name):
    answer = deployment.predict(name, {"a": 1})
    deployment.feedback(answer.id, label="x", source="ana")
    case = deployment.history(answer.id)
    assert isinstance(case, decisions.Case) and case.answer == answer and case.record == {"a": 1}
    assert [event.type for event in case.events] == ["predicted", "feedback"]
    assert case.events[1].payload["source"] == "ana" and case.events[0].actor == "local"
    with pytest.raises(NotFoundError):
        deployment.history("p_nobody")


def test_an_explanation_has_the_same_types_at_both_ends(deployment, taught):
    answer = deployment.predict(taught, ROWS[0][0])
    why = deployment.explain(answer.id)
    assert isinstance(why, Explanation)
    assert why.prediction.label == "down" == why.votes[0].label
    assert why.prediction.probabilities["down"] == pytest.approx(answer.confidence, abs=0.2)
    assert why.neighbours[0].record == ROWS[0][0] and why.neighbours[0].label == "down"
    assert why.fields[0][0] == "height" and isinstance(why.fields, tuple)
    with pytest.raises(NotFoundError):
        deployment.explain("p_nobody")


def test_without_a_lesson_there_is_nothing_to_explain(deployment, name):
    with pytest.raises(NotReadyError):
        deployment.explain(deployment.predict(name, "hello").id)


def test_a_report_adds_up(deployment, taught):
    deployment.predict_many(taught, [x for x, _ in ROWS])
    deployment.flush()
    report = deployment.report(taught)
    assert isinstance(report, decisions.Report) and report.learner == deployment.learner(taught)
    assert (report.cases, report.acted, report.waiting) == (len(ROWS), 0, len(ROWS))
    assert report.labels_used == len(ROWS) and report.lag == 0 and report.precision is None
    assert report.sources == (("ana", len(ROWS)),)
    assert report.curve[-1].cases == len(ROWS) and report.curve[-1].right is None
    assert len(report.policies) >= 3 and not any(p.certified for p in report.policies)
    assert sum(weight for _, weight in report.experts) == pytest.approx(1)


def test_the_log_is_read_in_order_and_by_learner(deployment, name):
    start = deployment.report(name).seq
    answer = deployment.predict(name, "hello")
    deployment.feedback(answer.id, label="x")
    events = deployment.events(after=start, learner=name)
    assert [event.type for event in events] == ["predicted", "feedback"]
    assert all(isinstance(e, decisions.Event) and e.learner == name for e in events)
    assert events[0].payload["record"] == "hello"
    assert [e.seq for e in deployment.events(after=start, limit=1)] == [events[0].seq]
    with pytest.raises(NotFoundError):
        deployment.events(learner="nobody")


def test_looking_changes_nothing(deployment, taught):
    answer = deployment.predict(taught, ROWS[0][0])
    before = deployment.state_hash(taught)
    (
        deployment.report(taught),
        deployment.history(answer.id),
        deployment.explain(answer.id),
        deployment.cases(taught),
    )
    deployment.asks(taught), deployment.events(), deployment.learners()
    assert deployment.state_hash(taught) == before
    deployment.feedback(answer.id, label="up")
    assert deployment.state_hash(taught) != before
