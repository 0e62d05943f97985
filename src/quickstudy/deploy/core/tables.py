"""Tables that projections write in the same transaction as the events.

All of them can be rebuilt from the log (`rebuild.py`), which is the authority.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sqlalchemy import (
    Column,
    Float,
    Index,
    Integer,
    LargeBinary,
    RowMapping,
    String,
    Table,
    text,
)

from quickstudy.errors import StoreError
from quickstudy.log.store import METADATA

JSON = "json"  # marks columns that are JSON values in memory, and text on disk
LEARNERS = Table(
    "learners",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),
    Column("settings", String, nullable=False),
    Column("created", Float, nullable=False),
    Column("guarantee_version", Integer, nullable=False),  # changes of the guarantee
    Column("deleted", Integer, nullable=False),
    Column("tally", String, nullable=False),
    Column("sum", LargeBinary, nullable=False),
    info={JSON: ("tally",)},
)
CASES = Table(
    "cases",
    METADATA,
    Column("id", String, primary_key=True),
    Column("seq", Integer, nullable=False),
    Column("learner", Integer, nullable=False),
    Column("time", Float, nullable=False),
    Column("expires", Float),
    Column("status", String, nullable=False),
    Column("answer", String, nullable=False),
    Column("acted", Integer, nullable=False),
    Column("audit", Integer, nullable=False),
    Column("held", Integer, nullable=False),
    Column("score", Float, nullable=False),
    Column("input", LargeBinary, nullable=False),
    Column("decision", String),  # until its outcome is known
    Column("probability", Float, nullable=False),  # that a label is due
    Column("bucket", Integer, nullable=False),
    Column("truth", String),
    Column("wrong", Integer),
    Column("sum", LargeBinary, nullable=False),
    Index("cases_by_status", "learner", "status", "score"),
    Index("cases_in_order", "learner", "seq"),
    Index("cases_by_end", "expires", sqlite_where=text("expires IS NOT NULL")),
    Index("cases_audited", "learner", "seq", sqlite_where=text("acted = 1 AND wrong IS NOT NULL")),
)
LABELS_BY_SOURCE = Table(
    "labels_by_source",
    METADATA,
    Column("case_id", String, primary_key=True),
    Column("source", String, primary_key=True),
    Column("label", String, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("counted", Integer, nullable=False),
    Column("sum", LargeBinary, nullable=False),
)
RECEIPTS = Table(
    "receipts",
    METADATA,
    Column("digest", LargeBinary, primary_key=True),
    Column("receipt", String, nullable=False),
    Column("sum", LargeBinary, nullable=False),
)
INPUT_LABELS = Table(
    "input_labels",
    METADATA,
    Column("learner", Integer, primary_key=True),
    Column("digest", LargeBinary, primary_key=True),
    Column("label", String, nullable=False),
    Column("changes", Integer, nullable=False),
    Column("sources", String, nullable=False),
    Column("contested", Integer, nullable=False),
    Column("sum", LargeBinary, nullable=False),
)
PENDING_FEEDBACK = Table(
    "pending_feedback",
    METADATA,
    Column("case_id", String, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("expires", Float, nullable=False),
    Column("sum", LargeBinary, nullable=False),
)
CURVE_BUCKETS = Table(
    "curve_buckets",
    METADATA,
    Column("learner", Integer, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("cases", Integer, nullable=False),
    Column("acted", Integer, nullable=False),
    Column("labels", Integer, nullable=False),
    Column("weight", Float, nullable=False),
    Column("right", Float, nullable=False),
    Column("sum", LargeBinary, nullable=False),
)
ANNOTATORS = Table(
    "annotators",
    METADATA,
    Column("learner", Integer, primary_key=True),
    Column("source", String, primary_key=True),
    Column("labels", Integer, nullable=False),
    Column("rated", Integer, nullable=False),  # sure answers that it labelled
    Column("contradicted", Integer, nullable=False),  # of these, answers that it contradicted
    Column("first", Float, nullable=False),
    Column("last", Float, nullable=False),
    Column("sum", LargeBinary, nullable=False),
)
VERSIONS = Table(
    "versions",
    METADATA,
    Column("learner", Integer, primary_key=True),
    Column("id", String, primary_key=True),
    Column("kind", String, nullable=False),
    Column("role", String, nullable=False),
    Column("seq", Integer, nullable=False),
    Column("time", Float, nullable=False),
    Column("asof", Integer, nullable=False),
    Column("examples", Integer, nullable=False),
    Column("size", Integer, nullable=False),
    Column("parent", String, nullable=False),
    Column("simpler", Integer, nullable=False),  # not larger than the champion was
    Column("actor", String, nullable=False),
    Column("why", String, nullable=False),
    Column("challenged", Integer, nullable=False),  # event that began its shadow, 0: never
    Column("left", Integer, nullable=False),  # event at which it last stopped answering, 0: never
    Column(
        "reference", String, nullable=False
    ),  # the last version before it that was promoted for being better
    Column("sum", LargeBinary, nullable=False),
)
EXAM = Table(
    "exam",
    METADATA,
    Column("learner", Integer, primary_key=True),
    Column("seq", Integer, primary_key=True),
    Column("input", LargeBinary, nullable=False),
    Column("record", String, nullable=False),
    Column("label", String, nullable=False),
    Column("bound", String, nullable=False),
    Column("auto", Integer, nullable=False),
    Column("source", String, nullable=False),
    Column("time", Float, nullable=False),
    Column("sum", LargeBinary, nullable=False),
    Index("exam_by_input", "learner", "input"),
)
LIMITS = Table(
    "limits",
    METADATA,
    Column("learner", Integer, primary_key=True),  # 0: all learners
    Column("limits", String, nullable=False),
    Column("usage", String, nullable=False),
    Column("pause", String),
    Column("sum", LargeBinary, nullable=False),
)
RUNS = Table(
    "runs",
    METADATA,
    Column("learner", Integer, primary_key=True),
    Column("id", String, primary_key=True),
    Column("seq", Integer, nullable=False),  # of the event that started it
    Column("task", String),
    Column("status", String, nullable=False),
    Column("started", Float, nullable=False),
    Column("updated", Float, nullable=False),
    Column("steps", Integer, nullable=False),
    Column("last", Integer, nullable=False),  # event of the last step, 0: none
    Column("value", Float),
    Column("probability", Float),
    Column("loop", Integer, nullable=False),
    Column("advice", String, nullable=False),
    Column("stop", Integer, nullable=False),
    Column("stopped", Integer, nullable=False),  # an estimate said to stop
    Column("outcome", Float),
    Column("success", Integer),
    Column("sum", LargeBinary, nullable=False),
    Index("runs_in_order", "learner", "seq"),
    Index("runs_by_status", "learner", "status", "seq"),
    Index("runs_live", "learner", "updated", sqlite_where=text("status = 'live'")),
)
KEYS = Table(
    "keys",
    METADATA,
    Column("id", String, primary_key=True),
    Column("name", String, nullable=False),
    Column("role", String, nullable=False),
    Column("learners", String),
    Column("salt", LargeBinary, nullable=False),
    Column("hash", LargeBinary, nullable=False),
    Column("created", Float, nullable=False),
    Column("revoked", Integer, nullable=False),
    Column("sum", LargeBinary, nullable=False),
)
DERIVED = (
    LEARNERS,
    CASES,
    LABELS_BY_SOURCE,
    RECEIPTS,
    INPUT_LABELS,
    PENDING_FEEDBACK,
    CURVE_BUCKETS,
    ANNOTATORS,
    VERSIONS,
    EXAM,
    LIMITS,
    RUNS,
    KEYS,
)
Row = dict[str, Any]


def checksum(row: Mapping[str, Any]) -> bytes:
    """Checksum of all columns but `sum`: detects a flipped bit on disk when the row is read."""
    values = [value for name, value in row.items() if name != "sum"]
    return hashlib.blake2b(repr(values).encode(), digest_size=4).digest()


def checked(table: Table, found: RowMapping) -> Row:
    """A row that was read, as a dict without its checksum.

    Raises:
        StoreError: the checksum does not match.
    """
    row = {c.name: found[c.name] for c in table.columns}
    if checksum(row) != row.pop("sum"):
        raise damaged(table)
    return row


def damaged(table: Table) -> StoreError:
    """The error for a row whose checksum does not match."""
    return StoreError(
        f"a row of the table {table.name} is damaged: run `quickstudy doctor` on the store"
    )
