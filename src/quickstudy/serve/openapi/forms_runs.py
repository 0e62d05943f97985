"""What requests about runs carry: value learners, and the start, steps and end of a run."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, ConfigDict, Field, WithJsonSchema

from quickstudy.encode.values import plain_number
from quickstudy.serve.openapi.forms import AnyRecord, Form

AnyOutcome = Annotated[
    float,
    BeforeValidator(plain_number),
    WithJsonSchema(
        {"description": "true is 1.", "anyOf": [{"type": "number"}, {"type": "boolean"}]}
    ),
]
AnyAction = Annotated[Any, WithJsonSchema({"description": "A text, or any other JSON value."})]

STEP: Any = {"input": "Flight booked, but on the wrong day.", "action": "book(flight='HAT136')"}


class RunCosts(Form):
    """What a run costs, in units of its outcome."""

    step: float = Field(0.0, description="One more step.")
    failure: float = Field(0.0, description="A failure that is carried to its end.")
    ask: float | None = Field(None, description="Asking a person; none: nobody can be asked.")
    help: float = Field(1.0, description="Probability that a run succeeds after asking.")


class ValueChanges(Form):
    """Settings of a value learner that are to change."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"costs": {"step": 0.02}, "stop_error": 0.1}]}
    )

    costs: RunCosts | None = Field(None, description="The advice is what costs least.")
    stop_error: float | None = Field(
        None, description="Share of the runs it stops that would at most have succeeded."
    )
    wait_seconds: float | None = Field(None, description="Without a step so long, a run expires.")
    most_open: int | None = Field(None, description="Runs that may be open at once.")

    def settings(self) -> dict[str, Any]:
        """What was given, as `Deployment.change` and `create_value` take it."""
        given = self.model_dump(exclude_unset=True, exclude_none=True, by_alias=True)
        found = {field: value for field, value in given.items() if field not in ("kind", "name")}
        if "outcome_range" in found:
            found["outcome_range"] = tuple(found["outcome_range"])
        return found


class NewValueLearner(ValueChanges):
    """A value learner that is to be made: it says of runs of many steps how they will end."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "kind": "value",
                    "name": "agents",
                    "costs": {"step": 0.01, "failure": 0.5, "ask": 0.2},
                }
            ]
        }
    )

    kind: Literal["value"]
    name: str = Field(description="By which it is called from then on.")
    success: float | None = Field(None, description="Outcome from which a run is a success.")
    discount: float | None = Field(None, description="Of a reward one step later.")
    outcome_range: list[float] | None = Field(
        None, min_length=2, max_length=2, description="Lowest and highest outcome."
    )
    alpha: float | None = Field(None, description="Chance of ever certifying more than that.")
    audit: float | None = Field(None, description="Share of the runs to stop that it lets go on.")
    loops: bool | None = Field(None, description="Look for steps that repeat.")
    budget_mb: float | None = Field(None, description="Memory of the learner, MiB.")
    # not `schema`: a name that pydantic's own class has
    schema_: dict[str, str] | None = Field(
        None, alias="schema", description="field -> number, boolean, category, text or vector."
    )
    seed: int | None = Field(None, description="Of the learner and the audit coins.")


class NewRun(Form):
    """A run that begins."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"task": "book a flight", "id": "run-17"}, {}]}
    )

    task: str | None = Field(None, description="Runs of one task are compared with each other.")
    id: str | None = Field(None, description="Makes sending again safe; else one is chosen.")


class OneStep(Form):
    """A step of a run: what was seen, what was done."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {**STEP, "number": 1},
                {"action": "search(flights)", "error": True, "reward": -0.1},
            ]
        }
    )

    input: AnyRecord = Field(None, description="A record, a text, a vector; or the action alone.")
    action: AnyAction = Field(None, description="What was done; loops are found in it.")
    error: bool = Field(False, description="The action failed.")
    reward: float = Field(0.0, description="Earned by this step alone.")
    number: int | None = Field(
        None, description="Of the step, from 1: makes sending it again safe."
    )


class Ending(Form):
    """How a run ended."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"outcome": 1.0, "source": "checker"}]}
    )

    outcome: AnyOutcome
    success: bool | None = Field(None, description="Else: whether the outcome is high enough.")
    source: str | None = Field(None, description="Who says so.")
