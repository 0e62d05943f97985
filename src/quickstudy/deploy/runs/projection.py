"""The rows of runs: what the events make of them. The desk writes them, the doctor checks them."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection, inspect, select

from quickstudy.deploy.core.tables import RUNS, Row, checked
from quickstudy.deploy.runs.queries import paused
from quickstudy.deploy.runs.state import read_estimate
from quickstudy.log.events import Logged
from quickstudy.log.store import read_events

TYPES = ("run_started", "stepped", "run_ended", "expired")
Rows = dict[tuple[int, str], Row]


def started(event: Logged, payload: dict[str, Any]) -> Row:
    """The row of a run that begins."""
    return {
        "learner": event.learner,
        "id": event.subject,
        "seq": event.seq,
        "task": payload["task"],
        "status": "live",
        "started": event.time,
        "updated": event.time,
        "steps": 0,
        "last": 0,
        "value": None,
        "probability": None,
        "loop": 0,
        "advice": "continue",
        "stop": 0,
        "stopped": 0,
        "outcome": None,
        "success": None,
    }


def stepped(row: Row, event: Logged, payload: dict[str, Any]) -> Row:
    """The row of a run after a step."""
    shown = paused(read_estimate(payload["estimate"]), payload["pause"])
    return {
        **row,
        "updated": event.time,
        "steps": payload["number"],
        "last": event.seq,
        "value": shown.value,
        "probability": shown.success_probability,
        "loop": int(shown.loop is not None),
        "advice": shown.advice,
        "stop": int(shown.stop),
        "stopped": int(shown.stop or row["stopped"]),
    }


def ended(row: Row, event: Logged, payload: dict[str, Any]) -> Row:
    """The row of a run that ended, in time or late."""
    return {
        **row,
        "updated": event.time,
        "status": payload["status"],
        "outcome": payload["outcome"],
        "success": int(payload["success"]),
    }


def expired(row: Row) -> Row:
    """The row of a run that got no step in time, or whose end nobody will know."""
    return {**row, "status": "expired"}


def differences(connection: Connection) -> tuple[int, str]:
    """How many runs there are, and what of them the table says otherwise than the log, or ""."""
    rows = _of_log(connection)
    found: Rows = {}
    if inspect(connection).has_table(RUNS.name):  # a store may be older than it
        for one in connection.execute(select(RUNS)).mappings():
            row = checked(RUNS, one)
            found[row["learner"], row["id"]] = row
    if set(rows) != set(found):
        return len(rows), f"{len(rows):,} runs are in the log, {len(found):,} beside it"
    for key, row in rows.items():
        if apart := [name for name in row if row[name] != found[key][name]]:
            return len(rows), f"run {key[1]!r}: {', '.join(apart)} not as the log says"
    return len(rows), ""


def _of_log(connection: Connection) -> Rows:
    rows: Rows = {}
    for event in read_events(connection, types=TYPES):
        key, payload = (event.learner, event.subject), event.read()
        if event.type == "run_started":
            rows[key] = started(event, payload)
        elif key not in rows:  # a case that expired: of a classifier
            continue
        elif event.type == "stepped":
            rows[key] = stepped(rows[key], event, payload)
        elif event.type == "run_ended":
            rows[key] = ended(rows[key], event, payload)
        else:
            rows[key] = expired(rows[key])
    return rows
