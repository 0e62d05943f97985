"""SQLite as a backend: settings that make a commit durable, one writer, copies, damage."""

import sqlite3
import threading
from contextlib import closing

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError

from quickstudy.errors import StoreError
from quickstudy.log.backends.sqlite import SqliteBackend

ROWS = 500


@pytest.fixture
def database(tmp_path):
    return SqliteBackend(tmp_path / "work.db")


@pytest.fixture
def engine(database):
    engine = database.engine()
    with engine.begin() as connection:
        connection.execute(text("CREATE TABLE t (a INTEGER PRIMARY KEY, b TEXT)"))
        connection.execute(text("CREATE INDEX by_b ON t (b)"))
        rows = [{"a": i, "b": f"row {i} " * 20} for i in range(ROWS)]
        connection.execute(text("INSERT INTO t VALUES (:a, :b)"), rows)
    yield engine
    engine.dispose()


def count(connection):
    return connection.execute(text("SELECT count(*) FROM t")).scalar_one()


@pytest.mark.parametrize(
    ("pragma", "value"), [("journal_mode", "wal"), ("synchronous", 2), ("secure_delete", 1)]
)
def test_every_connection_is_durable(engine, pragma, value):
    with engine.connect() as one, engine.connect() as two:
        for connection in (one, two):
            assert connection.execute(text(f"PRAGMA {pragma}")).scalar_one() == value


def test_a_reader_keeps_its_state_while_another_writes(engine):
    with engine.connect() as reader:
        assert count(reader) == ROWS
        with engine.begin() as writer:
            writer.execute(text("DELETE FROM t WHERE a < 10"))
        assert count(reader) == ROWS
    with engine.connect() as reader:
        assert count(reader) == ROWS - 10


def test_who_begins_to_write_has_the_lock_at_once(database, engine, tmp_path):
    path = tmp_path / "work.db"
    with engine.connect() as connection:
        with database.begin(connection).begin(), closing(sqlite3.connect(path)) as other:
            other.execute("PRAGMA busy_timeout=0")
            with pytest.raises(sqlite3.OperationalError, match="locked"):
                other.execute("INSERT INTO t VALUES (9999, 'x')")
        with closing(sqlite3.connect(path, timeout=0)) as other, other:
            other.execute("INSERT INTO t VALUES (9999, 'x')")


def test_a_failed_transaction_leaves_nothing(database, engine):
    with engine.connect() as connection:
        writing = database.begin(connection)
        with pytest.raises(DatabaseError), writing.begin():
            writing.execute(text("DELETE FROM t"))
            writing.execute(text("INSERT INTO nowhere VALUES (1)"))
    with engine.connect() as connection:
        assert count(connection) == ROWS


def test_a_store_is_held_until_it_is_let_go(database, tmp_path):
    held = database.lock(tmp_path)
    with pytest.raises(StoreError, match="this process already"):
        database.lock(tmp_path)
    held.close()
    database.lock(tmp_path).close()


def test_a_copy_is_of_one_moment_although_it_is_written_to(database, engine, tmp_path):
    """Each transaction writes two rows: in no copy is there half of one."""
    stop = threading.Event()

    def write():
        i = ROWS
        while not stop.is_set():
            with engine.connect() as connection, database.begin(connection).begin():
                rows = [{"a": i, "b": "x"}, {"a": i + 1, "b": "y"}]
                connection.execute(text("INSERT INTO t VALUES (:a, :b)"), rows)
            i += 2

    writer = threading.Thread(target=write)
    writer.start()
    try:
        for i in range(5):
            database.copy(engine, tmp_path / f"copy{i}.db")
    finally:
        stop.set()
        writer.join()
    for i in range(5):
        with closing(sqlite3.connect(tmp_path / f"copy{i}.db")) as copied:
            (rows,) = copied.execute("SELECT count(*) FROM t").fetchone()
            assert rows >= ROWS and rows % 2 == 0
            assert copied.execute("PRAGMA integrity_check").fetchone() == ("ok",)


def test_a_copy_that_fails_leaves_no_file(database, engine, tmp_path):
    taken = tmp_path / "folder"
    (taken / "inside").mkdir(parents=True)
    with pytest.raises(OSError):
        database.copy(engine, taken)
    assert [p.name for p in tmp_path.iterdir() if p.name.startswith(".folder")] == []


def test_an_index_that_does_not_fit_its_table_is_found(database, engine, tmp_path):
    with engine.connect() as connection:
        assert database.damage(connection) == []
    engine.dispose()
    with closing(sqlite3.connect(tmp_path / "work.db")) as raw, raw:
        raw.execute("PRAGMA writable_schema=ON")
        raw.execute("UPDATE sqlite_master SET sql='CREATE INDEX by_b ON t (a)' WHERE name='by_b'")
    with engine.connect() as connection:
        assert database.damage(connection) != []


def test_an_overwritten_page_is_found(database, engine, tmp_path):
    engine.dispose()
    path = tmp_path / "work.db"
    content = bytearray(path.read_bytes())
    middle = len(content) // 2 // 4096 * 4096
    content[middle : middle + 4096] = bytes(4096)
    path.write_bytes(bytes(content))
    with engine.connect() as connection:
        assert database.damage(connection) != []


def test_a_database_is_made_by_its_first_engine(database):
    assert not database.exists() and database.size() == 0
    with database.engine().connect() as connection:
        connection.execute(text("CREATE TABLE t (a)"))
    assert database.exists() and database.size() > 0
