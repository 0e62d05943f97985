"""The store: what was committed is there in order, and what is not whole is not taken for it."""

import os
import sqlite3
import stat
from contextlib import closing
from pathlib import Path

import pytest

from quickstudy.errors import InputError, StoreError
from quickstudy.log.store import CHUNK, Store, events_at, events_of, read_events
from tests.log.support import SAYS, append, opened


@pytest.fixture
def path(tmp_path):
    return tmp_path / "work.db"


def told(store, **which):
    with store.reading() as connection:
        return [event.read() for event in read_events(connection, **which)]


def alter(path, statement, *values):
    """Change a closed store behind its back."""
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(statement, values)


def modes(path):
    return {p.name: stat.S_IMODE(p.stat().st_mode) for p in (path, *path.parent.rglob("*"))}


def test_events_are_read_back_in_order_by_the_next_process(path):
    with closing(opened(path, SAYS)) as store:
        assert store.head[0] == len(SAYS)
    with closing(Store(path)) as again:
        assert told(again) == SAYS and again.head == store.head
        append(again, [{"more": 1}])
        assert told(again, after=len(SAYS)) == [{"more": 1}]


def test_events_are_found_by_learner_type_and_subject(path):
    with closing(opened(path)) as store:
        append(store, SAYS[:2], learner=1, subject="one")
        append(store, SAYS[2:4], learner=2, subject="two")
        append(store, SAYS[4:5], learner=2, subject="one", type="expired")
        assert told(store, learner=2) == SAYS[2:5]
        assert told(store, types=["expired"]) == SAYS[4:5]
        assert told(store, learner=2, types=["feedback"], after=3) == SAYS[3:4]
        assert told(store, limit=2) == SAYS[:2]
        with store.reading() as connection:
            assert [e.seq for e in events_of(connection, "one")] == [1, 2, 5]
            assert {s: e.read() for s, e in events_at(connection, [4, 2, 99]).items()} == {
                2: SAYS[1],
                4: SAYS[3],
            }


def test_a_log_longer_than_what_is_read_at_once(path):
    many = [{"i": i} for i in range(2 * CHUNK + 7)]
    with closing(opened(path)) as store:
        append(store, many)
        assert told(store) == many
        assert told(store, limit=CHUNK + 3) == many[: CHUNK + 3]
        with store.reading() as connection:
            assert len(events_at(connection, range(1, len(many) + 1))) == len(many)


def test_a_transaction_that_fails_leaves_nothing_and_the_next_takes_its_place(path):
    with closing(opened(path, SAYS[:1])) as store:
        before = store.head
        with pytest.raises(RuntimeError), store.transaction() as transaction:
            transaction.append("feedback", learner=1, actor="ana", payload={"never": 1})
            transaction.insert()
            raise RuntimeError("out of luck")
        assert store.head == before and told(store) == SAYS[:1]
        assert append(store, [{"next": 1}])[0].seq == before[0] + 1
        assert told(store) == [SAYS[0], {"next": 1}]


def test_readers_see_one_state_and_only_what_is_committed(path):
    with closing(opened(path, SAYS[:1])) as store, store.reading() as connection:
        assert len(list(read_events(connection))) == 1
        append(store, SAYS[1:2])
        assert len(list(read_events(connection))) == 1
        assert len(told(store)) == 2


def test_a_store_has_one_writer_and_any_number_of_readers(path):
    with closing(opened(path, SAYS)) as store:
        with pytest.raises(StoreError, match="this process already"):
            Store(path)
        with closing(Store(path, write=False)) as reader:
            assert told(reader) == SAYS
        append(store, [{"still": "writing"}])
    Store(path).close()


def test_everything_is_for_its_owner_alone(path):
    old = os.umask(0)
    try:
        with closing(opened(path, SAYS)):
            found = modes(path)
    finally:
        os.umask(old)
    assert found.pop("work.db.d") == 0o700
    assert set(found.values()) == {0o600} and "work.db-wal" in found


def test_what_is_no_store_is_refused_and_left_as_it_is(path):
    path.write_text("dear diary, " * 100)
    for write in (True, False):
        with pytest.raises(StoreError, match=r"work\.db"):
            Store(path, write=write)
    assert path.read_text() == "dear diary, " * 100
    path.unlink()
    with pytest.raises(StoreError, match="no store"):
        Store(path, write=False)
    assert not path.exists()


def test_another_database_is_not_taken_for_a_store_by_readers(path):
    alter(path, "CREATE TABLE mine (a)")
    with pytest.raises(StoreError):
        Store(path, write=False)


def test_a_newer_schema_is_refused(path, monkeypatch):
    with monkeypatch.context() as newer:
        newer.setattr("quickstudy.log.store.SCHEMA", 99)
        opened(path, SAYS).close()
    with pytest.raises(StoreError, match="upgrade"):
        Store(path)


@pytest.mark.parametrize("value", [b"\xf1", b"", b"1"])
def test_a_damaged_fact_is_noticed(path, value):
    opened(path, SAYS).close()
    alter(
        path,
        "UPDATE meta SET value = CAST(? || substr(value, 2) AS BLOB) WHERE name = 'schema'",
        value,
    )
    with pytest.raises(StoreError, match="schema"):
        Store(path)


def test_a_fact_is_made_once(path):
    with closing(opened(path)) as store:
        assert store.meta("secret", lambda: b"one") == b"one" == store.meta("secret", lambda: b"2")
    with closing(Store(path)) as again:
        assert again.meta("secret", lambda: b"three") == b"one"


@pytest.mark.parametrize(
    ("column", "value"),
    [("payload", b'{"a":2}'), ("actor", "eve"), ("time", 0.0), ("learner", 2), ("type", "ruled")],
)
def test_no_damaged_event_is_read_as_if_it_were_whole(path, column, value):
    opened(path, SAYS).close()
    alter(path, f"UPDATE events SET {column} = ? WHERE seq = 3", value)
    with closing(Store(path)) as store:
        with pytest.raises(StoreError, match="event 3"):
            told(store)
        assert told(store, after=4) == SAYS[4:]
        with store.reading() as connection, pytest.raises(StoreError, match="event 3"):
            events_at(connection, [3])
        with store.reading() as connection, pytest.raises(StoreError, match="event 3"):
            events_of(connection, "case")


def test_a_log_that_lost_its_end_is_not_opened(path):
    opened(path, SAYS).close()
    alter(path, "DELETE FROM events WHERE seq > 9")
    for write in (True, False):
        with pytest.raises(StoreError, match="12 were acknowledged"):
            Store(path, write=write)
    (path.with_name("work.db.d") / "head").unlink()
    with closing(Store(path)) as store:
        assert told(store) == SAYS[:9]
        append(store, [{"goes": "on"}])
    Store(path).close()


def test_a_log_whose_end_is_another_is_not_opened(path, tmp_path):
    opened(path, SAYS).close()
    other = tmp_path / "other.db"
    opened(other, SAYS).close()
    other.replace(path)
    with pytest.raises(StoreError):
        Store(path)


def test_a_backup_is_a_store_with_what_there_was(path, tmp_path):
    copied = tmp_path / "copies" / "backup.db"
    copied.parent.mkdir()
    with closing(opened(path, SAYS)) as store:
        (store.folder / "learner-1").mkdir()
        (store.folder / "learner-1" / "snapshot").write_text("kept")
        store.backup(copied)
        append(store, [{"later": 1}])
    assert (copied.parent / "backup.db.d" / "learner-1" / "snapshot").read_text() == "kept"
    with closing(Store(copied)) as again:
        assert told(again) == SAYS and again.head[0] == len(SAYS)


def test_a_backup_that_fails_leaves_nothing(path, tmp_path):
    nowhere = tmp_path / "file" / "backup.db"
    (tmp_path / "file").write_text("not a folder")
    with closing(opened(path, SAYS)) as store, pytest.raises(StoreError):
        store.backup(nowhere)
    assert sorted(p.name for p in tmp_path.iterdir() if "backup" in p.name) == []


def test_a_backup_takes_nothing_away_that_was_there(path, tmp_path):
    folder = tmp_path / "backup.db.d"
    folder.mkdir()
    (folder / "precious").write_text("mine")
    with closing(opened(path, SAYS)) as store, pytest.raises(InputError, match="there already"):
        store.backup(tmp_path / "backup.db")
    assert (folder / "precious").read_text() == "mine"
    assert not Path(tmp_path / "backup.db").exists()


def test_an_index_that_lacks_a_row_is_damage_when_a_store_is_opened(tmp_path):
    path = tmp_path / "work.db"
    Store(path).close()
    with closing(sqlite3.connect(path, isolation_level=None)) as raw:
        raw.execute("CREATE TABLE kept (name TEXT)")
        raw.execute("CREATE INDEX by_name ON kept (name)")
        raw.executemany("INSERT INTO kept VALUES (?)", [(f"name {i}",) for i in range(50)])
        where = "SELECT rootpage FROM sqlite_master WHERE name = 'by_name'"
        ((root,),), ((size,),) = (raw.execute(q).fetchall() for q in (where, "PRAGMA page_size"))
        raw.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    content = bytearray(path.read_bytes())
    at = content.index(b"name 7", size * (root - 1), size * root)
    content[at + 5] = ord("x")
    path.write_bytes(content)
    with pytest.raises(StoreError, match=r"is damaged: .*by_name.*restore a backup"):
        Store(path)


def test_a_backup_whose_last_files_fail_leaves_no_database(path, tmp_path):
    """A file of the folder cannot be copied any more once the database was."""
    with closing(opened(path, SAYS)) as store:
        copy = store.backend.copy

        def copy_and_break(engine, target):
            copy(engine, target)
            (store.folder / "unreadable").symlink_to(store.folder / "unreadable")

        store.backend.copy = copy_and_break
        with pytest.raises(StoreError):
            store.backup(tmp_path / "backup.db")
    assert sorted(p.name for p in tmp_path.iterdir() if "backup" in p.name) == []
