"""Runs at the desk: what is logged of them, what the value learner says, and when they expire."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from quickstudy.api.checks import checked_name
from quickstudy.api.runs import RunInfo, RunStatus
from quickstudy.deploy.core.failures import reason_of
from quickstudy.deploy.core.records import written
from quickstudy.deploy.core.tables import LEARNERS, RUNS, Row
from quickstudy.deploy.decisions.commands import (
    ChangeValue,
    CreateValue,
    EndRun,
    ExpireRun,
    GetReport,
    GetStateHash,
    StartRun,
    TakeSnapshot,
    TakeStep,
)
from quickstudy.deploy.guardrails import enforce
from quickstudy.deploy.hosting.quarantine import SetAside, note
from quickstudy.deploy.runs import projection, snapshots
from quickstudy.deploy.runs.hosted import HostedValue, ReplayNeededError
from quickstudy.deploy.runs.queries import STEP, paused, run_info
from quickstudy.deploy.runs.settings import KIND
from quickstudy.deploy.runs.snapshots import Shot
from quickstudy.deploy.runs.state import ValueState, new_value, read_estimate
from quickstudy.errors import InputError, NotFoundError, SettingError
from quickstudy.log.store import events_of
from quickstudy.types import Estimate

if TYPE_CHECKING:
    from quickstudy.deploy.core.context import Context

OURS = "r_"  # what the ids that we make start with
EXPIRED_AT_ONCE = 500
log = logging.getLogger("quickstudy")
RUN_TALLY = ("runs", "steps", "open", "expired", "late", "successes", "stopped")


def create(context: Context, request: CreateValue) -> None:
    """Put a new value learner on duty."""
    number = context.new_number(request.name)
    new_value(request.settings)  # refuses settings out of range
    settings = {"kind": KIND, **asdict(request.settings)}
    row = {
        "id": number,
        "name": request.name,
        "settings": written(settings),
        "created": context.transaction.time,
        "epoch": 0,
        "deleted": 0,
        "tally": written(dict.fromkeys(RUN_TALLY, 0)),
    }
    context.rows.put(LEARNERS, row)
    event = context.log(
        "created", number, actor=request.actor, subject=request.name, payload=settings
    )
    created = context.transaction.time

    def register() -> None:
        fold = ValueState.new(request.settings, event.seq)
        context.hosted_values.register(HostedValue(number, request.name, created, fold))

    context.once_committed(register)


def change(context: Context, request: ChangeValue) -> None:
    """Change settings; what follows from them is changed from the next step on."""
    hosted_value = context.hosted_value(request.name)
    fold = context.hosted_values.fold(hosted_value)
    settings = replace(fold.settings, **request.values)
    with _whole(context, hosted_value, "changed", hosted_value.name):
        fold.change(settings)
    payload = {"settings": {"kind": KIND, **asdict(settings)}}
    event = context.log(
        "changed",
        hosted_value.number,
        actor=request.actor,
        subject=hosted_value.name,
        payload=payload,
    )
    context.hosted_values.folded(hosted_value, event.seq)
    context.rows.find(LEARNERS, hosted_value.number)
    context.rows[LEARNERS].change((hosted_value.number,), settings=written(payload["settings"]))


def start(context: Context, request: StartRun) -> RunInfo:
    """Begin a run; one with the same id and task that has no steps yet is that run."""
    hosted_value = context.hosted_value(request.name)
    fold = context.hosted_values.fold(hosted_value)
    if request.id is not None and (known := _known(context, hosted_value, request.id)):
        if (known["status"], known["steps"], known["task"]) == ("live", 0, request.task):
            return replace(run_info(known, hosted_value.name), repeated=True)
        raise InputError(f"id {request.id!r} was used for another run; give each its own")
    if len(fold.learner.open) >= fold.settings.most_open:
        raise InputError(
            f"most_open is {fold.settings.most_open:,}, and that many runs of "
            f"{hosted_value.name!r} are "
            "open: end some, or change it"
        )
    run = request.id or f"{OURS}{context.transaction.head[0] + 1:010x}{secrets.token_hex(5)}"
    payload = {"task": request.task}
    with _whole(context, hosted_value, "run_started", run):
        fold.start(run, payload)
    event = context.log(
        "run_started", hosted_value.number, actor=request.actor, subject=run, payload=payload
    )
    context.hosted_values.folded(hosted_value, event.seq)
    context.count(hosted_value, open=1)
    row = projection.started(event, payload)
    context.rows.put(RUNS, row)
    return run_info(row, hosted_value.name)


def checked_run(value: Any) -> str:
    """An id for a run, chosen by who starts it.

    Raises:
        InputError: it cannot be one, or starts like ours.
    """
    name = checked_name("id", value)
    if name.startswith(OURS):
        raise InputError(f"id {name!r} starts with {OURS!r}, as only ours do")
    return name


def _known(context: Context, hosted_value: HostedValue, run: str) -> Row | None:
    return context.rows.find(RUNS, hosted_value.number, run)


def _row(context: Context, hosted_value: HostedValue, run: str) -> Row:
    row = _known(context, hosted_value, run)
    if row is None:
        raise NotFoundError(f"{hosted_value.name!r} has no run {run!r:.140}")
    return row


def step(context: Context, request: TakeStep) -> Estimate:
    """Add a step; one with a number that was there before gets what was answered then."""
    hosted_value = context.hosted_value(request.name)
    fold = context.hosted_values.fold(hosted_value)
    row = _row(context, hosted_value, request.run)
    pause = enforce.pause_in_force(context, hosted_value)
    number = row["steps"] + 1 if request.number is None else request.number
    if number <= row["steps"]:
        return _again(context, request, row, number, pause)
    if number > row["steps"] + 1:
        raise InputError(
            f"number is {number}, but run {request.run!r} has {row['steps']} steps: the next is "
            f"{row['steps'] + 1}"
        )
    if row["status"] != "live":
        raise InputError(f"run {request.run!r} is {row['status']}: start another one")
    with _whole(context, hosted_value, "stepped", request.run):
        said = fold.step(request.run, request.given)
    payload = {**request.given, "number": number, "estimate": asdict(said), "pause": pause}
    event = context.log(
        "stepped", hosted_value.number, actor=request.actor, subject=request.run, payload=payload
    )
    context.hosted_values.folded(hosted_value, event.seq)
    shown = paused(said, pause)
    context.count(hosted_value, steps=1, stopped=int(shown.stop and not row["stopped"]))
    context.rows.put(RUNS, projection.stepped(row, event, payload))
    return shown


def _again(context: Context, request: TakeStep, row: Row, number: int, pause: str) -> Estimate:
    payload = (
        context.payload(row["last"]) if number == row["steps"] else _step(context, row, number)
    )
    if written([payload[name] for name in STEP]) != written([request.given[n] for n in STEP]):
        raise InputError(
            f"number {number} of run {row['id']!r} is on record with another content; the next "
            f"is {row['steps'] + 1}"
        )
    return paused(read_estimate(payload["estimate"]), pause or payload["pause"])


def _step(context: Context, row: Row, number: int) -> dict[str, Any]:
    """What the event of a step says that is not the last one."""
    logged = [*events_of(context.transaction.connection, row["id"]), *context.transaction.events]
    for event in logged:
        if (event.type, event.learner, event.subject) == ("stepped", row["learner"], row["id"]):
            payload = event.read()
            if payload["number"] == number:
                return payload
    raise NotFoundError(f"step {number} of run {row['id']!r} is not in the log")


def end(context: Context, request: EndRun) -> RunInfo:
    """Say how a run ended, once: learned, or, if it had expired, put on record as late."""
    hosted_value = context.hosted_value(request.name)
    fold = context.hosted_values.fold(hosted_value)
    row = _row(context, hosted_value, request.run)
    settings = fold.settings
    by_outcome = request.outcome >= settings.success
    success = by_outcome if request.success is None else request.success
    if row["status"] in ("ended", "late"):
        if (row["outcome"], bool(row["success"])) == (request.outcome, success):
            return replace(run_info(row, hosted_value.name), repeated=True)
        raise InputError(
            f"outcome is {request.outcome:g} and success {success}, but run {request.run!r} is on "
            f"record with {row['outcome']:g} and {bool(row['success'])}"
        )
    low, high = settings.outcome_range
    if not low <= request.outcome <= high:
        raise InputError(f"outcome is {request.outcome:g}; it must be in [{low:g}, {high:g}]")
    status: RunStatus = "ended" if row["status"] == "live" else "late"
    payload = {
        "outcome": request.outcome,
        "success": success,
        "source": request.source,
        "status": status,
    }
    reason = _learn_end(fold, request.run, payload)
    event = context.log(
        "run_ended", hosted_value.number, actor=request.actor, subject=request.run, payload=payload
    )
    context.hosted_values.folded(hosted_value, event.seq)
    learned = status == "ended"
    counts = {"runs": 1, "open": -1, "successes": int(success)} if learned else {"late": 1}
    context.count(hosted_value, **counts)
    row = projection.ended(row, event, payload)
    context.rows.put(RUNS, row)
    if reason:
        _end_without(context, hosted_value, SetAside(event.seq, reason), request.run)
    return replace(run_info(row, hosted_value.name), quarantined=reason)


def _learn_end(fold: ValueState, run: str, payload: dict[str, Any]) -> str:
    """Have the end of a run learned; why that failed, or ""."""
    try:
        fold.end(run, payload)
    except InputError:
        raise
    except Exception as error:
        return reason_of(error)
    return ""


def _end_without(context: Context, hosted_value: HostedValue, one: SetAside, run: str) -> None:
    """The end of a run is on record, but was not learned: to the learner its end is unknown."""
    note(context, hosted_value.number, one, subject=run, about="run_ended")
    log.warning("learner %s set aside %s", hosted_value.name, one)
    with suppress(ReplayNeededError):  # out of service; a replay comes to the same
        context.hosted_values.restored(hosted_value, context.transaction.events)


@contextmanager
def _whole(context: Context, hosted_value: HostedValue, about: str, subject: str) -> Iterator[None]:
    """A change of a learner that is made wholly, or else is refused, on record, and undone.

    Raises:
        InputError: it is refused.
        NotFoldedError: the learner cannot be made as it was before.
    """
    try:
        yield
    except (InputError, SettingError):  # at the door: nothing was changed
        raise
    except Exception as error:
        one = SetAside.of(0, error)
        note(context, hosted_value.number, one, subject=subject, about=about)
        log.warning(
            "learner %s failed at %s of %s: %s", hosted_value.name, about, subject, one.reason
        )
        context.hosted_values.restored(hosted_value, context.transaction.events)
        raise InputError(
            f"{hosted_value.name!r} could not take this in ({one.reason}): "
            "it is as it was before, and "
            "nothing but this failure is on record; send another input, or raise its budget_mb"
        ) from error


def close(context: Context, request: ExpireRun) -> RunInfo:
    """Close a run whose end nobody will know, as the clock would: nothing is learned of it."""
    hosted_value = context.hosted_value(request.name)
    context.hosted_values.fold(hosted_value)
    row = _row(context, hosted_value, request.run)
    if row["status"] == "expired":
        return replace(run_info(row, hosted_value.name), repeated=True)
    if row["status"] != "live":
        raise InputError(f"run {request.run!r} has ended: its end is on record, it cannot expire")
    return run_info(_close(context, hosted_value, row, actor=request.actor), hosted_value.name)


def _close(context: Context, hosted_value: HostedValue, row: Row, *, actor: str) -> Row:
    """A live run expires; its row from then on."""
    fold = context.hosted_values.fold(hosted_value)
    with _whole(context, hosted_value, "expired", row["id"]):
        fold.expire(row["id"])
    payload = {"steps": row["steps"]}
    event = context.log(
        "expired", hosted_value.number, actor=actor, subject=row["id"], payload=payload
    )
    context.hosted_values.folded(hosted_value, event.seq)
    context.count(hosted_value, open=-1, expired=1)
    row = projection.expired(row)
    context.rows.put(RUNS, row)
    return row


def expire(context: Context) -> int:
    """End the waiting for runs that got no step in time; how many there were."""
    return sum(
        _expire(context, hosted_value)
        for hosted_value in list(context.hosted_values.by_name.values())
    )


def _expire(context: Context, hosted_value: HostedValue) -> int:
    """Rows that are changed in this transaction are looked at as they are at hand."""
    due = context.transaction.time - hosted_value.settings.wait_seconds
    query = (
        select(RUNS.c.id)
        .where(
            RUNS.c.learner == hosted_value.number, RUNS.c.status == "live", RUNS.c.updated <= due
        )
        .order_by(RUNS.c.updated, RUNS.c.seq)
        .limit(EXPIRED_AT_ONCE)
    )
    ids = context.transaction.connection.execute(query).scalars().all()
    if not ids:
        return 0
    try:
        context.hosted_values.fold(hosted_value)
    except ReplayNeededError:  # the next look tries again
        return 0
    for run in ids:
        row = _row(context, hosted_value, run)
        if row["status"] == "live" and row["updated"] <= due:
            try:
                _close(context, hosted_value, row, actor="clock")
            except (InputError, ReplayNeededError):  # the others go on
                return 0
    return len(ids)


def look(context: Context, request: GetStateHash) -> tuple[int, str]:
    """Where a value learner stands."""
    fold = context.hosted_values.fold(request.hosted_value)
    return fold.folded, fold.hash


def tell(
    context: Context, request: GetReport
) -> tuple[dict[str, Any], tuple[tuple[str, float], ...]]:
    """What a value learner rests on now."""
    learner = context.hosted_values.fold(request.hosted_value).learner
    return dict(learner.stopping), tuple(learner.experts)


def shoot(context: Context, request: TakeSnapshot) -> Shot | None:
    """A value learner packed, for a snapshot."""
    hosted_value = request.hosted_value
    fold = context.hosted_values.fold(hosted_value)
    if fold.folded == hosted_value.saved:
        return None
    context.once_committed(hosted_value.shot)
    return snapshots.shoot(fold)
