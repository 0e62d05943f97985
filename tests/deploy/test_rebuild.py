"""Whatever was asked for, and whatever failed: the log makes every table again, in all columns."""

import sqlite3
from contextlib import closing

import pytest

import quickstudy
from quickstudy.deploy.rebuild import differences
from tests.deploy.commands import ACTIONS, Commands
from tests.deploy.support import agrees, sound


def walked(path, seed, count, *, fails=0.0, between=400):
    """The walk and its deployment, held against the log now and then; closed at the end."""
    with quickstudy.open(path) as deployment:
        walk = Commands(deployment, seed)
        for i in range(1, count + 1):
            walk.step(fails=walk.rng.random() < fails)
            if i % between == 0:
                assert differences(deployment.store) == []
                assert agrees(deployment, "t")
        assert differences(deployment.store) == []
        assert agrees(deployment, "t") and sound(deployment) == []
        hashes = {name: deployment.state_hash(name) for name in ("t", "v")}
    with quickstudy.open(path) as again:
        assert {name: again.state_hash(name) for name in ("t", "v")} == hashes
        assert differences(again.store) == []
    return walk


def test_commands_of_every_kind(path):
    walk = walked(path, 1, 800)
    assert 40 < walk.refused < 500 and walk.failed == 0


def test_commands_whose_writes_fail(path):
    walk = walked(path, 2, 800, fails=0.3)
    assert walk.failed > 40


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(4))
def test_many_commands_of_every_kind_some_of_which_fail(path, seed):
    """Ten thousand in all."""
    walk = walked(path, 10 + seed, 2_500, fails=0.1, between=1_250)
    assert walk.sent == 2_500 and walk.failed > 50


def test_the_walk_takes_every_command_there_is():
    """A new command has to be added to the walk."""
    from quickstudy.deploy.handlers import HANDLERS

    names = {command.__name__ for command in HANDLERS}
    read_only = {"Checkpoint", "GetStateHash", "GetReport", "TakeSnapshot"}
    by_trainers = {"Refitted", "Quarantine"}  # sent by themselves, as learners grow or fail
    assert len(names - read_only - by_trainers) == 25 and len(ACTIONS) == 25


@pytest.mark.parametrize(
    ("statement", "told"),
    [
        ("DELETE FROM labels_by_source WHERE seq = (SELECT max(seq) FROM labels_by_source)",
         "labels_by_source"),
        ("DELETE FROM receipts", "receipts"),
        ("DELETE FROM curve_buckets", "curve_buckets"),
        ("DELETE FROM versions", "versions"),
        ("DELETE FROM keys", "keys"),
    ],
)  # fmt: skip
def test_doctor_names_what_is_missing(path, statement, told):
    with quickstudy.open(path) as deployment:
        deployment.create("t", seed=1, budget_mb=16)
        deployment.create_key("a", "teach")
        case = deployment.predict("t", {"a": 1})
        deployment.feedback(case.id, label="x", source="ana")
        deployment.feedback(learner="t", record={"a": 2}, label="y", source="ana")
    with closing(sqlite3.connect(path)) as connection, connection:
        assert connection.execute(statement).rowcount > 0
    from quickstudy.deploy.doctor import check_file

    (finding,) = [one for one in check_file(path) if not one.ok]
    assert finding.check == "tables follow from the log"
    assert told in finding.detail and "missing" in finding.detail
