"""Commands that concern learners of every kind, and API keys."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Delete:
    """Take a learner out of service; its events stay."""

    name: str
    actor: str


@dataclass(frozen=True, slots=True)
class Expire:
    """Close cases, feedback and runs whose wait time is over."""


@dataclass(frozen=True, slots=True)
class MakeKey:
    """Make an API key."""

    row: dict[str, Any]
    actor: str


@dataclass(frozen=True, slots=True)
class RevokeKey:
    """Revoke an API key."""

    id: str
    actor: str
