"""Queries that concern learners of every kind. None of them changes anything."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from sqlalchemy import Connection, Select, Table, select

from quickstudy.api.admin import Event
from quickstudy.api.decisions import Quarantined
from quickstudy.deploy.core.tables import (
    LEARNERS,
    Row,
    checked,
)
from quickstudy.deploy.kind import KINDS, ProtocolName, settings_from_plain
from quickstudy.log.events import Logged
from quickstudy.log.store import EVENTS, events_at

MOST_QUARANTINED = 20  # shown

INTERNAL = (
    "decision",
    "said",
    "receipt",
    "rows",
    "gone",
    "salt",
    "hash",
)  # parts of payloads that only a replay needs


def rows_of(connection: Connection, table: Table, query: Select[Any]) -> list[Row]:
    """The rows of a query over a whole table, checked."""
    return [checked(table, found) for found in connection.execute(query).mappings()]


def latest(connection: Connection, number: int, type: str, limit: int) -> list[Logged]:
    """The latest events of a type, newest first."""
    of_type = (EVENTS.c.learner == number) & (EVENTS.c.type == type)
    query = select(EVENTS.c.seq).where(of_type).order_by(EVENTS.c.seq.desc()).limit(limit)
    seqs = list(connection.execute(query).scalars())
    events = events_at(connection, seqs)
    return [events[seq] for seq in seqs]


def quarantined(connection: Connection, number: int) -> tuple[Quarantined, ...]:
    """The latest examples that a learner set aside, newest first."""
    found = latest(connection, number, "quarantined", MOST_QUARANTINED)
    return tuple(
        Quarantined(
            seq=event.seq,
            event=payload.get("event", 0),
            about=payload.get("about", ""),
            subject=event.subject,
            time=event.time,
            reason=payload.get("reason", ""),
        )
        for event, payload in [(event, event.read()) for event in found]
    )


def event_of(event: Logged, names: dict[int, str]) -> Event:
    """A logged event as the public model."""
    payload = {k: v for k, v in event.read().items() if k not in INTERNAL}
    return Event(
        seq=event.seq,
        time=event.time,
        type=event.type,
        learner=names.get(event.learner, ""),
        actor=event.actor,
        subject=event.subject,
        payload=payload if event.payload is not None else None,
    )


def names(connection: Connection) -> dict[int, str]:
    """Names of all learners there ever were, by number."""
    return {row["id"]: row["name"] for row in rows_of(connection, LEARNERS, select(LEARNERS))}


def tally(connection: Connection, number: int) -> dict[str, Any]:
    """Counts of a learner, and its current episode of unfamiliar records."""
    found = connection.execute(select(LEARNERS).where(LEARNERS.c.id == number)).mappings().one()
    counts: dict[str, Any] = json.loads(checked(LEARNERS, found)["tally"])
    return counts


def finite(value: Any) -> float:
    """A finite number for JSON: a threshold that cannot be reached and its evidence are not."""
    return float(np.clip(value, -1e6, 1e6))


def learner_rows(connection: Connection) -> list[Row]:
    """Rows of the hosted learners that make decisions, their settings and tallies read."""
    return rows_of_protocol(connection, "decisions")


def rows_of_protocol(connection: Connection, protocol: ProtocolName) -> list[Row]:
    """Rows of the hosted learners of a protocol, their settings and tallies read."""
    return [
        {**row, "settings": settings_from_plain(row["settings"])}
        for row in live_rows(connection)
        if KINDS.of_plain(row["settings"]).protocol == protocol
    ]


def live_rows(connection: Connection) -> list[Row]:
    """Rows of the hosted learners; settings and tallies as JSON values."""
    rows = rows_of(connection, LEARNERS, select(LEARNERS).where(LEARNERS.c.deleted == 0))
    return [
        {**row, "settings": json.loads(row["settings"]), "tally": json.loads(row["tally"])}
        for row in rows
    ]
