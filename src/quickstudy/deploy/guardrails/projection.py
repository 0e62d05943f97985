"""Projections of limits and pauses."""

from __future__ import annotations

from typing import Any

from quickstudy.api.guardrails import Limits
from quickstudy.deploy.core.projection import Projector
from quickstudy.deploy.core.records import encode
from quickstudy.deploy.core.rows import Rows
from quickstudy.deploy.core.tables import LIMITS, Row
from quickstudy.deploy.guardrails.enforce import limits_of
from quickstudy.deploy.guardrails.limits import encode_limits
from quickstudy.log.events import Logged
from quickstudy.types import Label


def count_action(rows: Rows, learner: int, label: Label, now: float) -> None:
    """Count an action if a limit depends on it."""
    state = limits_of(rows, learner)
    if state and state.counting:
        state.acted(label, now)
        rows.change(LIMITS, learner, usage=encode(state.usage))


def _row(rows: Rows, learner: int) -> Row:
    new = {"learner": learner, "limits": encode_limits(Limits()), "usage": "{}", "pause": None}
    return rows.find(LIMITS, learner) or new


def _limits_changed(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    rows.upsert(LIMITS, {**_row(rows, event.learner), "limits": encode(payload["limits"])})


def _paused(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    pause = {"by": event.actor, "reason": payload["reason"], "since": event.time}
    rows.upsert(LIMITS, {**_row(rows, event.learner), "pause": encode(pause)})


def _resumed(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    rows.upsert(LIMITS, {**_row(rows, event.learner), "pause": None})


PROJECTORS: dict[str, Projector] = {
    "limits_changed": _limits_changed,
    "paused": _paused,
    "resumed": _resumed,
}
