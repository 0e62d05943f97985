"""Models of a store's care: its log, its keys, and what its integrity check finds."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Literal

from pydantic import Field

from quickstudy.api.fields import Body, CaseId, LearnerName, Seq, Time, example

Role = Literal["predict", "teach", "manage"]
"""What a key may do: `teach` includes `predict`, `manage` includes both."""


@dataclass(frozen=True, slots=True)
class Event:
    """One link of the log, with its payload unless that was forgotten."""

    seq: Seq
    time: Time
    type: Annotated[str, example("feedback")]
    learner: LearnerName
    actor: Annotated[str, example("shop")]
    subject: CaseId
    payload: Annotated[dict[str, Any] | None, example({"label": "card_arrival"})]


@dataclass(frozen=True, slots=True)
class Key:
    """An API key, without its secret. `learners`: names it is good for; None: all."""

    id: Annotated[str, example("k_7f3a")]
    name: Annotated[str, example("shop")]
    role: Annotated[Role, example("predict")]
    learners: Annotated[tuple[str, ...] | None, example(("tickets",))]
    created: Time
    revoked: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of `doctor`: what was checked, whether it holds, and what was seen."""

    check: str
    ok: bool
    detail: str


class NewKey(Body):
    """A key that is to be made."""

    name: Annotated[str, example("shop")]
    role: Annotated[Role, example("predict")]
    learners: Annotated[
        list[str] | None,
        Field(description="Names it is good for; null: all.", examples=[["tickets"]]),
    ] = None


class Patience(Body):
    """How long to wait."""

    timeout: Annotated[float, Field(ge=0.0, le=600.0, examples=[10.0])] = 60.0
