"""Records of an unfamiliar form are asked, by the log, for ever; people are told what is wrong."""

from __future__ import annotations

import pytest

import quickstudy
from quickstudy.deploy.decisions.queries import OVER
from quickstudy.stats.risk import ActOrAsk
from quickstudy.types import Unfamiliar
from tests.deploy.support import EASY, agrees, record, replayed, sound, train

STRANGE = [{"A": 1, "B": 3}, {"a_cents": 100}, {}, {"b": 3}, {"a": "one", "b": 3}, "a 1 b 3"]


@pytest.fixture
def acting(path):
    """A learner that acts alone, and knows its 20 records by heart."""
    with quickstudy.open(path) as deployment:
        deployment.create("t", **EASY)
        train(deployment, "t", 120)
        deployment.flush()
        assert deployment.predict("t", record(1)).decision == "act"
        yield deployment


@pytest.mark.parametrize("x", STRANGE, ids=str)
def test_what_it_does_not_know_it_does_not_act_on(acting, x):
    answer = acting.predict("t", x)
    assert (answer.decision, answer.confidence, answer.policy) == ("ask", 0.0, 0)
    assert answer.novelty >= 0.5 and answer.unfamiliar is not None
    assert str(answer.unfamiliar) in answer.reason
    assert acting.history(answer.id).answer == answer
    asked = next(ask for ask in acting.asks("t", limit=100) if ask.id == answer.id)
    assert asked.unfamiliar == answer.unfamiliar


def test_thousands_of_unfamiliar_records_are_all_asked_and_prove_nothing(acting):
    """Nor do labels of theirs that turn out right: what they lack is not learned by that."""
    policies = acting.report("t").policies
    answers = acting.predict_many("t", [{"z": i} for i in range(1000)])
    assert {a.decision for a in answers} == {"ask"}
    for answer in answers[:60]:
        acting.feedback(answer.id, label=answer.label, source="boss")
    acting.flush()
    assert acting.report("t").policies == policies
    assert acting.predict("t", record(1)).decision == "act"


def test_the_same_id_is_answered_the_same_and_a_replay_decides_the_same(acting, path):
    first = acting.predict("t", {"A": 1}, id="mine")
    acting.feedback("mine", label="odd", source="boss", wait_learned=True)
    assert acting.predict("t", {"A": 1}, id="mine") == first
    assert agrees(acting, "t") and sound(acting) == []
    state = acting.state_hash("t")
    acting.close()
    with quickstudy.open(path) as again:
        assert again.state_hash("t") == state == replayed(again, "t")
        assert again.predict("t", {"A": 1}, id="mine") == first
        assert again.predict("t", {}).unfamiliar == Unfamiliar(missing=("a", "b"))


def test_the_report_tells_since_when_and_what(acting):
    before = acting.report("t")
    assert (before.unfamiliar, before.form) == (0, None)
    first = acting.predict("t", {"b": 1, "A": 1})
    acting.predict("t", record(1))
    last = acting.predict("t", {"b": 1, "A": 3})
    report = acting.report("t")
    assert (report.unfamiliar, report.form.cases) == (2, 2)
    assert (report.form.since, report.form.last) == (first.time, last.time)
    assert report.form.unfamiliar == Unfamiliar(missing=("a",), unknown=("A",))
    acting.predict_many("t", [record(1)] * (OVER + 1))
    report = acting.report("t")
    assert (report.unfamiliar, report.form) == (2, None)


def test_familiar_records_are_put_on_record_as_before(acting):
    answer = acting.predict("t", record(1))
    event = acting.history(answer.id).events[0]
    assert answer.unfamiliar is None and "unfamiliar" not in event.payload


def test_a_number_that_came_as_a_text_is_acted_on_and_learned_as_a_number(acting):
    plain = acting.predict("t", {"a": 1, "b": 3})
    answer = acting.predict("t", {"a": "1", "b": " 3.0"})
    assert (answer.label, answer.confidence) == (plain.label, plain.confidence)
    assert answer.decision == "act" and answer.unfamiliar is None
    acting.feedback(answer.id, label="odd", source="boss", wait_learned=True)
    assert agrees(acting, "t")


def test_a_case_that_is_not_eligible_moves_no_threshold():
    plain, mixed = ActOrAsk(0.9, seed=1), ActOrAsk(0.9, seed=1)
    for i in range(400):
        sure, wrong = (0.99, i % 50 == 0) if i % 3 else (0.4, i % 2 == 0)
        for control in (plain, mixed):
            made = control.decide(sure, "x", ask_probability=1.0)
            control.record(made, wrong if made.labelled else None)
        odd = mixed.decide(1.0, "x", eligible=False)
        assert odd.ask and not odd.act and not any(odd.would_act)
        mixed.record(odd, True)
    assert plain.report()["thresholds"].tolist() == mixed.report()["thresholds"].tolist()
    assert mixed.level() >= 1


def test_a_confidence_of_zero_is_never_acted_on():
    """Also where every answer so far was right, so that thresholds are as low as can be."""
    control = ActOrAsk(0.9, seed=1)
    for i in range(600):
        made = control.decide(0.0 if i % 2 else 0.9, "x")
        assert not (made.act and i % 2)
        control.record(made, False if made.labelled else None)
    assert control.decide(0.9, "x").act
