"""Limits at the desk: asked last, before an answer is logged, and out of the learner's reach.

If they cannot be read, nothing is acted on.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from quickstudy.api.versions import Limits, Pause
from quickstudy.deploy.core.records import written
from quickstudy.deploy.core.tables import LIMITS, Row
from quickstudy.deploy.decisions.commands import Resume, SetLimits, SetPause
from quickstudy.deploy.guardrails.limits import Guardrails, read_limits, written_limits
from quickstudy.deploy.hosting.learner import Duty
from quickstudy.errors import InputError, SettingError, StoreError
from quickstudy.types import Label

if TYPE_CHECKING:
    from quickstudy.deploy.core.context import Desk
    from quickstudy.deploy.runs.hosted import Watch

EVERYBODY = 0  # the number under which a pause of all learners is kept
UNREADABLE = "the limits cannot be read: run `quickstudy doctor` on the store"


def pause_in_force(desk: Desk, duty: Duty | Watch) -> str:
    """Why everything is asked now, or ""."""
    try:
        rows = [desk.book.find(LIMITS, number) for number in (EVERYBODY, duty.number)]
    except StoreError:
        return UNREADABLE
    found = [json.loads(row["pause"]) for row in rows if row and row["pause"]]
    if found:
        return f"paused by {found[0]['by']}" + _because(found[0]["reason"])
    reason = desk.pause_file.reason()
    return "" if reason is None else "paused by the file PAUSE" + _because(reason)


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def refusal(desk: Desk, duty: Duty, record: Any, label: Label) -> str:
    """The limit that forbids to act on a label, in words, or ""."""
    try:
        rails = _rails(desk, duty)
    except (StoreError, SettingError, ValueError):
        return UNREADABLE
    return rails.refusal(record, label, desk.transaction.time) if rails else ""


def acted(desk: Desk, duty: Duty, label: Label) -> None:
    """Count an action."""
    rails = _rails(desk, duty)
    if rails and rails.counting:
        rails.acted(label, desk.transaction.time)
        usage = written(rails.usage)
        desk.book[LIMITS].change((duty.number,), usage=usage)
        row = desk.book.find(LIMITS, duty.number)
        assert row is not None
        desk.rails[duty.number] = (row["limits"], usage, rails)


def _rails(desk: Desk, duty: Duty) -> Guardrails | None:
    """The limits of a learner with what is used of them, parsed once as long as they stay.

    The row tells what is used up. Where it is not what was counted here last, a transaction failed,
    and those actions did not happen.
    """
    row = desk.book.find(LIMITS, duty.number)
    if row is None:
        return None
    limits, usage = row["limits"], row["usage"]
    known = desk.rails.get(duty.number)
    if known and known[:2] == (limits, usage):
        return known[2]
    if known and known[0] == limits:
        rails = known[2]
        rails.take_back(json.loads(usage))
    else:
        rails = Guardrails(read_limits(limits), json.loads(usage))
    desk.rails[duty.number] = (limits, usage, rails)
    return rails


def limit(desk: Desk, request: SetLimits) -> None:
    """Replace the limits of a learner; what is used up stays so."""
    duty = desk.duty(request.name)
    row = _row(desk, duty.number)
    desk.book.put(LIMITS, {**row, "limits": written_limits(request.limits)})
    payload = {"limits": json.loads(written_limits(request.limits))}
    desk.log("limits_changed", duty.number, actor=request.actor, subject=duty.name, payload=payload)


def pause(desk: Desk, request: SetPause) -> None:
    """Ask everything, from the next answer on."""
    number = _number(desk, request.name)
    row = _row(desk, number)
    if row["pause"]:
        return
    kept = {"by": request.actor, "reason": request.reason, "since": desk.transaction.time}
    desk.book.put(LIMITS, {**row, "pause": written(kept)})
    payload = {"reason": request.reason}
    desk.log("paused", number, actor=request.actor, subject=request.name or "", payload=payload)


def resume(desk: Desk, request: Resume) -> None:
    """Let it act again, as far as level and policies permit."""
    number = _number(desk, request.name)
    if request.name is None and desk.pause_file.reason() is not None:
        raise InputError(
            f"the file {desk.pause_file.path} pauses all: remove it, or run `quickstudy resume`"
        )
    row = _row(desk, number)
    if row["pause"]:
        desk.book.put(LIMITS, {**row, "pause": None})
        desk.log("resumed", number, actor=request.actor, subject=request.name or "", payload={})


def _number(desk: Desk, name: str | None) -> int:
    return EVERYBODY if name is None else desk.anyone(name).number


def _row(desk: Desk, number: int) -> Row:
    new = {"learner": number, "limits": written_limits(Limits()), "usage": "{}", "pause": None}
    return desk.book.find(LIMITS, number) or new


def pause_of(row: Row, scope: str) -> Pause | None:
    """The pause that a row of the limits tells of."""
    kept = json.loads(row["pause"]) if row["pause"] else None
    return Pause(scope, kept["by"], kept["reason"], kept["since"]) if kept else None
