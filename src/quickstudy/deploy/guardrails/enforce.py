"""Limits at the desk: asked last, before an answer is logged, and out of the learner's reach.

If they cannot be read, nothing is acted on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from quickstudy.api.guardrails import Limits, Pause
from quickstudy.deploy.core.records import written
from quickstudy.deploy.core.tables import LIMITS, Row
from quickstudy.deploy.decisions.commands import Resume, SetLimits, SetPause
from quickstudy.deploy.guardrails.limits import LimitState, read_limits, written_limits
from quickstudy.deploy.hosting.learner import HostedLearner
from quickstudy.errors import InputError, SettingError, StoreError
from quickstudy.types import Label

if TYPE_CHECKING:
    from quickstudy.deploy.core.context import Context
    from quickstudy.deploy.runs.hosted import HostedValue

EVERYBODY = 0  # the number under which a pause of all learners is kept
UNREADABLE = "the limits cannot be read: run `quickstudy doctor` on the store"


def pause_in_force(context: Context, hosted: HostedLearner | HostedValue) -> str:
    """Why everything is asked now, or ""."""
    try:
        rows = [context.rows.find(LIMITS, number) for number in (EVERYBODY, hosted.number)]
    except StoreError:
        return UNREADABLE
    found = [json.loads(row["pause"]) for row in rows if row and row["pause"]]
    if found:
        return f"paused by {found[0]['by']}" + _because(found[0]["reason"])
    reason = context.pause_file.reason()
    return "" if reason is None else "paused by the file PAUSE" + _because(reason)


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def refusal(context: Context, hosted: HostedLearner, record: Any, label: Label) -> str:
    """The limit that forbids to act on a label, in words, or ""."""
    try:
        rails = _rails(context, hosted)
    except (StoreError, SettingError, ValueError):
        return UNREADABLE
    return rails.refusal(record, label, context.transaction.time) if rails else ""


def acted(context: Context, hosted: HostedLearner, label: Label) -> None:
    """Count an action."""
    rails = _rails(context, hosted)
    if rails and rails.counting:
        rails.acted(label, context.transaction.time)
        usage = written(rails.usage)
        context.rows[LIMITS].change((hosted.number,), usage=usage)
        row = context.rows.find(LIMITS, hosted.number)
        assert row is not None
        context.rails[hosted.number] = (row["limits"], usage, rails)


def _rails(context: Context, hosted: HostedLearner) -> LimitState | None:
    """The limits of a learner with what is used of them, parsed once as long as they stay.

    The row tells what is used up. Where it is not what was counted here last, a transaction failed,
    and those actions did not happen.
    """
    row = context.rows.find(LIMITS, hosted.number)
    if row is None:
        return None
    limits, usage = row["limits"], row["usage"]
    known = context.rails.get(hosted.number)
    if known and known[:2] == (limits, usage):
        return known[2]
    if known and known[0] == limits:
        rails = known[2]
        rails.take_back(json.loads(usage))
    else:
        rails = LimitState(read_limits(limits), json.loads(usage))
    context.rails[hosted.number] = (limits, usage, rails)
    return rails


def limit(context: Context, request: SetLimits) -> None:
    """Replace the limits of a learner; what is used up stays so."""
    hosted = context.hosted(request.name)
    row = _row(context, hosted.number)
    context.rows.put(LIMITS, {**row, "limits": written_limits(request.limits)})
    payload = {"limits": json.loads(written_limits(request.limits))}
    context.log(
        "limits_changed", hosted.number, actor=request.actor, subject=hosted.name, payload=payload
    )


def pause(context: Context, request: SetPause) -> None:
    """Ask everything, from the next answer on."""
    number = _number(context, request.name)
    row = _row(context, number)
    if row["pause"]:
        return
    kept = {"by": request.actor, "reason": request.reason, "since": context.transaction.time}
    context.rows.put(LIMITS, {**row, "pause": written(kept)})
    payload = {"reason": request.reason}
    context.log("paused", number, actor=request.actor, subject=request.name or "", payload=payload)


def resume(context: Context, request: Resume) -> None:
    """Let it act again, as far as level and policies permit."""
    number = _number(context, request.name)
    if request.name is None and context.pause_file.reason() is not None:
        raise InputError(
            f"the file {context.pause_file.path} pauses all: remove it, or run `quickstudy resume`"
        )
    row = _row(context, number)
    if row["pause"]:
        context.rows.put(LIMITS, {**row, "pause": None})
        context.log("resumed", number, actor=request.actor, subject=request.name or "", payload={})


def _number(context: Context, name: str | None) -> int:
    return EVERYBODY if name is None else context.anyone(name).number


def _row(context: Context, number: int) -> Row:
    new = {"learner": number, "limits": written_limits(Limits()), "usage": "{}", "pause": None}
    return context.rows.find(LIMITS, number) or new


def pause_of(row: Row, scope: str) -> Pause | None:
    """The pause that a row of the limits tells of."""
    kept = json.loads(row["pause"]) if row["pause"] else None
    return Pause(scope, kept["by"], kept["reason"], kept["since"]) if kept else None
