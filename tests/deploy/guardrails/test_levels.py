"""Levels of autonomy, lived through: earned by evidence and approvals, capped, lost by alarms."""

import shutil

import pytest

import quickstudy
from quickstudy.deploy.guardrails.risk import state_of
from quickstudy.errors import SettingError, StoreError
from quickstudy.log.store import read_events
from tests.deploy.support import EASY, agrees, expire, record, sound, train, truth, types

SETTINGS = EASY | {"consolidate": False, "approvals": 4}
X = record(0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store with a learner that acts, and one that holds its answers."""
    path = tmp_path_factory.mktemp("trained") / "work.db"
    with quickstudy.open(path) as desk:
        desk.create("t", **SETTINGS)
        train(desk, "t", 60)
        desk.create("held", **SETTINGS | {"start": "suggest"})
        while desk.autonomy("held").level != "approve":
            train(desk, "held", 1, start=desk.report("held").cases)
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
        assert agrees(desk, "t") and agrees(desk, "held")


def logged(desk, after):
    """Events of the log as it keeps them."""
    with desk.store.reading() as connection:
        return list(read_events(connection, after=after))


def level(desk, name="t"):
    return desk.autonomy(name).level


def steps(desk, name="t"):
    """Levels that were earned and lost, oldest first, as they are told and as they are logged."""
    told = [(step.before, step.after) for step in desk.autonomy(name).history][::-1]
    events = [e.payload for e in desk.events(learner=name) if e.type == "level_changed"]
    assert told == [(payload["before"], payload["after"]) for payload in events]
    assert all(payload["why"] for payload in events)
    return told


def alarm(desk, name="t"):
    """Answers of its own are found wrong until the guard sees it: (found, seq of the last label).

    All are given before the first is judged: its confidence in them does not sink on the way.
    """
    answers = desk.predict_many(name, [X] * 40)
    for count, answer in enumerate(answers, start=1):
        assert answer.decision == "act" and answer.audit
        receipt = desk.feedback(answer.id, correct=False, source="boss")
        if level(desk, name) != "act":
            return count, receipt.seq
    raise AssertionError("the guard never saw it")


def hold(desk, count):
    """Answers that are held."""
    answers = [answer for answer in (desk.predict("held", X) for _ in range(count)) if answer.held]
    assert len(answers) == count
    return answers


def test_from_the_shadow_to_acting_alone_one_step_at_a_time(path):
    with quickstudy.open(path) as desk:
        desk.create("t", **SETTINGS | {"start": "shadow"})
        answers = train(desk, "t", 60)
        levels = [answer.level for answer in answers]
        assert list(dict.fromkeys(levels)) == ["shadow", "suggest", "approve", "act"]
        assert levels == sorted(levels, key=["shadow", "suggest", "approve", "act"].index)
        up = [("shadow", "suggest"), ("suggest", "approve"), ("approve", "act")]
        assert steps(desk) == up
        acting = levels.index("act")
        assert all(a.decision == "ask" for a in answers[:acting])
        assert any("the level is approve" in a.reason for a in answers[:acting])
        assert sum(a.held for a in answers) == SETTINGS["approvals"]
        assert any(a.decision == "act" for a in answers[acting:])
        assert agrees(desk, "t") and sound(desk) == []
        state = desk.state_hash("t"), desk.autonomy("t")
    with quickstudy.open(path) as desk:
        assert (desk.state_hash("t"), desk.autonomy("t")) == state


def test_in_the_shadow_nothing_is_shown_and_all_is_on_record(path):
    with quickstudy.open(path) as desk:
        desk.create("t", **SETTINGS | {"start": "shadow", "ceiling": "shadow"})
        answers = train(desk, "t", 40)
        told = desk.autonomy("t")
        assert (told.level, told.next_level, steps(desk)) == ("shadow", None, [])
        assert "ceiling" in told.why_not_higher
        for answer in (answers[-1], desk.predict("t", X, id="mine")):
            assert (answer.label, answer.alternatives, answer.decision) == (None, (), "ask")
            assert (answer.confidence, answer.novelty, answer.level) == (0.0, 0.0, "shadow")
        kept = desk.history(answers[-1].id)
        assert kept.answer.label == truth(record(39)) and kept.answer.alternatives
        assert kept.events[0].payload["confidence"] > 0.5
        desk.change("t", ceiling="suggest")
        train(desk, "t", 1)
        answer = desk.predict("t", X)
        assert (answer.level, answer.label, answer.decision) == ("suggest", truth(X), "ask")
        assert "suggest" in answer.reason and agrees(desk, "t")


def test_an_answer_of_the_shadow_asked_for_again_stays_hidden(path):
    with quickstudy.open(path) as desk:
        desk.create("t", **SETTINGS | {"start": "shadow"})
        train(desk, "t", 5)
        first = desk.predict("t", X, id="mine")
        assert desk.predict("t", X, id="mine").label is None is first.label
        assert desk.predict_many("t", [X], ids=["mine"]) == [first]


def test_answers_that_are_held_are_listed_oldest_first_and_approved_one_by_one(desk):
    answers = hold(desk, 3)
    assert {a.decision for a in answers} == {"ask"} and "says yes" in answers[0].reason
    assert [ask.id for ask in desk.held("held")] == [a.id for a in answers]
    assert [ask.id for ask in desk.held("held", limit=1)] == [answers[0].id]
    assert all(ask.held and ask.suggestions for ask in desk.held("held"))
    before = desk.autonomy("held").approvals
    assert desk.feedback(answers[1].id, correct=True, source="boss").counted
    assert [ask.id for ask in desk.held("held")] == [answers[0].id, answers[2].id]
    assert desk.autonomy("held").approvals == before + 1
    desk.feedback(answers[0].id, correct=False, source="boss")
    assert [ask.id for ask in desk.held("held")] == [answers[2].id]
    assert desk.autonomy("held").refusals == 1 and level(desk, "held") == "approve"


def test_after_enough_approvals_it_acts(desk):
    while level(desk, "held") == "approve":
        (answer,) = hold(desk, 1)
        desk.feedback(answer.id, correct=True, source="boss")
    assert steps(desk, "held")[-1] == ("approve", "act")
    assert desk.autonomy("held").history[0].why == "4 of 4 held answers were approved"
    answer = desk.predict("held", X)
    assert answer.decision == "act" and not answer.held and desk.held("held") == []


def test_an_answer_that_nobody_approves_in_time_counts_as_refused(desk):
    desk.change("held", wait_seconds=0.001)
    hold(desk, 1)
    expire(desk)
    told = desk.autonomy("held")
    assert (told.refusals, desk.held("held"), told.level) == (1, [], "approve")


def test_an_alarm_of_the_guard_steps_down_and_the_very_next_answer_asks(desk):
    count, seq = alarm(desk)
    answer = desk.predict("t", X)
    assert count < 30 and (answer.decision, answer.level) == ("ask", "approve")
    assert steps(desk) == [("act", "approve")]
    told = desk.autonomy("t")
    assert told.alarms == 1 and "guard" in told.history[0].why
    assert abs(told.history[0].seq - seq) <= 1  # beside the label that raised it


def test_answers_in_flight_with_the_alarm_ask_if_they_come_after_it(store):
    with quickstudy.open(store) as desk:
        count, _ = alarm(desk)
    path = store.with_name("again.db")
    with quickstudy.open(path) as desk:
        desk.create("t", **SETTINGS)
        train(desk, "t", 60)
        wrong = [desk.predict("t", X) for _ in range(count + 20)]
        before = desk.store.head[0]
        flying = []
        for answer in wrong:
            given = quickstudy.Feedback(answer.id, correct=False, source="boss")
            flying += [desk.submit_feedback([given]), desk.submit_predict("t", [X])]
        for future in flying:
            future.result()
        acting, seen = True, [0, 0]
        for event in logged(desk, before):
            acting = acting and event.type != "level_changed"
            if event.type == "predicted":
                seen[acting] += 1
                assert acting or not event.read()["decision"]["act"]
        assert min(seen) > 5 and agrees(desk, "t")


def test_after_an_alarm_it_earns_its_way_back(desk):
    alarm(desk)
    start = desk.report("t").cases
    for _ in range(60):
        train(desk, "t", 5, start=(start := start + 5))
        if level(desk) == "act":
            break
    down, up = ("act", "approve"), ("approve", "act")
    found = [step for step in steps(desk) if step in (down, up)]
    assert found == [down, up] or steps(desk)[:2] == [down, ("approve", "suggest")]
    assert level(desk) == "act"


@pytest.mark.parametrize("ceiling", ["approve", "suggest", "shadow"])
def test_a_lower_ceiling_binds_in_the_next_answer(store, ceiling):
    with quickstudy.open(store) as desk:
        assert desk.predict("t", X).decision == "act"
        desk.change("t", ceiling=ceiling)
        answer = desk.predict("t", X)
        assert (answer.decision, answer.level) == ("ask", ceiling)
        assert answer.held == (ceiling == "approve") and steps(desk) == [("act", ceiling)]
        assert (answer.label is None) == (ceiling == "shadow")
        state = desk.state_hash("t")
    with quickstudy.open(store) as desk:
        assert level(desk) == ceiling and desk.state_hash("t") == state and agrees(desk, "t")
        desk.change("t", ceiling="act")
        assert level(desk) == ceiling  # it is allowed to rise, and has to
        train(desk, "t", 20)
        assert level(desk) == "act" and agrees(desk, "t")


def test_a_new_promise_has_to_be_proved_anew_and_the_shadow_is_left_for_good(desk):
    desk.change("held", target=0.61)
    assert level(desk, "held") == "suggest" and not desk.held("held")
    answer = desk.predict("held", X)
    assert answer.decision == "ask" and "certified yet" in answer.reason
    assert desk.autonomy("held").certified == 0
    train(desk, "held", 50)
    assert level(desk, "held") == "act"


def test_what_was_held_under_another_promise_is_no_approval(desk):
    old = hold(desk, 2)
    desk.change("held", target=0.61)
    for answer in old:
        assert not desk.feedback(answer.id, correct=True, source="boss").counted
    assert (level(desk, "held"), desk.autonomy("held").approvals) == ("suggest", 0)


def test_settings_of_levels_that_there_are_not_are_refused(desk):
    for values in ({"ceiling": "god"}, {"approvals": -1}):
        with pytest.raises(SettingError):
            desk.change("t", **values)
    assert level(desk) == "act" and types(desk)[-1] != "changed"


def state(desk):
    """All that a failed commit must leave as it was."""
    duties = desk.desk.duties.values()
    held = {d.name: (state_of(d.control)[1], d.roles, d.settings, d.epoch) for d in duties}
    told = [(desk.autonomy(n), desk.limits(n), desk.versions(n), desk.held(n)) for n in held]
    return held, told, [desk.state_hash(name) for name in held], desk.store.head


def full(desk, act):
    """Do something on a disk that is full."""
    raw = desk.store._writing.connection.driver_connection
    (pages,) = raw.execute("PRAGMA page_count").fetchone()
    raw.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreError, match="nothing was changed"):
        act()
    raw.execute("PRAGMA max_page_count=1000000")


def test_what_a_failed_commit_did_to_levels_is_taken_back(desk):
    (answer,) = hold(desk, 1)
    waiting = [desk.predict("t", X) for _ in range(40)]
    desk.flush()
    before = state(desk)
    large = [quickstudy.Feedback(learner="t", record={"t": "x" * 9000}, label="n")] * 40
    wrong = [quickstudy.Feedback(a.id, correct=False, source="boss") for a in waiting]
    approved = [quickstudy.Feedback(answer.id, correct=True, source="boss")]
    full(desk, lambda: desk.feedback_many([*wrong, *approved, *large]))  # the guard saw it
    assert state(desk) == before
    full(desk, lambda: desk.predict_many("held", [X | {"t": "x" * 9000}] * 40))
    assert state(desk) == before
    for given in wrong[:30]:
        desk.feedback_many([given])
    assert steps(desk) == [("act", "approve"), ("approve", "suggest")]
    desk.feedback_many(approved)
    assert desk.autonomy("held").approvals == before[1][1][0].approvals + 1
