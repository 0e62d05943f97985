"""What a database must bring to hold a log."""

from __future__ import annotations

from pathlib import Path
from typing import Protocol

from sqlalchemy import Connection, Engine


class Closeable(Protocol):
    """Something that is held until it is closed."""

    def close(self) -> None:
        """Release it."""


class Backend(Protocol):
    """The database of one store.

    A store calls `lock` before `engine` when it is opened for writing, so no other process can
    change the database while the first one checks it. A reader does not call `lock`.
    """

    def exists(self) -> bool:
        """Whether the database is there; `engine` creates it if not."""

    def size(self) -> int:
        """Bytes on disk, 0 for a database that does not exist."""

    def lock(self, folder: Path) -> Closeable:
        """Reserve the store for one writing process until the result is closed.

        Raises:
            StoreError: this or another process has reserved it.
        """

    def engine(self) -> Engine:
        """A new engine whose commits are on disk when they return.

        Each of its connections sees one state of the database from its first query on, also while
        another connection commits.
        """

    def begin(self, connection: Connection) -> Connection:
        """The connection, with transactions that take the write lock when they begin."""

    def copy(self, engine: Engine, target: Path) -> None:
        """Write a consistent copy to `target`, also during writes; leave no file on failure."""

    def damage(self, connection: Connection) -> list[str]:
        """What the database's own check finds wrong with pages and indexes; empty if nothing."""
