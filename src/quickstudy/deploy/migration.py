"""Migrates a store of an older schema to the present one, in one transaction.

The tables are made from the log, as in a rebuild. Values in rows of the older schema that its
events do not hold (receipts, acquisition scores, digests of keys) are logged as events `migrated`,
so that from then on the log is complete. A backup of the store is made first.
"""

from __future__ import annotations

import logging
import shutil
from collections.abc import Iterator, Sequence
from itertools import islice
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Table, text

from quickstudy.deploy.core.contract import SYSTEM
from quickstudy.deploy.core.projection import as_json, encode_value
from quickstudy.deploy.core.records import decode
from quickstudy.deploy.core.rows import Rows
from quickstudy.deploy.core.tables import DERIVED, JSON, Row, checksum, damaged
from quickstudy.deploy.projection import project
from quickstudy.deploy.rebuild import Progress, project_log
from quickstudy.log.backup import folder_beside
from quickstudy.log.store import SCHEMA, Store, Transaction

ROWS_AN_EVENT = 500
OLD = "schema_1_"  # prefix of the names of the old tables during the migration
RENAMED = {
    "labels_by_source": "said",
    "input_labels": "inputs",
    "pending_feedback": "early",
    "curve_buckets": "stretches",
    "annotators": "sources",
}
COLUMNS = {
    "learners": {"guarantee_version": "epoch"},
    "cases": {"score": "usefulness", "bucket": "stretch"},
    "versions": {"reference": "anchor"},
    "annotators": {"rated": "spoke", "contradicted": "against"},
}
UNSUMMED = ("early",)  # tables whose rows had no checksum
log = logging.getLogger("quickstudy")


def open_store(path: str | Path, *, progress: Progress | None = None) -> Store:
    """A store, open for writing, of the present schema.

    Raises:
        StoreError: it is open elsewhere, damaged, of a newer schema, or cannot be migrated.
    """
    store = Store(path)
    try:
        if store.schema < SCHEMA:
            migrate(store, progress=progress)
    except BaseException:
        store.close()
        raise
    return store


def migrate(store: Store, *, progress: Progress | None = None) -> Path:
    """Migrate a store; returns the path of its backup.

    Raises:
        StoreError: nothing was changed.
    """
    target = free_place(store.path, "schema-1")
    store.backup(target)
    log.warning(
        "%s has schema %d and is brought up to %d; as it was it is in %s",
        store.path,
        store.schema,
        SCHEMA,
        target,
    )
    try:
        _rewrite(store, progress)
    except BaseException:  # the store is unchanged, and needs no backup
        target.unlink()
        shutil.rmtree(folder_beside(target), ignore_errors=True)
        raise
    store.schema = SCHEMA
    return target


def _rewrite(store: Store, progress: Progress | None) -> None:
    """Make the tables of the present schema, and drop the older ones, in one transaction."""
    secret = store.meta("secret", lambda: b"", write=False)
    with store.transaction() as transaction:
        connection = transaction.connection
        names = _rename(connection)
        for table in DERIVED:
            table.create(connection, checkfirst=False)
        rows = project_log(connection, connection, secret=secret, progress=progress)
        for table in DERIVED:
            if old := names.get(RENAMED.get(table.name, table.name)):
                _bring(transaction, rows, table, old)
        rows.flush()
        for old in names.values():
            connection.execute(text(f"DROP TABLE {old}"))
        store.set_schema(transaction, SCHEMA)


def make_tables_again(path: str | Path, *, progress: Progress | None = None) -> Path:
    """Drop all tables of a store and make them from its log; where the copy is that is kept.

    Raises:
        StoreError: it is open elsewhere, or its log is damaged; nothing was changed.
    """
    store = open_store(path)
    try:
        target = free_place(store.path, "before-rebuild")
        store.backup(target)
        secret = store.meta("secret", lambda: b"", write=False)
        with store.transaction() as transaction:
            connection = transaction.connection
            for table in DERIVED:
                table.drop(connection, checkfirst=True)
                table.create(connection, checkfirst=False)
            project_log(connection, connection, secret=secret, progress=progress)
        return target
    finally:
        store.close()


def free_place(path: Path, what: str) -> Path:
    """An unused path for the backup."""
    number = 1
    while True:
        more = "" if number == 1 else f"-{number}"
        target = path.with_name(f"{path.name}.{what}{more}")
        if not target.exists() and not folder_beside(target).exists():
            return target
        number += 1


def _rename(connection: Connection) -> dict[str, str]:
    """Rename the tables of the older schema; returns the new names by the old ones."""
    found = connection.execute(text("SELECT name, type, sql FROM sqlite_master")).all()
    tables = {row.name for row in found if row.type == "table"}
    old_names = {RENAMED.get(table.name, table.name) for table in DERIVED}
    names = {name: OLD + name for name in sorted(old_names & tables)}
    for row in found:
        if row.type == "index" and row.sql and not row.name.startswith("events_"):
            connection.execute(text(f"DROP INDEX {row.name}"))
    for name, old in names.items():
        connection.execute(text(f"ALTER TABLE {name} RENAME TO {old}"))
    return names


def _bring(transaction: Transaction, rows: Rows, table: Table, old: str) -> None:
    """Log the values of a table of the older schema that the log does not hold."""
    columns = list(table.primary_key.columns)
    keys: set[tuple[Any, ...]] = set()
    old_rows = _old_rows(transaction.connection, table, old)
    while part := list(islice(old_rows, ROWS_AN_EVENT)):
        by_key = {tuple([row[column.name] for column in columns]): row for row in part}
        keys |= by_key.keys()
        rows.prefetch(table, by_key)
        made = [(rows.find(table, *key), row) for key, row in by_key.items()]
        if found := [row for one, row in made if one is None or _apart(table, one, row)]:
            _record(transaction, rows, table, found=found)
        rows.flush()
        rows.evict()
    made_keys = rows.columns(table, table.select().with_only_columns(*columns))
    gone = [tuple(key) for key in made_keys if tuple(key) not in keys]
    for at in range(0, len(gone), ROWS_AN_EVENT):
        _record(transaction, rows, table, gone=gone[at : at + ROWS_AN_EVENT])


def _record(
    transaction: Transaction,
    rows: Rows,
    table: Table,
    *,
    found: Sequence[Row] = (),
    gone: Sequence[tuple[Any, ...]] = (),
) -> None:
    payload = {
        "table": table.name,
        "rows": [as_json(table, row) for row in found],
        "gone": [[encode_value(value) for value in key] for key in gone],
    }
    event = transaction.append(
        "migrated", learner=0, actor=SYSTEM, subject=table.name, payload=payload
    )
    project(rows, event, payload)


def _old_rows(connection: Connection, table: Table, old: str) -> Iterator[Row]:
    """Rows of a table of the older schema, under the names that columns have now.

    Raises:
        StoreError: one of them is damaged.
    """
    before = COLUMNS.get(table.name, {})
    for found in connection.execute(text(f"SELECT * FROM {old}")).mappings():
        row = dict(found)
        if old.removeprefix(OLD) not in UNSUMMED and checksum(row) != row.pop("sum"):
            raise damaged(table)
        present = {
            column.name: row[before.get(column.name, column.name)]
            for column in table.columns
            if column.name != "sum"
        }
        yield present | {name: decode(present[name]) for name in table.info.get(JSON, ())}


def _apart(table: Table, made: Row, row: Row) -> bool:
    """Whether a row has to be logged: the acquisition score matters only while a case waits."""
    if table.name == "cases" and row["status"] != "waiting":
        made = {**made, "score": row["score"]}
    return made != row
