"""Lessons: what an event teaches a learner; the live one and every replay take them from here."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.errors import InputError
from quickstudy.learners.classifier import Classifier
from quickstudy.learners.mixture import Fitted
from quickstudy.types import Label, Prediction, Probabilities

Votes = NDArray[np.float16]
LEAST = -60_000.0  # that half precision can hold


@dataclass(frozen=True, slots=True)
class Lesson:
    """One thing to be learned: a label of a record, that a label is wrong, or refitted experts.

    A `switch` (the payload of its event) is no lesson for a learner: another one takes over.
    """

    seq: int
    record: Any = None
    label: Label | None = None
    wrong: bool = False
    said: Prediction | None = None
    fitted: Fitted | None = None
    switch: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Said:
    """What experts and members said, (voices, labels); half precision is enough to score them."""

    votes: Votes
    last_label: int

    @classmethod
    def of(cls, prediction: Prediction) -> Said:
        """The part of a prediction that is kept until its label comes."""
        votes = np.maximum(prediction.votes, LEAST).astype(np.float16)
        return cls(votes, prediction.last_label)

    def written(self) -> dict[str, Any]:
        """For the log."""
        text = base64.b64encode(self.votes.tobytes()).decode()
        return {"votes": text, "voices": len(self.votes), "last": self.last_label}


def read_votes(written: Mapping[str, Any]) -> Prediction:
    """The part of a prediction that learning needs, as it was written down."""
    flat = np.frombuffer(base64.b64decode(written["votes"]), np.float16).astype(float)
    return Prediction(
        label=None,
        confidence=0.0,
        novelty=0.0,
        probabilities=Probabilities((), np.zeros(0)),
        votes=flat.reshape(written["voices"], -1),
        last_label=written["last"],
    )


def lesson_of(seq: int, payload: Mapping[str, Any], record: Any) -> Lesson | None:
    """What a `feedback` or `ruled` event teaches about the record it speaks of, if anything."""
    if payload["learn"] is None:
        return None
    said = read_votes(payload["said"]) if payload.get("said") else None
    wrong = payload["learn"] == "not"
    return Lesson(seq, record, payload["label"], wrong=wrong, said=said)


def teach(learner: Classifier, lessons: Sequence[Lesson]) -> None:
    """Give lessons in order; those that the learner must refuse change nothing."""
    run: list[Lesson] = []
    for lesson in lessons:
        if lesson.fitted is None and not lesson.wrong:
            run.append(lesson)
            continue
        _teach_labels(learner, run)
        run = []
        if lesson.fitted is not None:
            learner.install(lesson.fitted)
        elif lesson.label is not None:
            with suppress(InputError):
                learner.learn_not(lesson.record, lesson.label, as_is=True)
    _teach_labels(learner, run)


def _teach_labels(learner: Classifier, run: Sequence[Lesson]) -> None:
    """Labels of records: together, which is faster, or if one is refused each by itself."""
    if not run:
        return
    try:
        _learn(learner, run)
    except InputError:
        for lesson in run if len(run) > 1 else ():
            _teach_labels(learner, [lesson])


def _learn(learner: Classifier, run: Sequence[Lesson]) -> None:
    """What the log holds is learned as it is: the doors made it plain, or did not do so yet."""
    labels = [lesson.label for lesson in run if lesson.label is not None]
    records = [lesson.record for lesson in run]
    said = [lesson.said for lesson in run]
    learner.learn_many(records, labels, predictions=said, as_is=True)
