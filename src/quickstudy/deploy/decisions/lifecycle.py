"""Decides creation, changes and refits of learners that make decisions."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from sqlalchemy import func, select

from quickstudy.api.options import resetting
from quickstudy.api.settings import Settings
from quickstudy.deploy.core.context import Context
from quickstudy.deploy.core.contract import REFIT, Decided, Draft
from quickstudy.deploy.core.tables import CASES, VERSIONS
from quickstudy.deploy.decisions.commands import Change, Create, RecordClaim
from quickstudy.deploy.guardrails.risk import CHANGED, new_control
from quickstudy.deploy.hosting.commands import Checkpoint, Refitted
from quickstudy.deploy.hosting.learner import HostedLearner
from quickstudy.deploy.hosting.transaction import HostedLearners
from quickstudy.deploy.kind import kind_of, new_learner, settings_to_plain
from quickstudy.errors import InputError


def create(context: Context, command: Create) -> Decided[None]:
    """Create a learner and its first version.

    Raises:
        InputError, SettingError: the name is taken, or a setting is out of its range.
    """
    number = context.new_number(command.name)
    new_control(command.settings, 0)  # this line and the one above refuse settings out of range
    learner = new_learner(command.settings)
    version = {"id": learner.state_hash(), "size": len(learner.packed())}
    payload = {**settings_to_plain(command.settings), "version": version}
    yield Draft("created", number, actor=command.actor, subject=command.name, payload=payload)


def change(context: Context, command: Change) -> Decided[HostedLearner]:
    """Change settings of a learner; if the guarantee changes, its evidence is reset.

    Raises:
        SettingError: a setting is out of its range.
    """
    hosted = context.of(HostedLearners).in_service(command.name, context)
    settings = replace(hosted.settings, **command.values)
    model: Any = kind_of(hosted).settings
    other = any(getattr(settings, n) != getattr(hosted.settings, n) for n in resetting(model))
    new_control(settings, 0)  # refuses settings out of range
    plain = settings_to_plain(settings)
    payload: dict[str, Any] = {"settings": plain, "epoch": hosted.epoch + other}
    if other:
        payload["reset"] = CHANGED
    yield Draft("changed", hosted.number, actor=command.actor, subject=hosted.name, payload=payload)
    return hosted


def refitted(context: Context, command: Refitted) -> Decided[int]:
    """Log refitted experts; returns the number of the event at which they take effect.

    Raises:
        InputError: another version, with its own experts, answers by now.
    """
    hosted, fitted = command.hosted, command.fitted
    left = select(func.max(VERSIONS.c.left)).where(VERSIONS.c.learner == hosted.number)
    if command.asof < int(context.rows.scalars(VERSIONS, left)[0]):
        raise InputError("another version answers by now, with experts of its own")
    payload = {
        "asof": command.asof,
        "file": command.file,
        "count": fitted.count,
        "definition": hosted.definition,
    }
    event = yield Draft("refitted", hosted.number, actor=REFIT, payload=payload, memo=fitted)
    return event.seq


def claimed(context: Context, command: RecordClaim) -> Decided[None]:
    """Log that a case was given to a person."""
    case = context.rows.find(CASES, command.case_id)
    if case and case["learner"] in context.of(HostedLearners).by_number:
        yield Draft(
            "asked",
            case["learner"],
            actor=command.holder,
            subject=command.case_id,
            payload={"holder": command.holder},
        )


def checkpoint(context: Context, command: Checkpoint) -> tuple[int, dict[str, Any], int, Settings]:
    """The state of risk control for a snapshot: last event, state, generation, settings."""
    hosted = command.hosted
    return context.transaction.head[0], hosted.control.state(), hosted.epoch, hosted.settings
