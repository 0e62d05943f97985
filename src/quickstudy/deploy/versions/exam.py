"""Decides the contents of the exam: pinned cases with the label that a version must give.

A pin is one event (`pinned`); its number names the pin: "pin-7". The table EXAM holds the present
pins.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, get_args

from sqlalchemy import func, select

from quickstudy.api.checks import checked_name
from quickstudy.api.versions import Bound, Pin
from quickstudy.deploy.core.context import Context
from quickstudy.deploy.core.contract import SYSTEM, Decided, Draft
from quickstudy.deploy.core.records import digest, encode
from quickstudy.deploy.core.tables import CASES, EXAM, Row
from quickstudy.deploy.hosting.learner import HostedLearner
from quickstudy.deploy.hosting.transaction import HostedLearners
from quickstudy.deploy.versions.commands import PinCases, PinSpec, Unpin
from quickstudy.deploy.versions.exam_queries import ID, pin_of
from quickstudy.errors import InputError, NotFoundError
from quickstudy.types import Label

MOST_PINS = 5000  # manual pins of a learner
MOST_AUTO = 1000  # automatic pins of a learner, made from corrections


@dataclass(frozen=True, slots=True)
class _Case:
    """A checked case to pin; `about` is the id of its prediction, or ""."""

    record: Any
    input: bytes
    label: Label
    bound: Bound
    source: str
    about: str


def pin(context: Context, command: PinCases) -> Decided[list[Pin]]:
    """Pin cases in order: all of them, or, if one is refused, none.

    A new pin replaces an earlier pin of the same input.

    Raises:
        NotFoundError: there is no such learner or prediction.
        InputError: a record, label, bound or source is not valid, or there are too many pins.
    """
    hosted = context.of(HostedLearners).in_service(command.learner_name, context)
    cases = []
    for i, item in enumerate(command.items):
        try:
            cases.append(_checked(context, hosted, item, command))
        except InputError as error:
            where = f"pins[{i}]: " if len(command.items) > 1 else ""
            raise type(error)(f"{where}{error}", field=error.field) from None
    before = _pins_of(context, hosted, [case.input for case in cases])
    new = {case.input for case in cases if case.input not in before or before[case.input]["auto"]}
    held = _count(context, hosted, auto=0)
    if held + len(new) > MOST_PINS:
        raise InputError(
            f"learner {hosted.name!r} has {held:,} pins, and {len(new):,} more are too many: "
            f"it may have {MOST_PINS:,}; unpin some first"
        )
    return (yield from _pin(context, hosted, cases, before, actor=command.actor))


def _checked(context: Context, hosted: HostedLearner, item: PinSpec, command: PinCases) -> _Case:
    if (item.prediction_id is None) == (item.record is None):
        raise InputError("give either prediction_id or record")
    label = command.sizes.label(item.label)
    if item.bound not in get_args(Bound):
        raise InputError(f"bound is {item.bound!r:.60}; it must be must or should")
    source = command.actor if item.source is None else checked_name("source", item.source)
    if item.prediction_id is None:
        about = ""
        record = command.sizes.record(item.record)
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
) -> Decided[None]:
    """Pin a case that a trusted source corrected; beyond MOST_AUTO the oldest such pin is removed.

    A manual pin of the input stays, and so does a pin with this label.
    """
    before = _pins_of(context, hosted, [case_row["input"]])
    old = before.get(case_row["input"])
    if old and (not old["auto"] or old["label"] == encode(label)):
        return
    record = context.payload(case_row["seq"])["record"]
    case = _Case(record, case_row["input"], label, "should", source, case_row["id"])
    excess = _count(context, hosted, auto=1) + (old is None) - MOST_AUTO
    leaving: list[int] = []
    if excess > 0:
        query = select(EXAM.c.seq).where(EXAM.c.learner == hosted.number, EXAM.c.auto == 1)
        leaving = context.rows.scalars(EXAM, query.order_by(EXAM.c.seq).limit(excess))
    yield from _pin(context, hosted, [case], before, actor=SYSTEM, auto=True, leaving=leaving)


def _pins_of(context: Context, hosted: HostedLearner, inputs: Sequence[bytes]) -> dict[bytes, Row]:
    """The pins of these inputs."""
    query = select(EXAM).where(EXAM.c.learner == hosted.number, EXAM.c.input.in_(inputs))
    return {row["input"]: row for row in context.rows.select(EXAM, query)}


def _count(context: Context, hosted: HostedLearner, *, auto: int) -> int:
    query = select(func.count()).where(EXAM.c.learner == hosted.number, EXAM.c.auto == auto)
    return int(context.rows.scalars(EXAM, query)[0])


def _pin(
    context: Context,
    hosted: HostedLearner,
    cases: Sequence[_Case],
    before: dict[bytes, Row],
    *,
    actor: str,
    auto: bool = False,
    leaving: Sequence[int] = (),
) -> Decided[list[Pin]]:
    """Log pins; pins in `before` with the same inputs, and pins in `leaving`, are removed."""
    standing, made = {place: row["seq"] for place, row in before.items()}, []
    for case in cases:
        replaces = [*leaving, *([standing[case.input]] if case.input in standing else [])]
        payload = {
            "record": case.record,
            "label": case.label,
            "bound": case.bound,
            "auto": auto,
            "source": case.source,
            "replaces": [f"pin-{seq}" for seq in replaces],
        }
        event = yield Draft(
            "pinned", hosted.number, actor=actor, subject=case.about, payload=payload
        )
        standing[case.input] = event.seq
        row = context.rows.find(EXAM, hosted.number, event.seq)
        assert row is not None
        made.append(pin_of(row, hosted.name))
    return made


def unpin(context: Context, command: Unpin) -> Decided[None]:
    """Remove a case from the exam.

    Raises:
        NotFoundError: there is no such learner, or it has no such pin.
    """
    hosted = context.of(HostedLearners).in_service(command.name, context)
    found = ID.fullmatch(command.id)
    if not found or not context.rows.find(EXAM, hosted.number, int(found[1])):
        raise NotFoundError(f"learner {hosted.name!r} has no pin {command.id!r:.60}")
    yield Draft("unpinned", hosted.number, actor=command.actor, subject=command.id)
