"""Contests that end by themselves: promoted, rolled back, refused."""

import threading
import time

import numpy as np
import pytest

import quickstudy
from quickstudy import Classifier
from quickstudy.deploy.hosting import refit_process
from quickstudy.deploy.promotion import manager
from quickstudy.deploy.versions.commands import Promote, Rollback
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
def deployment(path):
    with quickstudy.open(path) as deployment:
        deployment.create("t", **SMALL)
        yield deployment


def until_champion(deployment, id, rng, kinds, most=60):
    """Cases of some kinds until a version answers."""
    for _ in range(most):
        cases(deployment, rng.choice(kinds, 25))
        time.sleep(0.1)
        if ids(deployment)["champion"] == id:
            return
    until(lambda: ids(deployment)["champion"] == id, SECONDS / 2)


@pytest.mark.slow
def test_the_better_one_is_promoted_and_called_back_by_itself(deployment, rival):
    """The champion knows that other half. The stream is of the one, then of the other."""
    rng = np.random.default_rng(0)
    for _ in range(2):
        cases(deployment, OTHER)
    first = deployment.versions("t")[0].id
    new = deployment.challenge("t", model=rival).id
    until_champion(deployment, new, rng, KNOWN)
    champion = deployment.versions("t")[0]
    assert champion.id == new and champion.why.startswith("it passed the gate: wrong on")
    (event,) = events(deployment, "promoted")
    told = event.read()
    assert event.actor == "gate" and all(c["holds"] for c in told["conditions"])
    assert told["better"] and told["override"] == []
    until_champion(deployment, first, rng, OTHER)
    back = {version.role: version for version in deployment.versions("t")}
    assert back["champion"].id == first and "less than its successor" in back["champion"].why
    assert back["previous"].id == new and deployment.gate("t") is None
    (event,) = events(deployment, "rolled_back")
    assert event.actor == "gate"
    assert agrees(deployment, "t") and sound(deployment) == []


def test_who_does_not_pass_is_refused_in_the_end(deployment, monkeypatch):
    monkeypatch.setattr(manager, "MOST_LABELLED", 50)
    cases(deployment, KNOWN)
    version = deployment.challenge("t", model=model((KNOWN, wrong))).id
    for start in (0, 20, 40):
        cases(deployment, range(start, start + 20))
    until(lambda: events(deployment, "refused"))
    refused = deployment.versions("t")[0]
    assert (refused.id, refused.role) == (version, "refused")
    assert refused.why.startswith("after ") and "better" in refused.why
    assert deployment.gate("t") is None and ids(deployment)["champion"] != version
    assert agrees(deployment, "t")


def test_who_fails_the_exam_only_is_refused_in_the_end_too(deployment, rival, monkeypatch):
    """It is better on the stream; a pin that the champion passes keeps it out."""
    monkeypatch.setattr(manager, "MOST_LABELLED", 260)
    for _ in range(2):
        cases(deployment, OTHER)
    deployment.pin("t", record=kind(70), label=right(70))
    deployment.flush()
    assert deployment.exam("t").pins[0].passes
    rng = np.random.default_rng(1)
    version = deployment.challenge("t", model=rival).id
    for _ in range(12):
        cases(deployment, rng.choice(KNOWN, 25))
    until(lambda: events(deployment, "refused"))
    refused = deployment.versions("t")[0]
    assert (refused.id, refused.role) == (version, "refused") and refused.why.endswith(": exam")


def test_nobody_is_waited_for_who_cannot_hand_over(deployment, monkeypatch):
    """A promotion and its rollback come together: the old champion was followed by nobody yet."""
    monkeypatch.setattr(manager, "HANDOVER_SECONDS", 1e6)
    cases(deployment, KNOWN)
    version = deployment.challenge("t", model=model((KNOWN, wrong))).id
    caught_up(deployment)
    hosted = deployment.classifiers.by_name["t"]
    promotion = Promote(hosted, version, [], (), True, "", "me")
    done = [deployment.writer.submit(what) for what in (promotion, Rollback(hosted, "", "", "me"))]
    assert [future.result(SECONDS).role for future in done] == ["champion", "champion"]
    deployment.flush(SECONDS)
    cases(deployment, OTHER)
    assert deployment.predict("t", kind(1)).version == hosted.roles.champion != version
    assert agrees(deployment, "t")


def test_late_labels_do_not_bring_the_votes_of_the_former_champion(deployment):
    """They are learned; who answered then has no part in who answers now."""
    cases(deployment, KNOWN)
    deployment.flush()
    answers = deployment.predict_many("t", [kind(i) for i in (1, 2, 3)])
    version = deployment.challenge("t", model=model((KNOWN, wrong))).id
    hosted = deployment.classifiers.by_name["t"]
    deployment.feedback(answers[0].id, label=right(1))
    deployment.writer.submit(Promote(hosted, version, [], (), True, "", "me")).result()
    deployment.flush()
    deployment.feedback(answers[1].id, label=right(2))
    now = deployment.predict("t", kind(4))
    deployment.feedback(now.id, label=right(4))
    deployment.rollback("t")
    deployment.flush()
    deployment.feedback(answers[2].id, label=right(3))
    said = {event.subject: event.read()["said"] for event in events(deployment, "feedback")}
    assert [said[a.id] is not None for a in (*answers, now)] == [True, False, True, True]
    assert now.version == version != answers[0].version and agrees(deployment, "t")


def test_what_was_refitted_for_the_former_champion_is_not_for_the_new_one(deployment):
    """The refit was under way when the other was promoted: its experts are its own."""
    cases(deployment, KNOWN)
    version = deployment.challenge("t", model=model((KNOWN, wrong))).id
    hosted = deployment.classifiers.by_name["t"]
    deployment.flush()
    packed, asof = hosted.trainer.run_between(
        lambda: (hosted.replicas.back.packed(), hosted.learned)
    ).result()
    deployment.writer.submit(Promote(hosted, version, [], (), True, "", "me")).result()
    deployment.flush()
    deployment.supervisor._refitted(hosted, asof, refit_process.refit(packed))
    assert events(deployment, "refitted") == [] or events(deployment, "refitted")[-1].seq < asof
    assert agrees(deployment, "t")


def test_answers_of_who_is_no_champion_any_more_are_asked(path):
    """From the promotion on, until the other is in place: also if that takes long."""
    with quickstudy.open(path) as deployment:
        deployment.create("t", **EASY | {"consolidate": False})
        train(deployment, "t", 60)
        assert deployment.predict("t", record(0)).decision == "act"
        old = deployment.versions("t")[0].id
        new = deployment.challenge("t", model=model((KNOWN, right))).id
        caught_up(deployment)
        hosted, let_go = deployment.classifiers.by_name["t"], threading.Event()
        busy = hosted.trainer.run_between(let_go.wait)
        deployment.writer.submit(Promote(hosted, new, [], (), True, "", "me")).result()
        answer = deployment.predict("t", record(0))
        let_go.set()
        busy.result()
        assert (answer.decision, answer.version) == ("ask", old)
        assert "another version answers" in answer.limit and "another" in answer.reason
        deployment.flush(SECONDS)
        assert deployment.predict("t", record(0)).version == new and agrees(deployment, "t")


def test_an_exam_that_was_changed_meanwhile_is_sat_again(deployment):
    cases(deployment, KNOWN)
    deployment.flush()
    deployment.challenge("t", model=model((KNOWN, right)))
    hosted = deployment.classifiers.by_name["t"]
    judged = deployment.promotion.judge(hosted, hosted.roles.challenger)
    pin = deployment.pin("t", record=kind(1), label=right(1))
    with pytest.raises(InputError, match="exam was changed"):
        deployment.promotion.promote(hosted, judged, ALL, "", "me")
    deployment.unpin("t", pin.id)
    deployment.promotion.promote(hosted, judged, ALL, "", "me")
    assert agrees(deployment, "t")


def test_a_model_that_cannot_read_what_comes_here_is_not_let_in(deployment):
    cases(deployment, KNOWN)
    stranger = Classifier(budget_mb=16, schema={"a": "number"})
    stranger.learn({"a": 1.0}, "p")
    with pytest.raises(InputError, match="cannot read the records of 't'"):
        deployment.challenge("t", model=stranger.packed())
    assert [version.kind for version in deployment.versions("t")] == ["first"]


def test_one_that_cannot_read_what_comes_later_is_wrong_there(deployment):
    """It gives no answer to such a record, and others are followed all the same."""
    deployment.create("u", **SMALL)
    stranger = Classifier(budget_mb=16, schema={"a": "number"})
    stranger.learn({"a": 1.0}, "p")
    deployment.challenge("t", model=stranger.packed())
    cases(deployment, KNOWN, name="u")
    deployment.challenge("u")
    for name in ("t", "u"):
        cases(deployment, KNOWN, name=name)
        assert caught_up(deployment, name).labelled == len(KNOWN)
