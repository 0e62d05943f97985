"""The fold of a value learner: the log alone leads to its state, or says that it does not."""

import json
import logging
from dataclasses import asdict

import pytest

import quickstudy
from quickstudy import ValueFunction
from quickstudy.deploy.core.queries import learner_rows
from quickstudy.deploy.runs.state import advance, read_estimate, replay, value_rows
from quickstudy.errors import NotFoundError, StoreError
from quickstudy.log.store import Transaction, read_events
from quickstudy.types import Estimate, Loop
from tests.deploy.journeys import play, replayed


@pytest.fixture
def hosted(path):
    with quickstudy.open(path) as deployment:
        deployment.create_value("v", seed=1)
        yield deployment


def test_the_log_up_to_any_event_leads_to_the_state_that_was(hosted):
    states = {}
    for seed in range(4):
        play(hosted, "v", 15, seed=seed)
        states[hosted.store.head[0]] = hosted.state_hash("v")
    for seq, state in states.items():
        assert replay(hosted.store, 1, strict=True, upto=seq).hash == state
    assert len(set(states.values())) == 4


def test_it_is_the_learner_that_one_would_have_had_without_a_store(hosted):
    """Nothing but what is in the log has a say."""
    play(hosted, "v", 60)
    alone = ValueFunction(seed=1, budget_mb=64.0)
    with hosted.store.reading() as connection:
        for event in read_events(connection, learner=1):
            told = event.read()
            if event.type == "run_started":
                alone.start(task=told["task"], id=event.subject)
            elif event.type == "stepped":
                said = alone.step(
                    event.subject,
                    told["input"],
                    action=told["action"],
                    error=told["error"],
                    reward=told["reward"],
                )
                assert json.loads(json.dumps(asdict(said))) == told["estimate"]
            elif event.type == "run_ended":
                alone.end(event.subject, told["outcome"])
    assert alone.state_hash() == hosted.state_hash("v")


def test_an_estimate_comes_back_from_the_log_as_it_was():
    loop = Loop("cycle", period=2, times=3, exact=False, success=0.1, runs=7)
    said = Estimate(
        "r", 3, 0.1, -0.2, 1 / 3, 0.5, -0.01, loop, "stop", True, 2.5, "why", (("a", 0.1),)
    )
    assert read_estimate(json.loads(json.dumps(asdict(said)))) == said


def rewritten(deployment, change):
    """Append a step to the log as no handler would have logged it."""
    run = deployment.runs("v", status="live")[0].id
    deployment.step("v", run, action="go")
    with deployment.store.reading() as connection:
        last = list(read_events(connection, learner=1))[-1]
    with deployment.store.transaction() as transaction:
        append(transaction, last, change(last.read()))


def append(transaction: Transaction, like, payload):
    transaction.append(
        like.type, learner=like.learner, actor="eve", subject=like.subject, payload=payload
    )


def test_a_log_that_says_otherwise_than_a_replay_is_told(hosted, caplog):
    play(hosted, "v", 20)
    rewritten(hosted, lambda told: told | {"estimate": told["estimate"] | {"value": 0.123}})
    with pytest.raises(StoreError, match="says otherwise than was answered"):
        replayed(hosted, "v")
    with caplog.at_level(logging.WARNING):
        replay(hosted.store, 1, strict=False)
    assert "1 estimates come out otherwise" in caplog.text


def test_a_step_of_a_run_that_is_not_open_does_not_fit(hosted):
    play(hosted, "v", 5)
    with hosted.store.reading() as connection:
        last = list(read_events(connection, learner=1, types=["stepped"]))[-1]
    with hosted.store.transaction() as transaction:
        transaction.append("stepped", learner=1, actor="eve", subject="nobody", payload=last.read())
    with pytest.raises(StoreError, match=r"does not fit those before it: .*nobody"):
        replayed(hosted, "v")


def test_progress_is_told_and_nothing_is_folded_twice(hosted):
    play(hosted, "v", 30)
    told = []
    fold = replay(hosted.store, 1, strict=True, progress=told.append)
    assert told and told[-1] <= fold.replayed == hosted.store.head[0]
    state = fold.hash
    with hosted.store.reading() as connection:
        advance(fold, connection, 1, strict=True)
    assert fold.hash == state


def test_a_replay_is_of_a_learner_of_its_kind(hosted):
    hosted.create("c")
    with hosted.store.reading() as connection:
        assert [row["name"] for row in value_rows(connection)] == ["v"]
        assert [row["name"] for row in learner_rows(connection)] == ["c"]
    for number in (2, 3):
        with pytest.raises(NotFoundError):
            replay(hosted.store, number, strict=True)
