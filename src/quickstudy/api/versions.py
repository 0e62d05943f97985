"""Models of versions: who answers, who wants to, the gate between them, and the exam."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from quickstudy.api.fields import (
    TICKET,
    AnyLabel,
    AnyRecord,
    Body,
    CaseId,
    Finite,
    GivenLabel,
    GivenRecord,
    LearnerName,
    Seq,
    Source,
    Time,
    VersionId,
    Why,
    example,
)
from quickstudy.pairs import Named
from quickstudy.types import Label

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

    id: VersionId
    learner: LearnerName
    kind: Annotated[Kind, example("consolidated")]
    role: Annotated[Role, example("challenger")]
    seq: Seq
    time: Time
    asof: Annotated[int, example(1_200)]
    examples: Annotated[int, example(400)]
    size: Annotated[int, example(1_802_240)]
    parent: Annotated[str, example("4e07f3a9d15c4b62a8f0c7d3916be582")]
    actor: Source
    why: Annotated[str, example("the examples have grown")]


@dataclass(frozen=True, slots=True)
class Condition:
    """One thing that the gate asks of a challenger; `name` is what an override has to say.

    Names: "exam", "never", "better", "groups", "baselines".
    """

    name: Annotated[str, example("better")]
    holds: bool
    detail: Annotated[str, example("evidence 1.4 of 4.2")]


@dataclass(frozen=True, slots=True)
class Group:
    """Labelled cases of one group: how many, and how much less the challenger errs on them.

    `gain`: share wrong of the champion minus that of the challenger, weighted, in [-1, 1].
    `worse`: there is evidence that the challenger is worse by more than the margin.
    """

    name: Annotated[str, example("country=IT")]
    cases: Annotated[int, example(240)]
    gain: Annotated[float, example(0.02)]
    worse: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """A case that two versions answer differently; `truth` is None where it is not known.

    `id`: of the prediction, or of the pin ("pin-7"); `where`: "stream" or "exam".
    """

    id: CaseId
    where: Literal["stream", "exam"]
    record: AnyRecord
    before: Annotated[Label | None, example("lost_card")]
    after: AnyLabel | None
    truth: AnyLabel | None


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

    version: VersionId
    purpose: Literal["challenge", "probation"]
    cases: Annotated[int, example(620)]
    labelled: Annotated[int, example(210)]
    gain: Annotated[Finite, example(0.031)]
    log_evidence: Finite
    log_bar: Annotated[Finite, example(4.2)]
    log_evidence_margin: Annotated[float | None, example(3.9)]
    conditions: tuple[Condition, ...]
    groups: tuple[Group, ...]
    baselines: Annotated[
        tuple[Annotated[tuple[str, float], Named("name", "gain")], ...],
        example((("majority", 0.61),)),
    ]
    differences: tuple[Difference, ...]
    behind: int


@dataclass(frozen=True, slots=True)
class Diff:
    """Two versions on the exam, and on the labelled cases that came after both were made.

    `right_before`, `right_after`: of `labelled` cases and `pins` pins together.
    """

    before: VersionId
    after: VersionId
    labelled: Annotated[int, example(210)]
    pins: Annotated[int, example(12)]
    right_before: Annotated[int, example(190)]
    right_after: Annotated[int, example(201)]
    differences: tuple[Difference, ...]


@dataclass(frozen=True, slots=True)
class Pin:
    """A case of the exam. `auto`: pinned because a trusted source corrected an answer.

    `id`: "pin-" and the seq of its event; `answer`, `passes`: of the version that sat the exam.
    """

    id: Annotated[str, example("pin-1190")]
    learner: LearnerName
    record: AnyRecord
    label: AnyLabel
    bound: Bound
    auto: bool
    source: Source
    seq: Seq
    time: Time
    answer: AnyLabel | None = None
    passes: Annotated[bool | None, example(True)] = None


@dataclass(frozen=True, slots=True)
class Exam:
    """What a version makes of the pinned cases, those that it fails first."""

    version: VersionId
    passed: Annotated[int, example(12)]
    failed: int
    must_failed: int
    pins: tuple[Pin, ...]


class Reason(Body):
    """Why somebody does it, for the log."""

    reason: Annotated[Why, example("a clean start")] = ""


class Promotion(Reason):
    """The conditions of the gate that need not hold, by name, and why."""

    override: Annotated[
        tuple[str, ...],
        Field(
            max_length=100,
            description="exam, never, better, groups, baselines.",
            examples=[["groups"]],
        ),
    ] = ()


class OnePin(Body):
    """A case that a version must, or should, get right."""

    record: GivenRecord
    label: GivenLabel
    bound: Bound = "must"


class ToPin(Body):
    """A prediction, or a record, with its label; or several records as `pins`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"prediction_id": "p_1", "label": "card_arrival", "bound": "must"},
                {"record": TICKET, "label": "card_arrival", "source": "ana"},
                {"pins": [{"record": TICKET, "label": "card_arrival", "bound": "should"}]},
            ]
        }
    )

    prediction_id: str | None = None
    record: GivenRecord = None
    label: GivenLabel = None
    bound: Bound = "must"
    source: str | None = Field(None, description="Who says what is right.")
    pins: list[OnePin] | None = None
