"""The nouns that every floor shares."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Label: TypeAlias = str | int | bool
Record: TypeAlias = Mapping[str, Any]
Input: TypeAlias = Record | str | NDArray[Any] | Sequence[float]
Floats: TypeAlias = NDArray[np.float64]


def label_key(label: Label) -> tuple[str, Label]:
    """Type and value of a label: keeps 1, True and "1" apart, which a plain dict would not.

    >>> label_key(1) == label_key(True)
    False
    """
    return type(label).__name__, label


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
class Prediction:
    """What a learner says of one input.

    Attributes:
        label: the most probable label, or None before the first label was learned.
        confidence: calibrated probability, in [0, 1], that `label` is right.
        novelty: calibrated probability, in [0, 1], that the right label was never seen.
        probabilities: label -> probability; with `novelty` they add up to 1.
        votes: log-probabilities of every expert, then of the pool's members, shape (experts +
            members, labels). Hand the prediction back to `learn(x, y, prediction=p)` when the
            label comes later than the next prediction: all are then scored on what they said.
        last_label: index of the last label that was known at the time, -1 for none.
    """

    label: Label | None
    confidence: float
    novelty: float
    probabilities: Probabilities
    votes: Floats = field(repr=False, compare=False)
    last_label: int = field(default=-1, repr=False, compare=False)


@dataclass(frozen=True, slots=True)
class PredictionBatch(Sequence[Prediction]):
    """Predictions for n inputs, kept as arrays; item i is made into a `Prediction` when asked for.

    Attributes:
        labels: the labels known at the end of the batch, in order of first appearance.
        probabilities: shape (n, labels); 0 for a label not yet seen at that row.
        novelty, confidence: shape (n,), both in [0, 1].
        votes: shape (n, experts + members, labels), log-probabilities.
        last_label: shape (n,), index of the last label known at that row, -1 for none.
    """

    labels: tuple[Label, ...]
    probabilities: Floats
    novelty: Floats
    confidence: Floats
    votes: Floats
    last_label: NDArray[np.int64]

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
        )


@dataclass(frozen=True, slots=True)
class Neighbour:
    """A remembered example: its label, its similarity in [0, 1] and when it was learned."""

    record: Any
    label: Label
    similarity: float
    number: int


@dataclass(frozen=True, slots=True)
class Vote:
    """One expert's say: its weight in the pool (all add up to 1), its answer and probability."""

    expert: str
    weight: float
    label: Label
    probability: float


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a learner answers as it does: votes, remembered examples, the fields that matter.

    `fields` lists (field, drop): how much the answer's probability falls when the field is
    taken away, largest first.
    """

    prediction: Prediction
    votes: tuple[Vote, ...]
    neighbours: tuple[Neighbour, ...]
    fields: tuple[tuple[str, float], ...]


@dataclass(frozen=True, slots=True)
class FieldReport:
    """A field as the learner sees it: its type, how often it came, how often it was missing."""

    name: str
    type: str
    seen: int
    note: str = ""
