"""Explanations: why a classifier answers as it does."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

import numpy as np

from quickstudy.encode.record import Raw, RecordEncoder
from quickstudy.learners.classifier.mixture import Mixture
from quickstudy.types import (
    Explanation,
    Input,
    Label,
    Neighbour,
    Prediction,
    Vote,
)

NEAREST = 3
MOST_FIELDS_TRIED = 64


class Explained(Protocol):
    """The part of a `Classifier` that an explanation reads."""

    @property
    def labels(self) -> tuple[Label, ...]: ...
    @property
    def experts(self) -> tuple[tuple[str, float], ...]: ...
    def predict(self, x: Input) -> Prediction: ...


def explain(x: Input, learner: Explained, encoder: RecordEncoder, mixture: Mixture) -> Explanation:
    """Votes and weights, the three nearest remembered examples, the effect of each field."""
    prediction = learner.predict(x)
    return Explanation(
        prediction=prediction,
        votes=_votes(learner, prediction),
        neighbours=_neighbours(x, learner.labels, encoder, mixture),
        fields=_fields(x, encoder, mixture),
    )


def _votes(learner: Explained, prediction: Prediction) -> tuple[Vote, ...]:
    out = []
    for (name, weight), row in zip(learner.experts, prediction.votes, strict=False):
        top = int(row.argmax())
        out.append(Vote(name, weight, learner.labels[top], float(np.exp(row[top]))))
    return tuple(sorted(out, key=lambda v: -v.weight))


def _neighbours(
    x: Input, labels: tuple[Label, ...], encoder: RecordEncoder, mixture: Mixture
) -> tuple[Neighbour, ...]:
    if mixture.map is None:
        return ()
    slots = mixture.exemplars.order()
    remembered = mixture.exemplars.raw(slots)
    raw = encoder.encode([x])
    here = mixture.map.scaled(raw.numbers, raw.dense)[0]
    there = mixture.map.scaled(remembered.numbers, remembered.dense)
    distance = ((there - here) ** 2).sum(1)
    typical = float(np.median(distance)) or 1.0
    nearest = np.argsort(distance, kind="stable")[:NEAREST]
    facts = mixture.exemplars.facts(slots)
    return tuple(
        Neighbour(
            record=_shown(remembered, int(i), encoder),
            label=labels[facts[i, 0]],
            similarity=float(np.exp(-2.0 * distance[i] / typical)),
            number=int(facts[i, 2]),
        )
        for i in nearest
    )


def _shown(raw: Raw, i: int, encoder: RecordEncoder) -> Any:
    """A remembered example in readable form: its text, or its known fields."""
    record = encoder.decode(raw.numbers[i])
    if raw.texts[i] and not record:
        return raw.texts[i]
    return record | ({"text": raw.texts[i]} if raw.texts[i] else {})


def _fields(x: Input, encoder: RecordEncoder, mixture: Mixture) -> tuple[tuple[str, float], ...]:
    """Decrease of the answer's probability without each field; for a text, without each word.

    Unfamiliar forms are not penalised here: only the experts' answers to the rest count.
    """
    without: list[tuple[str, Input]] = []
    if isinstance(x, Mapping):
        names = [n for n in x if x[n] is not None][:MOST_FIELDS_TRIED]
        without = [(n, {k: v for k, v in x.items() if k != n}) for n in names]
    elif isinstance(x, str):
        words = x.split()[:MOST_FIELDS_TRIED]
        rest = [" ".join(words[:i] + words[i + 1 :]) for i in range(len(words))]
        without = list(zip(words, rest, strict=True)) if len(words) > 1 else []
    if not without:
        return ()
    p = mixture.predict(encoder.encode([x, *(rest for _, rest in without)])).p
    drops = p[0, p[0].argmax()] - p[1:, p[0].argmax()]
    found = [(name, float(drop)) for (name, _), drop in zip(without, drops, strict=True)]
    return tuple(sorted(found, key=lambda f: -f[1]))
