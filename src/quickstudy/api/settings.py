"""Settings of learners: the one place that says name, type, range, default, meaning and example.

Library, HTTP, client and page take them from here. `Options` and `ValueOptions` are the same names
as keyword arguments, for type checkers.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, Self, TypeAlias

from pydantic import AfterValidator, BeforeValidator, Field
from typing_extensions import TypedDict

from quickstudy.api.checks import checked_label, checked_name
from quickstudy.api.fields import FLAG, PLAIN, GivenAs, Number, Text, members
from quickstudy.api.guardrails import Level
from quickstudy.encode.values import plain_scalar
from quickstudy.pairs import Named
from quickstudy.types import Costs, Label

DEFAULT_KIND = "classifier"  # of settings that name no kind: when it was the only one, none did
LONGEST_WAIT = 1e9  # seconds
MOST_COUNT = 1_000_000
BUDGET = {"ge": 16, "le": 65_536}  # MiB
Change = Literal["never", "free", "resets"]
"""Whether a setting of a hosted learner may change: never, freely, or so that its autonomy evidence
is reset, because that evidence was gathered for another guarantee."""


def setting(meaning: str, example: Any, change: Change = "never", **limits: Any) -> Any:
    """Metadata of a setting; `limits` as pydantic's `Field` takes them: gt, ge, lt, le."""
    extra: dict[str, Any] = {"x-change": change}
    return Field(description=meaning, examples=[example], json_schema_extra=extra, **limits)


def number(meaning: str, example: Any, change: Change = "never", **limits: Any) -> Any:
    """Metadata of a setting that is a number: no text, no truth value, and finite."""
    finite = {"allow_inf_nan": False} if isinstance(example, float) else {}
    return setting(meaning, example, change, strict=True, **finite, **limits)


def _pairs(value: Any) -> Any:
    return tuple(value.items()) if isinstance(value, Mapping) else members(value or ())


def _drawn(value: Any) -> Any:
    plain = plain_scalar(value)
    return secrets.randbits(32) if plain is None else plain


def _source(value: str) -> str:
    return checked_name("the name", value)


def _field_name(value: str) -> str:
    return checked_name("the name", value) if value else ""


def _rising(value: tuple[float, float]) -> tuple[float, float]:
    if not value[0] < value[1]:
        raise ValueError("the lowest must be below the highest")
    return value


PAIRS, DRAWN = BeforeValidator(_pairs), BeforeValidator(_drawn)
OR_EMPTY = BeforeValidator(lambda value: {} if value is None else value)
OR_NONE = BeforeValidator(lambda value: value or "")
CheckedLabel = Annotated[Label, BeforeValidator(checked_label)]
Bounded = Field(strict=True, allow_inf_nan=False, gt=0.0, lt=1.0)
Positive = Field(strict=True, allow_inf_nan=False, gt=0.0)
NotNegative = Field(strict=True, allow_inf_nan=False, ge=0.0)
Precision = Annotated[
    tuple[CheckedLabel, Annotated[float, Bounded, PLAIN]], Named("label", "value")
]
Cost = Annotated[tuple[CheckedLabel, Annotated[float, Positive, PLAIN]], Named("label", "value")]
TYPES = "field -> number, boolean, category, text or vector."
COINS = "Of the learner and the audit coins; drawn if left out."
MEMORY = "Memory of the learner, MiB."


@dataclass(frozen=True, slots=True)
class Settings:
    """What a classifier is to hold to, as its owner set it."""

    schema: Annotated[dict[Text, Text], OR_EMPTY, setting(TYPES, {"amount": "number"})] = field(
        default_factory=dict
    )
    target: Annotated[
        float, number("Precision of what it acts on alone.", 0.95, "resets", gt=0, lt=1), PLAIN
    ] = 0.95
    alpha: Annotated[
        float, number("Chance of ever certifying less.", 0.05, "resets", gt=0, lt=1), PLAIN
    ] = 0.05
    targets: Annotated[
        tuple[Precision, ...],
        PAIRS,
        setting("Precision for single labels.", (("refund", 0.99),), "resets"),
    ] = ()
    costs: Annotated[
        tuple[Cost, ...],
        PAIRS,
        setting("Cost of a wrong answer, by label; 1 for others.", (("refund", 5.0),), "resets"),
    ] = ()
    audit: Annotated[
        float,
        number("Share of its own answers that is checked.", 0.05, "resets", ge=1e-6, le=1),
        PLAIN,
    ] = 0.05
    wait_seconds: Annotated[
        float,
        number(
            "After this an asked case without label expires, and counts as wrong.",
            604_800.0,
            "free",
            gt=0,
            le=LONGEST_WAIT,
        ),
        PLAIN,
    ] = 604_800.0
    budget_mb: Annotated[float, number(MEMORY, 64.0, **BUDGET), PLAIN] = 64.0
    seed: Annotated[int, number(COINS, 7, ge=0, lt=2**63), DRAWN] = 0
    trusted: Annotated[
        tuple[Annotated[Text, AfterValidator(_source)], ...],
        BeforeValidator(members),
        setting("Sources whose audits count and whose corrections are pinned.", ("ana",), "free"),
    ] = ()
    start: Annotated[Level, setting("Autonomy level that it starts with.", "suggest"), PLAIN] = (
        "suggest"
    )
    ceiling: Annotated[
        Level, setting("The highest level that it may reach.", "act", "free"), PLAIN
    ] = "act"
    approvals: Annotated[
        int,
        number("Held answers found right before it acts alone.", 20, "free", ge=0, le=MOST_COUNT),
        PLAIN,
    ] = 20
    margin: Annotated[
        float,
        number(
            "By how much, in share wrong, a challenger that is no larger may be worse.",
            0.02,
            "free",
            ge=0,
            lt=1,
        ),
        PLAIN,
    ] = 0.02
    environment: Annotated[
        Annotated[Text, AfterValidator(_field_name)],
        OR_NONE,
        setting('Field by whose value the gate groups cases; "" for none.', "country", "free"),
    ] = ""
    probation: Annotated[
        int,
        number(
            "Labelled cases for which the last champion is still compared with the new one.",
            1000,
            "free",
            ge=0,
            le=MOST_COUNT,
        ),
        PLAIN,
    ] = 1000
    consolidate: Annotated[
        bool,
        number("Make challengers by itself, at 1.5 times as many examples.", True, "free"),
        FLAG,
    ] = True

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Self:
        """Settings that were checked, as JSON holds them."""
        pairs = {n: tuple((label, v) for label, v in values[n]) for n in ("targets", "costs")}
        return cls(**{**values, **pairs, "trusted": tuple(values["trusted"])})


class RunCosts(TypedDict, total=False):
    """What a run costs, in units of its outcome."""

    step: Annotated[float, NotNegative, PLAIN, Field(description="One more step.")]
    failure: Annotated[
        float, NotNegative, PLAIN, Field(description="A failure that is carried to its end.")
    ]
    ask: Annotated[
        Annotated[float, NotNegative, PLAIN] | None,
        Field(description="Asking a person; none: nobody can be asked."),
    ]
    help: Annotated[
        float,
        NotNegative,
        Field(le=1.0, description="Probability that a run succeeds after asking."),
        PLAIN,
    ]


@dataclass(frozen=True, slots=True)
class ValueSettings:
    """What a value learner is to hold to, as its owner set it."""

    success: Annotated[
        float, number("Outcome from which a run is a success, unless its end says.", 1.0), PLAIN
    ] = 1.0
    discount: Annotated[float, number("Of a reward one step later.", 1.0, gt=0, le=1), PLAIN] = 1.0
    outcome_range: Annotated[
        tuple[Number, Number],
        AfterValidator(_rising),
        setting("Lowest and highest outcome that a run can have.", (0.0, 1.0)),
    ] = (0.0, 1.0)
    costs: Annotated[
        Costs,
        GivenAs(RunCosts, Costs),
        setting("The advice is what costs least.", {"step": 0.01, "failure": 0.5}, "free"),
    ] = field(default_factory=Costs)
    stop_error: Annotated[
        float,
        number(
            "Share of the runs it stops that would at most have succeeded.",
            0.05,
            "resets",
            gt=0,
            lt=1,
        ),
        PLAIN,
    ] = 0.05
    alpha: Annotated[
        float, number("Chance of ever certifying more than that.", 0.05, gt=0, lt=1), PLAIN
    ] = 0.05
    audit: Annotated[
        float, number("Share of the runs to stop that it lets go on.", 0.1, gt=0, le=1), PLAIN
    ] = 0.1
    loops: Annotated[bool, number("Look for steps that repeat.", True), FLAG] = True
    wait_seconds: Annotated[
        float,
        number("Without a step so long, a run expires.", 86_400.0, "free", gt=0, le=LONGEST_WAIT),
        PLAIN,
    ] = 86_400.0
    most_open: Annotated[
        int, number("Runs that may be open at once.", 1000, "free", ge=1, le=100_000), PLAIN
    ] = 1000
    budget_mb: Annotated[float, number(MEMORY, 64.0, **BUDGET), PLAIN] = 64.0
    schema: Annotated[dict[Text, Text], OR_EMPTY, setting(TYPES, {"amount": "number"})] = field(
        default_factory=dict
    )
    seed: Annotated[int, number(COINS, 7, ge=0, lt=2**63), DRAWN] = 0

    @classmethod
    def from_plain(cls, values: Mapping[str, Any]) -> Self:
        """Settings that were checked, as JSON holds them."""
        low, high = values["outcome_range"]
        return cls(**{**values, "costs": Costs(**values["costs"]), "outcome_range": (low, high)})


PerLabelGiven: TypeAlias = Mapping[Label, float] | Iterable[tuple[Label, float]] | None


class Changes(TypedDict, total=False):
    """Settings of a classifier that may change, as keyword arguments; see `Settings`."""

    target: float
    alpha: float
    targets: PerLabelGiven
    costs: PerLabelGiven
    audit: float
    wait_seconds: float
    trusted: Sequence[str]
    ceiling: Level
    approvals: int
    margin: float
    environment: str
    probation: int
    consolidate: bool


class Options(Changes, total=False):
    """Settings of a new classifier, as keyword arguments; see `Settings`."""

    schema: Mapping[str, str] | None
    budget_mb: float
    seed: int | None
    start: Level


class ValueOptions(TypedDict, total=False):
    """Settings of a new value learner, as keyword arguments; see `ValueSettings`."""

    success: float
    discount: float
    outcome_range: tuple[float, float]
    costs: Costs | Mapping[str, float | None] | None
    stop_error: float
    alpha: float
    audit: float
    loops: bool
    wait_seconds: float
    most_open: int
    budget_mb: float
    schema: Mapping[str, str] | None
    seed: int | None
