"""The book: rows read, changed and written back by the writer.

As only the writer changes these tables, rows that were used lately are kept from one transaction to
the next; if one fails, all are forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Dialect, Table

from quickstudy.deploy.tables import Row, checksum, damaged
from quickstudy.log.statements import KEY, TableStatements

Key = tuple[Any, ...]
MOST_KEPT = 4000  # rows of a table from one transaction to the next


class Shelf:
    """The rows of one table that are at hand, by primary key."""

    def __init__(self, table: Table, dialect: Dialect) -> None:
        self.table = table
        self._statements = TableStatements(table, dialect)
        self._rows: dict[Key, Row | None] = {}
        self._new: dict[Key, None] = {}
        self._changed: dict[Key, None] = {}

    def find(self, connection: Connection, key: Key) -> Row | None:
        """A row by its key; not to be changed in place. None where there is none."""
        if key not in self._rows:
            self._rows[key] = self._read(connection, key)
        return self._rows[key]

    def _read(self, connection: Connection, key: Key) -> Row | None:
        names = self._statements.keys
        values = {KEY + name: value for name, value in zip(names, key, strict=True)}
        found = self._statements.find.one(connection, values)
        if found is None:
            return None
        row = dict(zip(self._statements.columns, found, strict=True))
        if checksum(row) != row.pop("sum"):
            raise damaged(self.table)
        return row

    def put(self, row: Row) -> None:
        """Write a row, over the one with its key, which then was found before."""
        key = tuple([row[name] for name in self._statements.keys])
        if self._rows.get(key) is None:
            self._new[key] = None
        elif key not in self._new:
            self._changed[key] = None
        self._rows[key] = row

    def change(self, key: Key, **values: Any) -> None:
        """Change columns of a row that was found before."""
        row = self._rows[key]
        assert row is not None
        self.put({**row, **values})

    def flush(self, connection: Connection) -> None:
        """Write what was put."""
        if self._new:
            self._statements.insert.run(connection, self._written(self._new))
            self._new.clear()
        if self._changed:
            keys = self._statements.keys
            rows = self._written(self._changed)
            for row in rows:
                row.update({KEY + name: row[name] for name in keys})
            self._statements.update.run(connection, rows)
            self._changed.clear()

    def _written(self, keys: Iterable[Key]) -> list[Row]:
        columns = [name for name in self._statements.columns if name != "sum"]
        rows = [row for key in keys if (row := self._rows[key]) is not None]
        ordered = [{name: row[name] for name in columns} for row in rows]
        return [{**row, "sum": checksum(row)} for row in ordered]

    def tidy(self) -> None:
        """Forget the rows that were not used for longest, where there are many."""
        while len(self._rows) > MOST_KEPT:
            del self._rows[next(iter(self._rows))]


class Book:
    """Shelves for tables."""

    def __init__(self, tables: Sequence[Table], dialect: Dialect) -> None:
        self._tables = tables
        self._dialect = dialect
        self.forget()

    def forget(self) -> None:
        """The transaction failed: what is at hand may never have been written."""
        self._shelves = {table.name: Shelf(table, self._dialect) for table in self._tables}

    def begin(self, connection: Connection) -> None:
        """Work in this transaction."""
        self._connection = connection

    def __getitem__(self, table: Table) -> Shelf:
        return self._shelves[table.name]

    def find(self, table: Table, *key: Any) -> Row | None:
        """A row by its key; not to be changed in place. None where there is none."""
        return self._shelves[table.name].find(self._connection, key)

    def put(self, table: Table, row: Row) -> None:
        """Write a row, over the one with its key if there is one."""
        shelf = self._shelves[table.name]
        shelf.find(self._connection, tuple(row[c.name] for c in table.primary_key.columns))
        shelf.put(row)

    def flush(self) -> None:
        """Write all that was put."""
        for shelf in self._shelves.values():
            shelf.flush(self._connection)

    def tidy(self) -> None:
        """Keep no more rows at hand than are likely to be used."""
        for shelf in self._shelves.values():
            shelf.tidy()
