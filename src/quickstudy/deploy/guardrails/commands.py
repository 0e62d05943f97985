"""Commands that set limits and pauses."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from quickstudy.api.guardrails import Limits

if TYPE_CHECKING:
    pass


@dataclass(frozen=True, slots=True)
class SetLimits:
    """Replace the limits of a learner."""

    name: str
    limits: Limits
    actor: str


@dataclass(frozen=True, slots=True)
class SetPause:
    """Ask everything, of one learner or, without a name, of all."""

    name: str | None
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class Resume:
    """End that pause."""

    name: str | None
    actor: str
