"""Commands of trainers and background jobs."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from quickstudy.deploy.hosting.learner import HostedLearner
    from quickstudy.deploy.hosting.quarantine import SetAside
    from quickstudy.learners.classifier.refits import Fitted


@dataclass(frozen=True, slots=True)
class Refitted:
    """Slow experts were refitted on the state after event `asof`."""

    hosted: HostedLearner
    asof: int
    fitted: Fitted
    file: str


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Log that learner `number` set an event aside."""

    number: int
    set_aside: SetAside


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Get the state of risk control for a snapshot."""

    hosted: HostedLearner
