"""What is asked of the desk: everything that writes to the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quickstudy.deploy.answers import Feedback, Settings
from quickstudy.types import Label, Prediction

if TYPE_CHECKING:
    from quickstudy.deploy.duty import Duty
    from quickstudy.learners.mixture import Fitted


@dataclass(frozen=True, slots=True)
class Create:
    """Make a learner."""

    name: str
    settings: Settings
    actor: str


@dataclass(frozen=True, slots=True)
class Change:
    """Change settings of a learner."""

    name: str
    values: dict[str, Any]
    actor: str


@dataclass(frozen=True, slots=True)
class Delete:
    """Take a learner off duty; its events stay."""

    name: str
    actor: str


@dataclass(frozen=True, slots=True)
class Predicted:
    """What a learner said of a record, `seen` being the last event it had learned."""

    record: Any
    id: str | None
    prediction: Prediction
    seen: int


@dataclass(frozen=True, slots=True)
class Predict:
    """Decide on predictions and put them on record."""

    duty: Duty
    items: Sequence[Predicted]
    actor: str


@dataclass(frozen=True, slots=True)
class Give:
    """Take in feedback."""

    items: Sequence[Feedback]
    actor: str


@dataclass(frozen=True, slots=True)
class Rule:
    """Say the last word on a contested input."""

    case_id: str
    label: Label
    source: str
    actor: str


@dataclass(frozen=True, slots=True)
class Asked:
    """A case was handed to somebody."""

    case_id: str
    holder: str


@dataclass(frozen=True, slots=True)
class Expire:
    """Close the cases whose time is over."""


@dataclass(frozen=True, slots=True)
class Refitted:
    """Slow experts were refitted on the state after event `asof`."""

    duty: Duty
    asof: int
    fitted: Fitted
    file: str


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Tell where risk control stands, for a snapshot."""

    duty: Duty


@dataclass(frozen=True, slots=True)
class MakeKey:
    """Make an API key."""

    row: dict[str, Any]
    actor: str


@dataclass(frozen=True, slots=True)
class RevokeKey:
    """Make an API key worthless."""

    id: str
    actor: str
