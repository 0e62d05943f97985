"""A store of schema 1 is brought up to the present schema, with all it holds, or left as it is."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing, contextmanager

import pytest

import quickstudy
from quickstudy.deploy.core.tables import DERIVED, checksum
from quickstudy.deploy.doctor import check_file
from quickstudy.deploy.migration import COLUMNS, RENAMED, migrate, open_store
from quickstudy.deploy.rebuild import differences
from quickstudy.deploy.recovery import snapshots
from quickstudy.deploy.recovery.files import folder_of
from quickstudy.deploy.recovery.replay import replay
from quickstudy.deploy.runs import snapshots as run_snapshots
from quickstudy.deploy.runs import state
from quickstudy.errors import StoreError
from quickstudy.log.store import SCHEMA, Store, read_events
from tests.deploy.older import contents, schema, unpack

CLASSIFIERS = {1: "pay", 2: "tick"}
VALUE = {3: "runs"}
WALKED = [
    "341494f36309899f18bdd5ad54af2833",
    "e43a8564b2d1a69321c3d4ca568047ad",
    "98daee178f195158360b19bfc48a5561",
]  # states of the walk's learners, as the older quickstudy told them


def opened(path):
    with quickstudy.open(path):
        pass


def brought_up(path):
    """By what both others call first; no clock closes a case meanwhile."""
    open_store(path).close()


def checked(path):
    assert [finding for finding in check_file(path) if not finding.ok] == []


@pytest.fixture
def old(tmp_path):
    return unpack(tmp_path)


def backup_of(path):
    return path.with_name(f"{path.name}.schema-1")


def renamed(tables):
    """Rows of schema 1 under the names of tables and columns that are now; without checksums."""
    now = {}
    for table in DERIVED:
        names = {before: name for name, before in COLUMNS.get(table.name, {}).items()}
        rows = tables[RENAMED.get(table.name, table.name)]
        now[table.name] = [
            {names.get(name, name): value for name, value in row.items() if name != "sum"}
            for row in rows
        ]
    return now


def without_scores(tables):
    """Rows without what matters only while a case waits."""
    rows = [
        {**row, "score": row["score"] if row["status"] == "waiting" else None}
        for row in tables["cases"]
    ]
    return {**tables, "cases": rows}


@pytest.mark.parametrize(
    ("commit", "door"),
    [("c685e45", opened), ("c685e45", checked), ("40cc19e", checked), ("40cc19e", brought_up)],
)
def test_what_it_held_it_holds_under_the_new_names_and_a_backup_is_as_it_was(
    tmp_path, commit, door
):
    old = unpack(tmp_path, commit)
    before = contents(old)
    door(old)
    after = contents(old)
    assert schema(old) == SCHEMA == 2 and schema(backup_of(old)) == 1
    assert contents(backup_of(old)) == before
    tables = {table.name: after[table.name] for table in DERIVED}
    assert set(after) == {*tables, "events", "meta"}
    assert all(row["sum"] == checksum(row) for rows in tables.values() for row in rows)
    rows = {
        name: [{n: value for n, value in row.items() if n != "sum"} for row in found]
        for name, found in tables.items()
    }
    assert without_scores(rows) == without_scores(renamed(before))
    assert after["events"][: len(before["events"])] == before["events"]
    assert {row["type"] for row in after["events"][len(before["events"]) :]} == {"migrated"}
    with closing(Store(old, write=False)) as store:
        assert differences(store) == []


def test_the_folder_of_the_backup_holds_what_the_log_names(old):
    files = {p.relative_to(old.parent / "old.db.d"): p.read_bytes() for p in folder_files(old)}
    opened(old)
    backup = backup_of(old)
    kept = {p.relative_to(f"{backup}.d"): p.read_bytes() for p in folder_files(backup)}
    assert kept == {name: content for name, content in files.items() if name.name != "lock"}


def folder_files(path):
    folder = path.with_name(f"{path.name}.d")
    return [found for found in folder.rglob("*") if found.is_file()]


def test_the_state_of_every_learner_is_what_it_was(old):
    said = {}
    with closing(Store(old, write=False)) as store:
        for number, name in CLASSIFIERS.items():
            found = snapshots.found(folder_of(store.folder, number))
            fold = snapshots.read(found[-1], store.link_at) if found else replay(store, number)
            said[name] = fold.hash
        for number, name in VALUE.items():
            (_, path) = [None, *snapshots.found(folder_of(store.folder, number))]
            said[name] = run_snapshots.read(path, store.link_at).hash
            assert state.replay(store, number, strict=True).hash == said[name]
    with quickstudy.open(old) as deployment:
        assert {name: deployment.state_hash(name) for name in said} == said


def test_what_schema_1_did_not_log_is_on_record(tmp_path):
    old = unpack(tmp_path, "40cc19e")
    before = contents(old)
    scored = {
        row["id"]
        for row in before["cases"]
        if row["status"] == "waiting" and row["usefulness"] != 0.0
    }
    brought_up(old)
    with closing(Store(old, write=False)) as store, store.reading() as connection:
        told = {}
        for event in read_events(connection, types=["migrated"]):
            of_table = told.setdefault(event.subject, {"rows": [], "gone": []})
            for name, found in of_table.items():
                found += event.read()[name]
    assert scored <= {row["id"] for row in told["cases"]["rows"]} and len(scored) > 40
    assert len(told["receipts"]["rows"]) == len(before["receipts"]) == 78
    assert len(told["keys"]["rows"]) == len(before["keys"]) == 4
    assert len(told["pending_feedback"]["gone"]) == 7
    assert {row["kind"] for row in told["versions"]["rows"]} == {"first"}


def test_replays_of_a_walk_lead_where_they_led(tmp_path):
    old = unpack(tmp_path, "40cc19e")

    def states():
        with closing(Store(old, write=False)) as store:
            runs = [state.replay(store, number, strict=True).hash for number in (2, 4)]
            return [replay(store, 1).hash, *runs]

    before = states()
    brought_up(old)
    assert states() == before == WALKED


@contextmanager
def counting(store, most):
    """Count how often SQLite has done some of its own work; it breaks off once that is `most`."""
    raw, seen = store._writing.connection.driver_connection, []

    def once_more():
        seen.append(1)
        return len(seen) > most

    raw.set_progress_handler(once_more, 10)
    try:
        yield seen
    finally:
        raw.set_progress_handler(None, 0)


def work_of(path):
    """How much SQLite does to bring a store up."""
    with closing(Store(path)) as store, counting(store, 1e9) as seen:
        migrate(store)
    return len(seen)


@pytest.mark.parametrize("share", [0.01, 0.3, 0.6, 0.9, 0.99])
def test_a_failure_in_the_middle_leaves_it_untouched_and_the_next_open_succeeds(
    old, tmp_path, share
):
    before = contents(old)
    (tmp_path / "measured").mkdir()
    work = work_of(unpack(tmp_path / "measured"))
    with closing(Store(old)) as store:
        with (
            counting(store, share * work),
            pytest.raises(StoreError, match="nothing was changed"),
        ):
            migrate(store)
        assert store.schema == 1
    assert contents(old) == before
    assert [p.name for p in tmp_path.glob("old.db*") if "schema" in p.name] == []
    opened(old)
    assert schema(old) == SCHEMA and contents(backup_of(old)) == before
    checked(old)


KILLED = """
import sys
from quickstudy.deploy.migration import open_store
from tests.failpoints import arm

arm(sys.argv[2])
open_store(sys.argv[1])
"""


def test_killed_before_its_commit_it_is_untouched_and_the_next_open_makes_another_backup(old):
    before = contents(old)
    command = [sys.executable, "-c", KILLED, str(old), "before-commit:1"]
    run = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True)
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert contents(old) == before == contents(backup_of(old))
    checked(old)
    assert contents(backup_of(old)) == before == contents(old.with_name("old.db.schema-1-2"))


def test_killed_after_its_commit_it_is_brought_up(old):
    command = [sys.executable, "-c", KILLED, str(old), "after-commit:1"]
    run = subprocess.run(command, env=dict(os.environ), capture_output=True, text=True)
    assert run.returncode == -signal.SIGKILL, run.stderr
    assert schema(old) == SCHEMA
    checked(old)
    assert not old.with_name("old.db.schema-1-2").exists()


def test_a_backup_is_a_store_like_any_other(old):
    opened(old)
    backup = backup_of(old)
    with quickstudy.open(backup) as deployment:
        assert [info.name for info in deployment.learners()] == ["pay", "runs", "tick"]
    checked(backup)
    assert schema(backup_of(backup)) == 1


def test_what_was_brought_up_is_not_brought_up_again(old):
    opened(old)
    events = len(contents(old)["events"])
    opened(old)
    checked(old)
    assert len(contents(old)["events"]) == events
    assert sorted(p.name for p in old.parent.glob("*schema-1*")) == [
        "old.db.schema-1",
        "old.db.schema-1.d",
    ]


def test_a_damaged_row_is_not_brought_up(old):
    with closing(sqlite3.connect(old)) as connection, connection:
        connection.execute("UPDATE sources SET labels = labels + 1")
    before = contents(old)
    with pytest.raises(StoreError, match="annotators is damaged"):
        open_store(old)
    assert contents(old) == before


def test_a_newer_schema_is_refused_with_a_sentence(old, tmp_path, monkeypatch):
    shutil.rmtree(tmp_path / "old.db.d")
    old.unlink()
    with monkeypatch.context() as newer:
        newer.setattr("quickstudy.log.store.SCHEMA", 3)
        Store(old).close()
    before = contents(old)
    for door in (opened, checked):
        with pytest.raises(
            StoreError, match=r"has schema 3; this quickstudy reads up to 2: upgrade"
        ):
            door(old)
    assert contents(old) == before
