"""Commands on value learners and their runs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quickstudy.api.settings import ValueSettings

if TYPE_CHECKING:
    from quickstudy.deploy.runs.hosted import HostedValue


@dataclass(frozen=True, slots=True)
class CreateValue:
    """Create a value learner."""

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
    """Start a run."""

    name: str
    task: str | None
    id: str | None
    actor: str


@dataclass(frozen=True, slots=True)
class TakeStep:
    """Add a step to a run; with a `number`, at most once.

    `given`: input, action, error and reward of the step, as the log holds them.
    """

    name: str
    run: str
    given: dict[str, Any]
    number: int | None
    actor: str


@dataclass(frozen=True, slots=True)
class EndRun:
    """Log the end of a run. `success` None: derived from the outcome."""

    name: str
    run: str
    outcome: float
    success: bool | None
    source: str
    actor: str


@dataclass(frozen=True, slots=True)
class ExpireRun:
    """Close a run whose outcome will stay unknown."""

    name: str
    run: str
    actor: str


@dataclass(frozen=True, slots=True)
class GetStateHash:
    """Get the last event of a value learner, and the digest of its state."""

    hosted_value: HostedValue


@dataclass(frozen=True, slots=True)
class GetReport:
    """Get the report of a value learner on stops, and its experts."""

    hosted_value: HostedValue


@dataclass(frozen=True, slots=True)
class TakeSnapshot:
    """Get the state of a value learner for a snapshot; None if it is unchanged since the last."""

    hosted_value: HostedValue
