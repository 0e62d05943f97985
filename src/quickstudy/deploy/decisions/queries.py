"""Queries on decisions: asks, cases, histories, reports. None of them changes anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, get_args

import numpy as np
from sqlalchemy import Connection, func, select

from quickstudy.api.admin import Event
from quickstudy.api.decisions import (
    Action,
    Answer,
    Ask,
    Case,
    CaseStatus,
    CurvePoint,
    FormNotice,
    Policy,
)
from quickstudy.deploy.core.queries import event_of, finite, rows_of
from quickstudy.deploy.core.records import decode, encode
from quickstudy.deploy.core.tables import (
    ANNOTATORS,
    CASES,
    CURVE_BUCKETS,
    Row,
    checked,
)
from quickstudy.deploy.guardrails.autonomy import Autonomy
from quickstudy.encode.values import plain_text
from quickstudy.errors import InputError, NotFoundError
from quickstudy.log.events import Logged
from quickstudy.log.store import events_at, events_of
from quickstudy.stats.calibration import weighted_share
from quickstudy.types import Label, Unfamiliar

RECENT_CASES = 500  # latest cases, for the share handled
AUDITS = 2000  # latest audits, for the precision
POINTS = 300  # most points of a curve
OVER = 50  # familiar cases in a row after which an episode of unfamiliar ones is over
MOST_SOURCES = 100  # shown
ABOUT_CASES = (
    *("predicted", "asked", "feedback", "closed", "expired", "contested", "ruled"),
    "quarantined",
)
SEARCHED = 20_000  # latest cases in which a text is searched
PAGE = 500  # cases that are read at once


def case_row(connection: Connection, case_id: str) -> Row:
    """The row of a prediction.

    Raises:
        NotFoundError: there is no such prediction.
    """
    case_id = plain_text(case_id)
    found = connection.execute(select(CASES).where(CASES.c.id == case_id)).mappings().first()
    if found is None:
        raise NotFoundError(f"there is no prediction {case_id!r:.140}")
    return checked(CASES, found)


def asks(connection: Connection, number: int, name: str, *, limit: int) -> list[Ask]:
    """Waiting cases, the most useful ones first."""
    return asks_of(connection, _waiting(connection, number, limit=limit), name)


def asks_of(connection: Connection, rows: Sequence[Row], name: str) -> list[Ask]:
    """The asks of rows of cases."""
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
        usefulness=row["score"],
        audit=bool(row["audit"]),
        time=row["time"],
        expires=row["expires"] or row["time"],
        held=bool(row["held"]),
        unfamiliar=decode_unfamiliar(payload),
    )


def held(connection: Connection, number: int, name: str, *, limit: int) -> list[Ask]:
    """Waiting cases whose answer is held until a person approves, oldest first."""
    query = (
        select(CASES)
        .where(CASES.c.learner == number, CASES.c.status == "waiting", CASES.c.held == 1)
        .order_by(CASES.c.seq)
        .limit(limit)
    )
    return asks_of(connection, rows_of(connection, CASES, query), name)


def waiting_ids(connection: Connection, number: int, *, limit: int) -> list[str]:
    """Ids of waiting cases, the most useful ones first."""
    return [row["id"] for row in _waiting(connection, number, limit=limit)]


def _waiting(connection: Connection, number: int, *, limit: int) -> list[Row]:
    query = (
        select(CASES)
        .where(CASES.c.learner == number, CASES.c.status == "waiting")
        .order_by(CASES.c.score.desc(), CASES.c.seq)
        .limit(limit)
    )
    return rows_of(connection, CASES, query)


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

    `text` is searched in fields and values of the latest 20,000 records, ignoring case.

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
        name_of = encode(label)
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
    """All names and values of a record as one text for searching."""
    if isinstance(value, dict):
        return " ".join([f"{name} {_words(v)}" for name, v in value.items()]).casefold()
    if isinstance(value, list):
        return " ".join([_words(v) for v in value])
    return str(value).casefold()


def case_of(row: Row, predicted: Logged, name: str, events: Sequence[Event] = ()) -> Case:
    """The public model of a prediction."""
    payload = predicted.read()
    truth = decode(row["truth"])
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
    """A prediction with all its events."""
    logged = events_of(connection, row["id"])
    ours = [e for e in logged if e.type in ABOUT_CASES and e.learner in (row["learner"], 0)]
    events = [event_of(event, names) for event in ours]
    predicted = events_at(connection, [row["seq"]])[row["seq"]]
    return case_of(row, predicted, names.get(row["learner"], ""), events)


def share_handled(connection: Connection, number: int) -> float:
    """Share of the latest cases that were acted on."""
    last = (
        select(CASES)
        .where(CASES.c.learner == number)
        .order_by(CASES.c.seq.desc())
        .limit(RECENT_CASES)
    )
    acted = [row["acted"] for row in rows_of(connection, CASES, last)]
    return float(np.mean(acted)) if acted else 0.0


def precision(connection: Connection, number: int) -> tuple[float, float, float, int]:
    """Share of correct answers among those acted on, a 95 % interval, and the number of audits."""
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
    """Sources with their numbers of labels, most first."""
    taught = (ANNOTATORS.c.learner == number) & (ANNOTATORS.c.labels > 0)
    query = select(ANNOTATORS).where(taught).order_by(ANNOTATORS.c.labels.desc())
    rows = rows_of(connection, ANNOTATORS, query.limit(MOST_SOURCES))
    return tuple((row["source"], row["labels"]) for row in rows)


def curve(connection: Connection, number: int) -> tuple[CurvePoint, ...]:
    """The learning curve by buckets of the stream; neighbours are merged if there are many."""
    query = (
        select(CURVE_BUCKETS)
        .where(CURVE_BUCKETS.c.learner == number)
        .order_by(CURVE_BUCKETS.c.number)
    )
    rows = rows_of(connection, CURVE_BUCKETS, query)
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
    """Policies from strict to permissive, alarms of the guard, and the current attempt."""
    report = control.risk.report()
    bar, level = float(report["log_bar"]), int(report["level"])
    pairs = zip(report["thresholds"], np.atleast_1d(report["log_evidence"]), strict=True)
    made = [
        Policy(finite(t), finite(e), bar, certified=i < level) for i, (t, e) in enumerate(pairs)
    ]
    return tuple(made), int(report["alarms"]), int(report["attempt"])


ALTERNATIVES = 5


def make_answer(
    payload: dict[str, Any], case_id: str, learner: str, *, seq: int, time: float
) -> Answer:
    """The answer of a `predicted` event."""
    decision = payload["decision"]
    return Answer(
        id=case_id,
        learner=learner,
        label=payload["label"],
        decision="act" if decision["act"] else "ask",
        confidence=payload["confidence"],
        novelty=payload["novelty"],
        policy=decision["policy"],
        audit=decision["audit"],
        reason=payload["reason"],
        level=payload["level"],
        held=decision.get("held", False),
        limit=payload["limit"],
        version=payload["version"],
        alternatives=tuple((label, p) for label, p in payload["alternatives"]),
        seq=seq,
        time=time,
        unfamiliar=decode_unfamiliar(payload),
    )


def decode_unfamiliar(payload: Mapping[str, Any]) -> Unfamiliar | None:
    """The unfamiliar parts of the record of a `predicted` event; None in older events."""
    found = payload.get("unfamiliar")
    return Unfamiliar(**{name: tuple(fields) for name, fields in found.items()}) if found else None


def form_notice(tally: Mapping[str, Any]) -> FormNotice | None:
    """The current episode of unfamiliar records, from a learner's tally."""
    found = episode_of(tally)
    names = decode_unfamiliar(found) if found else None
    if found is None or names is None:
        return None
    return FormNotice(
        since=found["since"], last=found["last"], cases=found["cases"], unfamiliar=names
    )


def episode_of(tally: Mapping[str, Any]) -> dict[str, Any] | None:
    """The current episode as the tally stores it; None if it is over."""
    episode: dict[str, Any] | None = tally.get("episode")
    return episode if episode and tally["cases"] - episode["at"] <= OVER else None
