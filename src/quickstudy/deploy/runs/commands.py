"""Commands on value learners and their runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quickstudy.api.settings import ValueSettings

if TYPE_CHECKING:
    from quickstudy.deploy.runs.hosted import HostedValue


@dataclass(frozen=True, slots=True)
class CreateValue:
    """Make a value learner."""

    name: str
    settings: ValueSettings
    actor: str


@dataclass(frozen=True, slots=True)
class ChangeValue:
    """Change settings of a value learner."""

    name: str
    values: dict[str, Any]
    actor: str


@dataclass(frozen=True, slots=True)
class StartRun:
    """Begin a run."""

    name: str
    task: str | None
    id: str | None
    actor: str


@dataclass(frozen=True, slots=True)
class TakeStep:
    """Add a step to a run; with `number` the one of that number, at most once.

    `given`: its input, action, error and reward, as the log keeps them.
    """

    name: str
    run: str
    given: dict[str, Any]
    number: int | None
    actor: str


@dataclass(frozen=True, slots=True)
class EndRun:
    """Say how a run ended. `success` None: by its outcome."""

    name: str
    run: str
    outcome: float
    success: bool | None
    source: str
    actor: str


@dataclass(frozen=True, slots=True)
class ExpireRun:
    """Close a run whose end nobody will know."""

    name: str
    run: str
    actor: str


@dataclass(frozen=True, slots=True)
class GetStateHash:
    """Tell where a value learner stands: its last event, and the digest of its state."""

    hosted_value: HostedValue


@dataclass(frozen=True, slots=True)
class GetReport:
    """Tell what a value learner rests on: its report of stops, and its experts."""

    hosted_value: HostedValue


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """Pack a value learner for a snapshot; None if nothing happened since the last."""

    hosted_value: HostedValue
