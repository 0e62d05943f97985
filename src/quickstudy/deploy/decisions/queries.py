"""Reading a store: asks, cases, histories, reports. None of it changes anything."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any, get_args

import numpy as np
from sqlalchemy import Connection, Select, Table, func, select

from quickstudy.api.admin import Event
from quickstudy.api.decisions import Action, Ask, Case, CaseStatus, CurvePoint, Policy, Quarantined
from quickstudy.deploy.core.records import read, written
from quickstudy.deploy.core.tables import CASES, LEARNERS, SOURCES, STRETCHES, Row, checked
from quickstudy.deploy.decisions.forms import read_unfamiliar
from quickstudy.deploy.decisions.predict import make_answer
from quickstudy.deploy.guardrails.autonomy import Autonomy
from quickstudy.encode.values import plain_text
from quickstudy.errors import InputError, NotFoundError
from quickstudy.log.events import Logged
from quickstudy.log.store import EVENTS, events_at, events_of
from quickstudy.stats.calibration import weighted_share
from quickstudy.types import Label

RECENT_CASES = 500  # that the share handled is of
AUDITS = 2000  # latest ones, that the precision is of
POINTS = 300  # of a curve
MOST_SOURCES = 100  # shown
MOST_QUARANTINED = 20  # shown
ABOUT_CASES = (
    *("predicted", "asked", "feedback", "closed", "expired", "contested", "ruled"),
    "quarantined",
)
SEARCHED = 20_000  # latest cases, for a text
PAGE = 500  # of them at once
INTERNAL = ("decision", "said")  # parts of payloads that are for the fold alone


def case_row(connection: Connection, case_id: str) -> Row:
    """The row of a prediction.

    Raises:
        NotFoundError: there is none.
    """
    case_id = plain_text(case_id)
    found = connection.execute(select(CASES).where(CASES.c.id == case_id)).mappings().first()
    if found is None:
        raise NotFoundError(f"there is no prediction {case_id!r:.140}")
    return checked(CASES, found)


def asks(connection: Connection, number: int, name: str, *, limit: int) -> list[Ask]:
    """Waiting cases, those that teach most first."""
    return asks_of(connection, _waiting(connection, number, limit=limit), name)


def asks_of(connection: Connection, rows: Sequence[Row], name: str) -> list[Ask]:
    """Rows of cases, as they are put to a person."""
    events = events_at(connection, [row["seq"] for row in rows])
    return [_ask(row, events[row["seq"]].read(), name) for row in rows]


def _ask(row: Row, payload: dict[str, Any], name: str) -> Ask:
    return Ask(
        id=row["id"],
        learner=name,
        record=payload["record"],
        suggestions=tuple((label, p) for label, p in payload["alternatives"]),
        confidence=payload["confidence"],
        novelty=payload["novelty"],
        usefulness=row["usefulness"],
        audit=bool(row["audit"]),
        time=row["time"],
        expires=row["expires"] or row["time"],
        held=bool(row["held"]),
        unfamiliar=read_unfamiliar(payload),
    )


def held(connection: Connection, number: int, name: str, *, limit: int) -> list[Ask]:
    """Waiting cases of which the answer is held until a person says yes, oldest first."""
    query = (
        select(CASES)
        .where(CASES.c.learner == number, CASES.c.status == "waiting", CASES.c.held == 1)
        .order_by(CASES.c.seq)
        .limit(limit)
    )
    return asks_of(connection, rows_of(connection, CASES, query), name)


def waiting_ids(connection: Connection, number: int, *, limit: int) -> list[str]:
    """Ids of waiting cases, those that teach most first."""
    return [row["id"] for row in _waiting(connection, number, limit=limit)]


def _waiting(connection: Connection, number: int, *, limit: int) -> list[Row]:
    query = (
        select(CASES)
        .where(CASES.c.learner == number, CASES.c.status == "waiting")
        .order_by(CASES.c.usefulness.desc(), CASES.c.seq)
        .limit(limit)
    )
    return rows_of(connection, CASES, query)


def rows_of(connection: Connection, table: Table, query: Select[Any]) -> list[Row]:
    """The rows of a query over a whole table, checked."""
    return [checked(table, found) for found in connection.execute(query).mappings()]


def cases(
    connection: Connection,
    number: int,
    name: str,
    *,
    text: str = "",
    decision: str | None = None,
    status: str | None = None,
    label: Label | None = None,
    before: int | None = None,
    limit: int = 50,
) -> list[Case]:
    """Predictions, newest first, without their histories.

    `text` is looked for in fields and values of the latest 20,000 records, whatever its case.

    Raises:
        InputError: there is no such decision or status.
    """
    for field, value, known in (
        ("decision", decision, get_args(Action)),
        ("status", status, get_args(CaseStatus)),
    ):
        if value is not None and value not in known:
            raise InputError(f"{field} is {value!r:.60}; it must be one of {', '.join(known)}")
    query = select(CASES).where(CASES.c.learner == number)
    if decision is not None:
        query = query.where(CASES.c.acted == int(decision == "act"))
    if status is not None:
        query = query.where(CASES.c.status == status)
    if label is not None:
        name_of = written(label)
        query = query.where(func.coalesce(CASES.c.truth, CASES.c.answer) == name_of)
    if before is not None:
        query = query.where(CASES.c.seq < before)
    query = query.order_by(CASES.c.seq.desc())
    found: list[Case] = []
    for at in range(0, SEARCHED if text else 1, PAGE):
        page = query.offset(at).limit(PAGE if text else limit)
        rows = rows_of(connection, CASES, page)
        events = events_at(connection, [row["seq"] for row in rows])
        made = [case_of(row, events[row["seq"]], name) for row in rows]
        found += [case for case in made if not text or text.casefold() in _words(case.record)]
        if len(found) >= limit or len(rows) < PAGE:
            break
    return found[:limit]


def _words(value: Any) -> str:
    """Everything that a record says, in one spelling."""
    if isinstance(value, dict):
        return " ".join([f"{name} {_words(v)}" for name, v in value.items()]).casefold()
    if isinstance(value, list):
        return " ".join([_words(v) for v in value])
    return str(value).casefold()


def case_of(row: Row, predicted: Logged, name: str, events: Sequence[Event] = ()) -> Case:
    """A prediction as people see it."""
    payload = predicted.read()
    truth = read(row["truth"])
    return Case(
        id=row["id"],
        learner=name,
        record=payload["record"],
        answer=make_answer(payload, row["id"], name, seq=row["seq"], time=row["time"]),
        status=row["status"],
        label=None if isinstance(truth, dict) else truth,
        events=tuple(events),
    )


def history(connection: Connection, row: Row, names: dict[int, str]) -> Case:
    """A prediction with all that happened to it."""
    logged = events_of(connection, row["id"])
    ours = [e for e in logged if e.type in ABOUT_CASES and e.learner in (row["learner"], 0)]
    events = [event_of(event, names) for event in ours]
    predicted = events_at(connection, [row["seq"]])[row["seq"]]
    return case_of(row, predicted, names.get(row["learner"], ""), events)


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
            event=told.get("event", 0),
            about=told.get("about", ""),
            subject=event.subject,
            time=event.time,
            reason=told.get("reason", ""),
        )
        for event, told in [(event, event.read()) for event in found]
    )


def event_of(event: Logged, names: dict[int, str]) -> Event:
    """An event as people see it."""
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
    """Counts of a learner, and the episode of unfamiliar records that it is in."""
    found = connection.execute(select(LEARNERS).where(LEARNERS.c.id == number)).mappings().one()
    counts: dict[str, Any] = json.loads(checked(LEARNERS, found)["tally"])
    return counts


def share_handled(connection: Connection, number: int) -> float:
    """Share of the last cases that were acted on."""
    last = (
        select(CASES)
        .where(CASES.c.learner == number)
        .order_by(CASES.c.seq.desc())
        .limit(RECENT_CASES)
    )
    acted = [row["acted"] for row in rows_of(connection, CASES, last)]
    return float(np.mean(acted)) if acted else 0.0


def precision(connection: Connection, number: int) -> tuple[float, float, float, int]:
    """Share of right answers among those acted on, a 95 % interval, and the number of audits."""
    query = (
        select(CASES)
        .where(CASES.c.learner == number, CASES.c.acted == 1, CASES.c.wrong.is_not(None))
        .order_by(CASES.c.seq.desc())
        .limit(AUDITS)
    )
    rows = rows_of(connection, CASES, query)
    right = np.array([not row["wrong"] for row in rows], dtype=bool)
    return *weighted_share(right, np.array([row["probability"] for row in rows])), len(rows)


def sources(connection: Connection, number: int) -> tuple[tuple[str, int], ...]:
    """Who taught how much, most first."""
    taught = (SOURCES.c.learner == number) & (SOURCES.c.labels > 0)
    query = select(SOURCES).where(taught).order_by(SOURCES.c.labels.desc())
    rows = rows_of(connection, SOURCES, query.limit(MOST_SOURCES))
    return tuple((row["source"], row["labels"]) for row in rows)


def curve(connection: Connection, number: int) -> tuple[CurvePoint, ...]:
    """The learning curve: stretches of the stream, some together where there are many."""
    query = select(STRETCHES).where(STRETCHES.c.learner == number).order_by(STRETCHES.c.number)
    rows = rows_of(connection, STRETCHES, query)
    together = -(-len(rows) // POINTS)
    points, cases_so_far, labels_so_far = [], 0, 0
    for at in range(0, len(rows), max(together, 1)):
        part = rows[at : at + together]
        count, acted = (sum(row[name] for row in part) for name in ("cases", "acted"))
        weight, right = (sum(row[name] for row in part) for name in ("weight", "right"))
        cases_so_far += count
        labels_so_far += sum(row["labels"] for row in part)
        share = right / weight if weight else None
        points.append(CurvePoint(cases_so_far, share, acted / count, labels_so_far))
    return tuple(points)


def policies(control: Autonomy) -> tuple[tuple[Policy, ...], int, int]:
    """Policies strict to permissive, alarms of the guard, and the attempt that runs."""
    told = control.risk.report()
    bar, level = float(told["log_bar"]), int(told["level"])
    pairs = zip(told["thresholds"], np.atleast_1d(told["log_evidence"]), strict=True)
    made = [
        Policy(finite(t), finite(e), bar, certified=i < level) for i, (t, e) in enumerate(pairs)
    ]
    return tuple(made), int(told["alarms"]), int(told["attempt"])


def finite(value: Any) -> float:
    """A number that JSON can hold: thresholds nobody reaches are infinite, evidence of none is."""
    return float(np.clip(value, -1e6, 1e6))
