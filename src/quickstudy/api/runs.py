"""Models of value learners: who they are, their runs, and the steps of a run."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from quickstudy.api.decisions import Quarantined
from quickstudy.api.fields import Body, Finite, GivenRecord, Seq, Time, Unchecked, example
from quickstudy.api.settings import ValueSettings
from quickstudy.encode.values import plain_number
from quickstudy.pairs import Named
from quickstudy.types import Estimate

RunStatus = Literal["live", "ended", "expired", "late"]
"""live: steps may come; ended: learned from; expired: no step came in time, or its end
will not be known: nothing was learned of its outcome; late: its end came after it had expired: on
record, not learned."""

Advice = Literal["continue", "stop", "ask"]


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

    name: Annotated[str, example("agents")]
    settings: ValueSettings
    created: Time
    runs: Annotated[int, example(412)]
    steps: Annotated[int, example(6_120)]
    open: Annotated[int, example(3)]
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

    id: Annotated[str, example("run-17")]
    learner: Annotated[str, example("agents")]
    task: Annotated[str | None, example("book a flight")]
    status: RunStatus
    started: Time
    updated: Time
    steps: Annotated[int, example(7)]
    value: Annotated[float | None, example(0.21)]
    success_probability: Annotated[float | None, example(0.21)]
    loop: Annotated[bool, example(True)]
    advice: Annotated[Advice, example("ask")]
    stop: bool
    outcome: Annotated[float | None, example(None)]
    success: Annotated[bool | None, example(None)]
    repeated: bool = False
    quarantined: str = ""


@dataclass(frozen=True, slots=True)
class StepReport:
    """A step as it was sent, and the estimate that it was answered with.

    `number` counts from 1; `time` is in seconds since 1970; `input` None: none was sent.
    """

    number: Annotated[int, example(7)]
    time: Time
    input: Annotated[Any, example("No flights found.")]
    action: Annotated[str | None, example("search(flights)")]
    error: Annotated[bool, example(True)]
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
    log_evidence: Annotated[Finite, example(1.2)]
    log_bar: Annotated[Finite, example(3.0)]
    error: Annotated[float, example(0.05)]
    audit_rate: Annotated[float, example(0.1)]
    thresholds: Annotated[tuple[float, ...], example((0.05, 0.1))]
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
    live: Annotated[int, example(3)]
    ended: Annotated[int, example(412)]
    expired: Annotated[int, example(9)]
    late: Annotated[int, example(1)]
    successes: Annotated[int, example(251)]
    stopped: int
    stopping: StopReport
    experts: Annotated[
        tuple[Annotated[tuple[str, float], Named("expert", "weight")], ...],
        example((("task", 0.6), ("runs like it", 0.4))),
    ]
    seq: Seq
    quarantined: tuple[Quarantined, ...] = ()


class NewRun(Body):
    """A run that begins."""

    task: Annotated[
        str | None,
        Field(
            description="Runs of one task are compared with each other.",
            examples=["book a flight"],
        ),
    ] = None
    id: Annotated[
        str | None,
        Field(description="Makes sending again safe; else one is chosen.", examples=["run-17"]),
    ] = None


class OneStep(Body):
    """A step of a run: what was seen, what was done."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "input": "Flight booked, but on the wrong day.",
                    "action": "book(flight='HAT136')",
                    "number": 1,
                },
                {"action": "search(flights)", "error": True, "reward": -0.1},
            ]
        }
    )

    input: Annotated[
        GivenRecord, Field(description="A record, a text, a vector; or the action alone.")
    ] = None
    action: Annotated[Any, Unchecked({"description": "A text, or any other JSON value."})] = None
    error: bool = Field(False, description="The action failed.")
    reward: float = Field(0.0, description="Earned by this step alone.")
    number: int | None = Field(
        None, description="Of the step, from 1: makes sending it again safe."
    )


class Ending(Body):
    """How a run ended."""

    outcome: Annotated[
        float,
        BeforeValidator(plain_number),
        WithJsonSchema(
            {
                "description": "true is 1.",
                "anyOf": [{"type": "number"}, {"type": "boolean"}],
                "examples": [1.0],
            }
        ),
        example(1.0),
    ]
    success: bool | None = Field(None, description="Else: whether the outcome is high enough.")
    source: str | None = Field(None, description="Who says so.")
