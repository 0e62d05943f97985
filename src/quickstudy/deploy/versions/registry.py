"""The registry of versions: all versions, the champion at a time, and the diff of two versions."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from quickstudy.api.settings import Settings
from quickstudy.api.versions import Diff, Difference, Pin, Version
from quickstudy.deploy.core.queries import rows_of
from quickstudy.deploy.core.records import decode
from quickstudy.deploy.core.tables import CASES, VERSIONS, Row
from quickstudy.deploy.guardrails.risk import SWITCHES
from quickstudy.deploy.hosting.learner import VersionRoles
from quickstudy.deploy.kind import new_learner
from quickstudy.deploy.recovery import lineage
from quickstudy.errors import InputError, NotFoundError
from quickstudy.learners.decider import Decider
from quickstudy.log.store import events_at, read_events
from quickstudy.types import Label, same_label

MOST_CASES = 500  # latest cases on which two versions are compared
SHORTEST = 6  # characters of a shortened id


def version_rows(connection: Connection, number: int) -> list[Row]:
    """Rows of all versions of a learner, newest first."""
    query = select(VERSIONS).where(VERSIONS.c.learner == number)
    return rows_of(connection, VERSIONS, query.order_by(VERSIONS.c.seq.desc()))


def versions(connection: Connection, number: int, name: str) -> list[Version]:
    """All versions of a learner, newest first."""
    return [version_of(row, name) for row in version_rows(connection, number)]


def largest(connection: Connection, number: int) -> int:
    """Number of examples of the largest version."""
    return max((row["examples"] for row in version_rows(connection, number)), default=0)


def roles_of(connection: Connection, number: int) -> VersionRoles:
    """Champion, challenger and previous version."""
    roles = {row["role"]: row["id"] for row in version_rows(connection, number)}
    found = {name: roles.get(name, "") for name in ("champion", "challenger", "previous")}
    return VersionRoles(**found)


def find_row(connection: Connection, number: int, id: str) -> Row:
    """The row of a version by its id or a prefix of the id.

    Raises:
        NotFoundError, InputError: no version matches, or several do.
    """
    rows = version_rows(connection, number)
    found = [row for row in rows if row["id"].startswith(id)] if len(id) >= SHORTEST else []
    if not found:
        known = ", ".join(row["id"][:12] for row in rows[:5])
        raise NotFoundError(f"there is no version {id!r}; the latest are: {known}")
    if len(found) > 1:
        raise InputError(f"{id!r} is the beginning of {len(found)} versions; give more of it")
    return found[0]


def version_at(connection: Connection, number: int, name: str, time: float) -> Version:
    """The version that answered at a time.

    Raises:
        NotFoundError: the learner did not exist yet.
    """
    rows = {row["id"]: row for row in version_rows(connection, number)}
    first = min(rows.values(), key=lambda row: row["seq"])
    if time < first["time"]:
        raise NotFoundError(f"learner {name!r} was not there yet at {time:g}")
    answered = first["id"]
    for event in read_events(connection, learner=number, types=SWITCHES):
        if event.time <= time:
            answered = event.subject
    return version_of(rows[answered], name)


def learner_of(row: Row, settings: Settings, folder: Path) -> Decider:
    """The learner of a version as it was made.

    Raises:
        ModelFileError: its file is missing or damaged.
    """
    if row["kind"] == "first":
        first: Decider = new_learner(settings)
        return first
    return lineage.read_version(folder, row["id"], row["asof"]).learner()


def labelled_after(
    connection: Connection, number: int, seq: int, limit: int
) -> list[tuple[str, Any, Label]]:
    """The latest labelled cases after an event: id, record, label."""
    query = select(CASES).where(
        CASES.c.learner == number, CASES.c.seq > seq, CASES.c.status == "labelled"
    )
    rows = rows_of(connection, CASES, query.order_by(CASES.c.seq.desc()).limit(limit))
    known = [row for row in rows if not isinstance(decode(row["truth"]), dict)]
    events = events_at(connection, [row["seq"] for row in known])
    return [(r["id"], events[r["seq"]].read()["record"], decode(r["truth"])) for r in known]


def diff(
    before: tuple[str, Decider],
    after: tuple[str, Decider],
    cases: Sequence[tuple[str, Any, Label]],
    pins: Sequence[Pin],
    *,
    limit: int,
) -> Diff:
    """Two versions on labelled cases of the stream and on the exam."""
    records = [record for _, record, _ in cases] + [pin.record for pin in pins]
    truths = [label for _, _, label in cases] + [pin.label for pin in pins]
    ids = [id for id, _, _ in cases] + [pin.id for pin in pins]
    answers = [predict_tolerant(learner, records) for _, learner in (before, after)]
    rows = list(zip(ids, records, *answers, truths, strict=True))
    differences = [
        Difference(id, "stream" if i < len(cases) else "exam", record, old, new, truth)
        for i, (id, record, old, new, truth) in enumerate(rows)
        if not same_label(old, new)
    ]
    right = [sum(same_label(row[at], row[4]) for row in rows) for at in (2, 3)]
    return Diff(
        before=before[0],
        after=after[0],
        labelled=len(cases),
        pins=len(pins),
        right_before=right[0],
        right_after=right[1],
        differences=tuple(differences[:limit]),
    )


def answers_of(learner: Decider, records: Sequence[Any]) -> list[Label | None]:
    """A learner's labels for records; None before it has learned anything."""
    return [said.label for said in learner.predict_many(records, as_is=True)] if records else []


def predict_tolerant(learner: Decider, records: Sequence[Any]) -> list[Label | None]:
    """A learner's labels for records; None also for records that an imported learner refuses."""
    try:
        return answers_of(learner, records)
    except InputError:
        if len(records) == 1:
            return [None]
        return [answer for record in records for answer in predict_tolerant(learner, [record])]


def version_of(row: Row, learner: str) -> Version:
    """The public model of a version."""
    shown = {name: row[name] for name in Version.__slots__ if name != "learner"}
    return Version(learner=learner, **shown)
