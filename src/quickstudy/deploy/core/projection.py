"""Projections of the events that concern learners of every kind, and API keys."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from sqlalchemy import Table

from quickstudy.deploy.core.records import decode, encode
from quickstudy.deploy.core.rows import Rows
from quickstudy.deploy.core.tables import DERIVED, JSON, KEYS, LEARNERS, Row
from quickstudy.log.events import Logged

Projector = Callable[[Rows, Logged, dict[str, Any]], None]


def count(rows: Rows, learner: int, **changes: int) -> dict[str, Any]:
    """Change counts of a learner; returns the new tally, which must not be changed in place."""
    row = rows.find(LEARNERS, learner)
    assert row is not None
    tally = dict(row["tally"])
    for name, change in changes.items():  # an older store does not count everything
        tally[name] = tally.get(name, 0) + change
    rows.change(LEARNERS, learner, tally=tally)
    return tally


def new_learner_row(event: Logged, settings: Mapping[str, Any], tally: Mapping[str, int]) -> Row:
    """The row of a learner that an event creates."""
    return {
        "id": event.learner,
        "name": event.subject,
        "settings": encode(settings),
        "created": event.time,
        "guarantee_version": 0,
        "deleted": 0,
        "tally": dict(tally),
    }


def _deleted(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    rows.change(LEARNERS, event.learner, deleted=1)


def _quarantined(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    count(rows, event.learner, quarantined=1)


def _key_created(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    if "hash" not in payload:  # an event of schema 1: the migration adds the row
        return
    rows.upsert(
        KEYS,
        {
            "id": event.subject,
            "name": payload["name"],
            "role": payload["role"],
            "learners": None if payload["learners"] is None else encode(payload["learners"]),
            "salt": bytes.fromhex(payload["salt"]),
            "hash": bytes.fromhex(payload["hash"]),
            "created": event.time,
            "revoked": 0,
        },
    )


def _key_revoked(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    if rows.find(KEYS, event.subject):
        rows.change(KEYS, event.subject, revoked=1)


def _migrated(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    """Rows of an older schema that its events do not determine."""
    table = next(table for table in DERIVED if table.name == payload["table"])
    for row in payload["rows"]:
        rows.upsert(table, from_json(table, row))
    for key in payload["gone"]:
        rows.delete(table, *map(decode_value, key))


def as_json(table: Table, row: Row) -> dict[str, Any]:
    """A row as an event keeps it."""
    text = {name: encode(row[name]) for name in table.info.get(JSON, ())}
    return {name: encode_value(value) for name, value in (row | text).items()}


def from_json(table: Table, row: Mapping[str, Any]) -> Row:
    """A row that an event keeps."""
    plain = {name: decode_value(value) for name, value in row.items()}
    return plain | {name: decode(plain[name]) for name in table.info.get(JSON, ())}


def encode_value(value: Any) -> Any:
    """Encode the value of a column as JSON."""
    return {"hex": value.hex()} if isinstance(value, bytes) else value


def decode_value(value: Any) -> Any:
    """Decode the value of a column from JSON."""
    return bytes.fromhex(value["hex"]) if isinstance(value, dict) else value


PROJECTORS: dict[str, Projector] = {
    "deleted": _deleted,
    "quarantined": _quarantined,
    "key_created": _key_created,
    "key_revoked": _key_revoked,
    "migrated": _migrated,
}
