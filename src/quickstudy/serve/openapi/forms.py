"""What requests carry: their form only; what the values mean is the deployment's to judge."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from quickstudy.api.decisions import Feedback, Role
from quickstudy.api.json_schema import LABEL
from quickstudy.api.versions import Level

RECORD = {
    "description": "An object of fields, a text, or a list of numbers.",
    "anyOf": [
        {"type": "object"},
        {"type": "string"},
        {"type": "array", "items": {"type": "number"}},
    ],
}
AnyRecord = Annotated[Any, WithJsonSchema(RECORD)]
AnyLabel = Annotated[Any, WithJsonSchema({"anyOf": [*LABEL["anyOf"], {"type": "null"}]})]
TICKET: Any = {"text": "my card has not arrived", "country": "IT", "days": 9}


class Form(BaseModel):
    """Only the fields that are named, of just the types that are named."""

    model_config = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)


class ForLabel(Form):
    """A figure for one label."""

    label: AnyLabel
    value: float


class Changes(Form):
    """Settings of a learner that are to change."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"target": 0.97, "audit": 0.1}]})

    target: float | None = Field(None, description="Precision, in (0, 1), of what it acts on.")
    alpha: float | None = Field(None, description="Chance of ever certifying less than that.")
    targets: list[ForLabel] | None = Field(None, description="Precision for single labels.")
    costs: list[ForLabel] | None = Field(None, description="Cost of a wrong answer, by label.")
    audit: float | None = Field(None, description="Share of its own answers that is checked.")
    wait_seconds: float | None = Field(None, description="How long an asked case waits.")
    trusted: list[str] | None = Field(None, description="Sources whose audits count; none: all.")
    ceiling: Level | None = Field(None, description="The highest level that it may reach.")
    approvals: int | None = Field(None, description="Held answers found right before it acts.")
    margin: float | None = Field(
        None, description="By how much, in share wrong, a challenger no larger may be worse."
    )
    environment: str | None = Field(None, description="Field by which the gate groups cases.")
    probation: int | None = Field(
        None, description="Labelled cases for which the last champion is still compared."
    )
    consolidate: bool | None = Field(None, description="Make challengers by itself.")

    def settings(self) -> dict[str, Any]:
        """What was given, as `Deployment.change` and `create` take it."""
        fields = self.model_fields_set - {"name", "kind"}
        found = {name: getattr(self, name) for name in fields}
        found = {name: value for name, value in found.items() if value is not None}
        for name in ("targets", "costs"):
            if name in found:
                found[name] = tuple((pair.label, pair.value) for pair in found[name])
        if "trusted" in found:
            found["trusted"] = tuple(found["trusted"])
        return found


class NewLearner(Changes):
    """A classifier that is to be made."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"name": "tickets", "target": 0.9}]})

    kind: Literal["classifier"] = "classifier"
    name: str = Field(description="By which it is called from then on.")
    # not `schema`: a name that pydantic's own class has
    schema_: dict[str, str] | None = Field(
        None, alias="schema", description="field -> number, boolean, category, text or vector."
    )
    start: Level | None = Field(None, description="The level that it starts with.")
    budget_mb: float | None = Field(None, description="Memory of the learner, MiB.")
    seed: int | None = Field(None, description="Of the learner and the audit coins.")

    def settings(self) -> dict[str, Any]:
        """What was given, as `Deployment.create` takes it."""
        found = super().settings()
        if "schema_" in found:
            found["schema"] = found.pop("schema_")
        return found


class ToPredict(Form):
    """One record, or several; ids are chosen for them unless they are given."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"record": TICKET}, {"records": ["lost card", "top up"]}]}
    )

    record: AnyRecord = None
    records: list[AnyRecord] | None = None
    id: str | None = Field(None, description="Not beginning with p_; for `record`.")
    ids: list[str | None] | None = Field(None, description="As many as `records`; null: ours.")


class OneFeedback(Form):
    """What somebody says of a prediction, or of a record of a learner."""

    prediction_id: str | None = None
    learner: str | None = None
    record: AnyRecord = None
    label: AnyLabel = None
    correct: bool | None = Field(None, description="true: the answer was right; false: not this.")
    source: str | None = Field(None, description="Who says so.")
    key: str | None = Field(None, description="Makes sending again safe.")

    def noun(self) -> Feedback:
        """As the deployment takes it."""
        return Feedback(
            self.prediction_id,
            self.learner,
            self.record,
            self.label,
            self.correct,
            self.source,
            self.key,
        )


class ToTeach(OneFeedback):
    """One feedback, or several as `feedback`."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {"prediction_id": "p_1", "label": "card_arrival", "source": "ana", "key": "k-17"},
                {"feedback": [{"learner": "tickets", "record": TICKET, "label": "card_arrival"}]},
            ]
        }
    )

    feedback: list[OneFeedback] | None = None


class GatedDecision(Form):
    """The label that ends a contested case."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"label": "refund", "source": "ana"}]}
    )

    label: AnyLabel
    source: str | None = None


class Claim(Form):
    """Who wants a case to label, for how long, and which one unless the most useful."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"holder": "ana", "seconds": 120}]})

    holder: str
    id: str | None = None
    seconds: float = Field(120.0, gt=0.0, le=86_400.0)


class Release(Form):
    """Who gives a case back."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"holder": "ana"}]})

    holder: str


class NewKey(Form):
    """A key that is to be made."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"name": "shop", "role": "predict", "learners": ["tickets"]}]
        }
    )

    name: str
    role: Role
    learners: list[str] | None = Field(None, description="Names it is good for; null: all.")


class Patience(Form):
    """How long to wait."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"timeout": 10}]})

    timeout: float = Field(60.0, ge=0.0, le=600.0)
