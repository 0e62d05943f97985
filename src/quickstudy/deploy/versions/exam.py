"""The exam: cases that people pinned, with the label that a version must, or should, give them.

A pin is one event (`pinned`), whose number is the pin's: "pin-7". The table EXAM holds the pins
that stand.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from sqlalchemy import Connection, func, select

from quickstudy.api.checks import checked_label, checked_name
from quickstudy.api.versions import Bound, Exam, Pin
from quickstudy.deploy.core.records import digest, read
from quickstudy.deploy.core.records import written as text_of
from quickstudy.deploy.core.tables import CASES, EXAM, LEARNERS, Row, checked, checksum
from quickstudy.deploy.decisions.commands import PinCases, PinSpec, Unpin
from quickstudy.deploy.hosting.learner import HostedLearner
from quickstudy.errors import DataFileError, InputError, LabelError, NotFoundError
from quickstudy.evaluate.data.options import ReadOptions
from quickstudy.evaluate.data.table import Table, read_table
from quickstudy.types import Label

if TYPE_CHECKING:
    from quickstudy.deploy.core.context import Context

MOST_PINS = 5000  # of a learner, made by hand
MOST_AUTO = 1000  # beside them, made of corrections
ID = re.compile(r"pin-([1-9][0-9]{0,17})")


@dataclass(frozen=True, slots=True)
class _Case:
    """A case to pin, after checking; `about` is the id of its prediction, or ""."""

    record: Any
    input: bytes
    label: Label
    bound: Bound
    source: str
    about: str


def pin(context: Context, request: PinCases) -> list[Pin]:
    """Pin cases, in order: all of them, or, if one is refused, none.

    An input that is pinned already gets a new pin in place of the old one.

    Raises:
        NotFoundError: there is no such learner or prediction.
        InputError: a record, label, bound or source cannot be one, or there are too many pins.
    """
    hosted = context.hosted(request.learner_name)
    cases = []
    for i, item in enumerate(request.items):
        try:
            cases.append(_checked(context, hosted, item, request))
        except InputError as error:
            where = f"pins[{i}]: " if len(request.items) > 1 else ""
            raise type(error)(f"{where}{error}", field=error.field) from None
    before = _pins_of(context, hosted, [case.input for case in cases])
    new = {case.input for case in cases if case.input not in before or before[case.input]["auto"]}
    held = _count(context, hosted, auto=0)
    if held + len(new) > MOST_PINS:
        raise InputError(
            f"learner {hosted.name!r} has {held:,} pins, and {len(new):,} more are too many: "
            "it may "
            f"have {MOST_PINS:,}; unpin some first"
        )
    return _write(context, hosted, cases, before, actor=request.actor)


def _checked(context: Context, hosted: HostedLearner, item: PinSpec, request: PinCases) -> _Case:
    if (item.prediction_id is None) == (item.record is None):
        raise InputError("give either prediction_id or record")
    label = request.sizes.label(item.label)
    if item.bound not in get_args(Bound):
        raise InputError(f"bound is {item.bound!r:.60}; it must be must or should")
    source = request.actor if item.source is None else checked_name("source", item.source)
    if item.prediction_id is None:
        about = ""
        record = request.sizes.record(item.record)
        with hosted.replicas.reading() as learner:
            learner.check(record)
    else:
        about = checked_name("prediction_id", item.prediction_id)
        case = context.rows.find(CASES, about)
        if case is None or case["learner"] != hosted.number:
            raise NotFoundError(f"learner {hosted.name!r} made no prediction {about!r}")
        record = context.payload(case["seq"])["record"]
    place = digest(context.secret, record)
    return _Case(record, place, label, item.bound, source, about)


def auto_pin(
    context: Context, hosted: HostedLearner, case_row: Row, label: Label, source: str
) -> Pin | None:
    """Pin a case whose answer was wrong, as a trusted source says; the oldest such pins leave.

    None if nothing was pinned: a pin that was made by hand stays, as does one with this label.
    """
    before = _pins_of(context, hosted, [case_row["input"]])
    old = before.get(case_row["input"])
    if old and (not old["auto"] or old["label"] == text_of(label)):
        return None
    record = context.payload(case_row["seq"])["record"]
    case = _Case(record, case_row["input"], label, "should", source, case_row["id"])
    excess = _count(context, hosted, auto=1) + (old is None) - MOST_AUTO
    leaving: list[int] = []
    if excess > 0:
        query = select(EXAM.c.seq).where(EXAM.c.learner == hosted.number, EXAM.c.auto == 1)
        oldest = query.order_by(EXAM.c.seq).limit(excess)
        leaving = list(context.transaction.connection.execute(oldest).scalars())
    return _write(context, hosted, [case], before, actor="desk", auto=True, leaving=leaving)[0]


def _pins_of(context: Context, hosted: HostedLearner, inputs: Sequence[bytes]) -> dict[bytes, Row]:
    """The pins of these inputs."""
    query = select(EXAM).where(EXAM.c.learner == hosted.number, EXAM.c.input.in_(inputs))
    rows = context.transaction.connection.execute(query).mappings()
    return {row["input"]: checked(EXAM, row) for row in rows}


def _count(context: Context, hosted: HostedLearner, *, auto: int) -> int:
    query = select(func.count()).where(EXAM.c.learner == hosted.number, EXAM.c.auto == auto)
    return context.transaction.connection.execute(query).scalar_one()


def _write(
    context: Context,
    hosted: HostedLearner,
    cases: Sequence[_Case],
    before: dict[bytes, Row],
    *,
    actor: str,
    auto: bool = False,
    leaving: Sequence[int] = (),
) -> list[Pin]:
    """Put pins on record; those of `before` with the same inputs and those `leaving` go."""
    gone, standing, made = list(leaving), dict(before), []
    for case in cases:
        old = standing.get(case.input)
        replaces = [*leaving, *([old["seq"]] if old else [])]
        payload = {
            "record": case.record,
            "label": case.label,
            "bound": case.bound,
            "auto": auto,
            "source": case.source,
            "replaces": [f"pin-{seq}" for seq in replaces],
        }
        event = context.log(
            "pinned", hosted.number, actor=actor, subject=case.about, payload=payload
        )
        gone += replaces
        standing[case.input] = {
            "learner": hosted.number,
            "seq": event.seq,
            "input": case.input,
            "record": text_of(case.record),
            "label": text_of(case.label),
            "bound": case.bound,
            "auto": int(auto),
            "source": case.source,
            "time": event.time,
        }
        made.append(_pin_of(standing[case.input], hosted.name))
    rows = [standing[place] for place in dict.fromkeys(case.input for case in cases)]
    connection = context.transaction.connection
    if gone:
        connection.execute(
            EXAM.delete().where(EXAM.c.learner == hosted.number, EXAM.c.seq.in_(gone))
        )
    if rows:
        connection.execute(EXAM.insert(), [{**row, "sum": checksum(row)} for row in rows])
    return made


def unpin(context: Context, request: Unpin) -> None:
    """Take a case out of the exam.

    Raises:
        NotFoundError: there is no such learner, or no such pin of it.
    """
    hosted = context.hosted(request.name)
    found = ID.fullmatch(request.id)
    seq = int(found[1]) if found else 0
    here = (EXAM.c.learner == hosted.number) & (EXAM.c.seq == seq)
    if not context.transaction.connection.execute(EXAM.delete().where(here)).rowcount:
        raise NotFoundError(f"learner {hosted.name!r} has no pin {request.id!r:.60}")
    context.log("unpinned", hosted.number, actor=request.actor, subject=request.id, payload={})


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
    return [_pin_of(checked(EXAM, row), name) for row in rows]


def mark(connection: Connection, number: int) -> tuple[int, int]:
    """What changes with every change of the exam: its newest pin, and how many there are."""
    query = select(func.max(EXAM.c.seq), func.count()).where(EXAM.c.learner == number)
    newest, count = connection.execute(query).one()
    return newest or 0, count


def _pin_of(row: Row, learner: str) -> Pin:
    return Pin(
        id=f"pin-{row['seq']}",
        learner=learner,
        record=read(row["record"]),
        label=read(row["label"]),
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
        replace(case, answer=answer, passes=text_of(answer) == text_of(case.label))
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


def read_pins(
    path: str | Path, *, labels: Sequence[Label] = (), options: ReadOptions | None = None
) -> list[tuple[Any, Label, Bound]]:
    """Cases to pin from a data file: (record, label, bound) in the order of its rows.

    Columns: `label`; `bound`, must or should, must where it is empty or not there; all others are
    fields. They are read as when a table is evaluated; missing values are left out. A file with one
    field, `text`, holds plain texts.

    Args:
        labels: that the learner knows: one that is spelled like one of them is that one.
        options: what is known of the file and cannot be seen.

    Raises:
        DataFileError: the file cannot be read; names line and column.
    """
    table = read_table(path, "label", types={"text": "text"}, labels=labels, options=options)
    fields = {name for record in table.records for name in record} - {"bound"}
    if not fields:
        raise DataFileError(f"{path}: it needs a column 'label', and others for the record")
    return [
        (_record_in(table, row, fields), _label_in(table, row), _bound_in(table, row))
        for row in range(len(table))
    ]


def _record_in(table: Table, row: int, fields: set[str]) -> Any:
    record = {k: v for k, v in table.records[row].items() if k != "bound" and v is not None}
    if fields != {"text"}:
        return record
    if not record:
        raise DataFileError(f"{table.where(row)}, column 'text': the text is missing")
    return record["text"]


def _label_in(table: Table, row: int) -> Label:
    try:
        return checked_label(table.labels[row])
    except LabelError as error:
        raise DataFileError(f"{table.where(row)}, column 'label': {error}") from None


def _bound_in(table: Table, row: int) -> Bound:
    given = str(table.records[row].get("bound") or "must").lower()
    bounds: tuple[Bound, ...] = get_args(Bound)
    for bound in bounds:
        if given == bound:
            return bound
    raise DataFileError(
        f"{table.where(row)}, column 'bound': {given!r:.60} is neither must nor should"
    )
