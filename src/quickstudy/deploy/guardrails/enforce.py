"""Enforces limits and pauses: checked last, and outside the learner's control.

If limits or pauses cannot be read, nothing is acted on.
"""

from __future__ import annotations

import json
from typing import Any

from quickstudy.api.guardrails import Pause
from quickstudy.deploy.core.context import Context
from quickstudy.deploy.core.contract import Hosted
from quickstudy.deploy.core.rows import Rows
from quickstudy.deploy.core.tables import LIMITS, Row
from quickstudy.deploy.guardrails.limits import LimitState, PauseFile, decode_limits
from quickstudy.errors import SettingError, StoreError
from quickstudy.types import Label

EVERYBODY = 0  # the learner number of a pause of all learners
UNREADABLE = "the limits cannot be read: run `quickstudy doctor` on the store"


def pause_in_force(context: Context, hosted: Hosted) -> str:
    """The pause in force in words, or ""."""
    try:
        rows = [context.rows.find(LIMITS, number) for number in (EVERYBODY, hosted.number)]
    except StoreError:
        return UNREADABLE
    found = [json.loads(row["pause"]) for row in rows if row and row["pause"]]
    if found:
        return f"paused by {found[0]['by']}" + _because(found[0]["reason"])
    reason = context.of(PauseFile).reason()
    return "" if reason is None else "paused by the file PAUSE" + _because(reason)


def _because(reason: str) -> str:
    return f": {reason}" if reason else ""


def refusal(context: Context, hosted: Hosted, record: Any, label: Label) -> str:
    """The limit that forbids acting with a label, in words, or ""."""
    try:
        state = limits_of(context.rows, hosted.number)
    except (StoreError, SettingError, ValueError):
        return UNREADABLE
    return state.refusal(record, label, context.now) if state else ""


def limits_of(rows: Rows, learner: int) -> LimitState | None:
    """The limits of a learner with their usage, parsed once until they change.

    The usage in the row decides. Where it differs from the cached usage, a transaction or a command
    was rolled back, and its actions did not happen.
    """
    row = rows.find(LIMITS, learner)
    if row is None:
        return None
    cache: dict[int, tuple[str, LimitState]] = rows.memo.setdefault("limits", {})
    limits, usage = row["limits"], json.loads(row["usage"])
    known = cache.get(learner)
    if known and known[0] == limits:
        state = known[1]
        if state.counting and state.usage != usage:
            state.restore(usage)
    else:
        state = LimitState(decode_limits(limits), usage)
    cache[learner] = (limits, state)
    return state


def pause_of(row: Row, scope: str) -> Pause | None:
    """The pause that a row of the limits holds."""
    kept = json.loads(row["pause"]) if row["pause"] else None
    return Pause(scope, kept["by"], kept["reason"], kept["since"]) if kept else None
