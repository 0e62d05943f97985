"""What requests of oversight carry: versions, exam, limits and pause."""

from __future__ import annotations

from typing import Any

from pydantic import ConfigDict, Field

from quickstudy.api.versions import Allowed, Bound, Limits
from quickstudy.serve.openapi.forms import TICKET, AnyLabel, AnyRecord, Form


class Reason(Form):
    """Why somebody does it, for the log."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"reason": "a clean start"}]})

    reason: str = Field("", max_length=500)


class Promotion(Reason):
    """The conditions of the gate that need not hold, by name, and why."""

    model_config = ConfigDict(
        json_schema_extra={"examples": [{"override": ["groups"], "reason": "agreed with the desk"}]}
    )

    override: list[str] = Field(
        default=[], max_length=100, description="exam, never, better, groups, baselines."
    )


class OnePin(Form):
    """A case that a version must, or should, get right."""

    record: AnyRecord
    label: AnyLabel
    bound: Bound = "must"


class ToPin(Form):
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
    record: AnyRecord = None
    label: AnyLabel = None
    bound: Bound = "must"
    source: str | None = Field(None, description="Who says what is right.")
    pins: list[OnePin] | None = None

    def rows(self) -> list[tuple[Any, Any, Bound]]:
        """The several, as the deployment takes them."""
        return [(pin.record, pin.label, pin.bound) for pin in self.pins or []]


class OneAllowed(Form):
    """Where `when` holds of a record, only these labels may be acted on."""

    when: str
    labels: list[AnyLabel]


class OneCost(Form):
    """What it costs to act on a label."""

    label: AnyLabel
    cost: float


class ToLimit(Form):
    """All limits of a learner: they replace those it had. What is not given is not limited."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "never": ["label == 'refund' and amount > 500"],
                    "allowed": [{"when": "country == 'IT'", "labels": ["card_arrival"]}],
                    "per_minute": 30,
                    "costs": [{"label": "refund", "cost": 2.5}],
                    "spend_per_day": 100,
                },
                {},
            ]
        }
    )

    never: list[str] = Field(default=[], description="Where one holds, it asks.")
    allowed: list[OneAllowed] = Field(default=[], description="Labels per context.")
    per_minute: int | None = Field(None, description="Most actions in any 60 seconds.")
    costs: list[OneCost] = Field(default=[], description="Cost of acting, by label.")
    spend_per_day: float | None = Field(None, description="Most that a day's actions may cost.")

    def noun(self) -> Limits:
        """As the deployment takes them."""
        return Limits(
            never=tuple(self.never),
            allowed=tuple(Allowed(one.when, tuple(one.labels)) for one in self.allowed),
            per_minute=self.per_minute,
            costs=tuple((one.label, one.cost) for one in self.costs),
            spend_per_day=self.spend_per_day,
        )


class ToPause(Reason):
    """Whom to pause: a learner, or, without one, all of them."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [{"learner": "tickets", "reason": "the new form is wrong"}, {}]
        }
    )

    learner: str | None = None
