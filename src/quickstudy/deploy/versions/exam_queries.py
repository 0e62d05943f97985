"""The exam as it is read: pins, their mark, and how a version does on them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, func, select

from quickstudy.api.versions import Exam, Pin
from quickstudy.deploy.core.records import decode, encode
from quickstudy.deploy.core.rows import Rows
from quickstudy.deploy.core.tables import EXAM, LEARNERS, Row, checked
from quickstudy.errors import NotFoundError
from quickstudy.types import Label

ID = re.compile(r"pin-([1-9][0-9]{0,17})")


def pins(connection: Connection, number: int) -> list[Pin]:
    """The pins of a learner, in the order in which they were made.

    Raises:
        NotFoundError: there is no learner of that number.
        StoreError: a row is damaged.
    """
    named = connection.execute(select(LEARNERS).where(LEARNERS.c.id == number)).mappings().first()
    if named is None:
        raise NotFoundError(f"there is no learner number {number}")
    name = checked(LEARNERS, named)["name"]
    query = select(EXAM).where(EXAM.c.learner == number).order_by(EXAM.c.seq)
    rows = connection.execute(query).mappings()
    return [pin_of(checked(EXAM, row), name) for row in rows]


def mark(connection: Connection, number: int) -> tuple[int, int]:
    """What changes with every change of the exam: its newest pin, and how many there are."""
    found = connection.execute(_mark(number)).one()
    return found[0] or 0, found[1]


def mark_of(rows: Rows, number: int) -> tuple[int, int]:
    """The same, as of the transaction under way."""
    found = rows.columns(EXAM, _mark(number))[0]
    return found[0] or 0, found[1]


def _mark(number: int) -> Any:
    return select(func.max(EXAM.c.seq), func.count()).where(EXAM.c.learner == number)


def pin_of(row: Row, learner: str) -> Pin:
    return Pin(
        id=f"pin-{row['seq']}",
        learner=learner,
        record=decode(row["record"]),
        label=decode(row["label"]),
        bound=row["bound"],
        auto=bool(row["auto"]),
        source=row["source"],
        seq=row["seq"],
        time=row["time"],
    )


def sit(pins: Sequence[Pin], answers: Sequence[Label | None], version: str) -> Exam:
    """What a version makes of the pinned cases, by its answer to each; None is no answer.

    Those that it fails come first, those that it must pass before those that it should.

    >>> case = Pin("pin-7", "t", {"a": 1}, 1, "must", False, "ana", 7, 0.0)
    >>> exam = sit([case, case], [1, True], "v")  # 1, True and "1" are three labels
    >>> exam.passed, exam.failed, exam.must_failed, exam.pins[0].answer
    (1, 1, 1, True)
    """
    sat = [
        replace(case, answer=answer, passes=encode(answer) == encode(case.label))
        for case, answer in zip(pins, answers, strict=True)
    ]
    failed = [case for case in sat if not case.passes]
    return Exam(
        version=version,
        passed=len(sat) - len(failed),
        failed=len(failed),
        must_failed=sum(case.bound == "must" for case in failed),
        pins=tuple(sorted(sat, key=lambda case: (case.passes, case.bound != "must"))),
    )
