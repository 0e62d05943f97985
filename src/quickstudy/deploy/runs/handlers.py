"""Runs at the desk: what is logged of them, what the value learner says, and when they expire."""

from __future__ import annotations

import logging
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from typing import TYPE_CHECKING, Any

from sqlalchemy import select

from quickstudy.api.runs import RunInfo, RunStatus
from quickstudy.deploy.core.failures import reason_of
from quickstudy.deploy.core.records import checked_name, written
from quickstudy.deploy.core.tables import LEARNERS, RUNS, Row
from quickstudy.deploy.decisions.commands import (
    ChangeValue,
    CreateValue,
    EndRun,
    ExpireRun,
    Look,
    Shoot,
    StartRun,
    TakeStep,
    Tell,
)
from quickstudy.deploy.guardrails import enforce
from quickstudy.deploy.hosting.quarantine import SetAside, note
from quickstudy.deploy.runs import projection, snapshots
from quickstudy.deploy.runs.hosted import NotFoldedError, Watch
from quickstudy.deploy.runs.queries import STEP, paused, run_info
from quickstudy.deploy.runs.settings import KIND
from quickstudy.deploy.runs.snapshots import Shot
from quickstudy.deploy.runs.state import CourseFold, new_value, read_estimate
from quickstudy.errors import InputError, NotFoundError, SettingError
from quickstudy.log.store import events_of
from quickstudy.types import Estimate

if TYPE_CHECKING:
    from quickstudy.deploy.core.context import Desk

OURS = "r_"  # what the ids that we make start with
EXPIRED_AT_ONCE = 500
log = logging.getLogger("quickstudy")
RUN_TALLY = ("runs", "steps", "open", "expired", "late", "successes", "stopped")


def create(desk: Desk, request: CreateValue) -> None:
    """Put a new value learner on duty."""
    number = desk.new_number(request.name)
    new_value(request.settings)  # refuses settings out of range
    settings = {"kind": KIND, **asdict(request.settings)}
    row = {
        "id": number,
        "name": request.name,
        "settings": written(settings),
        "created": desk.transaction.time,
        "epoch": 0,
        "deleted": 0,
        "tally": written(dict.fromkeys(RUN_TALLY, 0)),
    }
    desk.book.put(LEARNERS, row)
    event = desk.log("created", number, actor=request.actor, subject=request.name, payload=settings)
    created = desk.transaction.time

    def take_over() -> None:
        fold = CourseFold.new(request.settings, event.seq)
        desk.watches.take_over(Watch(number, request.name, created, fold))

    desk.once_committed(take_over)


def change(desk: Desk, request: ChangeValue) -> None:
    """Change settings; what follows from them is changed from the next step on."""
    watch = desk.watch(request.name)
    fold = desk.watches.fold(watch)
    settings = replace(fold.settings, **request.values)
    with _whole(desk, watch, "changed", watch.name):
        fold.change(settings)
    payload = {"settings": {"kind": KIND, **asdict(settings)}}
    event = desk.log(
        "changed", watch.number, actor=request.actor, subject=watch.name, payload=payload
    )
    desk.watches.folded(watch, event.seq)
    desk.book.find(LEARNERS, watch.number)
    desk.book[LEARNERS].change((watch.number,), settings=written(payload["settings"]))


def start(desk: Desk, request: StartRun) -> RunInfo:
    """Begin a run; one with the same id and task that has no steps yet is that run."""
    watch = desk.watch(request.name)
    fold = desk.watches.fold(watch)
    if request.id is not None and (known := _known(desk, watch, request.id)):
        if (known["status"], known["steps"], known["task"]) == ("live", 0, request.task):
            return replace(run_info(known, watch.name), repeated=True)
        raise InputError(f"id {request.id!r} was used for another run; give each its own")
    if len(fold.learner.open) >= fold.settings.most_open:
        raise InputError(
            f"most_open is {fold.settings.most_open:,}, and so many runs of {watch.name!r} are "
            "open: end some, or change it"
        )
    run = request.id or f"{OURS}{desk.transaction.head[0] + 1:010x}{secrets.token_hex(5)}"
    payload = {"task": request.task}
    with _whole(desk, watch, "run_started", run):
        fold.start(run, payload)
    event = desk.log("run_started", watch.number, actor=request.actor, subject=run, payload=payload)
    desk.watches.folded(watch, event.seq)
    desk.count(watch, open=1)
    row = projection.started(event, payload)
    desk.book.put(RUNS, row)
    return run_info(row, watch.name)


def checked_run(value: Any) -> str:
    """An id for a run, chosen by who starts it.

    Raises:
        InputError: it cannot be one, or starts like ours.
    """
    name = checked_name("id", value)
    if name.startswith(OURS):
        raise InputError(f"id {name!r} starts with {OURS!r}, as only ours do")
    return name


def _known(desk: Desk, watch: Watch, run: str) -> Row | None:
    return desk.book.find(RUNS, watch.number, run)


def _row(desk: Desk, watch: Watch, run: str) -> Row:
    row = _known(desk, watch, run)
    if row is None:
        raise NotFoundError(f"{watch.name!r} has no run {run!r:.140}")
    return row


def step(desk: Desk, request: TakeStep) -> Estimate:
    """Add a step; one with a number that was there before gets what was answered then."""
    watch = desk.watch(request.name)
    fold = desk.watches.fold(watch)
    row = _row(desk, watch, request.run)
    pause = enforce.pause_in_force(desk, watch)
    number = row["steps"] + 1 if request.number is None else request.number
    if number <= row["steps"]:
        return _again(desk, request, row, number, pause)
    if number > row["steps"] + 1:
        raise InputError(
            f"number is {number}, but run {request.run!r} has {row['steps']} steps: the next is "
            f"{row['steps'] + 1}"
        )
    if row["status"] != "live":
        raise InputError(f"run {request.run!r} is {row['status']}: start another one")
    with _whole(desk, watch, "stepped", request.run):
        said = fold.step(request.run, request.given)
    payload = {**request.given, "number": number, "estimate": asdict(said), "pause": pause}
    event = desk.log(
        "stepped", watch.number, actor=request.actor, subject=request.run, payload=payload
    )
    desk.watches.folded(watch, event.seq)
    shown = paused(said, pause)
    desk.count(watch, steps=1, stopped=int(shown.stop and not row["stopped"]))
    desk.book.put(RUNS, projection.stepped(row, event, payload))
    return shown


def _again(desk: Desk, request: TakeStep, row: Row, number: int, pause: str) -> Estimate:
    payload = desk.payload(row["last"]) if number == row["steps"] else _step(desk, row, number)
    if written([payload[name] for name in STEP]) != written([request.given[n] for n in STEP]):
        raise InputError(
            f"number {number} of run {row['id']!r} is on record with another content; the next "
            f"is {row['steps'] + 1}"
        )
    return paused(read_estimate(payload["estimate"]), pause or payload["pause"])


def _step(desk: Desk, row: Row, number: int) -> dict[str, Any]:
    """What the event of a step says that is not the last one."""
    logged = [*events_of(desk.transaction.connection, row["id"]), *desk.transaction.events]
    for event in logged:
        if (event.type, event.learner, event.subject) == ("stepped", row["learner"], row["id"]):
            payload = event.read()
            if payload["number"] == number:
                return payload
    raise NotFoundError(f"step {number} of run {row['id']!r} is not in the log")


def end(desk: Desk, request: EndRun) -> RunInfo:
    """Say how a run ended, once: learned, or, if it had expired, put on record as late."""
    watch = desk.watch(request.name)
    fold = desk.watches.fold(watch)
    row = _row(desk, watch, request.run)
    settings = fold.settings
    by_outcome = request.outcome >= settings.success
    success = by_outcome if request.success is None else request.success
    if row["status"] in ("ended", "late"):
        if (row["outcome"], bool(row["success"])) == (request.outcome, success):
            return replace(run_info(row, watch.name), repeated=True)
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
    event = desk.log(
        "run_ended", watch.number, actor=request.actor, subject=request.run, payload=payload
    )
    desk.watches.folded(watch, event.seq)
    learned = status == "ended"
    counts = {"runs": 1, "open": -1, "successes": int(success)} if learned else {"late": 1}
    desk.count(watch, **counts)
    row = projection.ended(row, event, payload)
    desk.book.put(RUNS, row)
    if reason:
        _end_without(desk, watch, SetAside(event.seq, reason), request.run)
    return replace(run_info(row, watch.name), quarantined=reason)


def _learn_end(fold: CourseFold, run: str, payload: dict[str, Any]) -> str:
    """Have the end of a run learned; why that failed, or ""."""
    try:
        fold.end(run, payload)
    except InputError:
        raise
    except Exception as error:
        return reason_of(error)
    return ""


def _end_without(desk: Desk, watch: Watch, one: SetAside, run: str) -> None:
    """The end of a run is on record, but was not learned: to the learner its end is unknown."""
    note(desk, watch.number, one, subject=run, about="run_ended")
    log.warning("learner %s set aside %s", watch.name, one)
    with suppress(NotFoldedError):  # out of service; a replay comes to the same
        desk.watches.restored(watch, desk.transaction.events)


@contextmanager
def _whole(desk: Desk, watch: Watch, about: str, subject: str) -> Iterator[None]:
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
        note(desk, watch.number, one, subject=subject, about=about)
        log.warning("learner %s failed at %s of %s: %s", watch.name, about, subject, one.reason)
        desk.watches.restored(watch, desk.transaction.events)
        raise InputError(
            f"{watch.name!r} could not take this in ({one.reason}): it is as it was before, and "
            "nothing but this failure is on record; send another input, or raise its budget_mb"
        ) from error


def close(desk: Desk, request: ExpireRun) -> RunInfo:
    """Close a run whose end nobody will know, as the clock would: nothing is learned of it."""
    watch = desk.watch(request.name)
    desk.watches.fold(watch)
    row = _row(desk, watch, request.run)
    if row["status"] == "expired":
        return replace(run_info(row, watch.name), repeated=True)
    if row["status"] != "live":
        raise InputError(f"run {request.run!r} has ended: its end is on record, it cannot expire")
    return run_info(_close(desk, watch, row, actor=request.actor), watch.name)


def _close(desk: Desk, watch: Watch, row: Row, *, actor: str) -> Row:
    """A live run expires; its row from then on."""
    fold = desk.watches.fold(watch)
    with _whole(desk, watch, "expired", row["id"]):
        fold.expire(row["id"])
    payload = {"steps": row["steps"]}
    event = desk.log("expired", watch.number, actor=actor, subject=row["id"], payload=payload)
    desk.watches.folded(watch, event.seq)
    desk.count(watch, open=-1, expired=1)
    row = projection.expired(row)
    desk.book.put(RUNS, row)
    return row


def expire(desk: Desk) -> int:
    """End the waiting for runs that got no step in time; how many there were."""
    return sum(_expire(desk, watch) for watch in list(desk.watches.by_name.values()))


def _expire(desk: Desk, watch: Watch) -> int:
    """Rows that are changed in this transaction are looked at as they are at hand."""
    due = desk.transaction.time - watch.settings.wait_seconds
    query = (
        select(RUNS.c.id)
        .where(RUNS.c.learner == watch.number, RUNS.c.status == "live", RUNS.c.updated <= due)
        .order_by(RUNS.c.updated, RUNS.c.seq)
        .limit(EXPIRED_AT_ONCE)
    )
    ids = desk.transaction.connection.execute(query).scalars().all()
    if not ids:
        return 0
    try:
        desk.watches.fold(watch)
    except NotFoldedError:  # the next look tries again
        return 0
    for run in ids:
        row = _row(desk, watch, run)
        if row["status"] == "live" and row["updated"] <= due:
            try:
                _close(desk, watch, row, actor="clock")
            except (InputError, NotFoldedError):  # the others go on
                return 0
    return len(ids)


def look(desk: Desk, request: Look) -> tuple[int, str]:
    """Where a value learner stands."""
    fold = desk.watches.fold(request.watch)
    return fold.folded, fold.hash


def tell(desk: Desk, request: Tell) -> tuple[dict[str, Any], tuple[tuple[str, float], ...]]:
    """What a value learner rests on now."""
    learner = desk.watches.fold(request.watch).learner
    return dict(learner.stopping), tuple(learner.experts)


def shoot(desk: Desk, request: Shoot) -> Shot | None:
    """A value learner packed, for a snapshot."""
    watch = request.watch
    fold = desk.watches.fold(watch)
    if fold.folded == watch.saved:
        return None
    desk.once_committed(watch.shot)
    return snapshots.shoot(fold)
