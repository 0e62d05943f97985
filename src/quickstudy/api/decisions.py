"""The nouns of a deployment: what one says to it, and what it says.

>>> Feedback("case-7", label="refund", source="ana").label
'refund'
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from quickstudy.api.versions import Level
from quickstudy.types import Input, Label, Unfamiliar

Action = Literal["act", "ask"]

Status = Literal[
    "accepted",
    "repeated",
    "superseded",
    "confirmed",
    "conflicting",
    "late",
    "early",
    "unknown",
    "contested",
]
"""What became of a feedback. All but `repeated` are events of their own.

accepted     the first word on this prediction, or a taught record: learned, and counted if due
repeated     sent before: the same key, or without one what this source said last; nothing changes
superseded   it replaces what the same source said before: the new label is learned
confirmed    another source had said the same: kept, not learned twice
conflicting  another source had said otherwise: the new label is learned
late         after the wait time: learned, but not counted
early        for an id that a client chose and has not predicted yet: joined when it is
unknown      for an id that was never issued: kept, nothing is learned
contested    its input changed label too often, by two sources or more: kept, not learned; a person
             must rule
"""

CaseStatus = Literal["waiting", "labelled", "closed", "expired", "contested"]
"""waiting: a label is due; closed: acted on, none is due; expired: none came in time."""

Role = Literal["predict", "teach", "manage"]
"""What a key may do: `teach` includes `predict`, `manage` includes both."""


@dataclass(frozen=True, slots=True)
class Settings:
    """What a learner is to hold to, as its owner set it.

    Attributes:
        schema: field -> type, for fields whose type is not to be inferred.
        target: precision in (0, 1) of what it answers alone.
        alpha: chance of ever certifying less than that.
        targets, costs: per label; see `ActOrAsk`. Lists of (label, value): labels 1, True and "1"
            differ.
        audit: share of its own answers that a trusted source checks once all is certified.
        wait_seconds: after this an asked case without label expires, and counts as wrong.
        budget_mb: memory of the learner, MiB.
        seed: of the learner and the audit coins.
        trusted: sources whose labels on audits count; empty: all. Their corrections are pinned.
        start, ceiling: autonomy level that it starts with, and the highest that it may reach.
        approvals: held answers that people must find right before it acts alone.
        margin: by how much, in share wrong, a challenger that is no larger may at most be worse.
        environment: field by whose value the gate groups cases; "" for none.
        probation: labelled cases for which the last champion is still compared with the new one.
        consolidate: make challengers by itself, at 1.5 times as many examples as before.
    """

    schema: dict[str, str] = field(default_factory=dict)
    target: float = 0.95
    alpha: float = 0.05
    targets: tuple[tuple[Label, float], ...] = ()
    costs: tuple[tuple[Label, float], ...] = ()
    audit: float = 0.05
    wait_seconds: float = 604_800.0
    budget_mb: float = 64.0
    seed: int = 0
    trusted: tuple[str, ...] = ()
    start: Level = "suggest"
    ceiling: Level = "act"
    approvals: int = 20
    margin: float = 0.02
    environment: str = ""
    probation: int = 1000
    consolidate: bool = True


@dataclass(frozen=True, slots=True)
class LearnerInfo:
    """A classifier of a store: its name, settings, and how far it is.

    `kind` tells it from a value learner in a list of both.

    Attributes:
        quarantined: examples that it could not learn, and that were set aside.
        out_of_service: why it cannot be made from the log and answers nothing; "": it is at work.
    """

    name: str
    settings: Settings
    created: float
    examples: int
    labels: tuple[Label, ...]
    kind: Literal["classifier"] = "classifier"
    quarantined: int = 0
    out_of_service: str = ""


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An example that a learner failed to learn: it was set aside, the learner is as before it.

    Attributes:
        seq: of the event that says so; event: that was not learned, 0: it was refused.
        about: the type of that event: "feedback", "ruled", "refitted", "run_ended", "stepped".
        subject: id of the prediction or run, "" for a taught record.
        time: seconds since 1970; reason: what was raised.
    """

    seq: int
    event: int
    about: str
    subject: str
    time: float
    reason: str


@dataclass(frozen=True, slots=True)
class Answer:
    """A durable prediction: `id` is what feedback refers to.

    Attributes:
        label: the answer; None before anything was learned, and where the level is "shadow".
        decision: "act": use it; "ask": a teacher decides.
        policy: how permissive the certified policy is that acted, from 1; 0 when it asks.
        audit: acted on, and a trusted source is to check it.
        reason: why it acted or asked, in words.
        alternatives: the most probable labels with their probabilities, at most five.
        seq: of its event; time: seconds since 1970.
        level: of autonomy, at which it was given.
        held: it would act, and is held until a person says yes (`feedback(id, correct=True)`).
        limit: the limit that kept it from acting, or "".
        version: id of the version that answered.
        unfamiliar: fields that the record lacks, or that are unknown or of another type, if the
            answer hangs on them: then it asks. None where the form of the record is familiar.
    """

    id: str
    learner: str
    label: Label | None
    decision: Action
    confidence: float
    novelty: float
    policy: int
    audit: bool
    reason: str
    alternatives: tuple[tuple[Label, float], ...]
    seq: int
    time: float
    level: Level = "suggest"
    held: bool = False
    limit: str = ""
    version: str = ""
    unfamiliar: Unfamiliar | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """What somebody says of a prediction (`prediction_id`) or of a `record` (with `learner`).

    Either `label`, or `correct`: True for "the answer was right", False for "not this".
    `key` makes sending again safe; without it the digest of prediction, source and content does.
    """

    prediction_id: str | None = None
    learner: str | None = None
    record: Input | None = None
    label: Label | None = None
    correct: bool | None = None
    source: str | None = None
    key: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a feedback; `seq` is that of its event (of the first one when repeated).

    `counted`: it entered the record that precision and certificate rest on.
    `quarantined`: with `wait_learned`, why it was not learned but set aside; "" where it was. It
    stays with who has the store; to others the message says so.
    """

    seq: int
    status: Status
    prediction_id: str | None
    learner: str | None
    counted: bool
    message: str
    quarantined: str = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Ask:
    """A case that waits for a label. `usefulness`: the more, the more a label teaches."""

    id: str
    learner: str
    record: Any
    suggestions: tuple[tuple[Label, float], ...]
    confidence: float
    novelty: float
    usefulness: float
    audit: bool
    time: float
    expires: float
    held: bool = False
    unfamiliar: Unfamiliar | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One link of the log, with its payload unless that was forgotten."""

    seq: int
    time: float
    type: str
    learner: str
    actor: str
    subject: str
    payload: dict[str, Any] | None


@dataclass(frozen=True, slots=True)
class Case:
    """A prediction with all that happened to it. `label`: the last word on it, if there is one."""

    id: str
    learner: str
    record: Any
    answer: Answer
    status: CaseStatus
    label: Label | None
    events: tuple[Event, ...] = ()


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy under test: acts above `threshold`, once `log_evidence` reaches `log_bar`."""

    threshold: float
    log_evidence: float
    log_bar: float
    certified: bool


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A stretch of the stream that ends with case `cases`: shares in [0, 1], None without data.

    `right`: of its answers that were asked or audited, weighted; `handled`: share acted on alone.
    """

    cases: int
    right: float | None
    handled: float
    labels: int


@dataclass(frozen=True, slots=True)
class FormNotice:
    """Records come in an unfamiliar form, and it asks: fields are missing, unknown or retyped.

    `since`, `last`: when the first and the latest of these `cases` came; `unfamiliar`: what is
    unfamiliar about the latest one.
    """

    since: float
    last: float
    cases: int
    unfamiliar: Unfamiliar


@dataclass(frozen=True, slots=True)
class Report:
    """How a learner does, at a glance.

    Attributes:
        cases, acted, labels_used: of all time; labels_used counts every label it was taught.
        share_handled: of the last 500 cases.
        precision: of its own answers, from audits, with `precision_low` and `precision_high` of a
            95 % interval; None before the first audit. `audits`: how many it rests on.
        waiting, contested: cases that are so now; expired: cases that ever were.
        lag: feedbacks logged and not yet learned.
        policies: strict to permissive.
        alarms: of the guard, so far.
        curve: at most 300 points.
        sources: (source, labels) that taught it, most first.
        experts: (name, weight) in the present answer.
        quarantined: the latest examples that were set aside, newest first, at most 20.
        unfamiliar: cases whose record had an unfamiliar form, so that it asked.
        form: what is unfamiliar about records that come now, or None.
    """

    learner: LearnerInfo
    cases: int
    acted: int
    labels_used: int
    share_handled: float
    precision: float | None
    precision_low: float | None
    precision_high: float | None
    audits: int
    waiting: int
    contested: int
    expired: int
    lag: int
    policies: tuple[Policy, ...]
    alarms: int
    attempt: int
    curve: tuple[CurvePoint, ...]
    sources: tuple[tuple[str, int], ...]
    experts: tuple[tuple[str, float], ...]
    seq: int
    quarantined: tuple[Quarantined, ...] = ()
    unfamiliar: int = 0
    form: FormNotice | None = None


@dataclass(frozen=True, slots=True)
class Key:
    """An API key, without its secret. `learners`: names it is good for; None: all."""

    id: str
    name: str
    role: Role
    learners: tuple[str, ...] | None
    created: float
    revoked: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `doctor`: what was checked, whether it holds, and what was seen."""

    check: str
    ok: bool
    detail: str
