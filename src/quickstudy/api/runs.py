"""The nouns of value learners on duty: their settings, their runs, and the steps of a run.

>>> ValueSettings(success=1.0, costs=Costs(step=0.01)).costs.step
0.01
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from quickstudy.api.decisions import Quarantined
from quickstudy.types import Costs, Estimate

RunStatus = Literal["live", "ended", "expired", "late"]
"""live: steps may come; ended: learned from; expired: no step came in time, or its end
will not be known: nothing was learned of its outcome; late: its end came after it had expired: on
record, not learned."""

Advice = Literal["continue", "stop", "ask"]


@dataclass(frozen=True, slots=True)
class ValueSettings:
    """What a value learner is to hold to; see `ValueFunction` for all but `wait_seconds`.

    Attributes:
        success: outcome from which a run counts as a success, unless its end says which.
        discount: in (0, 1], of a reward one step later.
        outcome_range: (lowest, highest) outcome that a run can have.
        costs: of steps, failures and questions, in units of the outcome; the advice rests on them.
        stop_error: share in (0, 1] of the runs it stops that would at most have succeeded.
        alpha: chance of ever certifying a stop that errs more.
        audit: share of the runs it would stop that it leaves alone, to see how they end.
        loops: look for repeats and cycles.
        wait_seconds: without a step for so long, a run expires.
        most_open: runs that may be open at once.
        budget_mb: memory of the learner, MiB.
        schema: field -> type, for fields whose type is not to be inferred.
        seed: of the learner and the audit coins.
    """

    success: float = 1.0
    discount: float = 1.0
    outcome_range: tuple[float, float] = (0.0, 1.0)
    costs: Costs = field(default_factory=Costs)
    stop_error: float = 0.05
    alpha: float = 0.05
    audit: float = 0.1
    loops: bool = True
    wait_seconds: float = 86_400.0
    most_open: int = 1000
    budget_mb: float = 64.0
    schema: dict[str, str] = field(default_factory=dict)
    seed: int = 0


@dataclass(frozen=True, slots=True)
class ValueInfo:
    """A value learner of a store: its name, settings, and how far it is.

    Attributes:
        created: seconds since 1970.
        runs: that it has learned from; steps: that it has seen; open: runs that are live now.
        kind: "value", to tell it from a classifier in a list of both.
        quarantined: steps and ends that it could not learn, and that were set aside.
        out_of_service: why it cannot be made from the log and answers nothing; "": it is at work.
    """

    name: str
    settings: ValueSettings
    created: float
    runs: int
    steps: int
    open: int
    kind: Literal["value"] = "value"
    quarantined: int = 0
    out_of_service: str = ""


@dataclass(frozen=True, slots=True)
class RunInfo:
    """A run, as far as it is.

    Attributes:
        id: chosen by who started it, or "r_" and a number.
        started, updated: seconds since 1970; updated: when its last step, or its end, came.
        steps: how many there were.
        value, success_probability: by the last step's estimate; None before the first step.
        loop: the last step was in a loop.
        advice, stop: of the last step; "continue" and False before the first.
        outcome, success: of its end; None until there is one.
        repeated: this was on record before; nothing was changed.
        quarantined: why this end, which is on record, was not learned; "" where it was.
    """

    id: str
    learner: str
    task: str | None
    status: RunStatus
    started: float
    updated: float
    steps: int
    value: float | None
    success_probability: float | None
    loop: bool
    advice: Advice
    stop: bool
    outcome: float | None
    success: bool | None
    repeated: bool = False
    quarantined: str = ""


@dataclass(frozen=True, slots=True)
class StepReport:
    """A step as it was sent, and the estimate that it was answered with.

    `number` counts from 1; `time` is in seconds since 1970; `input` None: none was sent.
    """

    number: int
    time: float
    input: Any
    action: str | None
    error: bool
    reward: float
    estimate: Estimate


@dataclass(frozen=True, slots=True)
class RunReport:
    """A run with all its steps, in order.

    `expired_by`: who closed it because its end will not be known, "expiry" where no step came in
    time; None: it has not expired.
    """

    run: RunInfo
    steps: tuple[StepReport, ...]
    expired_by: str | None = None


@dataclass(frozen=True, slots=True)
class StopReport:
    """Whether a value learner may stop runs, and what it takes.

    Attributes:
        certified: it may: of the runs that it stops at most `error` would have succeeded.
        level: how many of its policies, from strict to permissive, are certified.
        log_evidence, log_bar: of the first policy that is not, and what it takes.
        error: the share that is promised.
        audit_rate: share of the runs to stop that it lets go on, to see how they end.
        thresholds: failure probability from which each policy stops, strict to permissive; 1: it
            has none yet.
        alarms: how often the certificate was lost.
        unknown: runs that it would stop, and whose end never came: each counts as a success.
    """

    certified: bool
    level: int
    log_evidence: float
    log_bar: float
    error: float
    audit_rate: float
    thresholds: tuple[float, ...]
    alarms: int
    unknown: int = 0


@dataclass(frozen=True, slots=True)
class ValueReport:
    """How a value learner does, at a glance.

    Attributes:
        live: runs under way now; ended, expired, late: runs that ever were.
        successes: of those that ended.
        stopped: runs that it said to stop.
        experts: (name, weight) in the present estimate.
        seq: of the last event of the store.
        quarantined: the latest steps and ends that were set aside, newest first, at most 20.
    """

    learner: ValueInfo
    live: int
    ended: int
    expired: int
    late: int
    successes: int
    stopped: int
    stopping: StopReport
    experts: tuple[tuple[str, float], ...]
    seq: int
    quarantined: tuple[Quarantined, ...] = ()
