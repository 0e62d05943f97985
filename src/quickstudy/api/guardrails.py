"""Models of autonomy and limits: how much a learner may do, and what it may never do.

>>> Limits(per_minute=30).per_minute
30
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import BeforeValidator, ConfigDict, Field, ValidationError

from quickstudy.api.checks import checked_label
from quickstudy.api.codec import adapter
from quickstudy.api.fields import (
    PLAIN,
    Body,
    Finite,
    LearnerName,
    Seq,
    Source,
    Time,
    Unchecked,
    Why,
    example,
)
from quickstudy.api.refusals import refusal
from quickstudy.errors import SettingError
from quickstudy.pairs import Named
from quickstudy.types import Label

Level = Literal["shadow", "suggest", "approve", "act"]
"""How much a learner may do, each level including those before it.

shadow   its answers are logged and not returned
suggest  they are returned, marked as suggestions: a person decides every case
approve  where it would act, its answer is held until a person says yes
act      it acts where a certified policy permits
"""
LEVELS: tuple[Level, ...] = ("shadow", "suggest", "approve", "act")
MOST_RULES, MOST_LABELS = 100, 10_000
MOST_ACTIONS, MOST_MONEY = 1_000_000, 1e12
CheckedLabel = Annotated[Label, BeforeValidator(checked_label), example("card_arrival")]
Money = Annotated[float, Field(strict=True, allow_inf_nan=False, ge=0.0, le=MOST_MONEY), PLAIN]
Actions = Annotated[int, Field(strict=True, ge=0, le=MOST_ACTIONS), PLAIN]
AS_GIVEN = ConfigDict(revalidate_instances="always")  # an instance may hold anything until checked


@dataclass(frozen=True, slots=True)
class Allowed:
    """Where `when` holds of a record, only these labels may be acted on."""

    __pydantic_config__ = AS_GIVEN

    when: Annotated[str, example("country == 'IT'")]
    labels: Annotated[tuple[CheckedLabel, ...], Field(max_length=MOST_LABELS)]


@dataclass(frozen=True, slots=True)
class Limits:
    """What a learner may do, whatever it has learned; set by people, kept outside the learner.

    Attributes:
        never: predicates on the fields of a record and `label`: where one holds, it asks.
        allowed: labels per context; where several contexts hold, all of them bind.
        per_minute: most actions in any 60 seconds; None: no limit.
        costs: (label, cost of acting on it); others cost 0.
        spend_per_day: most that the actions of a day (UTC) may cost; None: no limit.
    """

    __pydantic_config__ = AS_GIVEN

    never: Annotated[
        tuple[Annotated[str, Unchecked({"type": "string"})], ...],
        Field(max_length=MOST_RULES, examples=[("label == 'refund' and amount > 500",)]),
    ] = ()
    allowed: Annotated[tuple[Allowed, ...], Field(max_length=MOST_RULES)] = ()
    per_minute: Annotated[
        Annotated[int, Field(strict=True, ge=0, le=MOST_ACTIONS), PLAIN] | None, example(30)
    ] = None
    costs: Annotated[
        tuple[Annotated[tuple[CheckedLabel, Money], Named("label", "cost")], ...],
        Field(max_length=MOST_LABELS, examples=[(("refund", 2.5),)]),
    ] = ()
    spend_per_day: Annotated[Money | None, example(100.0)] = None


def in_range(limits: Limits) -> Limits:
    """Limits in their own types and ranges; their rules are read by what enforces them.

    Raises:
        SettingError: a value is of another type or out of its range; names it.

    >>> in_range(Limits(costs=[("refund", 2)])).costs
    (('refund', 2.0),)
    """
    try:
        made: Limits = adapter(Limits).validate_python(limits)
    except ValidationError as error:
        raise refusal(error, SettingError) from None
    return made


@dataclass(frozen=True, slots=True)
class Pause:
    """Everything is asked until somebody resumes. `scope`: a learner's name, or "" for all.

    `by`: who paused; "file" for the file PAUSE in the store's folder.
    """

    scope: LearnerName
    by: Source
    reason: Annotated[str, example("the new form is wrong")]
    since: Time


@dataclass(frozen=True, slots=True)
class LimitsReport:
    """Limits, the pauses in force, what is used up, and the latest hits (seq, time, limit)."""

    learner: LearnerName
    limits: Limits
    pauses: tuple[Pause, ...]
    acted_last_minute: Annotated[int, example(4)]
    spent_today: Annotated[float, example(12.5)]
    hits: tuple[
        Annotated[
            tuple[Seq, Time, Annotated[str, example("per_minute")]], Named("seq", "time", "limit")
        ],
        ...,
    ]


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A level earned or lost: when, from where to where, and why."""

    seq: Seq
    time: Time
    before: Annotated[Level, example("suggest")]
    after: Annotated[Level, example("approve")]
    why: Annotated[str, example("the strictest policy is proved")]


@dataclass(frozen=True, slots=True)
class AutonomyReport:
    """How much a learner may do, and what it takes to do more.

    Attributes:
        level: now; ceiling: the highest that people allow.
        next_level: the one it works for, None at the ceiling.
        why_not_higher: in words.
        log_evidence, log_bar: of the strictest policy, with which everything starts.
        certified: policies that may act.
        approvals, refusals: of answers held at this level; approvals_needed: to act.
        audit_rate: share of its own answers that is checked now.
        guard_delays: (error in [0, 1], acted cases until the guard notices it, on average).
        history: changes of level, newest first.
    """

    learner: LearnerName
    level: Annotated[Level, example("approve")]
    ceiling: Annotated[Level, example("act")]
    next_level: Annotated[Level | None, example("act")]
    why_not_higher: Annotated[str, example("8 of 20 held answers were approved")]
    log_evidence: Finite
    log_bar: Annotated[Finite, example(3.0)]
    certified: Annotated[int, example(1)]
    approvals: Annotated[int, example(8)]
    refusals: int
    approvals_needed: Annotated[int, example(20)]
    audit_rate: Annotated[float, example(0.2)]
    guard_delays: Annotated[
        tuple[Annotated[tuple[float, int], Named("error", "cases")], ...],
        example(((0.2, 430),)),
    ]
    alarms: int
    history: tuple[LevelChange, ...]


class ToPause(Body):
    """Whom to pause: a learner, or, without one, all of them."""

    learner: Annotated[str | None, example("tickets")] = None
    reason: Annotated[Why, example("the new form is wrong")] = ""
