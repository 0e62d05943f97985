"""Rebuilds every table from the log, and compares it with the stored table."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, select

from quickstudy.deploy.core.rows import Rows
from quickstudy.deploy.core.tables import DERIVED, Row, checked
from quickstudy.deploy.projection import project
from quickstudy.deploy.recovery.lineage import groups
from quickstudy.log.backends import backend_for
from quickstudy.log.events import Logged
from quickstudy.log.store import Store, events_at, read_events

SHOWN = 5  # differences that a summary names
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Difference:
    """A row that differs from the row in the rebuilt table."""

    table: str
    key: tuple[Any, ...]
    log: Row | None
    found: Row | None

    def __str__(self) -> str:
        place = f"{self.table} {', '.join(map(_shown, self.key))}"
        if self.found is None:
            return f"{place} is missing"
        if self.log is None:
            return f"{place} is not in the log"
        apart = [name for name in self.log if self.log[name] != self.found[name]]
        return f"{place}: {', '.join(apart)}"


def _shown(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else str(value)


class Payloads:
    """Payloads of the predictions that a group of events is about."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._found: dict[int, dict[str, Any]] = {}

    def load(self, events: Sequence[Logged]) -> list[dict[str, Any]]:
        """The payloads of these events; caches the payloads of the predictions they are about."""
        payloads = [event.read() for event in events]
        about = [p["case"] for p in payloads if p.get("case")]
        self._found = {seq: e.read() for seq, e in events_at(self._connection, about).items()}
        return payloads

    def __call__(self, seq: int) -> dict[str, Any]:
        if seq not in self._found:
            self._found[seq] = events_at(self._connection, [seq])[seq].read()
        return self._found[seq]


def project_log(
    log: Connection,
    target: Connection,
    *,
    secret: bytes,
    progress: Progress | None = None,
) -> Rows:
    """Write the rows of all events of a log into empty tables; returns the rows."""
    payloads = Payloads(log)
    rows = Rows(DERIVED, target.dialect, secret=secret, payload_of=payloads)
    rows.begin(target, target.connection.cursor())
    for events in groups(read_events(log)):
        for event, payload in zip(events, payloads.load(events), strict=True):
            project(rows, event, payload)
        rows.flush()
        rows.evict()
        if progress:
            progress(events[-1].seq)
    return rows


@contextmanager
def rebuilt(
    log: Connection, *, secret: bytes, progress: Progress | None = None
) -> Iterator[Connection]:
    """A connection to a separate database with every table rebuilt from the log."""
    with tempfile.TemporaryDirectory(prefix="quickstudy-") as folder:
        engine = backend_for(Path(folder) / "rebuilt.db").engine()
        try:
            with engine.connect() as connection, connection.begin():
                for table in DERIVED:
                    table.create(connection)
                project_log(log, connection, secret=secret, progress=progress)
                yield connection
        finally:
            engine.dispose()


def differences(store: Store, *, progress: Progress | None = None) -> list[Difference]:
    """All rows of all tables that differ from the rebuilt tables; all columns count.

    Raises:
        StoreError: a row or an event is damaged.
    """
    secret = store.meta("secret", lambda: b"", write=False)
    with (
        store.reading() as log,
        log.begin(),
        rebuilt(log, secret=secret, progress=progress) as made,
    ):
        return [one for table in DERIVED for one in compared(table, made, log)]


def compared(table: Table, made: Connection, found: Connection) -> Iterator[Difference]:
    """The rows of a table that differ in two databases, in the order of their keys."""
    expected, there = _in_order(table, made), _in_order(table, found)
    one, other = next(expected, None), next(there, None)
    while one or other:
        if other is None or (one is not None and one[0] < other[0]):
            assert one is not None
            yield Difference(table.name, one[0], one[1], None)
            one = next(expected, None)
        elif one is None or other[0] < one[0]:
            yield Difference(table.name, other[0], None, other[1])
            other = next(there, None)
        else:
            if one[1] != other[1]:
                yield Difference(table.name, one[0], one[1], other[1])
            one, other = next(expected, None), next(there, None)


def _in_order(table: Table, connection: Connection) -> Iterator[tuple[tuple[Any, ...], Row]]:
    keys = list(table.primary_key.columns)
    for found in connection.execute(select(table).order_by(*keys)).mappings():
        row = checked(table, found)
        yield tuple([row[column.name] for column in keys]), row


def summary(found: Sequence[Difference]) -> str:
    """Differences in words; the first of them are named."""
    more = f", and {len(found) - SHOWN:,} more" if len(found) > SHOWN else ""
    return f"{'; '.join(map(str, found[:SHOWN]))}{more}"
