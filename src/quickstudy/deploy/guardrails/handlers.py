"""Decides commands that set limits and pauses."""

from __future__ import annotations

import json

from quickstudy.deploy.core.context import Context
from quickstudy.deploy.core.contract import Decided, Draft
from quickstudy.deploy.core.tables import LIMITS
from quickstudy.deploy.guardrails.commands import Resume, SetLimits, SetPause
from quickstudy.deploy.guardrails.enforce import EVERYBODY
from quickstudy.deploy.guardrails.limits import PauseFile, encode_limits
from quickstudy.errors import InputError


def limit(context: Context, command: SetLimits) -> Decided[None]:
    """Replace the limits of a learner; the usage stays."""
    hosted = context.find(command.name)
    payload = {"limits": json.loads(encode_limits(command.limits))}
    yield Draft(
        "limits_changed", hosted.number, actor=command.actor, subject=hosted.name, payload=payload
    )


def pause(context: Context, command: SetPause) -> Decided[None]:
    """Pause from the next answer on; a pause that is in force already stays as it is."""
    number = _number(context, command.name)
    row = context.rows.find(LIMITS, number)
    if not (row and row["pause"]):
        subject, payload = command.name or "", {"reason": command.reason}
        yield Draft("paused", number, actor=command.actor, subject=subject, payload=payload)


def resume(context: Context, command: Resume) -> Decided[None]:
    """End a pause: level and policies decide again.

    Raises:
        InputError: the file PAUSE pauses all learners.
    """
    number = _number(context, command.name)
    file = context.of(PauseFile)
    if command.name is None and file.reason() is not None:
        raise InputError(f"the file {file.path} pauses all: remove it, or run `quickstudy resume`")
    row = context.rows.find(LIMITS, number)
    if row and row["pause"]:
        yield Draft("resumed", number, actor=command.actor, subject=command.name or "")


def _number(context: Context, name: str | None) -> int:
    return EVERYBODY if name is None else context.find(name).number
