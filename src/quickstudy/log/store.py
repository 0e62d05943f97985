"""The store: the table of events, transactions that append to it, and queries on it."""

from __future__ import annotations

import hashlib
import logging
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

from sqlalchemy import (
    Column,
    Connection,
    Float,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    select,
)
from sqlalchemy.exc import DatabaseError

from quickstudy.errors import StoreError
from quickstudy.log.backends import DRIVER_ERRORS, backend_for
from quickstudy.log.backends.base import Closeable
from quickstudy.log.backup import copy_store, folder_beside
from quickstudy.log.events import FIRST_LINK, Logged, make_event
from quickstudy.log.failpoints import failpoint
from quickstudy.log.head import HeadPointer
from quickstudy.log.statements import Cursor, TableStatements

SCHEMA = 2  # of the tables; deploy/migration.py brings older stores up
log = logging.getLogger("quickstudy")
METADATA = MetaData()
EVENTS = Table(
    "events",
    METADATA,
    Column("seq", Integer, primary_key=True),
    Column("time", Float, nullable=False),
    Column("type", String, nullable=False),
    Column("version", Integer, nullable=False),
    Column("learner", Integer, nullable=False),
    Column("actor", String, nullable=False),
    Column("subject", String, nullable=False),
    Column("payload", LargeBinary),
    Column("salt", LargeBinary),
    Column("commitment", LargeBinary, nullable=False),
    Column("link", LargeBinary, nullable=False),
    Index("events_by_subject", "subject"),
    Index("events_by_learner", "learner"),  # both in the order of seq, the rows' own number
    Index("events_by_type", "learner", "type"),
)
_BEFORE = EVENTS.alias("before")
WITH_LINK = select(EVENTS, _BEFORE.c.link.label("link_before")).select_from(
    EVENTS.outerjoin(_BEFORE, _BEFORE.c.seq == EVENTS.c.seq - 1)
)
META = Table(
    "meta",
    METADATA,
    Column("name", String, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
CHUNK = 1000  # events read at once
META_SUM = 8  # bytes
FULL_CHECK_SIZE = 1 << 25  # bytes up to which indexes are compared with rows when a store opens


class LogError(StoreError):
    """The log, or the disk that holds it, cannot be read or written."""


class Transaction:
    """One transaction of the only writer; its events are on disk after it has ended."""

    def __init__(
        self, connection: Connection, head: tuple[int, bytes], statements: TableStatements
    ) -> None:
        self.connection = connection
        self.cursor: Cursor = connection.connection.cursor()
        self._statements = statements
        self.head = self._first_head = head
        self.time = time.time()
        self.events: list[Logged] = []

    def append(
        self, type: str, *, learner: int, actor: str, subject: str = "", payload: dict[str, Any]
    ) -> Logged:
        """Add an event to the end of the log."""
        event = make_event(
            self.head,
            type,
            time=self.time,
            learner=learner,
            actor=actor,
            subject=subject,
            payload=payload,
        )
        self.head = (event.seq, event.link)
        self.events.append(event)
        return event

    def truncate(self, count: int) -> None:
        """Take back all appended events but the first `count`; none is written before `insert`."""
        if len(self.events) > count:
            del self.events[count:]
            last = self.events[-1] if self.events else None
            self.head = (last.seq, last.link) if last else self._first_head

    def insert(self) -> None:
        """Write the appended events to the database."""
        if self.events:
            failpoint("before-insert")
            rows = [tuple([getattr(e, c) for c in Logged.__slots__]) for e in self.events]
            self._statements.insert(self.cursor, rows)


class Store:
    """A store file and its folder `<file>.d`.

    Raises:
        StoreError: it cannot be opened, is damaged, is open elsewhere, or has a newer schema.
    """

    def __init__(self, path: str | Path, *, write: bool = True) -> None:
        self.path = Path(path).absolute()
        self.folder = folder_beside(self.path)
        self.backend = backend_for(self.path)
        if not write and not self.backend.exists():
            raise StoreError(f"there is no store {path}")
        self._lock: Closeable | None = None
        if not self.path.parent.is_dir():
            raise StoreError(f"there is no folder {self.path.parent} for a store: make it first")
        with typed(f"{path} cannot be opened as a store"):
            self.folder.mkdir(mode=0o700, exist_ok=True)
            if write:
                self._lock = self.backend.lock(self.folder)
            self.engine = self.backend.engine()
            try:
                self._prepare(write)
            except BaseException:
                self.close()
                raise
            self._writing = self.backend.begin(self.engine.connect()) if write else None
        self._statements = TableStatements(EVENTS, self.engine.dialect)
        self.head_pointer = HeadPointer(self.folder / "head")
        self._pointer_written = True
        try:
            self.head = self.last()
            self._check_head_pointer()
        except BaseException:
            self.close()
            raise

    def _prepare(self, write: bool) -> None:
        if write and self.backend.size() <= FULL_CHECK_SIZE:
            with self.engine.connect() as connection:
                wrong = self.backend.damage(connection)
            if wrong:  # an index that lacks a row would have its feedback counted twice
                raise LogError(f"{self.path} is damaged: {wrong[0]}; restore a backup of it")
        if write:
            self._make_tables([META])
        self.schema = int(self.meta("schema", lambda: str(SCHEMA).encode(), write=write))
        if self.schema > SCHEMA:
            raise StoreError(
                f"{self.path} has schema {self.schema}; this quickstudy reads up to {SCHEMA}: "
                "upgrade it"
            )
        if write and self.schema == SCHEMA:  # an older one has its own, until it is brought up
            self._make_tables(None)

    def _make_tables(self, tables: list[Table] | None) -> None:
        with self.engine.begin() as connection:
            METADATA.create_all(connection, tables)

    def meta(self, name: str, make: Callable[[], bytes], *, write: bool = True) -> bytes:
        """A value stored under `name`; the first call makes it by `make` and stores it.

        Raises:
            StoreError: it differs from what was written.
        """
        with self.engine.begin() as connection:
            found = connection.execute(select(META.c.value).where(META.c.name == name)).scalar()
            if found is None:
                if not write:
                    raise StoreError(f"{self.path} is not a store: it has no {name}")
                found = _summed(make())
                connection.execute(META.insert(), {"name": name, "value": found})
        value = bytes(found[:-META_SUM])
        if _summed(value) != found:
            raise StoreError(f"{self.path} is damaged: its {name} is not what was written")
        return value

    def set_schema(self, transaction: Transaction, schema: int) -> None:
        """In this transaction the tables were brought to another schema."""
        value = _summed(str(schema).encode())
        transaction.connection.execute(
            META.update().where(META.c.name == "schema"), {"value": value}
        )

    def link_at(self, seq: int) -> bytes:
        """The link of event `seq`; `FIRST_LINK` for 0."""
        with self.reading() as connection:
            query = select(EVENTS.c.link).where(EVENTS.c.seq == seq)
            return bytes(connection.execute(query).scalar() or FIRST_LINK)

    def last(self) -> tuple[int, bytes]:
        """Sequence number and link of the last event."""
        with self.reading() as connection:
            query = select(EVENTS.c.seq, EVENTS.c.link).order_by(EVENTS.c.seq.desc()).limit(1)
            row = connection.execute(query).first()
        return (row.seq, row.link) if row else (0, FIRST_LINK)

    def _check_head_pointer(self) -> None:
        """Refuse a log that lacks acknowledged events."""
        acknowledged = self.head_pointer.read()
        if acknowledged is None:
            return  # a new store or a copy; the doctor reports any other case
        seq, link = acknowledged
        if self.link_at(seq) != link:
            raise StoreError(
                f"{self.path} ends at event {self.head[0]}, but {seq} were acknowledged: "
                "its end is damaged; go back to a backup, or remove the file "
                f"{self.folder.name}/head to go on without what is lost"
            )

    @contextmanager
    def transaction(self) -> Iterator[Transaction]:
        """Append events and change tables, all of them or none.

        Raises:
            StoreError: nothing was changed.
        """
        assert self._writing is not None
        with typed("the store cannot be written"):
            with self._writing.begin():
                transaction = Transaction(self._writing, self.head, self._statements)
                yield transaction
                transaction.insert()
                failpoint("before-commit")
            failpoint("after-commit")
        self.head = transaction.head
        if transaction.events:
            self._move_head_pointer()

    def _move_head_pointer(self) -> None:
        try:
            self.head_pointer.write(*self.head)
            self._pointer_written = True
        except OSError as error:  # the older pointer is still right, for fewer events
            log.warning("the head pointer of %s was not moved: %s", self.path, error)
            self._pointer_written = False

    @contextmanager
    def reading(self) -> Iterator[Connection]:
        """A connection that sees one state of the store during its life."""
        with typed("the store cannot be read"), self.engine.connect() as connection:
            yield connection

    def backup(self, target: Path) -> None:
        """Copy the store and its folder to `target` and `target.d`.

        Raises:
            InputError: one of them exists already.
            StoreError: they cannot be written; nothing of the copy is left.
        """
        with typed(f"{target} cannot be written"):
            copy_store(self.folder, partial(self.backend.copy, self.engine), target)

    def close(self) -> None:
        """Close the database, the head pointer and the lock."""
        if getattr(self, "_writing", None) is not None:
            self._writing.close()  # type: ignore[union-attr]
        if hasattr(self, "engine"):
            self.engine.dispose()
        if hasattr(self, "head_pointer"):
            if not self._pointer_written:
                self._move_head_pointer()
            self.head_pointer.close()
        if self._lock:
            self._lock.close()


def _summed(value: bytes) -> bytes:
    return value + hashlib.blake2b(value, digest_size=META_SUM).digest()


@contextmanager
def typed(what: str) -> Iterator[None]:
    """Raise errors of disk and database as `LogError`."""
    try:
        yield
    except DatabaseError as error:
        raise LogError(f"{what} ({error.orig}); nothing was changed") from error
    except (OSError, *DRIVER_ERRORS) as error:
        raise LogError(f"{what} ({error}); nothing was changed") from error


def read_events(
    connection: Connection,
    *,
    after: int = 0,
    learner: int | None = None,
    types: Sequence[str] = (),
    upto: int | None = None,
    limit: int | None = None,
) -> Iterator[Logged]:
    """Events in order, with sequence numbers above `after` and up to `upto`.

    Raises:
        StoreError: one of them differs from what was written.
    """
    query = WITH_LINK.order_by(EVENTS.c.seq)
    if learner is not None:
        query = query.where(EVENTS.c.learner == learner)
    if types:
        query = query.where(EVENTS.c.type.in_(types))
    if upto is not None:
        query = query.where(EVENTS.c.seq <= upto)
    left = limit
    while left is None or left > 0:
        size = CHUNK if left is None else min(left, CHUNK)
        rows = connection.execute(query.where(EVENTS.c.seq > after).limit(size)).all()
        for row in rows:
            yield _checked(row)
        if len(rows) < size:
            return
        after = rows[-1].seq
        left = None if left is None else left - len(rows)


def events_of(connection: Connection, subject: str) -> list[Logged]:
    """All events about one subject, in order.

    Raises:
        StoreError: one of them differs from what was written.
    """
    query = WITH_LINK.where(EVENTS.c.subject == subject).order_by(EVENTS.c.seq)
    return [_checked(row) for row in connection.execute(query)]


def events_at(connection: Connection, seqs: Sequence[int]) -> dict[int, Logged]:
    """Events by sequence number.

    Raises:
        StoreError: one of them differs from what was written.
    """
    found = {}
    for at in range(0, len(seqs), 500):
        query = WITH_LINK.where(EVENTS.c.seq.in_(seqs[at : at + 500]))
        found.update({row.seq: _checked(row) for row in connection.execute(query)})
    return found


def _checked(row: Any) -> Logged:
    """The checked event of a row whose last column is the link of the event before."""
    *columns, before = row
    event = Logged(*columns)
    if not event.is_intact(FIRST_LINK if event.seq == 1 else before or b""):
        raise LogError(f"event {event.seq} is damaged: run `quickstudy doctor` on the store")
    return event
