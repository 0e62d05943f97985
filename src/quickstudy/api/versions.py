"""The nouns of oversight: versions, the gate, the exam, autonomy, limits and sources.

>>> Limits(per_minute=30).per_minute
30
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from quickstudy.types import Label

Level = Literal["shadow", "suggest", "approve", "act"]
"""How much a learner may do, each level including those before it.

shadow   its answers are logged and not returned
suggest  they are returned, marked as suggestions: a person decides every case
approve  where it would act, its answer is held until a person says yes
act      it acts where a certified policy permits
"""
LEVELS: tuple[Level, ...] = ("shadow", "suggest", "approve", "act")

Role = Literal["champion", "challenger", "previous", "retired", "refused"]
"""champion: answers; challenger: wants to; previous: answered before, and can be gone back to;
retired: answered once, or gave up its claim; refused: did not pass the gate."""

Kind = Literal["first", "consolidated", "imported"]
Bound = Literal["must", "should"]
"""must: a challenger that fails it is refused; should: it may not fail more of these than now."""


@dataclass(frozen=True, slots=True)
class Version:
    """A state that a learner can start from: immutable, and named by the hash of its content.

    Attributes:
        id: 32 hexadecimal digits.
        seq: of the event that made it; time: seconds since 1970.
        asof: the last event that it had learned when it was made.
        examples: that it had learned by then; size: bytes.
        parent: id of the version it was made from; "" for the first, and for an imported one.
        why: the reason given for its present role.
    """

    id: str
    learner: str
    kind: Kind
    role: Role
    seq: int
    time: float
    asof: int
    examples: int
    size: int
    parent: str
    actor: str
    why: str


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that the gate asks of a challenger; `name` is what an override has to say.

    Names: "exam", "never", "better", "groups", "baselines".
    """

    name: str
    holds: bool
    detail: str


@dataclass(frozen=True, slots=True)
class Group:
    """Labelled cases of one group: how many, and how much less the challenger errs on them.

    `gain`: share wrong of the champion minus that of the challenger, weighted, in [-1, 1].
    `worse`: there is evidence that the challenger is worse by more than the margin.
    """

    name: str
    cases: int
    gain: float
    worse: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """A case that two versions answer differently; `truth` is None where it is not known.

    `id`: of the prediction, or of the pin ("pin-7"); `where`: "stream" or "exam".
    """

    id: str
    where: Literal["stream", "exam"]
    record: Any
    before: Label | None
    after: Label | None
    truth: Label | None


@dataclass(frozen=True, slots=True)
class GateReport:
    """How a challenger stands, or an old champion in its probation (`purpose`).

    Attributes:
        cases, labelled: that both have answered, and of which the label has come.
        gain: share wrong of the champion minus that of the challenger, weighted, in [-1, 1].
        log_evidence, log_bar: that it is better; it is at log_evidence >= log_bar.
        log_evidence_margin: that it is not worse by more than the margin; None if it is larger
            than the champion, and so has no claim on that ground.
        behind: events that the shadow has yet to follow.
        baselines: name -> by how much less the challenger errs, weighted.
        differences: the latest cases on which the two differ, newest first.
    """

    version: str
    purpose: Literal["challenge", "probation"]
    cases: int
    labelled: int
    gain: float
    log_evidence: float
    log_bar: float
    log_evidence_margin: float | None
    conditions: tuple[Condition, ...]
    groups: tuple[Group, ...]
    baselines: tuple[tuple[str, float], ...]
    differences: tuple[Difference, ...]
    behind: int


@dataclass(frozen=True, slots=True)
class Diff:
    """Two versions on the exam, and on the labelled cases that came after both were made.

    `right_before`, `right_after`: of `labelled` cases and `pins` pins together.
    """

    before: str
    after: str
    labelled: int
    pins: int
    right_before: int
    right_after: int
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Pin:
    """A case of the exam. `auto`: pinned because a trusted source corrected an answer.

    `id`: "pin-" and the seq of its event; `answer`, `passes`: of the version that sat the exam.
    """

    id: str
    learner: str
    record: Any
    label: Label
    bound: Bound
    auto: bool
    source: str
    seq: int
    time: float
    answer: Label | None = None
    passes: bool | None = None


@dataclass(frozen=True, slots=True)
class Exam:
    """What a version makes of the pinned cases, those that it fails first."""

    version: str
    passed: int
    failed: int
    must_failed: int
    pins: tuple[Pin, ...]


@dataclass(frozen=True, slots=True)
class Allowed:
    """Where `when` holds of a record, only these labels may be acted on."""

    when: str
    labels: tuple[Label, ...]


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

    never: tuple[str, ...] = ()
    allowed: tuple[Allowed, ...] = ()
    per_minute: int | None = None
    costs: tuple[tuple[Label, float], ...] = ()
    spend_per_day: float | None = None


@dataclass(frozen=True, slots=True)
class Pause:
    """Everything is asked until somebody resumes. `scope`: a learner's name, or "" for all.

    `by`: who paused; "file" for the file PAUSE in the store's folder.
    """

    scope: str
    by: str
    reason: str
    since: float


@dataclass(frozen=True, slots=True)
class LimitsReport:
    """Limits, the pauses in force, what is used up, and the latest hits (seq, time, limit)."""

    learner: str
    limits: Limits
    pauses: tuple[Pause, ...]
    acted_last_minute: int
    spent_today: float
    hits: tuple[tuple[int, float, str], ...]


@dataclass(frozen=True, slots=True)
class LevelChange:
    """A level earned or lost: when, from where to where, and why."""

    seq: int
    time: float
    before: Level
    after: Level
    why: str


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

    learner: str
    level: Level
    ceiling: Level
    next_level: Level | None
    why_not_higher: str
    log_evidence: float
    log_bar: float
    certified: int
    approvals: int
    refusals: int
    approvals_needed: int
    audit_rate: float
    guard_delays: tuple[tuple[float, int], ...]
    alarms: int
    history: tuple[LevelChange, ...]


@dataclass(frozen=True, slots=True)
class SourceReport:
    """Who taught what, and how it agrees.

    Attributes:
        labels: that were learned from it; share: of all, in [0, 1].
        trusted: it is among the settings' trusted sources.
        spoke, against: answers of 90 % confidence or more that it spoke of, and contradicted.
        against_others: (spoke, against) of all other sources together.
        unusual: it contradicts such answers more often than the others, beyond chance (1 in 1,000).
        agreement: (other source, cases that both spoke of, cases on which they agree).
        first, last: time of its first and latest word.
    """

    source: str
    labels: int
    share: float
    trusted: bool
    spoke: int
    against: int
    against_others: tuple[int, int]
    unusual: bool
    agreement: tuple[tuple[str, int, int], ...]
    first: float
    last: float
