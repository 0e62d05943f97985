"""Commands on decisions: predictions, feedback, disputes, and learners that make decisions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quickstudy.api.decisions import Feedback
from quickstudy.api.settings import Settings
from quickstudy.types import Label, Prediction

if TYPE_CHECKING:
    from quickstudy.deploy.hosting.learner import HostedLearner


@dataclass(frozen=True, slots=True)
class Create:
    """Create a learner."""

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
class Predicted:
    """The prediction of a `version` for a record; `seen` is the last event it had learned."""

    record: Any
    id: str | None
    prediction: Prediction
    seen: int
    version: str


@dataclass(frozen=True, slots=True)
class Predict:
    """Decide on predictions and log them."""

    hosted: HostedLearner
    items: Sequence[Predicted]
    actor: str


@dataclass(frozen=True, slots=True)
class RecordFeedback:
    """Log feedback, and learn from it."""

    items: Sequence[Feedback]
    actor: str


@dataclass(frozen=True, slots=True)
class ResolveDispute:
    """Resolve the dispute about a contested input."""

    case_id: str
    label: Label
    source: str
    actor: str


@dataclass(frozen=True, slots=True)
class RecordClaim:
    """Log that a case was given to a person."""

    case_id: str
    holder: str
