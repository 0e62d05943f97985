"""Commands that set limits and pauses."""

from __future__ import annotations

from dataclasses import dataclass

from quickstudy.api.guardrails import Limits


@dataclass(frozen=True, slots=True)
class SetLimits:
    """Replace the limits of a learner."""

    name: str
    limits: Limits
    actor: str


@dataclass(frozen=True, slots=True)
class SetPause:
    """Pause one learner or, without a name, all: every answer becomes "ask"."""

    name: str | None
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class Resume:
    """End a pause."""

    name: str | None
    actor: str
