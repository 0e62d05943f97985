"""Public data types that all packages share."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Annotated, Any, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from quickstudy.pairs import Named

Label: TypeAlias = str | int | bool
Record: TypeAlias = Mapping[str, Any]
Input: TypeAlias = Record | str | NDArray[Any] | Sequence[float]
Floats: TypeAlias = NDArray[np.float64]


def label_key(label: Label) -> tuple[str, Label]:
    """Type and value of a label, a key for which 1, True and "1" differ (in a dict 1 == True).

    >>> label_key(1) == label_key(True)
    False
    """
    return type(label).__name__, label


def same_label(one: Label | None, other: Label | None) -> bool:
    """Whether two labels are the same: 1, True and "1" are not.

    >>> same_label("a", "a"), same_label(1, True), same_label(None, None)
    (True, False, True)
    """
    return type(one) is type(other) and one == other


class Probabilities(Mapping[Label, float]):
    """A read-only mapping from label to probability in which 1, True and "1" are three labels.

    The values and the prediction's `novelty` add up to 1.

    >>> p = Probabilities((1, True), np.array([0.75, 0.25]))
    >>> p[1], p[True], len(p)
    (0.75, 0.25, 2)
    """

    __slots__ = ("_index", "_labels", "_values")

    def __init__(self, labels: Sequence[Label], values: Floats) -> None:
        self._labels = tuple(labels)
        self._values = values
        self._index: dict[tuple[str, Label], int] | None = None

    def __getitem__(self, label: Label) -> float:
        if self._index is None:
            self._index = {label_key(name): i for i, name in enumerate(self._labels)}
        try:
            return float(self._values[self._index[label_key(label)]])
        except KeyError:
            raise KeyError(label) from None

    def __iter__(self) -> Iterator[Label]:
        return iter(self._labels)

    def __len__(self) -> int:
        return len(self._labels)

    def top(self, n: int) -> list[tuple[Label, float]]:
        """The `n` most probable labels with their probabilities, most probable first."""
        order = np.argsort(-self._values, kind="stable")[:n].tolist()
        return [(self._labels[i], float(self._values[i])) for i in order]

    def __repr__(self) -> str:
        top = self.top(5)
        shown = ", ".join(f"{label!r}: {p:.3f}" for label, p in top)
        return f"{{{shown}{', ...' if len(self) > len(top) else ''}}}"


@dataclass(frozen=True, slots=True)
class Unfamiliar:
    """The fields by which the form of a record differs from the records that were learned.

    At most ten of each, the most frequent first.

    Attributes:
        missing: fields that the learner relies on and that are absent.
        unknown: fields that were never learned, or rarely.
        retyped: fields whose type differs from the one learned, as a text for a number.

    >>> str(Unfamiliar(missing=("amount",), unknown=("Amount",)))
    "it lacks 'amount' and has the unknown 'Amount'"
    """

    missing: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()
    retyped: tuple[str, ...] = ()

    def __str__(self) -> str:
        parts = [
            f"{verb} {', '.join(repr(name) for name in names)}"
            for verb, names in (
                ("lacks", self.missing),
                ("has the unknown", self.unknown),
                ("has another type in", self.retyped),
            )
            if names
        ]
        return f"it {' and '.join(parts)}" if parts else "it has none of the fields learned"


@dataclass(frozen=True, slots=True)
class Prediction:
    """The prediction of a classifier for one input.

    Attributes:
        label: the most probable label, or None before the first label was learned.
        confidence: calibrated probability, in [0, 1], that `label` is right.
        novelty: calibrated probability, in [0, 1], that the right label was never learned.
        probabilities: label -> probability; with `novelty` they add up to 1.
        votes: log-probabilities of every expert, then of the pool's members, shape (experts +
            members, labels). If the label comes after the next prediction, pass the prediction to
            `learn(x, y, prediction=p)`: experts and members are then scored on these votes.
        last_label: index of the last label that was known at the time, -1 for none.
        unfamiliar: the unfamiliar fields of the record, or None; with unfamiliar fields
            `confidence` is 0.
    """

    label: Label | None
    confidence: float
    novelty: float
    probabilities: Probabilities
    votes: Floats = field(repr=False, compare=False)
    last_label: int = field(default=-1, repr=False, compare=False)
    unfamiliar: Unfamiliar | None = None

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: Any) -> Any:
        """The form in JSON: without votes, which a prediction that is read from JSON has not."""
        from pydantic_core import core_schema

        form = handler.generate_schema(PredictionForm)
        return core_schema.no_info_after_validator_function(
            _from_form,
            form,
            serialization=core_schema.plain_serializer_function_ser_schema(
                _form_of, return_schema=form
            ),
        )


@dataclass(frozen=True, slots=True)
class PredictionForm:
    """What a learner says of one input, as it is sent: `probabilities` as a list."""

    label: Label | None
    confidence: float
    novelty: float
    probabilities: tuple[Annotated[tuple[Label, float], Named("label", "probability")], ...]
    unfamiliar: Unfamiliar | None = None


def _form_of(made: Prediction) -> PredictionForm:
    shares = tuple(made.probabilities.items())
    return PredictionForm(made.label, made.confidence, made.novelty, shares, made.unfamiliar)


def _from_form(form: PredictionForm) -> Prediction:
    values = np.array([share for _, share in form.probabilities], dtype=np.float64)
    shares = Probabilities([label for label, _ in form.probabilities], values)
    return Prediction(
        label=form.label,
        confidence=form.confidence,
        novelty=form.novelty,
        probabilities=shares,
        votes=np.zeros((0, 0)),
        unfamiliar=form.unfamiliar,
    )


@dataclass(frozen=True, slots=True)
class PredictionBatch(Sequence[Prediction]):
    """Predictions for n inputs, as arrays; item i is converted to a `Prediction` on access.

    Attributes:
        labels: the labels known at the end of the batch, in order of first appearance.
        probabilities: shape (n, labels); 0 for a label not yet known at that row.
        novelty, confidence: shape (n,), both in [0, 1].
        votes: shape (n, experts + members, labels), log-probabilities.
        last_label: shape (n,), index of the last label known at that row, -1 for none.
        unfamiliar: unfamiliar fields by row; rows of a familiar form are not in it.
    """

    labels: tuple[Label, ...]
    probabilities: Floats
    novelty: Floats
    confidence: Floats
    votes: Floats
    last_label: NDArray[np.int64]
    unfamiliar: Mapping[int, Unfamiliar] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.novelty)

    def __getitem__(self, i: Any) -> Any:
        if isinstance(i, slice):
            raise TypeError("a PredictionBatch is read item by item; slice its arrays instead")
        row = self.probabilities[i]
        known = bool(len(row)) and bool(row.max() > 0.0)
        return Prediction(
            label=self.labels[int(row.argmax())] if known else None,
            confidence=float(self.confidence[i]),
            novelty=float(self.novelty[i]),
            probabilities=Probabilities(self.labels, row),
            votes=self.votes[i],
            last_label=int(self.last_label[i]),
            unfamiliar=self.unfamiliar.get(int(i) % len(self)) if self.unfamiliar else None,
        )


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A remembered example: its label, its similarity in [0, 1] and its number in the stream."""

    record: Any
    label: Label
    similarity: float
    number: int


@dataclass(frozen=True, slots=True)
class Vote:
    """One expert's vote: its weight in the pool (all add up to 1), its label and probability."""

    expert: str
    weight: float
    label: Label
    probability: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """The explanation of an answer: votes, remembered examples, and the effect of each field.

    `fields` lists (field, drop): the decrease of the answer's probability without the field,
    largest first.
    """

    prediction: Prediction
    votes: tuple[Vote, ...]
    neighbours: tuple[Neighbour, ...]
    fields: tuple[Annotated[tuple[str, float], Named("field", "drop")], ...]


@dataclass(frozen=True, slots=True)
class FieldReport:
    """A field as the learner knows it: its type, how many examples had it, and a note."""

    name: str
    type: str
    seen: int
    note: str = ""


@dataclass(frozen=True, slots=True)
class Costs:
    """Costs of a run, in units of its outcome (a success is usually worth 1).

    Attributes:
        step: cost of one more step.
        failure: cost of a failure, in addition to the outcome that is missed.
        ask: cost of asking a person; None if nobody can be asked.
        help: probability, in [0, 1], that a run succeeds after a person was asked.

    >>> Costs(step=0.01, ask=0.3)
    Costs(step=0.01, failure=0.0, ask=0.3, help=1.0)
    """

    step: float = 0.0
    failure: float = 0.0
    ask: float | None = None
    help: float = 1.0


@dataclass(frozen=True, slots=True)
class Loop:
    """A loop: the latest steps of a run repeat earlier ones.

    Attributes:
        kind: "repeat" (A-A-A), "cycle" (A-B-A-B and longer), or "return" (the same step for at
            least the third time, with others in between).
        period: steps of one round; 1 for a repeat; for a return, steps since the last occurrence.
        times: number of rounds, at least 2.
        exact: all rounds are identical; otherwise they are equal only in canonical form.
        success: share of earlier runs with such a loop that succeeded, smoothed, in [0, 1].
        runs: number of runs that this share is computed from.
    """

    kind: Literal["repeat", "cycle", "return"]
    period: int
    times: int
    exact: bool
    success: float
    runs: int


@dataclass(frozen=True, slots=True)
class Estimate:
    """The estimate of a value function after one step of a run.

    Attributes:
        run: id of the run.
        step: number of the step, counted from 1.
        value: expected return from here, the outcome included.
        low, high: interval that contains this return in nine of ten runs.
        success_probability: calibrated, in [0, 1].
        credit: change of the success probability by this step.
        loop: the loop that the run is in, or None.
        advice: the action of largest expected value under the costs: "continue", "stop", "ask".
        stop: stop this run now; only if a certificate permits it.
        steps_left: expected number of further steps.
        why: the reason for the advice, in one sentence.
        votes: (expert, its success probability) for each expert.
    """

    run: str
    step: int
    value: float
    low: float
    high: float
    success_probability: float
    credit: float
    loop: Loop | None
    advice: Literal["continue", "stop", "ask"]
    stop: bool
    steps_left: float
    why: str
    votes: tuple[Annotated[tuple[str, float], Named("expert", "probability")], ...]
