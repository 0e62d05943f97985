"""Projections of the events of runs."""

from __future__ import annotations

from typing import Any

from quickstudy.deploy.core.projection import Projector, count, new_learner_row
from quickstudy.deploy.core.records import encode
from quickstudy.deploy.core.rows import Rows
from quickstudy.deploy.core.tables import LEARNERS, RUNS, Row
from quickstudy.deploy.runs.queries import paused
from quickstudy.deploy.runs.state import read_estimate
from quickstudy.log.events import Logged

TALLY = ("runs", "steps", "open", "expired", "late", "successes", "stopped")


def _created(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    rows.upsert(LEARNERS, new_learner_row(event, payload, dict.fromkeys(TALLY, 0)))


def _changed(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    rows.change(LEARNERS, event.learner, settings=encode(payload["settings"]))


def _run_started(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    count(rows, event.learner, open=1)
    rows.upsert(
        RUNS,
        {
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
        },
    )


def _run(rows: Rows, event: Logged) -> Row:
    row = rows.find(RUNS, event.learner, event.subject)
    assert row is not None
    return row


def _stepped(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    row = _run(rows, event)
    shown = paused(read_estimate(payload["estimate"]), payload["pause"])
    count(rows, event.learner, steps=1, stopped=int(shown.stop and not row["stopped"]))
    rows.change(
        RUNS,
        event.learner,
        event.subject,
        updated=event.time,
        steps=payload["number"],
        last=event.seq,
        value=shown.value,
        probability=shown.success_probability,
        loop=int(shown.loop is not None),
        advice=shown.advice,
        stop=int(shown.stop),
        stopped=int(shown.stop or row["stopped"]),
    )


def _run_ended(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    success = int(payload["success"])
    if payload["status"] == "ended":
        count(rows, event.learner, runs=1, open=-1, successes=success)
    else:
        count(rows, event.learner, late=1)
    rows.change(
        RUNS,
        event.learner,
        event.subject,
        updated=event.time,
        status=payload["status"],
        outcome=payload["outcome"],
        success=success,
    )


def _expired(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    count(rows, event.learner, open=-1, expired=1)
    rows.change(RUNS, event.learner, event.subject, status="expired")


PROJECTORS: dict[str, Projector] = {
    "created": _created,
    "changed": _changed,
    "run_started": _run_started,
    "stepped": _stepped,
    "run_ended": _run_ended,
    "expired": _expired,
}
