"""SQLite as the database of a store: pragmas, one writer at a time, copies and checks."""

from __future__ import annotations

import fcntl
import os
import sqlite3
import tempfile
from contextlib import closing
from pathlib import Path
from typing import IO, Any

from sqlalchemy import Connection, Engine, create_engine, event, text
from sqlalchemy.exc import DatabaseError

from quickstudy.errors import StoreError

DRIVER_ERRORS = (sqlite3.Error,)  # raised by cursors that SQLAlchemy does not wrap
# FULL: with NORMAL an acknowledged commit in WAL mode can vanish at a power cut.
# A checkpoint delays the commit that triggers it: rarer ones halve the slowest commits.
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=10000",
    "secure_delete=ON",
    "wal_autocheckpoint=8000",
)


class SqliteBackend:
    """The database in the file `path`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def exists(self) -> bool:
        """Whether the file exists."""
        return self.path.exists()

    def size(self) -> int:
        """Bytes of the file, 0 without one."""
        return self.path.stat().st_size if self.path.exists() else 0

    def lock(self, folder: Path) -> IO[str]:
        """Reserve the store for this process, by a lock on `folder/lock`, until it is closed.

        Raises:
            StoreError: this or another process has reserved it.
        """
        file = os.fdopen(os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600), "r+")
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            file.seek(0)
            holder = file.read().strip() or "unknown"
            file.close()
            raise StoreError(_held_by(holder, folder)) from None
        file.truncate(0)
        file.write(str(os.getpid()))
        file.flush()
        return file

    def engine(self) -> Engine:
        """A new engine on the file, which is created with mode 0600 if it does not exist."""
        os.close(os.open(self.path, os.O_CREAT | os.O_RDWR, 0o600))
        engine = create_engine(
            f"sqlite:///{self.path}",
            pool_size=8,
            max_overflow=24,
            connect_args={"cached_statements": 1024},  # one for each table and number of rows
        )
        event.listen(engine, "connect", _set_pragmas)
        event.listen(engine, "begin", _begin)
        return engine

    def begin(self, connection: Connection) -> Connection:
        """The connection, with transactions that take the write lock when they begin."""
        return connection.execution_options(begin="BEGIN IMMEDIATE")

    def copy(self, engine: Engine, target: Path) -> None:
        """Write a consistent copy to `target`, also during writes; leave no file on failure.

        Raises:
            OSError, DatabaseError: it cannot be written.
        """
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        os.close(handle)
        try:
            with engine.connect() as source:
                raw: Any = source.connection.driver_connection
                with closing(sqlite3.connect(name)) as copied:
                    raw.backup(copied)
            with Path(name).open("rb") as file:
                os.fsync(file.fileno())
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise

    def damage(self, connection: Connection) -> list[str]:
        """What SQLite's integrity check finds wrong with pages and indexes; empty if nothing."""
        try:
            rows = connection.execute(text("PRAGMA integrity_check(10)")).scalars().all()
        except DatabaseError as error:
            return [str(error.orig)]
        return [row for row in rows if row != "ok"]


def _set_pragmas(connection: Any, _: Any) -> None:
    connection.isolation_level = None  # the driver must not begin transactions by itself
    cursor = connection.cursor()
    for pragma in PRAGMAS:
        cursor.execute(f"PRAGMA {pragma}")
    cursor.close()


def _begin(connection: Connection) -> None:
    connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))


def _held_by(holder: str, folder: Path) -> str:
    where = "this process already"
    if holder != str(os.getpid()):
        where = f"another process (number {holder})"
    return (
        f"{folder.with_suffix('')} is open in {where}: a store has one writer; close it first, "
        "or talk to it through its server"
    )
