"""What is asked of the desk: everything that writes to the log."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quickstudy.api.decisions import Feedback
from quickstudy.api.guardrails import Limits
from quickstudy.api.settings import Settings, ValueSettings
from quickstudy.api.sizes import Sizes
from quickstudy.api.versions import Bound, Condition, Kind
from quickstudy.types import Label, Prediction

if TYPE_CHECKING:
    from quickstudy.deploy.hosting.learner import HostedLearner
    from quickstudy.deploy.hosting.quarantine import SetAside
    from quickstudy.deploy.runs.hosted import HostedValue
    from quickstudy.learners.classifier.refits import Fitted


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
    """What a `version` said of a record, `seen` being the last event it had learned."""

    record: Any
    id: str | None
    prediction: Prediction
    seen: int
    version: str


@dataclass(frozen=True, slots=True)
class Predict:
    """Decide on predictions and put them on record."""

    hosted: HostedLearner
    items: Sequence[Predicted]
    actor: str


@dataclass(frozen=True, slots=True)
class RecordFeedback:
    """Take in feedback."""

    items: Sequence[Feedback]
    actor: str


@dataclass(frozen=True, slots=True)
class ResolveDispute:
    """Say the last word on a contested input."""

    case_id: str
    label: Label
    source: str
    actor: str


@dataclass(frozen=True, slots=True)
class RecordClaim:
    """A case was handed to somebody."""

    case_id: str
    holder: str


@dataclass(frozen=True, slots=True)
class Expire:
    """Close the cases whose time is over."""


@dataclass(frozen=True, slots=True)
class Refitted:
    """Slow experts were refitted on the state after event `asof`."""

    hosted: HostedLearner
    asof: int
    fitted: Fitted
    file: str


@dataclass(frozen=True, slots=True)
class VersionSpec:
    """A version that was made, as in the table. `simpler`: it is no larger than the champion."""

    id: str
    kind: Kind
    asof: int
    examples: int
    size: int
    parent: str
    simpler: bool


@dataclass(frozen=True, slots=True)
class Challenge:
    """Put a version into shadow; its base is on disk."""

    hosted: HostedLearner
    made: VersionSpec
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class Promote:
    """Have the challenger answer. `better`: it was proved to be, not only to be no worse.

    `exam`: the mark of the exam that it sat, None if it sat none.
    """

    hosted: HostedLearner
    version: str
    conditions: Sequence[Condition]
    override: Sequence[str]
    better: bool
    reason: str
    actor: str
    exam: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Rollback:
    """Have the previous version answer again; with `version`, only if it is that one."""

    hosted: HostedLearner
    version: str
    reason: str
    actor: str
    by_gate: bool = False


@dataclass(frozen=True, slots=True)
class Refuse:
    """Take the challenger out of shadow: by the `gate`, or because people say so."""

    hosted: HostedLearner
    version: str
    gate: bool
    reason: str
    actor: str


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


@dataclass(frozen=True, slots=True)
class Quarantine:
    """Put on record that learner `number` set an event aside."""

    number: int
    set_aside: SetAside


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """Tell where risk control stands, for a snapshot."""

    hosted: HostedLearner


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


@dataclass(frozen=True, slots=True)
class PinSpec:
    """A case for the exam: that of a prediction, or a record. `source` None: who asks for it."""

    label: Label
    record: Any = None
    prediction_id: str | None = None
    bound: Bound = "must"
    source: str | None = None


@dataclass(frozen=True, slots=True)
class PinCases:
    """Pin cases, all of them or none."""

    learner_name: str
    items: Sequence[PinSpec]
    actor: str
    sizes: Sizes = Sizes()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True)
class Unpin:
    """Take a case out of the exam."""

    name: str
    id: str
    actor: str


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
