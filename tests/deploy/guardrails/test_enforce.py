"""Limits and pauses in a deployment: what a learner may do is decided last, and outside of it."""

import sqlite3
import threading

import pytest

import quickstudy
from quickstudy.api.guardrails import Allowed, Limits
from quickstudy.deploy.guardrails.commands import Resume, SetPause
from quickstudy.deploy.guardrails.enforce import UNREADABLE
from quickstudy.errors import InputError, NotFoundError, SettingError, StoreError
from tests.deploy.support import (
    EASY,
    agrees,
    copied,
    logged,
    record,
    sound,
    train,
    truth,
    types,
    until,
)

SETTINGS = EASY | {"consolidate": False}
X = record(0)
RIGHT = truth(X)
LIMITS = {
    "never: a == 0": Limits(never=("b > 100", "a == 0")),
    "allowed: where a < 2, only wait": Limits(allowed=(Allowed("a < 2", ("wait",)),)),
    "allowed: where a < 2, only a person decides": Limits(allowed=(Allowed("a < 2", ()),)),
    "rate: 0 actions a minute": Limits(per_minute=0),
    "spend: 3 a day": Limits(costs=((RIGHT, 4.0),), spend_per_day=3.0),
}


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store with two learners that act."""
    path = tmp_path_factory.mktemp("trained") / "work.db"
    with quickstudy.open(path) as deployment:
        for name in ("t", "u"):
            deployment.create(name, **SETTINGS)
            train(deployment, name, 60)
    return path


@pytest.fixture
def store(trained, path):
    """A copy of it."""
    return copied(trained, path.parent)


@pytest.fixture
def deployment(store):
    with quickstudy.open(store) as deployment:
        yield deployment


def acts(deployment, name="t"):
    return deployment.predict(name, X).decision == "act"


def file_of(deployment):
    return deployment.store.folder / "PAUSE"


# pauses


def pause(deployment, how):
    if how == "file":
        file_of(deployment).write_text("a storm\n")
    else:
        deployment.pause("t" if how == "one" else None, reason="a storm", actor="ana")


def resume(deployment, how):
    if how == "file":
        file_of(deployment).unlink()
    else:
        deployment.resume("t" if how == "one" else None, actor="ben")


@pytest.mark.parametrize("how", ["one", "all", "file"])
def test_a_pause_binds_from_the_next_answer_to_its_end_also_over_a_restart(store, how):
    by = "the file PAUSE" if how == "file" else "ana"
    with quickstudy.open(store) as deployment:
        assert acts(deployment)
        pause(deployment, how)
        answer = deployment.predict("t", X)
        assert (answer.decision, answer.limit) == ("ask", f"paused by {by}: a storm")
        assert answer.limit in answer.reason and answer.label == RIGHT
        assert [a.decision for a in deployment.predict_many("t", [X] * 5)] == ["ask"] * 5
        assert acts(deployment, "u") == (how == "one")
    with quickstudy.open(store) as deployment:
        assert not acts(deployment) and acts(deployment, "u") == (how == "one")
        (found,) = deployment.pauses()
        assert (found.scope, found.reason) == ("t" if how == "one" else "", "a storm")
        assert deployment.limits("t").pauses == (found,)
        resume(deployment, how)
        assert deployment.pauses() == [] and acts(deployment) and acts(deployment, "u")
        assert agrees(deployment, "t")


@pytest.mark.parametrize("name", ["t", None])
def test_to_pause_or_resume_once_more_changes_nothing(deployment, name):
    deployment.resume(name)
    deployment.pause(name, reason="first", actor="ana")
    deployment.pause(name, reason="second", actor="ben")
    assert [(p.by, p.reason) for p in deployment.pauses()] == [("ana", "first")]
    deployment.resume(name), deployment.resume(name)
    assert acts(deployment) and types(deployment)[-3:] == ["paused", "resumed", "predicted"]


def test_who_ends_one_pause_does_not_end_another(deployment):
    for how in ("one", "all", "file"):
        pause(deployment, how)
    assert len(deployment.pauses()) == 3 and len(deployment.limits("u").pauses) == 2
    with pytest.raises(InputError, match="PAUSE"):
        deployment.resume()
    file_of(deployment).unlink()
    deployment.resume()
    assert acts(deployment, "u") and not acts(deployment)
    deployment.resume("t")
    assert acts(deployment)


def test_only_a_learner_that_is_there_can_be_paused(deployment):
    with pytest.raises(NotFoundError, match="nobody"):
        deployment.pause("nobody")
    with pytest.raises(InputError, match="reason"):
        deployment.pause("t", reason="x" * 501)
    assert acts(deployment) and deployment.pauses() == []


def test_a_pause_overtakes_what_is_in_flight(deployment):
    """Answers that share commits with it ask as soon as they come after it in the log."""
    before = deployment.store.head[0]
    flying = []
    for request in [SetPause("t", "now", "ana"), Resume("t", "ana")] * 3:
        flying += [deployment.submit_predict("t", [X] * 2) for _ in range(10)]
        flying.append(deployment.writer.submit(request))
    for future in flying:
        future.result()
    paused, seen = False, [0, 0]
    for event in logged(deployment, before):
        if event.type == "predicted":
            assert event.read()["decision"]["act"] == (not paused)
            seen[paused] += 1
        paused = event.type == "paused" or (paused and event.type != "resumed")
    assert seen == [60, 60] and agrees(deployment, "t")


def test_no_thread_gets_an_answer_that_acts_once_a_pause_is_acknowledged(deployment):
    over, paused = threading.Event(), threading.Event()
    late = []

    def ask():
        while not over.is_set():
            begun = paused.is_set()
            late.append(acts(deployment) and begun)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: len(late) > 20)
    deployment.pause("t")
    paused.set()
    enough = len(late) + 40
    until(lambda: len(late) > enough)
    over.set()
    for thread in threads:
        thread.join()
    assert not any(late)


# limits


@pytest.mark.parametrize("told", LIMITS)
def test_a_limit_overrules_what_is_certified(store, told):
    with quickstudy.open(store) as deployment:
        assert acts(deployment)
        deployment.limit("t", LIMITS[told], actor="ana")
        answer = deployment.predict("t", X)
        assert (answer.decision, answer.limit, answer.label) == ("ask", told, RIGHT)
        assert "certified" in answer.reason and told in answer.reason and answer.policy == 0
        hit = next(e for e in reversed(deployment.events()) if e.type == "limited")
        assert hit.subject == answer.id
        assert hit.payload == {"limit": told, "case": answer.seq}
        assert deployment.limits("t").hits[0] == (hit.seq, hit.time, told)
        assert answer.id in {ask.id for ask in deployment.asks("t", limit=1000)}
        assert deployment.feedback(answer.id, label=RIGHT, source="boss").counted
        assert acts(deployment, "u")
    with quickstudy.open(store) as deployment:
        assert deployment.limits("t").limits == LIMITS[told]
        assert deployment.predict("t", X).limit == told
        deployment.limit("t", Limits())
        assert acts(deployment) and agrees(deployment, "t")


def test_the_certificate_counts_a_case_that_a_limit_held_back_as_asked_for_certain(deployment):
    deployment.limit("t", Limits(never=("a == 0",)))
    before = deployment.autonomy("t").log_evidence
    answer = deployment.predict("t", X)
    decision = logged(deployment, answer.seq - 1)[0].read()["decision"]
    assert decision["label_probability"] == 1.0 and decision["ask"] and any(decision["would_act"])
    deployment.feedback(answer.id, label=RIGHT, source="boss")
    assert (
        deployment.autonomy("t").log_evidence > before and deployment.autonomy("t").level == "act"
    )
    deployment.flush()
    assert agrees(deployment, "t")


def test_what_a_limit_does_not_speak_of_is_acted_on(deployment):
    deployment.limit("t", Limits(never=("a == 0",), allowed=(Allowed("a == 2", ("even",)),)))
    decided = {i: deployment.predict("t", record(i)).decision for i in range(4)}
    assert decided == {0: "ask", 1: "act", 2: "act", 3: "act"}
    assert types(deployment).count("limited") == 1


@pytest.mark.parametrize(
    "limits", [Limits(per_minute=3), Limits(costs=((RIGHT, 2.0),), spend_per_day=7.0)]
)
def test_what_is_used_up_stays_so_over_a_restart(store, limits):
    with quickstudy.open(store) as deployment:
        deployment.limit("t", limits)
        assert [a.decision for a in deployment.predict_many("t", [X] * 5)] == ["act"] * 3 + [
            "ask"
        ] * 2
        report = deployment.limits("t")
    with quickstudy.open(store) as deployment:
        again = deployment.limits("t")
        assert (again.acted_last_minute, again.spent_today) == (3, report.spent_today)
        assert again.spent_today == (6.0 if limits.costs else 0.0)
        assert not acts(deployment) and deployment.predict("t", X).limit.startswith(
            ("rate", "spend")
        )
        deployment.limit("t", limits)  # the same once more frees nothing
        assert not acts(deployment) and acts(deployment, "u") and agrees(deployment, "t")


def test_a_commit_that_fails_uses_nothing_up_and_frees_nothing(deployment):
    deployment.limit("t", Limits(per_minute=6, costs=((RIGHT, 1.0),), spend_per_day=100.0))
    assert [a.decision for a in deployment.predict_many("t", [X] * 2)] == ["act"] * 2
    raw = deployment.store._writing.connection.driver_connection
    (pages,) = raw.execute("PRAGMA page_count").fetchone()
    raw.execute(f"PRAGMA max_page_count={pages}")
    for _ in range(2):
        with pytest.raises(StoreError, match="nothing was changed"):
            deployment.predict_many("t", [X | {"text": "x" * 5000}] * 40)
    raw.execute("PRAGMA max_page_count=1000000")
    report = deployment.limits("t")
    assert (report.acted_last_minute, report.spent_today) == (2, 2.0)
    decided = [a.decision for a in deployment.predict_many("t", [X] * 6)]
    assert decided == ["act"] * 4 + ["ask"] * 2
    assert deployment.limits("t").spent_today == 6.0 and agrees(deployment, "t")


def test_a_pause_in_a_commit_that_fails_does_not_hold_and_the_sender_is_told(deployment):
    raw = deployment.store._writing.connection.driver_connection
    (pages,) = raw.execute("PRAGMA page_count").fetchone()
    raw.execute(f"PRAGMA max_page_count={pages}")
    for _ in range(200):  # until no page has room left
        try:
            deployment.pause("t", reason="x" * 500)
            deployment.resume("t")
        except StoreError:
            break
    else:
        raise AssertionError("it never failed")
    raw.execute("PRAGMA max_page_count=1000000")
    deployment.resume("t")
    assert deployment.pauses() == [] and acts(deployment) and agrees(deployment, "t")


def test_limits_that_cannot_be_read_are_refused_and_the_old_ones_stay(deployment):
    deployment.limit("t", LIMITS["never: a == 0"])
    for limits in (Limits(never=("a ==",)), Limits(per_minute=-1), Limits(spend_per_day=1.0)):
        with pytest.raises(SettingError):
            deployment.limit("t", limits)
    assert deployment.predict("t", X).limit == "never: a == 0"
    assert types(deployment).count("limits_changed") == 1


@pytest.mark.parametrize("whose", ["its own", "of all"])
@pytest.mark.parametrize("column", ["limits", "usage", "pause"])
def test_limits_that_are_damaged_let_nothing_act(store, whose, column):
    with quickstudy.open(store) as deployment:
        deployment.limit("t", Limits(per_minute=1000))
        deployment.pause(), deployment.resume()
        assert acts(deployment)
    with sqlite3.connect(store) as raw:
        number = 1 if whose == "its own" else 0
        raw.execute(f"UPDATE limits SET {column} = '{{ }}' WHERE learner = {number}")
    raw.close()
    with quickstudy.open(store) as deployment:
        answer = deployment.predict("t", X)
        assert (answer.decision, answer.limit) == ("ask", UNREADABLE)
        assert UNREADABLE in answer.reason and acts(deployment, "u") == (whose == "its own")
        with pytest.raises(StoreError):
            deployment.limit("t" if number else "u", Limits()), deployment.pause()
        assert deployment.predict("t", X).limit == UNREADABLE
        assert any("limits" in finding.detail for finding in sound(deployment))
        assert agrees(deployment, "t")


def test_damaged_limits_of_one_learner_do_not_reach_what_shares_a_commit_with_it(store):
    with quickstudy.open(store) as deployment:
        for name in ("t", "u"):
            deployment.limit(name, Limits(per_minute=1000))
    with sqlite3.connect(store) as raw:
        raw.execute("UPDATE limits SET usage = '{ }' WHERE learner = 2")
    raw.close()
    with quickstudy.open(store) as deployment:
        flying = [deployment.submit_predict(name, [X]) for name in ("t", "u") * 10]
        decided = [future.result()[0].decision for future in flying]
        assert decided == ["act", "ask"] * 10 and agrees(deployment, "t")
