"""Projections of the events of versions and of the exam."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from quickstudy.deploy.core.projection import Projector
from quickstudy.deploy.core.records import digest, encode
from quickstudy.deploy.core.rows import Rows
from quickstudy.deploy.core.tables import EXAM, LEARNERS, VERSIONS, Row
from quickstudy.log.events import Logged

SHORT = 12  # characters of an id in messages
MADE = ("id", "kind", "asof", "examples", "size", "parent")  # columns that the payload holds


def _new_row(event: Logged, payload: dict[str, Any], *, role: str, why: str) -> Row:
    return {
        "learner": event.learner,
        **{name: payload[name] for name in MADE},
        "simpler": int(payload["simpler"]),
        "role": role,
        "seq": event.seq,
        "time": event.time,
        "actor": event.actor,
        "why": why,
        "challenged": 0,
        "left": 0,
        "reference": "",
    }


def first_version(rows: Rows, event: Logged, *, id: str, size: int) -> None:
    """Write the row of a learner's first version."""
    made = {"id": id, "kind": "first", "asof": event.seq, "examples": 0, "size": size}
    made |= {"parent": "", "simpler": False}
    row = _new_row(event, made, role="champion", why="the learner was created")
    rows.upsert(VERSIONS, row)


def _consolidated(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    rows.upsert(VERSIONS, _new_row(event, payload, role="challenger", why=""))


def _challenged(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    place = (event.learner, event.subject)
    rows.change(VERSIONS, *place, challenged=event.seq, why=payload["reason"])


def _refused(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    place = (event.learner, event.subject)
    rows.change(VERSIONS, *place, role="refused", why=payload["reason"])


def _withdrawn(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    place = (event.learner, event.subject)
    rows.change(VERSIONS, *place, role="retired", why=payload["reason"])


def _promoted(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    learner, version, reason = event.learner, event.subject, payload["reason"]
    champion = payload["before"]
    if not rows.find(VERSIONS, learner, champion):  # the first version, which schema 1 did not log
        first_version(rows, event, id=champion, size=0)
    for previous in _with_role(rows, learner, "previous"):
        rows.change(VERSIONS, learner, previous, role="retired")
    why = f"{version[:SHORT]} was promoted: {reason}"
    gone = rows.change(VERSIONS, learner, champion, role="previous", left=event.seq, why=why)
    reference = "" if payload["better"] else gone["reference"] or champion
    rows.change(VERSIONS, learner, version, role="champion", why=reason, reference=reference)
    rows.change(LEARNERS, learner, guarantee_version=payload["epoch"])


def _rolled_back(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    learner, why = event.learner, f"rolled back: {payload['reason']}"
    rows.change(VERSIONS, learner, payload["before"], role="previous", left=event.seq, why=why)
    rows.change(VERSIONS, learner, event.subject, role="champion", why=why)
    rows.change(LEARNERS, learner, guarantee_version=payload["epoch"])


def _with_role(rows: Rows, learner: int, role: str) -> list[str]:
    query = select(VERSIONS.c.id).where(VERSIONS.c.learner == learner, VERSIONS.c.role == role)
    return rows.scalars(VERSIONS, query)


def _pinned(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    for replaced in payload["replaces"]:
        rows.delete(EXAM, event.learner, int(replaced.removeprefix("pin-")))
    rows.upsert(
        EXAM,
        {
            "learner": event.learner,
            "seq": event.seq,
            "input": digest(rows.secret, payload["record"]),
            "record": encode(payload["record"]),
            "label": encode(payload["label"]),
            "bound": payload["bound"],
            "auto": int(payload["auto"]),
            "source": payload["source"],
            "time": event.time,
        },
    )


def _unpinned(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    rows.delete(EXAM, event.learner, int(event.subject.removeprefix("pin-")))


PROJECTORS: dict[str, Projector] = {
    "consolidated": _consolidated,
    "challenged": _challenged,
    "refused": _refused,
    "withdrawn": _withdrawn,
    "promoted": _promoted,
    "rolled_back": _rolled_back,
    "pinned": _pinned,
    "unpinned": _unpinned,
}
