"""The base of adapters to other libraries: predict, learn, and the encoding of records."""

from __future__ import annotations

import importlib
import math
from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

from quickstudy.errors import LabelError, MissingExtraError, RecordError
from quickstudy.types import Record

Fields: TypeAlias = Mapping[str, tuple[str, ...]]
"""Field name -> the categories it can take, sorted; () for a field of numbers or booleans."""


def require(module: str) -> Any:
    """Import an optional library.

    Raises:
        MissingExtraError: the library is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError as error:
        raise MissingExtraError(
            f"{module.partition('.')[0]} is not installed: pip install 'quickstudy[peers]'"
        ) from error


def split_record(record: Record) -> tuple[dict[str, float], dict[str, str]]:
    """Numbers (booleans as 0 and 1) and categories of a record; None and NaN are left out.

    Raises:
        RecordError: a value is neither a finite number, a string, a boolean nor missing.

    >>> split_record({"amount": 3, "new": True, "city": "Rome", "age": None})
    ({'amount': 3.0, 'new': 1.0}, {'city': 'Rome'})
    """
    numbers: dict[str, float] = {}
    words: dict[str, str] = {}
    for name, value in record.items():
        if value is None:
            continue
        if isinstance(value, str):
            words[name] = value
            continue
        try:
            number = float(value)
        except (TypeError, ValueError) as error:
            raise RecordError(f"field {name!r}: peers cannot read {value!r}") from error
        if math.isinf(number):
            raise RecordError(f"field {name!r}: {value!r} is not finite")
        if number == number:
            numbers[name] = number
    return numbers, words


def field_hints(records: Iterable[Record]) -> dict[str, tuple[str, ...]]:
    """The fields of a stream and the categories of each, in order of first appearance.

    >>> field_hints([{"x": 0.5, "c": "b"}, {"x": None, "c": "a"}])
    {'x': (), 'c': ('a', 'b')}
    """
    found: dict[str, set[str]] = {}
    for record in records:
        for name, value in record.items():
            categories = found.setdefault(name, set())
            if isinstance(value, str):
                categories.add(value)
    return {name: tuple(sorted(categories)) for name, categories in found.items()}


class Peer(ABC):
    """A learner of another library with the methods `predict` and `learn`.

    Subclasses implement `vote` and `train`; this class counts the labels learned. Labels that are
    announced to a library but not learned yet get no probability. If a library has no answer at
    all, the answer is the shares of the labels so far.

    Args:
        labels: every label of the stream. Only libraries whose models have a fixed number of
            outputs use it; knowing the labels ahead is an advantage that peers may have.
        fields: every field with its categories, for libraries that need a schema.
        seed: makes the run repeatable.
    """

    def __init__(self, *, labels: Sequence[str], fields: Fields, seed: int) -> None:
        self.labels = tuple(labels)
        self.fields = dict(fields)
        self.seed = seed
        self.counts: dict[str, int] = {}

    @abstractmethod
    def vote(self, record: Record) -> Mapping[str, float]:
        """Non-negative scores of labels, in any scale; called only after the first `train`."""

    @abstractmethod
    def train(self, record: Record, label: str) -> None:
        """Learn one example with the library."""

    def predict(self, record: Record) -> dict[str, float]:
        """Probabilities of the labels learned so far, which add up to 1; {} before the first."""
        if not self.counts:
            return {}
        votes = self.vote(record)
        scores = {label: float(votes.get(label, 0.0)) for label in self.counts}
        total = sum(scores.values())
        if not (math.isfinite(total) and total > 0.0):
            scores, total = {k: float(n) for k, n in self.counts.items()}, sum(self.counts.values())
        return {label: score / total for label, score in scores.items()}

    def learn(self, record: Record, label: str) -> None:
        """Learn one example."""
        self.train(record, label)
        self.counts[label] = self.counts.get(label, 0) + 1

    def label_index(self, label: str) -> int:
        """Position of a label among the announced ones.

        Raises:
            LabelError: the label was not announced, and the library cannot add an output.
        """
        try:
            return self.labels.index(label)
        except ValueError:
            raise LabelError(
                f"label {label!r} is not among the {len(self.labels)} that were announced; "
                f"{type(self).__name__} needs all of them beforehand"
            ) from None
