"""The table of runs says what the log says, and the doctor notices where it does not."""

import sqlite3
from contextlib import closing

import pytest

import quickstudy
from quickstudy.deploy.core.tables import RUNS, checksum
from quickstudy.deploy.doctor import check_file
from quickstudy.deploy.rebuild import differences
from tests.deploy.journeys import expire, play
from tests.deploy.support import alter, copied, failures

TABLES = "tables"
FOLLOW = "tables follow from the log"


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A store with runs of every status."""
    path = tmp_path_factory.mktemp("whole") / "work.db"
    with quickstudy.open(path) as deployment:
        deployment.create("c", seed=1)
        deployment.create_value("gone", seed=1)
        play(deployment, "gone", 5)
        deployment.delete("gone")
        deployment.create_value("v", seed=1)
        play(deployment, "v", 40)
        deployment.change("v", wait_seconds=1e-6)
        expire(deployment)
        deployment.end("v", deployment.runs("v", status="expired")[0].id, 1.0)
        deployment.change("v", wait_seconds=1e6)
        play(deployment, "v", 20, seed=1)
        assert {run.status for run in deployment.runs("v")} == {"live", "ended", "expired", "late"}
    return path


@pytest.fixture
def path(whole, tmp_path):
    return copied(whole, tmp_path / "copy")


def test_a_whole_store_has_no_finding_open_or_closed(path):
    findings = check_file(path)
    assert all(f.ok and f.detail for f in findings)
    assert {FOLLOW, "v: replay"} <= {f.check for f in findings}
    with quickstudy.open(path) as deployment:
        assert [f.check for f in deployment.doctor()] == [f.check for f in findings]
        assert differences(deployment.store) == []


@pytest.mark.parametrize(
    ("statement", "check"),
    [
        ("UPDATE runs SET status = 'live' WHERE status = 'ended'", TABLES),
        ("UPDATE runs SET outcome = 1 - outcome WHERE status = 'ended'", TABLES),
        ("UPDATE runs SET steps = steps + 1", TABLES),
        ("UPDATE runs SET probability = 0.5 WHERE steps > 0", TABLES),
        ("UPDATE runs SET task = 'another'", TABLES),
        ("UPDATE events SET payload = replace(payload, '\"outcome\":1', '\"outcome\":0') "
         "WHERE type = 'run_ended'", "chain of events"),
        ("DELETE FROM runs WHERE status = 'live'", FOLLOW),
        ("DROP TABLE runs", TABLES),
    ],
)  # fmt: skip
def test_altered_rows_are_found(path, statement, check):
    alter(path, statement)
    assert check in failures(path)


@pytest.mark.parametrize(
    ("name", "value"), [("status", "'ended'"), ("steps", "99"), ("last", "1"), ("stop", "1")]
)
def test_a_row_with_a_good_checksum_that_the_log_does_not_know_is_found(path, name, value):
    alter(path, f"UPDATE runs SET {name} = {value} WHERE status = 'live'")
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.row_factory = sqlite3.Row
        for row in connection.execute("SELECT * FROM runs").fetchall():
            values = {column.name: row[column.name] for column in RUNS.columns}
            key = (checksum(values), row["learner"], row["id"])
            connection.execute("UPDATE runs SET sum = ? WHERE learner = ? AND id = ?", key)
    assert list(failures(path)) == [FOLLOW] and name in failures(path)[FOLLOW]


def test_a_table_that_was_not_there_yet_is_made_when_the_store_opens(tmp_path):
    path = tmp_path / "old.db"
    with quickstudy.open(path) as deployment:
        deployment.create("c", seed=1)
        deployment.feedback(deployment.predict("c", "x").id, label="y", wait_learned=True)
        state = deployment.state_hash("c")
    alter(path, "DROP TABLE runs")
    with quickstudy.open(path) as deployment:
        assert deployment.state_hash("c") == state
        deployment.create_value("v")
        deployment.step("v", deployment.start("v").id, "x")
    assert failures(path) == {}
