"""SQL statements that the writer runs for every request, through the driver's own cursor.

A statement through SQLAlchemy costs some 200 us, and the driver releases the interpreter lock for
every row. Here one statement writes all rows of a table. SQLite and PostgreSQL both accept it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from sqlalchemy import Dialect, Table

MOST_VALUES = 10_000  # in one statement
Key = tuple[Any, ...]


class Cursor(Protocol):
    """A cursor of any driver (PEP 249)."""

    def execute(self, operation: str, parameters: Any, /) -> Any:
        """Run a statement."""

    def fetchall(self) -> Sequence[Any]:
        """All rows that the last statement found."""


class TableStatements:
    """Finds rows of a table by their keys, and writes rows, each as a tuple of its columns."""

    def __init__(self, table: Table, dialect: Dialect) -> None:
        self.columns = [c.name for c in table.columns]
        self.keys = [c.name for c in table.primary_key.columns]
        self._mark = "?" if dialect.paramstyle == "qmark" else "%s"
        names = [dialect.identifier_preparer.quote(name) for name in self.columns]
        keys = [dialect.identifier_preparer.quote(name) for name in self.keys]
        others = [f"{n}=excluded.{n}" for n in names if n not in keys]
        columns = ", ".join([f"t.{name}" for name in names])
        wanted = ", ".join([f"k{i}" for i in range(len(keys))])
        same = " AND ".join([f"t.{key} = wanted.k{i}" for i, key in enumerate(keys)])
        self._wanted = f"WITH wanted({wanted}) AS (VALUES "
        self._find = f") SELECT {columns} FROM wanted JOIN {table.name} AS t ON {same}"
        self._insert = f"INSERT INTO {table.name} ({', '.join(names)}) VALUES "
        self._delete = f"DELETE FROM {table.name} WHERE ({', '.join(keys)}) IN (VALUES "
        self._upsert = f" ON CONFLICT ({', '.join(keys)}) DO UPDATE SET {', '.join(others)}"

    def find(self, cursor: Cursor, keys: Sequence[Key]) -> list[Sequence[Any]]:
        """The rows with these keys; a key without a row is left out."""
        found: list[Sequence[Any]] = []
        most = MOST_VALUES // len(self.keys)
        for at in range(0, len(keys), most):
            part = keys[at : at + most]
            sql = f"{self._wanted}{self._rows(len(part), len(self.keys))}{self._find}"
            cursor.execute(sql, _flat(part))
            found += cursor.fetchall()
        return found

    def insert(self, cursor: Cursor, rows: Sequence[Key]) -> None:
        """Write new rows."""
        self._write(cursor, rows, "")

    def upsert(self, cursor: Cursor, rows: Sequence[Key]) -> None:
        """Write rows and replace those with the same key."""
        self._write(cursor, rows, self._upsert)

    def delete(self, cursor: Cursor, keys: Sequence[Key]) -> None:
        """Remove the rows with these keys, as far as there are such."""
        most = MOST_VALUES // len(self.keys)
        for at in range(0, len(keys), most):
            part = keys[at : at + most]
            cursor.execute(f"{self._delete}{self._rows(len(part), len(self.keys))})", _flat(part))

    def _write(self, cursor: Cursor, rows: Sequence[Key], end: str) -> None:
        most = MOST_VALUES // len(self.columns)
        for at in range(0, len(rows), most):
            part = rows[at : at + most]
            values = self._rows(len(part), len(self.columns))
            cursor.execute(f"{self._insert}{values}{end}", _flat(part))

    def _rows(self, rows: int, columns: int) -> str:
        row = f"({', '.join([self._mark] * columns)})"
        return ", ".join([row] * rows)


def _flat(rows: Sequence[Key]) -> Key:
    return tuple([value for row in rows for value in row])
