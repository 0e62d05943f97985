"""Models of classifiers and their decisions: predictions with ids, feedback, cases, reports.

>>> Feedback("case-7", label="refund", source="ana").label
'refund'
"""

from __future__ import annotations

from dataclasses import dataclass, field, fields
from operator import attrgetter
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import ConfigDict, Field

from quickstudy.api.admin import Event
from quickstudy.api.fields import (
    LABEL,
    RECORD,
    TICKET,
    AnyLabel,
    AnyRecord,
    Body,
    CaseId,
    Finite,
    LearnerName,
    Seq,
    Share,
    Source,
    Time,
    Unchecked,
    VersionId,
    example,
)
from quickstudy.api.guardrails import Level
from quickstudy.api.settings import Settings
from quickstudy.pairs import Named
from quickstudy.types import Explanation, Input, Label, Unfamiliar

Count = Annotated[int, example(412)]
Action = Literal["act", "ask"]
GivenRecord: TypeAlias = Annotated[Input, Unchecked(RECORD)]
GivenLabel: TypeAlias = Annotated[Label, Unchecked(LABEL)]
Suggestions: TypeAlias = Annotated[
    tuple[Annotated[tuple[Label, float], Named("label", "probability")], ...],
    example((("card_arrival", 0.91), ("lost_card", 0.06))),
]

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


@dataclass(frozen=True, slots=True)
class LearnerInfo:
    """A learner of a store that makes decisions: its name, settings, and how far it is.

    Attributes:
        kind: "classifier", unless another kind of learner that makes decisions was added.
        quarantined: examples that it could not learn, and that were set aside.
        out_of_service: why it cannot be made from the log and answers nothing; "": it is at work.
    """

    name: LearnerName
    settings: Settings
    created: Time
    examples: Count
    labels: Annotated[tuple[Label, ...], example(("card_arrival", "lost_card"))]
    kind: Annotated[str, example("classifier")] = "classifier"
    quarantined: int = 0
    out_of_service: str = ""


class NewLearner(Body):
    """A learner that is to be made; `settings` are those of its kind."""

    name: str
    kind: str = "classifier"
    settings: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Quarantined:
    """An example that a learner failed to learn: it was set aside, the learner is as before it.

    Attributes:
        seq: of the event that says so; event: that was not learned, 0: it was refused.
        about: the type of that event: "feedback", "ruled", "refitted", "run_ended", "stepped".
        subject: id of the prediction or run, "" for a taught record.
        time: seconds since 1970; reason: what was raised.
    """

    seq: Seq
    event: Annotated[int, example(1190)]
    about: Annotated[str, example("feedback")]
    subject: CaseId
    time: Time
    reason: Annotated[str, example("an expert failed")]


@dataclass(frozen=True, slots=True)
class Policy:
    """A policy under test: acts above `threshold`, once `log_evidence` reaches `log_bar`."""

    threshold: Annotated[Finite, example(0.84)]
    log_evidence: Annotated[Finite, example(4.1)]
    log_bar: Annotated[Finite, example(3.0)]
    certified: Annotated[bool, example(True)]


@dataclass(frozen=True, slots=True)
class CurvePoint:
    """A stretch of the stream that ends with case `cases`: shares in [0, 1], None without data.

    `right`: of its answers that were asked or audited, weighted; `handled`: share acted on alone.
    """

    cases: Annotated[int, example(1_200)]
    right: Annotated[float | None, example(0.94)]
    handled: Annotated[float, example(0.71)]
    labels: Count


@dataclass(frozen=True, slots=True)
class FormNotice:
    """Records come in an unfamiliar form, and it asks: fields are missing, unknown or retyped.

    `since`, `last`: when the first and the latest of these `cases` came; `unfamiliar`: what is
    unfamiliar about the latest one.
    """

    since: Time
    last: Time
    cases: Annotated[int, example(12)]
    unfamiliar: Annotated[Unfamiliar, example(Unfamiliar(missing=("amount",)))]


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
    cases: Annotated[int, example(1_200)]
    acted: Annotated[int, example(640)]
    labels_used: Count
    share_handled: Annotated[float, example(0.71)]
    precision: Annotated[float | None, example(0.97)]
    precision_low: Annotated[float | None, example(0.93)]
    precision_high: Annotated[float | None, example(0.99)]
    audits: Annotated[int, example(118)]
    waiting: Annotated[int, example(6)]
    contested: int
    expired: Annotated[int, example(2)]
    lag: int
    policies: tuple[Policy, ...]
    alarms: int
    attempt: Annotated[int, example(1)]
    curve: tuple[CurvePoint, ...]
    sources: tuple[Annotated[tuple[Source, Count], Named("source", "labels")], ...]
    experts: Annotated[
        tuple[Annotated[tuple[str, float], Named("expert", "weight")], ...],
        example((("kernel", 0.6),)),
    ]
    seq: Seq
    quarantined: tuple[Quarantined, ...] = ()
    unfamiliar: int = 0
    form: FormNotice | None = None


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

    id: CaseId
    learner: LearnerName
    label: AnyLabel | None
    decision: Action
    confidence: Share
    novelty: Annotated[float, example(0.02)]
    policy: Annotated[int, example(2)]
    audit: bool
    reason: Annotated[str, example("policy 2 of 4 acts above 0.84")]
    alternatives: Suggestions
    seq: Seq
    time: Time
    level: Annotated[Level, example("act")] = "suggest"
    held: bool = False
    limit: str = ""
    version: VersionId = ""
    unfamiliar: Unfamiliar | None = None


@dataclass(frozen=True, slots=True)
class Feedback:
    """What somebody says of a prediction (`prediction_id`) or of a `record` (with `learner`).

    Either `label`, or `correct`: True for "the answer was right", False for "not this".
    `key` makes sending again safe; without it the digest of prediction, source and content does.
    """

    prediction_id: Annotated[str | None, example("p_01JA4Z")] = None
    learner: str | None = None
    record: GivenRecord | None = None
    label: GivenLabel | None = None
    correct: Annotated[
        bool | None, Field(description="true: the answer was right; false: not this.")
    ] = None
    source: Annotated[str | None, Field(description="Who says so.", examples=["ana"])] = None
    key: Annotated[str | None, Field(description="Makes sending again safe.")] = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of a feedback; `seq` is that of its event (of the first one when repeated).

    `counted`: it entered the record that precision and certificate rest on.
    `quarantined`: with `wait_learned`, why it was not learned but set aside; "" where it was. It
    stays with who has the store; to others the message says so.
    """

    seq: Seq
    status: Status
    prediction_id: Annotated[str | None, example("p_01JA4Z")]
    learner: Annotated[str | None, example("tickets")]
    counted: Annotated[bool, example(True)]
    message: Annotated[str, example("learned")]
    quarantined: Annotated[str, Field(exclude=True)] = field(default="", repr=False)


@dataclass(frozen=True, slots=True)
class Ask:
    """A case that waits for a label. `usefulness`: the more, the more a label teaches."""

    id: CaseId
    learner: LearnerName
    record: AnyRecord
    suggestions: Suggestions
    confidence: Annotated[float, example(0.55)]
    novelty: Annotated[float, example(0.1)]
    usefulness: Annotated[float, example(0.8)]
    audit: bool
    time: Time
    expires: Time
    held: bool = False
    unfamiliar: Unfamiliar | None = None


@dataclass(frozen=True, slots=True)
class Case:
    """A prediction with all that happened to it. `label`: the last word on it, if there is one."""

    id: CaseId
    learner: LearnerName
    record: AnyRecord
    answer: Answer
    status: Annotated[CaseStatus, example("closed")]
    label: AnyLabel | None
    events: Annotated[tuple[Event, ...], example(())] = ()


SAID = attrgetter(*(field.name for field in fields(Feedback)))


@dataclass(frozen=True, slots=True)
class ExplainedCase(Case):
    """A case, and why the learner answers so today; None where it has not learned enough."""

    explanation: Explanation | None = None


class ToPredict(Body):
    """One record, or several; ids are chosen for them unless they are given."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"record": TICKET}, {"records": ["lost card", "top up"]}]}
    )

    record: Annotated[Any, Unchecked(RECORD)] = None
    records: list[Annotated[Any, Unchecked(RECORD)]] | None = None
    id: str | None = Field(None, description="Not beginning with p_; for `record`.")
    ids: list[str | None] | None = Field(None, description="As many as `records`; null: ours.")


@dataclass(frozen=True, slots=True)
class ToTeach(Feedback):
    """One feedback, or several as `feedback`."""

    __pydantic_config__ = ConfigDict(
        cache_strings="keys",
        json_schema_extra={
            "examples": [
                {"prediction_id": "p_1", "label": "card_arrival", "source": "ana", "key": "k-17"},
                {"feedback": [{"learner": "tickets", "record": TICKET, "label": "card_arrival"}]},
            ]
        },
    )

    feedback: list[Feedback] | None = None

    def alone(self) -> Feedback:
        """The one feedback; `Feedback()` where there is none."""
        return Feedback(*SAID(self))


class Resolution(Body):
    """The label that ends a contested case."""

    label: Annotated[Any, Unchecked(LABEL), example("refund")]
    source: Annotated[str | None, example("ana")] = None


class Claim(Body):
    """Who wants a case to label, for how long, and which one unless the most useful."""

    holder: Annotated[str, example("ana")]
    id: str | None = None
    seconds: Annotated[float, Field(gt=0.0, le=86_400.0)] = 120.0


class Release(Body):
    """Who gives a case back."""

    holder: Annotated[str, example("ana")]
