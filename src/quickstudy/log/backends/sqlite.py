"""What is SQLite's alone: pragmas, one writer at a time, copies, checks. Nothing else knows it."""

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

# FULL: with NORMAL an acknowledged commit in WAL mode can vanish at a power cut.
Error = sqlite3.Error  # of a driver that is talked to directly
# A checkpoint holds up the commit that it falls to: rarer ones halve the slowest commits.
PRAGMAS = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "busy_timeout=10000",
    "secure_delete=ON",
    "wal_autocheckpoint=8000",
)


def open_engine(path: Path) -> Engine:
    """An engine on a store file, made with mode 0600 where there is none."""
    os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
    engine = create_engine(
        f"sqlite:///{path}",
        pool_size=8,
        max_overflow=24,
        connect_args={"cached_statements": 1024},  # one for each table and number of rows
    )

    @event.listens_for(engine, "connect")
    def settings(connection: Any, _: Any) -> None:
        connection.isolation_level = None  # transactions begin and end where we say so
        cursor = connection.cursor()
        for pragma in PRAGMAS:
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql(connection.get_execution_options().get("begin", "BEGIN"))

    return engine


def begin_writing(connection: Connection) -> Connection:
    """A connection whose transactions take the write lock at once."""
    return connection.execution_options(begin="BEGIN IMMEDIATE")


def lock(folder: Path) -> IO[str]:
    """Hold a store for this process until the file is closed.

    Raises:
        StoreError: it is held already, here or by another process.
    """
    file = os.fdopen(os.open(folder / "lock", os.O_CREAT | os.O_RDWR, 0o600), "r+")
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        file.seek(0)
        holder = file.read().strip() or "unknown"
        file.close()
        where = "this process already"
        if holder != str(os.getpid()):
            where = f"another process (number {holder})"
        raise StoreError(
            f"{folder.with_suffix('')} is open in {where}: a store has one writer; close it first, "
            "or talk to it through its server"
        ) from None
    file.truncate(0)
    file.write(str(os.getpid()))
    file.flush()
    return file


def copy(engine: Engine, target: Path) -> None:
    """A consistent copy of a store, also while it is written to; whole, or not there.

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


def damage(connection: Connection) -> list[str]:
    """What SQLite itself finds wrong with pages and indexes; empty if nothing."""
    try:
        rows = connection.execute(text("PRAGMA integrity_check(10)")).scalars().all()
    except DatabaseError as error:
        return [str(error.orig)]
    return [row for row in rows if row != "ok"]
