"""Queries on the exam: pins, their revision, and the result of a version."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import Connection, func, select

from quickstudy.api.versions import Exam, Pin
from quickstudy.deploy.core.queries import rows_of
from quickstudy.deploy.core.records import decode, encode
from quickstudy.deploy.core.rows import Rows
from quickstudy.deploy.core.tables import EXAM, LEARNERS, Row, checked
from quickstudy.errors import NotFoundError
from quickstudy.types import Label

ID = re.compile(r"pin-([1-9][0-9]{0,17})")


def pins(connection: Connection, number: int) -> list[Pin]:
    """The pins of a learner, in the order of their creation.

    Raises:
        NotFoundError: there is no learner of that number.
        StoreError: a row is damaged.
    """
    named = connection.execute(select(LEARNERS).where(LEARNERS.c.id == number)).mappings().first()
    if named is None:
        raise NotFoundError(f"there is no learner number {number}")
    name = checked(LEARNERS, named)["name"]
    query = select(EXAM).where(EXAM.c.learner == number).order_by(EXAM.c.seq)
    return [pin_of(row, name) for row in rows_of(connection, EXAM, query)]


def revision(connection: Connection, number: int) -> tuple[int, int]:
    """The revision of the exam, different after every change: newest pin and number of pins."""
    found = connection.execute(_revision(number)).one()
    return found[0] or 0, found[1]


def revision_of(rows: Rows, number: int) -> tuple[int, int]:
    """The revision as of the current transaction."""
    found = rows.columns(EXAM, _revision(number))[0]
    return found[0] or 0, found[1]


def _revision(number: int) -> Any:
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
    """The exam result of a version, from its answer to each pinned case; None is no answer.

    Failed cases come first, and within each group those with bound "must".

    >>> case = Pin("pin-7", "t", {"a": 1}, 1, "must", False, "ana", 7, 0.0)
    >>> exam = sit([case, case], [1, True], "v")  # 1, True and "1" are three labels
    >>> exam.passed, exam.failed, exam.must_failed, exam.pins[0].answer
    (1, 1, 1, True)
    """
    results = [
        replace(case, answer=answer, passes=encode(answer) == encode(case.label))
        for case, answer in zip(pins, answers, strict=True)
    ]
    failed = [case for case in results if not case.passes]
    return Exam(
        version=version,
        passed=len(results) - len(failed),
        failed=len(failed),
        must_failed=sum(case.bound == "must" for case in failed),
        pins=tuple(sorted(results, key=lambda case: (case.passes, case.bound != "must"))),
    )
