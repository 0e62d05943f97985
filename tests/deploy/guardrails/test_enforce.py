"""Limits and pauses at the desk: what a learner may do is decided outside of it, last of all."""

import shutil
import sqlite3
import threading

import pytest

import quickstudy
from quickstudy.api.versions import Allowed, Limits
from quickstudy.deploy.decisions.commands import Resume, SetPause
from quickstudy.deploy.guardrails.enforce import UNREADABLE
from quickstudy.errors import InputError, NotFoundError, SettingError, StoreError
from quickstudy.log.store import read_events
from tests.deploy.support import EASY, agrees, record, sound, train, truth, types, until

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
    with quickstudy.open(path) as desk:
        for name in ("t", "u"):
            desk.create(name, **SETTINGS)
            train(desk, name, 60)
    return path


@pytest.fixture
def store(trained, path):
    """A copy of it."""
    shutil.copy(trained, path)
    shutil.copytree(trained.with_name("work.db.d"), path.with_name("work.db.d"))
    return path


@pytest.fixture
def desk(store):
    with quickstudy.open(store) as desk:
        yield desk


def acts(desk, name="t"):
    return desk.predict(name, X).decision == "act"


def logged(desk, after):
    """Events of the log as it keeps them."""
    with desk.store.reading() as connection:
        return list(read_events(connection, after=after))


def file_of(desk):
    return desk.store.folder / "PAUSE"


# pauses


def pause(desk, how):
    if how == "file":
        file_of(desk).write_text("a storm\n")
    else:
        desk.pause("t" if how == "one" else None, reason="a storm", actor="ana")


def resume(desk, how):
    if how == "file":
        file_of(desk).unlink()
    else:
        desk.resume("t" if how == "one" else None, actor="ben")


@pytest.mark.parametrize("how", ["one", "all", "file"])
def test_a_pause_binds_from_the_next_answer_to_its_end_also_over_a_restart(store, how):
    by = "the file PAUSE" if how == "file" else "ana"
    with quickstudy.open(store) as desk:
        assert acts(desk)
        pause(desk, how)
        answer = desk.predict("t", X)
        assert (answer.decision, answer.limit) == ("ask", f"paused by {by}: a storm")
        assert answer.limit in answer.reason and answer.label == RIGHT
        assert [a.decision for a in desk.predict_many("t", [X] * 5)] == ["ask"] * 5
        assert acts(desk, "u") == (how == "one")
    with quickstudy.open(store) as desk:
        assert not acts(desk) and acts(desk, "u") == (how == "one")
        (found,) = desk.pauses()
        assert (found.scope, found.reason) == ("t" if how == "one" else "", "a storm")
        assert desk.limits("t").pauses == (found,)
        resume(desk, how)
        assert desk.pauses() == [] and acts(desk) and acts(desk, "u")
        assert agrees(desk, "t")


@pytest.mark.parametrize("name", ["t", None])
def test_to_pause_or_resume_once_more_changes_nothing(desk, name):
    desk.resume(name)
    desk.pause(name, reason="first", actor="ana")
    desk.pause(name, reason="second", actor="ben")
    assert [(p.by, p.reason) for p in desk.pauses()] == [("ana", "first")]
    desk.resume(name), desk.resume(name)
    assert acts(desk) and types(desk)[-3:] == ["paused", "resumed", "predicted"]


def test_who_ends_one_pause_does_not_end_another(desk):
    for how in ("one", "all", "file"):
        pause(desk, how)
    assert len(desk.pauses()) == 3 and len(desk.limits("u").pauses) == 2
    with pytest.raises(InputError, match="PAUSE"):
        desk.resume()
    file_of(desk).unlink()
    desk.resume()
    assert acts(desk, "u") and not acts(desk)
    desk.resume("t")
    assert acts(desk)


def test_only_a_learner_that_is_there_can_be_paused(desk):
    with pytest.raises(NotFoundError, match="nobody"):
        desk.pause("nobody")
    with pytest.raises(InputError, match="reason"):
        desk.pause("t", reason="x" * 501)
    assert acts(desk) and desk.pauses() == []


def test_a_pause_overtakes_what_is_in_flight(desk):
    """Answers that share commits with it ask as soon as they come after it in the log."""
    before = desk.store.head[0]
    flying = []
    for request in [SetPause("t", "now", "ana"), Resume("t", "ana")] * 3:
        flying += [desk.submit_predict("t", [X] * 2) for _ in range(10)]
        flying.append(desk.writer.submit(request))
    for future in flying:
        future.result()
    paused, seen = False, [0, 0]
    for event in logged(desk, before):
        if event.type == "predicted":
            assert event.read()["decision"]["act"] == (not paused)
            seen[paused] += 1
        paused = event.type == "paused" or (paused and event.type != "resumed")
    assert seen == [60, 60] and agrees(desk, "t")


def test_no_thread_gets_an_answer_that_acts_once_a_pause_is_acknowledged(desk):
    over, paused = threading.Event(), threading.Event()
    late = []

    def ask():
        while not over.is_set():
            begun = paused.is_set()
            late.append(acts(desk) and begun)

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    until(lambda: len(late) > 20)
    desk.pause("t")
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
    with quickstudy.open(store) as desk:
        assert acts(desk)
        desk.limit("t", LIMITS[told], actor="ana")
        answer = desk.predict("t", X)
        assert (answer.decision, answer.limit, answer.label) == ("ask", told, RIGHT)
        assert "certified" in answer.reason and told in answer.reason and answer.policy == 0
        hit = next(e for e in reversed(desk.events()) if e.type == "limited")
        assert hit.subject == answer.id
        assert hit.payload == {"limit": told, "case": answer.seq}
        assert desk.limits("t").hits[0] == (hit.seq, hit.time, told)
        assert answer.id in {ask.id for ask in desk.asks("t", limit=1000)}
        assert desk.feedback(answer.id, label=RIGHT, source="boss").counted
        assert acts(desk, "u")
    with quickstudy.open(store) as desk:
        assert desk.limits("t").limits == LIMITS[told]
        assert desk.predict("t", X).limit == told
        desk.limit("t", Limits())
        assert acts(desk) and agrees(desk, "t")


def test_the_certificate_counts_a_case_that_a_limit_held_back_as_asked_for_certain(desk):
    desk.limit("t", Limits(never=("a == 0",)))
    before = desk.autonomy("t").log_evidence
    answer = desk.predict("t", X)
    decision = logged(desk, answer.seq - 1)[0].read()["decision"]
    assert decision["label_probability"] == 1.0 and decision["ask"] and any(decision["would_act"])
    desk.feedback(answer.id, label=RIGHT, source="boss")
    assert desk.autonomy("t").log_evidence > before and desk.autonomy("t").level == "act"
    desk.flush()
    assert agrees(desk, "t")


def test_what_a_limit_does_not_speak_of_is_acted_on(desk):
    desk.limit("t", Limits(never=("a == 0",), allowed=(Allowed("a == 2", ("even",)),)))
    decided = {i: desk.predict("t", record(i)).decision for i in range(4)}
    assert decided == {0: "ask", 1: "act", 2: "act", 3: "act"}
    assert types(desk).count("limited") == 1


@pytest.mark.parametrize(
    "limits", [Limits(per_minute=3), Limits(costs=((RIGHT, 2.0),), spend_per_day=7.0)]
)
def test_what_is_used_up_stays_so_over_a_restart(store, limits):
    with quickstudy.open(store) as desk:
        desk.limit("t", limits)
        assert [a.decision for a in desk.predict_many("t", [X] * 5)] == ["act"] * 3 + ["ask"] * 2
        report = desk.limits("t")
    with quickstudy.open(store) as desk:
        again = desk.limits("t")
        assert (again.acted_last_minute, again.spent_today) == (3, report.spent_today)
        assert again.spent_today == (6.0 if limits.costs else 0.0)
        assert not acts(desk) and desk.predict("t", X).limit.startswith(("rate", "spend"))
        desk.limit("t", limits)  # the same once more frees nothing
        assert not acts(desk) and acts(desk, "u") and agrees(desk, "t")


def test_a_commit_that_fails_uses_nothing_up_and_frees_nothing(desk):
    desk.limit("t", Limits(per_minute=6, costs=((RIGHT, 1.0),), spend_per_day=100.0))
    assert [a.decision for a in desk.predict_many("t", [X] * 2)] == ["act"] * 2
    raw = desk.store._writing.connection.driver_connection
    (pages,) = raw.execute("PRAGMA page_count").fetchone()
    raw.execute(f"PRAGMA max_page_count={pages}")
    for _ in range(2):
        with pytest.raises(StoreError, match="nothing was changed"):
            desk.predict_many("t", [X | {"text": "x" * 5000}] * 40)
    raw.execute("PRAGMA max_page_count=1000000")
    report = desk.limits("t")
    assert (report.acted_last_minute, report.spent_today) == (2, 2.0)
    decided = [a.decision for a in desk.predict_many("t", [X] * 6)]
    assert decided == ["act"] * 4 + ["ask"] * 2
    assert desk.limits("t").spent_today == 6.0 and agrees(desk, "t")


def test_a_pause_in_a_commit_that_fails_does_not_hold_and_the_sender_is_told(desk):
    raw = desk.store._writing.connection.driver_connection
    (pages,) = raw.execute("PRAGMA page_count").fetchone()
    raw.execute(f"PRAGMA max_page_count={pages}")
    for _ in range(200):  # until no page has room left
        try:
            desk.pause("t", reason="x" * 500)
            desk.resume("t")
        except StoreError:
            break
    else:
        raise AssertionError("it never failed")
    raw.execute("PRAGMA max_page_count=1000000")
    desk.resume("t")
    assert desk.pauses() == [] and acts(desk) and agrees(desk, "t")


def test_limits_that_cannot_be_read_are_refused_and_the_old_ones_stay(desk):
    desk.limit("t", LIMITS["never: a == 0"])
    for limits in (Limits(never=("a ==",)), Limits(per_minute=-1), Limits(spend_per_day=1.0)):
        with pytest.raises(SettingError):
            desk.limit("t", limits)
    assert desk.predict("t", X).limit == "never: a == 0"
    assert types(desk).count("limits_changed") == 1


@pytest.mark.parametrize("whose", ["its own", "of all"])
@pytest.mark.parametrize("column", ["limits", "usage", "pause"])
def test_limits_that_are_damaged_let_nothing_act(store, whose, column):
    with quickstudy.open(store) as desk:
        desk.limit("t", Limits(per_minute=1000))
        desk.pause(), desk.resume()
        assert acts(desk)
    with sqlite3.connect(store) as raw:
        number = 1 if whose == "its own" else 0
        raw.execute(f"UPDATE limits SET {column} = '{{ }}' WHERE learner = {number}")
    raw.close()
    with quickstudy.open(store) as desk:
        answer = desk.predict("t", X)
        assert (answer.decision, answer.limit) == ("ask", UNREADABLE)
        assert UNREADABLE in answer.reason and acts(desk, "u") == (whose == "its own")
        with pytest.raises(StoreError):
            desk.limit("t" if number else "u", Limits()), desk.pause()
        assert desk.predict("t", X).limit == UNREADABLE
        assert any("limits" in finding.detail for finding in sound(desk))
        assert agrees(desk, "t")


def test_damaged_limits_of_one_learner_do_not_reach_what_shares_a_commit_with_it(store):
    with quickstudy.open(store) as desk:
        for name in ("t", "u"):
            desk.limit(name, Limits(per_minute=1000))
    with sqlite3.connect(store) as raw:
        raw.execute("UPDATE limits SET usage = '{ }' WHERE learner = 2")
    raw.close()
    with quickstudy.open(store) as desk:
        flying = [desk.submit_predict(name, [X]) for name in ("t", "u") * 10]
        decided = [future.result()[0].decision for future in flying]
        assert decided == ["act", "ask"] * 10 and agrees(desk, "t")
