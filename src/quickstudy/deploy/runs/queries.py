"""Queries on runs and their steps. None of them changes anything."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, get_args

import numpy as np
from sqlalchemy import Connection, select

from quickstudy.api.runs import RunInfo, RunReport, RunStatus, StepReport, StopReport
from quickstudy.deploy.core import queries as core_queries
from quickstudy.deploy.core.contract import EXPIRY
from quickstudy.deploy.core.tables import RUNS, Row, checked
from quickstudy.deploy.runs.state import read_estimate
from quickstudy.errors import InputError, NotFoundError
from quickstudy.log.events import Logged
from quickstudy.log.store import events_of
from quickstudy.types import Estimate

CLOCK = "clock"  # name of the actor "expiry" in schema 1
STEP = ("input", "action", "error", "reward")  # fields of a step that the caller gives


def run_info(row: Row, name: str) -> RunInfo:
    """The public model of a run."""
    return RunInfo(
        id=row["id"],
        learner=name,
        task=row["task"],
        status=row["status"],
        started=row["started"],
        updated=row["updated"],
        steps=row["steps"],
        value=row["value"],
        success_probability=row["probability"],
        loop=bool(row["loop"]),
        advice=row["advice"],
        stop=bool(row["stop"]),
        outcome=row["outcome"],
        success=None if row["success"] is None else bool(row["success"]),
    )


def paused(estimate: Estimate, pause: str) -> Estimate:
    """The estimate while a pause is in force: no run is stopped, a person is asked."""
    return replace(estimate, stop=False, advice="ask", why=pause) if pause else estimate


def runs(
    connection: Connection, number: int, name: str, *, status: str | None, limit: int
) -> list[RunInfo]:
    """Runs of a learner: live ones by success probability, lowest first; others newest first.

    Raises:
        InputError: there is no such status.
    """
    known = get_args(RunStatus)
    if status is not None and status not in known:
        raise InputError(f"status is {status!r:.60}; it must be one of {', '.join(known)}")
    query = select(RUNS).where(RUNS.c.learner == number)
    if status is not None:
        query = query.where(RUNS.c.status == status)
    if status == "live":
        query = query.order_by(RUNS.c.probability.is_(None), RUNS.c.probability)
    query = query.order_by(RUNS.c.seq.desc()).limit(limit)
    return [run_info(row, name) for row in core_queries.rows_of(connection, RUNS, query)]


def run(connection: Connection, number: int, name: str, id: str) -> RunReport:
    """A run with all its steps.

    Raises:
        NotFoundError: there is no run with that id.
    """
    query = select(RUNS).where(RUNS.c.learner == number, RUNS.c.id == id)
    found = connection.execute(query).mappings().first()
    if found is None:
        raise NotFoundError(f"{name!r} has no run {id!r:.140}")
    row, closed = checked(RUNS, found), found["status"] in ("expired", "late")
    steps, by = [], None
    for event in events_of(connection, id):
        if event.type == "stepped" and event.learner == number:
            steps.append(step_report(event))
        elif event.type == "expired" and event.learner == number and closed:
            by = EXPIRY if event.actor == CLOCK else event.actor
    return RunReport(run_info(row, name), tuple(steps[: row["steps"]]), by)


def step_report(event: Logged) -> StepReport:
    """The public model of a step, from its event."""
    payload: dict[str, Any] = event.read()
    return StepReport(
        number=payload["number"],
        time=event.time,
        estimate=paused(read_estimate(payload["estimate"]), payload["pause"]),
        **{name: payload[name] for name in STEP},
    )


def stop_report(report: Mapping[str, Any]) -> StopReport:
    """The state of the certificate of stops; the evidence is for the next threshold to prove."""
    thresholds = np.atleast_1d(report["thresholds"])
    evidence = np.atleast_1d(report["log_evidence"])
    level = int(report["level"])
    at = min(level, len(evidence) - 1)
    return StopReport(
        certified=level > 0,
        level=level,
        log_evidence=core_queries.finite(evidence[at]) if len(evidence) else 0.0,
        log_bar=core_queries.finite(report["log_bar"]),
        error=float(report["error"]),
        audit_rate=float(report["audit_rate"]),
        thresholds=tuple(core_queries.finite(threshold) for threshold in thresholds),
        alarms=int(report["alarms"]),
        unknown=int(report["unknown"]),
    )
