"""Rows of the tables: read from the database, changed in memory, and written back together.

Only the writer changes these tables, so rows that were used recently stay cached from one
transaction to the next; if a transaction fails, the cache is cleared. A refused command leaves no
row behind: `begin_command` marks its start, and `rollback_command` restores the rows as of then.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Select, Table

from quickstudy.deploy.core.records import decode, encode
from quickstudy.deploy.core.tables import JSON, Row, checked, checksum, damaged
from quickstudy.log.statements import Cursor, Key, TableStatements

MOST_KEPT = 4000  # rows of a table from one transaction to the next
SAVEPOINT = "command"
_UNKNOWN: Any = object()  # a row that was never read


class TableCache:
    """The cached rows of one table, by primary key. None stands for a row that does not exist."""

    def __init__(self, table: Table, dialect: Dialect) -> None:
        self.table = table
        self._statements = TableStatements(table, dialect)
        self._json: Sequence[str] = table.info.get(JSON, ())
        self._rows: dict[Key, Row | None] = {}
        self._dirty: dict[Key, None] = {}
        self._before: dict[Key, tuple[Any, bool]] = {}  # rows before the command, and whether dirty
        self._flushed: list[Key] = []  # changed before the command, written since

    def prefetch(self, cursor: Cursor, keys: Iterable[Key]) -> None:
        """Read the rows with these keys that are not cached, by one statement."""
        wanted = [key for key in dict.fromkeys(keys) if key not in self._rows]
        if not wanted:
            return
        self._rows.update(dict.fromkeys(wanted))
        for found in self._statements.find(cursor, wanted):
            row = dict(zip(self._statements.columns, found, strict=True))
            if checksum(row) != row.pop("sum"):
                for key in wanted:  # not the rows that this transaction wrote
                    self._rows.pop(key, None)
                raise damaged(self.table)
            for name in self._json:
                row[name] = decode(row[name])
            self._rows[self.key_of(row)] = row

    def key_of(self, row: Row) -> Key:
        """The primary key of a row."""
        return tuple([row[name] for name in self._statements.keys])

    def find(self, cursor: Cursor, key: Key) -> Row | None:
        """A row by its key, not to be changed in place; None if it does not exist."""
        if key not in self._rows:
            self.prefetch(cursor, [key])
        return self._rows[key]

    def put(self, key: Key, row: Row | None) -> None:
        """Replace a row, or delete it with None; written at the next flush."""
        if key not in self._before:
            self._before[key] = (self._rows.get(key, _UNKNOWN), key in self._dirty)
        self._rows[key] = row
        self._dirty[key] = None

    @property
    def dirty(self) -> bool:
        """Whether some rows have to be written."""
        return bool(self._dirty)

    def flush(self, cursor: Cursor) -> None:
        """Write the changed rows."""
        changed = {key: self._rows[key] for key in self._dirty}
        if gone := [key for key, row in changed.items() if row is None]:
            self._statements.delete(cursor, gone)
        if rows := [self._encoded(row) for row in changed.values() if row is not None]:
            self._statements.upsert(cursor, rows)
        for key in self._dirty:
            if self._before.get(key, (None, True))[1]:  # an earlier command had changed it
                self._flushed.append(key)
        self._dirty.clear()

    def _encoded(self, row: Row) -> Key:
        ordered = {name: row[name] for name in self._statements.columns if name != "sum"}
        for name in self._json:
            ordered[name] = encode(ordered[name])
        return (*ordered.values(), checksum(ordered))

    def begin_command(self) -> None:
        """Start to record changes, so that they can be rolled back."""
        self._before.clear()
        self._flushed.clear()

    def rollback_command(self) -> None:
        """Restore the cached rows; the savepoint of the database undoes what was flushed."""
        for key, (row, dirty) in self._before.items():
            if row is _UNKNOWN:
                self._rows.pop(key)
            else:
                self._rows[key] = row
            if not dirty:
                self._dirty.pop(key, None)
        for key in self._flushed:
            self._dirty[key] = None
        self.begin_command()

    def evict(self) -> None:
        """Drop the rows that were cached first, if there are many."""
        while len(self._rows) > MOST_KEPT:
            del self._rows[next(iter(self._rows))]


class Rows:
    """The rows of all tables. Handlers read them; only projections write them.

    Args:
        secret: the store's secret, for digests of inputs.
        payload_of: the payload of an earlier event, by its sequence number.
    """

    def __init__(
        self,
        tables: Sequence[Table],
        dialect: Dialect,
        *,
        secret: bytes,
        payload_of: Callable[[int], dict[str, Any]],
    ) -> None:
        self._tables = tables
        self._dialect = dialect
        self.secret = secret
        self.payload_of = payload_of
        self.memo: dict[str, Any] = {}  # parsed contents of rows, by the parsing module
        self.clear()

    def clear(self) -> None:
        """Drop all cached rows: after a failed transaction they may never have been written."""
        self._caches = {table.name: TableCache(table, self._dialect) for table in self._tables}

    def begin(self, connection: Connection, cursor: Cursor) -> None:
        """Use the connection and cursor of a new transaction."""
        self._connection, self._cursor = connection, cursor
        self._saved = False

    def find(self, table: Table, *key: Any) -> Row | None:
        """A row by its key, not to be changed in place; None if it does not exist."""
        return self._caches[table.name].find(self._cursor, key)

    def prefetch(self, table: Table, keys: Iterable[Key]) -> None:
        """Read many rows by one statement."""
        self._caches[table.name].prefetch(self._cursor, keys)

    def select(self, table: Table, query: Select[Any]) -> list[Row]:
        """The rows of a query over a whole table, changes of this transaction included."""
        self._flush(table)
        return [checked(table, found) for found in self._connection.execute(query).mappings()]

    def columns(self, table: Table, query: Select[Any]) -> list[Any]:
        """The rows of a query over some columns, changes of this transaction included."""
        self._flush(table)
        return list(self._connection.execute(query))

    def scalars(self, table: Table, query: Select[Any]) -> list[Any]:
        """The values of a query over one column, changes of this transaction included."""
        return [value for (value,) in self.columns(table, query)]

    def upsert(self, table: Table, row: Row) -> None:
        """Insert a row, or replace the row with the same key."""
        cache = self._caches[table.name]
        cache.put(cache.key_of(row), row)

    def change(self, table: Table, *key: Any, **values: Any) -> Row:
        """Change columns of a row that exists; returns the new row."""
        row = self.find(table, *key)
        assert row is not None, f"{table.name} has no row {key}"
        changed = {**row, **values}
        self._caches[table.name].put(key, changed)
        return changed

    def delete(self, table: Table, *key: Any) -> None:
        """Remove a row, if it exists."""
        self._caches[table.name].put(key, None)

    def flush(self) -> None:
        """Write all changed rows."""
        for cache in self._caches.values():
            cache.flush(self._cursor)

    def _flush(self, table: Table) -> None:
        cache = self._caches[table.name]
        if cache.dirty:
            if not self._saved:
                self._cursor.execute(f"SAVEPOINT {SAVEPOINT}", ())
                self._saved = True
            cache.flush(self._cursor)

    def begin_command(self) -> None:
        """Start to record changes, so that they can be rolled back."""
        for cache in self._caches.values():
            cache.begin_command()
        self.commit_command()

    def commit_command(self) -> None:
        """Keep the changes of the command."""
        if self._saved:
            self._cursor.execute(f"RELEASE SAVEPOINT {SAVEPOINT}", ())
            self._saved = False

    def rollback_command(self) -> None:
        """Restore all rows to their state at the start of the command."""
        if self._saved:
            self._cursor.execute(f"ROLLBACK TO SAVEPOINT {SAVEPOINT}", ())
        self.commit_command()
        for cache in self._caches.values():
            cache.rollback_command()

    def evict(self) -> None:
        """Bound the number of cached rows."""
        for cache in self._caches.values():
            cache.evict()
