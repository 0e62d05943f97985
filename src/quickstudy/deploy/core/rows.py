"""The book: rows read, changed and written back by the writer.

As only the writer changes these tables, rows that were used lately are kept from one transaction to
the next; if one fails, all are forgotten.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Dialect, Table

from quickstudy.deploy.core.tables import Row, checksum, damaged
from quickstudy.log.statements import Cursor, Key, TableStatements

MOST_KEPT = 4000  # rows of a table from one transaction to the next


class TableCache:
    """The rows of one table that are at hand, by primary key."""

    def __init__(self, table: Table, dialect: Dialect) -> None:
        self.table = table
        self._statements = TableStatements(table, dialect)
        self._rows: dict[Key, Row | None] = {}
        self._put: dict[Key, None] = {}

    def load(self, cursor: Cursor, keys: Iterable[Key]) -> None:
        """Have the rows with these keys at hand."""
        wanted = [key for key in dict.fromkeys(keys) if key not in self._rows]
        if not wanted:
            return
        self._rows.update(dict.fromkeys(wanted))
        for found in self._statements.find(cursor, wanted):
            row = dict(zip(self._statements.columns, found, strict=True))
            if checksum(row) != row.pop("sum"):
                for key in wanted:  # not those that were put in this transaction
                    self._rows.pop(key, None)
                raise damaged(self.table)
            self._rows[self._key(row)] = row

    def _key(self, row: Row) -> Key:
        return tuple([row[name] for name in self._statements.keys])

    def find(self, cursor: Cursor, key: Key) -> Row | None:
        """A row by its key; not to be changed in place. None where there is none."""
        if key not in self._rows:
            self.load(cursor, [key])
        return self._rows[key]

    def put(self, row: Row) -> None:
        """Write a row, over the one with its key if there is one."""
        key = self._key(row)
        self._rows[key] = row
        self._put[key] = None

    def change(self, key: Key, **values: Any) -> None:
        """Change columns of a row that was found before."""
        row = self._rows[key]
        assert row is not None
        self.put({**row, **values})

    def flush(self, cursor: Cursor) -> None:
        """Write what was put."""
        if self._put:
            rows = [row for key in self._put if (row := self._rows[key]) is not None]
            self._statements.upsert(cursor, [self._written(row) for row in rows])
            self._put.clear()

    def _written(self, row: Row) -> Key:
        ordered = {name: row[name] for name in self._statements.columns if name != "sum"}
        return (*ordered.values(), checksum(ordered))

    def tidy(self) -> None:
        """Forget the rows that were not used for longest, where there are many."""
        while len(self._rows) > MOST_KEPT:
            del self._rows[next(iter(self._rows))]


class RowCache:
    """Shelves for tables."""

    def __init__(self, tables: Sequence[Table], dialect: Dialect) -> None:
        self._tables = tables
        self._dialect = dialect
        self.forget()

    def forget(self) -> None:
        """The transaction failed: what is at hand may never have been written."""
        self._shelves = {table.name: TableCache(table, self._dialect) for table in self._tables}

    def begin(self, cursor: Cursor) -> None:
        """Work in this transaction."""
        self._cursor = cursor

    def __getitem__(self, table: Table) -> TableCache:
        return self._shelves[table.name]

    def find(self, table: Table, *key: Any) -> Row | None:
        """A row by its key; not to be changed in place. None where there is none."""
        return self._shelves[table.name].find(self._cursor, key)

    def put(self, table: Table, row: Row) -> None:
        """Write a row, over the one with its key if there is one."""
        self._shelves[table.name].put(row)

    def load(self, table: Table, keys: Iterable[Key]) -> None:
        """Have many rows at hand by one look."""
        self._shelves[table.name].load(self._cursor, keys)

    def flush(self) -> None:
        """Write all that was put."""
        for shelf in self._shelves.values():
            shelf.flush(self._cursor)

    def tidy(self) -> None:
        """Keep no more rows at hand than are likely to be used."""
        for shelf in self._shelves.values():
            shelf.tidy()
