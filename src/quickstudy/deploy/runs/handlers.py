"""Decides runs: their events, and their expiry."""

from __future__ import annotations

import logging
import secrets
from dataclasses import replace
from typing import Any

from sqlalchemy import select

from quickstudy.api.checks import checked_name
from quickstudy.api.runs import RunInfo, RunStatus
from quickstudy.deploy.core.context import Context
from quickstudy.deploy.core.contract import EXPIRY, Decided, Draft, RefusedError
from quickstudy.deploy.core.failures import reason_of
from quickstudy.deploy.core.records import encode
from quickstudy.deploy.core.tables import RUNS, Row
from quickstudy.deploy.guardrails import enforce
from quickstudy.deploy.hosting.handlers import quarantined, record_set_aside
from quickstudy.deploy.hosting.quarantine import SetAside
from quickstudy.deploy.kind import new_learner, settings_to_plain
from quickstudy.deploy.runs import snapshots
from quickstudy.deploy.runs.commands import (
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
from quickstudy.deploy.runs.hosted import HostedValue, HostedValues, ReplayNeededError
from quickstudy.deploy.runs.queries import STEP, paused, run_info
from quickstudy.deploy.runs.snapshots import ValueSnapshot
from quickstudy.deploy.runs.state import ValueState, read_estimate
from quickstudy.errors import InputError, NotFoundError, SettingError
from quickstudy.log.events import Logged
from quickstudy.log.store import events_of
from quickstudy.types import Estimate

OURS = "r_"  # prefix of the ids that the deployment makes
EXPIRED_AT_ONCE = 500
log = logging.getLogger("quickstudy")


def create(context: Context, command: CreateValue) -> Decided[None]:
    """Create a value learner.
    Raises:
        InputError, SettingError: the name is taken, or a setting is out of its range.
    """
    number = context.new_number(command.name)
    new_learner(command.settings)  # refuses settings out of range
    settings = settings_to_plain(command.settings)
    yield Draft("created", number, actor=command.actor, subject=command.name, payload=settings)


def change(context: Context, command: ChangeValue) -> Decided[None]:
    """Change settings; they apply from the next step on."""
    hosted, state = yield from _ready(context, command.name)
    settings = replace(state.settings, **command.values)
    payload = {"settings": settings_to_plain(settings)}
    draft = Draft(
        "changed", hosted.number, actor=command.actor, subject=hosted.name, payload=payload
    )
    yield from _whole(context, hosted, draft)


def start(context: Context, command: StartRun) -> Decided[RunInfo]:
    """Start a run; a run with the same id and task and without steps is returned as it is."""
    hosted, state = yield from _ready(context, command.name)
    if command.id is not None and (known := _known(context, hosted, command.id)):
        if (known["status"], known["steps"], known["task"]) == ("live", 0, command.task):
            return replace(run_info(known, hosted.name), repeated=True)
        raise InputError(f"id {command.id!r} was used for another run; give each its own")
    if len(state.learner.open) >= state.settings.most_open:
        raise InputError(
            f"most_open is {state.settings.most_open:,}, and that many runs of {hosted.name!r} "
            "are open: end some, or change it"
        )
    run = command.id or f"{OURS}{context.next_seq:010x}{secrets.token_hex(5)}"
    payload = {"task": command.task}
    draft = Draft("run_started", hosted.number, actor=command.actor, subject=run, payload=payload)
    yield from _whole(context, hosted, draft)
    return run_info(_row(context, hosted, run), hosted.name)


def checked_run(value: Any) -> str:
    """The id of a run that the caller chose, checked.

    Raises:
        InputError: it is not valid, or has the prefix of the deployment's own ids.
    """
    name = checked_name("id", value)
    if name.startswith(OURS):
        raise InputError(f"id {name!r} starts with {OURS!r}, as only ours do")
    return name


def _ready(context: Context, name: str) -> Decided[tuple[HostedValue, ValueState]]:
    """A learner and its state; events that it set aside in a replay are logged."""
    values = context.of(HostedValues)
    hosted = values.named(name, context)
    state = yield from _state(context, hosted)
    return hosted, state


def _state(context: Context, hosted: HostedValue) -> Decided[ValueState]:
    state = context.of(HostedValues).state_of(hosted, context.transaction.events)
    for one in list(state.set_aside):
        if not (yield from record_set_aside(context, hosted.number, one)):  # it is logged already
            state.set_aside.remove(one)
    return state


def _known(context: Context, hosted: HostedValue, run: str) -> Row | None:
    return context.rows.find(RUNS, hosted.number, run)


def _row(context: Context, hosted: HostedValue, run: str) -> Row:
    row = _known(context, hosted, run)
    if row is None:
        raise NotFoundError(f"{hosted.name!r} has no run {run!r:.140}")
    return row


def step(context: Context, command: TakeStep) -> Decided[Estimate]:
    """Add a step; a step with a number that is on record gets the logged answer."""
    hosted, _ = yield from _ready(context, command.name)
    row = _row(context, hosted, command.run)
    pause = enforce.pause_in_force(context, hosted)
    number = row["steps"] + 1 if command.number is None else command.number
    if number <= row["steps"]:
        return _again(context, command, row, number, pause)
    if number > row["steps"] + 1:
        raise InputError(
            f"number is {number}, but run {command.run!r} has {row['steps']} steps: the next is "
            f"{row['steps'] + 1}"
        )
    if row["status"] != "live":
        raise InputError(f"run {command.run!r} is {row['status']}: start another one")
    payload = {**command.given, "number": number, "pause": pause}
    draft = Draft(
        "stepped", hosted.number, actor=command.actor, subject=command.run, payload=payload
    )
    event = yield from _whole(context, hosted, draft)
    estimate = read_estimate(context.payload(event.seq)["estimate"])
    return paused(estimate, pause)


def _again(context: Context, command: TakeStep, row: Row, number: int, pause: str) -> Estimate:
    payload = (
        context.payload(row["last"]) if number == row["steps"] else _step(context, row, number)
    )
    if encode([payload[name] for name in STEP]) != encode([command.given[n] for n in STEP]):
        raise InputError(
            f"number {number} of run {row['id']!r} is on record with another content; the next "
            f"is {row['steps'] + 1}"
        )
    return paused(read_estimate(payload["estimate"]), pause or payload["pause"])


def _step(context: Context, row: Row, number: int) -> dict[str, Any]:
    """The payload of an earlier step."""
    logged = [*events_of(context.transaction.connection, row["id"]), *context.transaction.events]
    for event in logged:
        if (event.type, event.learner, event.subject) == ("stepped", row["learner"], row["id"]):
            payload = event.read()
            if payload["number"] == number:
                return payload
    raise NotFoundError(f"step {number} of run {row['id']!r} is not in the log")


def end(context: Context, command: EndRun) -> Decided[RunInfo]:
    """Log the end of a run once: learned, or, if the run had expired, logged as late."""
    hosted, state = yield from _ready(context, command.name)
    row = _row(context, hosted, command.run)
    settings = state.settings
    by_outcome = command.outcome >= settings.success
    success = by_outcome if command.success is None else command.success
    if row["status"] in ("ended", "late"):
        if (row["outcome"], bool(row["success"])) == (command.outcome, success):
            return replace(run_info(row, hosted.name), repeated=True)
        raise InputError(
            f"outcome is {command.outcome:g} and success {success}, but run {command.run!r} is on "
            f"record with {row['outcome']:g} and {bool(row['success'])}"
        )
    low, high = settings.outcome_range
    if not low <= command.outcome <= high:
        raise InputError(f"outcome is {command.outcome:g}; it must be in [{low:g}, {high:g}]")
    status: RunStatus = "ended" if row["status"] == "live" else "late"
    payload = {
        "outcome": command.outcome,
        "success": success,
        "source": command.source,
        "status": status,
    }
    draft = Draft(
        "run_ended", hosted.number, actor=command.actor, subject=command.run, payload=payload
    )
    reason = yield from _end(hosted, draft)
    return replace(run_info(_row(context, hosted, command.run), hosted.name), quarantined=reason)


def _end(hosted: HostedValue, draft: Draft) -> Decided[str]:
    """Log the end of a run, learned or, if that fails, set aside; returns the failure, or ""."""
    try:
        yield draft
        return ""
    except (InputError, SettingError, ReplayNeededError):
        raise
    except Exception as error:
        reason = reason_of(error)
    event = yield replace(draft, unlearned=True)
    one = SetAside(event.seq, reason)
    yield quarantined(hosted.number, one, subject=draft.subject, about=draft.type)
    log.warning("learner %s set aside %s", hosted.name, one)
    return reason


def _whole(context: Context, hosted: HostedValue, draft: Draft) -> Decided[Logged]:
    """Log an event that the learner processes completely or not at all; then its failure is logged.

    Raises:
        InputError: it is refused by a check, and nothing was changed.
        RefusedError: the learner failed; its state is as before.
        ReplayNeededError: the learner cannot be restored to its state before.
    """
    try:
        return (yield draft)
    except (InputError, SettingError, ReplayNeededError):
        raise
    except Exception as error:
        one = SetAside.of(0, error)
    yield quarantined(hosted.number, one, subject=draft.subject, about=draft.type)
    log.warning(
        "learner %s failed at %s of %s: %s", hosted.name, draft.type, draft.subject, one.reason
    )
    context.of(HostedValues).state_of(hosted, context.transaction.events)
    raise RefusedError(
        InputError(
            f"{hosted.name!r} could not take this in ({one.reason}): it is as it was before, and "
            "nothing but this failure is on record; send another input, or raise its budget_mb"
        )
    )


def close(context: Context, command: ExpireRun) -> Decided[RunInfo]:
    """Close a run whose outcome will stay unknown, as on expiry: nothing is learned from it."""
    hosted, _ = yield from _ready(context, command.name)
    row = _row(context, hosted, command.run)
    if row["status"] == "expired":
        return replace(run_info(row, hosted.name), repeated=True)
    if row["status"] != "live":
        raise InputError(f"run {command.run!r} has ended: its end is on record, it cannot expire")
    yield from _whole(context, hosted, _expired(row, actor=command.actor))
    return run_info(_row(context, hosted, command.run), hosted.name)


def _expired(row: Row, *, actor: str) -> Draft:
    payload = {"steps": row["steps"]}
    return Draft("expired", row["learner"], actor=actor, subject=row["id"], payload=payload)


def expire(context: Context) -> Decided[int]:
    """Expire runs that got no step in time; returns their number."""
    count = 0
    for hosted in list(context.of(HostedValues).by_name.values()):
        count += yield from _expire(context, hosted)
    return count


def _expire(context: Context, hosted: HostedValue) -> Decided[int]:
    due = context.now - hosted.settings.wait_seconds
    query = (
        select(RUNS)
        .where(RUNS.c.learner == hosted.number, RUNS.c.status == "live", RUNS.c.updated <= due)
        .order_by(RUNS.c.updated, RUNS.c.seq)
        .limit(EXPIRED_AT_ONCE)
    )
    rows = context.rows.select(RUNS, query)
    if not rows:
        return 0
    try:
        yield from _state(context, hosted)
        for row in rows:
            yield from _whole(context, hosted, _expired(row, actor=EXPIRY))
    except (InputError, RefusedError, ReplayNeededError):  # tried again at the next expiry
        return 0
    return len(rows)


def get_state_hash(context: Context, command: GetStateHash) -> Decided[tuple[int, str]]:
    """The last event of a value learner, and the digest of its state."""
    state = yield from _state(context, command.hosted_value)
    return state.replayed, state.hash


def get_report(
    context: Context, command: GetReport
) -> Decided[tuple[dict[str, Any], tuple[tuple[str, float], ...]]]:
    """The present report of a value learner on stops, and its experts."""
    state = yield from _state(context, command.hosted_value)
    return dict(state.learner.stopping), tuple(state.learner.experts)


def take_snapshot(context: Context, command: TakeSnapshot) -> Decided[ValueSnapshot | None]:
    """The state of a value learner for a snapshot; None if it is unchanged since the last."""
    hosted = command.hosted_value
    state = yield from _state(context, hosted)
    if state.replayed <= hosted.saved:
        return None
    return snapshots.take(state, hosted.events)
