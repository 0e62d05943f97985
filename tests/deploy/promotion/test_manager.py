"""Contests that end by themselves: promoted, rolled back, refused."""

import threading
import time

import numpy as np
import pytest

import quickstudy
from quickstudy import Classifier
from quickstudy.deploy.decisions.commands import Promote, Rollback
from quickstudy.deploy.hosting import refit_process
from quickstudy.deploy.promotion import manager
from quickstudy.errors import InputError
from tests.deploy.promotion.rivals import (
    ALL,
    SMALL,
    cases,
    caught_up,
    events,
    ids,
    kind,
    model,
    right,
    wrong,
)
from tests.deploy.support import EASY, SECONDS, agrees, record, sound, train, until

KNOWN, OTHER = range(60), range(60, 120)


@pytest.fixture(scope="module")
def rival():
    """It knows half of the world by heart, and the other half wrongly."""
    return model((KNOWN, right), (KNOWN, right), (OTHER, wrong), (OTHER, wrong))


@pytest.fixture
def desk(path):
    with quickstudy.open(path) as desk:
        desk.create("t", **SMALL)
        yield desk


def until_champion(desk, id, rng, kinds, most=60):
    """Cases of some kinds until a version answers."""
    for _ in range(most):
        cases(desk, rng.choice(kinds, 25))
        time.sleep(0.1)
        if ids(desk)["champion"] == id:
            return
    until(lambda: ids(desk)["champion"] == id, SECONDS / 2)


def test_the_better_one_is_promoted_and_called_back_by_itself(desk, rival):
    """The champion knows that other half. The stream is of the one, then of the other."""
    rng = np.random.default_rng(0)
    for _ in range(2):
        cases(desk, OTHER)
    first = desk.versions("t")[0].id
    new = desk.challenge("t", model=rival).id
    until_champion(desk, new, rng, KNOWN)
    champion = desk.versions("t")[0]
    assert champion.id == new and champion.why.startswith("it passed the gate: wrong on")
    (event,) = events(desk, "promoted")
    told = event.read()
    assert event.actor == "gate" and all(c["holds"] for c in told["conditions"])
    assert told["better"] and told["override"] == []
    until_champion(desk, first, rng, OTHER)
    back = {version.role: version for version in desk.versions("t")}
    assert back["champion"].id == first and "less than its successor" in back["champion"].why
    assert back["previous"].id == new and desk.gate("t") is None
    (event,) = events(desk, "rolled_back")
    assert event.actor == "gate"
    assert agrees(desk, "t") and sound(desk) == []


def test_who_does_not_pass_is_refused_in_the_end(desk, monkeypatch):
    monkeypatch.setattr(manager, "MOST_LABELLED", 50)
    cases(desk, KNOWN)
    version = desk.challenge("t", model=model((KNOWN, wrong))).id
    for start in (0, 20, 40):
        cases(desk, range(start, start + 20))
    until(lambda: events(desk, "refused"))
    refused = desk.versions("t")[0]
    assert (refused.id, refused.role) == (version, "refused")
    assert refused.why.startswith("after ") and "better" in refused.why
    assert desk.gate("t") is None and ids(desk)["champion"] != version
    assert agrees(desk, "t")


def test_who_fails_the_exam_only_is_refused_in_the_end_too(desk, rival, monkeypatch):
    """It is better on the stream; a pin that the champion passes keeps it out."""
    monkeypatch.setattr(manager, "MOST_LABELLED", 260)
    for _ in range(2):
        cases(desk, OTHER)
    desk.pin("t", record=kind(70), label=right(70))
    desk.flush()
    assert desk.exam("t").pins[0].passes
    rng = np.random.default_rng(1)
    version = desk.challenge("t", model=rival).id
    for _ in range(12):
        cases(desk, rng.choice(KNOWN, 25))
    until(lambda: events(desk, "refused"))
    refused = desk.versions("t")[0]
    assert (refused.id, refused.role) == (version, "refused") and refused.why.endswith(": exam")


def test_nobody_is_waited_for_who_cannot_hand_over(desk, monkeypatch):
    """A promotion and its rollback come together: the old champion was followed by nobody yet."""
    monkeypatch.setattr(manager, "HANDOVER_SECONDS", 1e6)
    cases(desk, KNOWN)
    version = desk.challenge("t", model=model((KNOWN, wrong))).id
    caught_up(desk)
    duty = desk.desk.duty("t")
    promotion = Promote(duty, version, [], (), True, "", "me")
    done = [desk.writer.submit(what) for what in (promotion, Rollback(duty, "", "", "me"))]
    assert [future.result(SECONDS).role for future in done] == ["champion", "champion"]
    desk.flush(SECONDS)
    cases(desk, OTHER)
    assert desk.predict("t", kind(1)).version == duty.roles.champion != version
    assert agrees(desk, "t")


def test_late_labels_do_not_bring_the_votes_of_the_former_champion(desk):
    """They are learned; who answered then has no part in who answers now."""
    cases(desk, KNOWN)
    desk.flush()
    answers = desk.predict_many("t", [kind(i) for i in (1, 2, 3)])
    version = desk.challenge("t", model=model((KNOWN, wrong))).id
    duty = desk.desk.duty("t")
    desk.feedback(answers[0].id, label=right(1))
    desk.writer.submit(Promote(duty, version, [], (), True, "", "me")).result()
    desk.flush()
    desk.feedback(answers[1].id, label=right(2))
    now = desk.predict("t", kind(4))
    desk.feedback(now.id, label=right(4))
    desk.rollback("t")
    desk.flush()
    desk.feedback(answers[2].id, label=right(3))
    said = {event.subject: event.read()["said"] for event in events(desk, "feedback")}
    assert [said[a.id] is not None for a in (*answers, now)] == [True, False, True, True]
    assert now.version == version != answers[0].version and agrees(desk, "t")


def test_what_was_refitted_for_the_former_champion_is_not_for_the_new_one(desk):
    """The refit was under way when the other was promoted: its experts are its own."""
    cases(desk, KNOWN)
    version = desk.challenge("t", model=model((KNOWN, wrong))).id
    duty = desk.desk.duty("t")
    desk.flush()
    packed, asof = duty.worker.errand(lambda: (duty.twins.resting.packed(), duty.learned)).result()
    desk.writer.submit(Promote(duty, version, [], (), True, "", "me")).result()
    desk.flush()
    desk.staff._refitted(duty, asof, refit_process.refit(packed))
    assert events(desk, "refitted") == [] or events(desk, "refitted")[-1].seq < asof
    assert agrees(desk, "t")


def test_answers_of_who_is_no_champion_any_more_are_asked(path):
    """From the promotion on, until the other is in place: also if that takes long."""
    with quickstudy.open(path) as desk:
        desk.create("t", **EASY | {"consolidate": False})
        train(desk, "t", 60)
        assert desk.predict("t", record(0)).decision == "act"
        old = desk.versions("t")[0].id
        new = desk.challenge("t", model=model((KNOWN, right))).id
        caught_up(desk)
        duty, let_go = desk.desk.duty("t"), threading.Event()
        busy = duty.worker.errand(let_go.wait)
        desk.writer.submit(Promote(duty, new, [], (), True, "", "me")).result()
        answer = desk.predict("t", record(0))
        let_go.set()
        busy.result()
        assert (answer.decision, answer.version) == ("ask", old)
        assert "another version answers" in answer.limit and "another" in answer.reason
        desk.flush(SECONDS)
        assert desk.predict("t", record(0)).version == new and agrees(desk, "t")


def test_an_exam_that_was_changed_meanwhile_is_sat_again(desk):
    cases(desk, KNOWN)
    desk.flush()
    desk.challenge("t", model=model((KNOWN, right)))
    duty = desk.desk.duty("t")
    judged = desk.staff.contests.judge(duty, duty.roles.challenger)
    pin = desk.pin("t", record=kind(1), label=right(1))
    with pytest.raises(InputError, match="exam was changed"):
        desk.staff.contests.promote(duty, judged, ALL, "", "me")
    desk.unpin("t", pin.id)
    desk.staff.contests.promote(duty, judged, ALL, "", "me")
    assert agrees(desk, "t")


def test_a_model_that_cannot_read_what_comes_here_is_not_let_in(desk):
    cases(desk, KNOWN)
    stranger = Classifier(budget_mb=16, schema={"a": "number"})
    stranger.learn({"a": 1.0}, "p")
    with pytest.raises(InputError, match="cannot read the records of 't'"):
        desk.challenge("t", model=stranger.packed())
    assert [version.kind for version in desk.versions("t")] == ["first"]


def test_one_that_cannot_read_what_comes_later_is_wrong_there(desk):
    """It gives no answer to such a record, and others are followed all the same."""
    desk.create("u", **SMALL)
    stranger = Classifier(budget_mb=16, schema={"a": "number"})
    stranger.learn({"a": 1.0}, "p")
    desk.challenge("t", model=stranger.packed())
    cases(desk, KNOWN, name="u")
    desk.challenge("u")
    for name in ("t", "u"):
        cases(desk, KNOWN, name=name)
        assert caught_up(desk, name).labelled == len(KNOWN)
