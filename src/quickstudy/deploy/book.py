"""The book: rows read, changed and written back in one transaction."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import Connection, Table, bindparam, select, tuple_

from quickstudy.deploy.tables import Row, checked, summed

Key = tuple[Any, ...]
AT_ONCE = 400  # keys looked up by one query


class Shelf:
    """The rows of one table that a transaction works on, by primary key."""

    def __init__(self, table: Table) -> None:
        self.table = table
        self._keys = [c.name for c in table.primary_key.columns]
        self._rows: dict[Key, Row | None] = {}
        self._new: dict[Key, None] = {}
        self._changed: dict[Key, None] = {}

    def load(self, connection: Connection, keys: Iterable[Key]) -> None:
        """Read the rows with these keys that are not here yet."""
        wanted = [key for key in dict.fromkeys(keys) if key not in self._rows]
        columns = [self.table.c[name] for name in self._keys]
        for at in range(0, len(wanted), AT_ONCE):
            part = wanted[at : at + AT_ONCE]
            self._rows.update(dict.fromkeys(part))
            where = (
                columns[0].in_([key[0] for key in part])
                if len(columns) == 1
                else tuple_(*columns).in_(part)
            )
            for found in connection.execute(select(self.table).where(where)).mappings():
                row = checked(self.table, found)
                self._rows[self._key(row)] = row

    def _key(self, row: Row) -> Key:
        return tuple(row[name] for name in self._keys)

    def get(self, *key: Any) -> Row | None:
        """A row that was loaded or put; None where there is none. Not to be changed in place."""
        return self._rows[key]

    def knows(self, *key: Any) -> bool:
        """Whether the row was looked for, or put."""
        return key in self._rows

    def put(self, row: Row) -> None:
        """Write a row, over the one with its key if there is one."""
        key = self._key(row)
        if self._rows.get(key) is None:
            self._new[key] = None
        elif key not in self._new:
            self._changed[key] = None
        self._rows[key] = row

    def change(self, key: Key, **values: Any) -> None:
        """Change columns of a row that is there."""
        row = self._rows[key]
        assert row is not None
        self.put({**row, **values})

    def flush(self, connection: Connection) -> None:
        """Write what was put."""
        if self._new:
            connection.execute(self.table.insert(), self._written(self._new))
        if self._changed:
            update = self.table.update()
            for name in self._keys:
                update = update.where(self.table.c[name] == bindparam(f"key_{name}"))
            rows = [
                {**{k: v for k, v in row.items() if k not in self._keys}}
                | {f"key_{name}": row[name] for name in self._keys}
                for row in self._written(self._changed)
            ]
            connection.execute(update, rows)
        self._new.clear()
        self._changed.clear()

    def _written(self, keys: Iterable[Key]) -> list[Row]:
        return [summed(self.table, row) for key in keys if (row := self._rows[key]) is not None]


class Book:
    """Shelves for the tables of one transaction."""

    def __init__(self, connection: Connection, tables: Sequence[Table]) -> None:
        self.connection = connection
        self._shelves = {table.name: Shelf(table) for table in tables}

    def __getitem__(self, table: Table) -> Shelf:
        return self._shelves[table.name]

    def find(self, table: Table, *key: Any) -> Row | None:
        """A row by its key, read now if it was not yet."""
        shelf = self[table]
        if not shelf.knows(*key):
            shelf.load(self.connection, [key])
        return shelf.get(*key)

    def flush(self) -> None:
        """Write all that was put."""
        for shelf in self._shelves.values():
            shelf.flush(self.connection)
