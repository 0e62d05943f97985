"""Levels of autonomy, lived through: earned by evidence and approvals, capped, lost by alarms."""

import pytest

import quickstudy
from quickstudy.deploy.guardrails.risk import state_of
from quickstudy.errors import SettingError, StoreError
from tests.deploy.support import (
    EASY,
    agrees,
    copied,
    expire,
    logged,
    record,
    sound,
    train,
    truth,
    types,
)

SETTINGS = EASY | {"consolidate": False, "approvals": 4}
X = record(0)


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """A store with a learner that acts, and one that holds its answers."""
    path = tmp_path_factory.mktemp("trained") / "work.db"
    with quickstudy.open(path) as deployment:
        deployment.create("t", **SETTINGS)
        train(deployment, "t", 60)
        deployment.create("held", **SETTINGS | {"start": "suggest"})
        while deployment.autonomy("held").level != "approve":
            train(deployment, "held", 1, start=deployment.report("held").cases)
    return path


@pytest.fixture
def store(trained, path):
    """A copy of it."""
    return copied(trained, path.parent)


@pytest.fixture
def deployment(store):
    with quickstudy.open(store) as deployment:
        yield deployment
        assert agrees(deployment, "t") and agrees(deployment, "held")


def level(deployment, name="t"):
    return deployment.autonomy(name).level


def steps(deployment, name="t"):
    """Levels that were earned and lost, oldest first, as they are told and as they are logged."""
    told = [(step.before, step.after) for step in deployment.autonomy(name).history][::-1]
    events = [e.payload for e in deployment.events(learner=name) if e.type == "level_changed"]
    assert told == [(payload["before"], payload["after"]) for payload in events]
    assert all(payload["why"] for payload in events)
    return told


def alarm(deployment, name="t"):
    """Answers of its own are found wrong until the guard sees it: (found, seq of the last label).

    All are given before the first is judged: its confidence in them does not sink on the way.
    """
    answers = deployment.predict_many(name, [X] * 40)
    for count, answer in enumerate(answers, start=1):
        assert answer.decision == "act" and answer.audit
        receipt = deployment.feedback(answer.id, correct=False, source="boss")
        if level(deployment, name) != "act":
            return count, receipt.seq
    raise AssertionError("the guard never saw it")


def hold(deployment, count):
    """Answers that are held."""
    answers = [
        answer for answer in (deployment.predict("held", X) for _ in range(count)) if answer.held
    ]
    assert len(answers) == count
    return answers


def test_from_the_shadow_to_acting_alone_one_step_at_a_time(path):
    with quickstudy.open(path) as deployment:
        deployment.create("t", **SETTINGS | {"start": "shadow"})
        answers = train(deployment, "t", 60)
        levels = [answer.level for answer in answers]
        assert list(dict.fromkeys(levels)) == ["shadow", "suggest", "approve", "act"]
        assert levels == sorted(levels, key=["shadow", "suggest", "approve", "act"].index)
        up = [("shadow", "suggest"), ("suggest", "approve"), ("approve", "act")]
        assert steps(deployment) == up
        acting = levels.index("act")
        assert all(a.decision == "ask" for a in answers[:acting])
        assert any("the level is approve" in a.reason for a in answers[:acting])
        assert sum(a.held for a in answers) == SETTINGS["approvals"]
        assert any(a.decision == "act" for a in answers[acting:])
        assert agrees(deployment, "t") and sound(deployment) == []
        state = deployment.state_hash("t"), deployment.autonomy("t")
    with quickstudy.open(path) as deployment:
        assert (deployment.state_hash("t"), deployment.autonomy("t")) == state


def test_in_the_shadow_nothing_is_shown_and_all_is_on_record(path):
    with quickstudy.open(path) as deployment:
        deployment.create("t", **SETTINGS | {"start": "shadow", "ceiling": "shadow"})
        answers = train(deployment, "t", 40)
        told = deployment.autonomy("t")
        assert (told.level, told.next_level, steps(deployment)) == ("shadow", None, [])
        assert "ceiling" in told.why_not_higher
        for answer in (answers[-1], deployment.predict("t", X, id="mine")):
            assert (answer.label, answer.alternatives, answer.decision) == (None, (), "ask")
            assert (answer.confidence, answer.novelty, answer.level) == (0.0, 0.0, "shadow")
        kept = deployment.history(answers[-1].id)
        assert kept.answer.label == truth(record(39)) and kept.answer.alternatives
        assert kept.events[0].payload["confidence"] > 0.5
        deployment.change("t", ceiling="suggest")
        train(deployment, "t", 1)
        answer = deployment.predict("t", X)
        assert (answer.level, answer.label, answer.decision) == ("suggest", truth(X), "ask")
        assert "suggest" in answer.reason and agrees(deployment, "t")


def test_an_answer_of_the_shadow_asked_for_again_stays_hidden(path):
    with quickstudy.open(path) as deployment:
        deployment.create("t", **SETTINGS | {"start": "shadow"})
        train(deployment, "t", 5)
        first = deployment.predict("t", X, id="mine")
        assert deployment.predict("t", X, id="mine").label is None is first.label
        assert deployment.predict_many("t", [X], ids=["mine"]) == [first]


def test_answers_that_are_held_are_listed_oldest_first_and_approved_one_by_one(deployment):
    answers = hold(deployment, 3)
    assert {a.decision for a in answers} == {"ask"} and "says yes" in answers[0].reason
    assert [ask.id for ask in deployment.held("held")] == [a.id for a in answers]
    assert [ask.id for ask in deployment.held("held", limit=1)] == [answers[0].id]
    assert all(ask.held and ask.suggestions for ask in deployment.held("held"))
    before = deployment.autonomy("held").approvals
    assert deployment.feedback(answers[1].id, correct=True, source="boss").counted
    assert [ask.id for ask in deployment.held("held")] == [answers[0].id, answers[2].id]
    assert deployment.autonomy("held").approvals == before + 1
    deployment.feedback(answers[0].id, correct=False, source="boss")
    assert [ask.id for ask in deployment.held("held")] == [answers[2].id]
    assert deployment.autonomy("held").refusals == 1 and level(deployment, "held") == "approve"


def test_after_enough_approvals_it_acts(deployment):
    while level(deployment, "held") == "approve":
        (answer,) = hold(deployment, 1)
        deployment.feedback(answer.id, correct=True, source="boss")
    assert steps(deployment, "held")[-1] == ("approve", "act")
    assert deployment.autonomy("held").history[0].why == "4 of 4 held answers were approved"
    answer = deployment.predict("held", X)
    assert answer.decision == "act" and not answer.held and deployment.held("held") == []


def test_an_answer_that_nobody_approves_in_time_counts_as_refused(deployment):
    deployment.change("held", wait_seconds=1e-6)
    hold(deployment, 1)
    expire(deployment)
    told = deployment.autonomy("held")
    assert (told.refusals, deployment.held("held"), told.level) == (1, [], "approve")


def test_an_alarm_of_the_guard_steps_down_and_the_very_next_answer_asks(deployment):
    count, seq = alarm(deployment)
    answer = deployment.predict("t", X)
    assert count < 30 and (answer.decision, answer.level) == ("ask", "approve")
    assert steps(deployment) == [("act", "approve")]
    told = deployment.autonomy("t")
    assert told.alarms == 1 and "guard" in told.history[0].why
    assert abs(told.history[0].seq - seq) <= 1  # beside the label that raised it


def test_answers_in_flight_with_the_alarm_ask_if_they_come_after_it(store):
    with quickstudy.open(store) as deployment:
        count, _ = alarm(deployment)
    path = store.with_name("again.db")
    with quickstudy.open(path) as deployment:
        deployment.create("t", **SETTINGS)
        train(deployment, "t", 60)
        wrong = [deployment.predict("t", X) for _ in range(count + 20)]
        before = deployment.store.head[0]
        flying = []
        for answer in wrong:
            given = quickstudy.Feedback(answer.id, correct=False, source="boss")
            flying += [deployment.submit_feedback([given]), deployment.submit_predict("t", [X])]
        for future in flying:
            future.result()
        acting, seen = True, [0, 0]
        for event in logged(deployment, before):
            acting = acting and event.type != "level_changed"
            if event.type == "predicted":
                seen[acting] += 1
                assert acting or not event.read()["decision"]["act"]
        assert min(seen) > 5 and agrees(deployment, "t")


def test_after_an_alarm_it_earns_its_way_back(deployment):
    alarm(deployment)
    start = deployment.report("t").cases
    for _ in range(60):
        train(deployment, "t", 5, start=(start := start + 5))
        if level(deployment) == "act":
            break
    down, up = ("act", "approve"), ("approve", "act")
    found = [step for step in steps(deployment) if step in (down, up)]
    assert found == [down, up] or steps(deployment)[:2] == [down, ("approve", "suggest")]
    assert level(deployment) == "act"


@pytest.mark.parametrize("ceiling", ["approve", "suggest", "shadow"])
def test_a_lower_ceiling_binds_in_the_next_answer(store, ceiling):
    with quickstudy.open(store) as deployment:
        assert deployment.predict("t", X).decision == "act"
        deployment.change("t", ceiling=ceiling)
        answer = deployment.predict("t", X)
        assert (answer.decision, answer.level) == ("ask", ceiling)
        assert answer.held == (ceiling == "approve") and steps(deployment) == [("act", ceiling)]
        assert (answer.label is None) == (ceiling == "shadow")
        state = deployment.state_hash("t")
    with quickstudy.open(store) as deployment:
        assert (
            level(deployment) == ceiling
            and deployment.state_hash("t") == state
            and agrees(deployment, "t")
        )
        deployment.change("t", ceiling="act")
        assert level(deployment) == ceiling  # it is allowed to rise, and has to
        train(deployment, "t", 20)
        assert level(deployment) == "act" and agrees(deployment, "t")


def test_a_new_promise_has_to_be_proved_anew_and_the_shadow_is_left_for_good(deployment):
    deployment.change("held", target=0.61)
    assert level(deployment, "held") == "suggest" and not deployment.held("held")
    answer = deployment.predict("held", X)
    assert answer.decision == "ask" and "certified yet" in answer.reason
    assert deployment.autonomy("held").certified == 0
    train(deployment, "held", 50)
    assert level(deployment, "held") == "act"


def test_what_was_held_under_another_promise_is_no_approval(deployment):
    old = hold(deployment, 2)
    deployment.change("held", target=0.61)
    for answer in old:
        assert not deployment.feedback(answer.id, correct=True, source="boss").counted
    assert (level(deployment, "held"), deployment.autonomy("held").approvals) == ("suggest", 0)


def test_settings_of_levels_that_there_are_not_are_refused(deployment):
    for values in ({"ceiling": "god"}, {"approvals": -1}):
        with pytest.raises(SettingError):
            deployment.change("t", **values)
    assert level(deployment) == "act" and types(deployment)[-1] != "changed"


def state(deployment):
    """All that a failed commit must leave as it was."""
    hosted_learners = deployment.classifiers.by_name.values()
    held = {d.name: (state_of(d.control)[1], d.roles, d.settings, d.epoch) for d in hosted_learners}
    told = [
        (deployment.autonomy(n), deployment.limits(n), deployment.versions(n), deployment.held(n))
        for n in held
    ]
    return held, told, [deployment.state_hash(name) for name in held], deployment.store.head


def full(deployment, act):
    """Do something on a disk that is full."""
    raw = deployment.store._writing.connection.driver_connection
    (pages,) = raw.execute("PRAGMA page_count").fetchone()
    raw.execute(f"PRAGMA max_page_count={pages}")
    with pytest.raises(StoreError, match="nothing was changed"):
        act()
    raw.execute("PRAGMA max_page_count=1000000")


def test_what_a_failed_commit_did_to_levels_is_taken_back(deployment):
    (answer,) = hold(deployment, 1)
    waiting = [deployment.predict("t", X) for _ in range(40)]
    deployment.flush()
    before = state(deployment)
    large = [quickstudy.Feedback(learner="t", record={"t": "x" * 9000}, label="n")] * 40
    wrong = [quickstudy.Feedback(a.id, correct=False, source="boss") for a in waiting]
    approved = [quickstudy.Feedback(answer.id, correct=True, source="boss")]
    full(
        deployment, lambda: deployment.feedback_many([*wrong, *approved, *large])
    )  # the guard saw it
    assert state(deployment) == before
    full(deployment, lambda: deployment.predict_many("held", [X | {"t": "x" * 9000}] * 40))
    assert state(deployment) == before
    for given in wrong[:30]:
        deployment.feedback_many([given])
    assert steps(deployment) == [("act", "approve"), ("approve", "suggest")]
    deployment.feedback_many(approved)
    assert deployment.autonomy("held").approvals == before[1][1][0].approvals + 1
