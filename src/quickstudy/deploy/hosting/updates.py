"""Lessons: what an event teaches a learner; the live one and every replay take them from here."""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.deploy.core.failures import MOST_IN_A_ROW, LearningError, reason_of
from quickstudy.deploy.hosting.replicas import LostTwinError, Twins
from quickstudy.errors import InputError
from quickstudy.learners.classifier.classifier import Classifier
from quickstudy.learners.classifier.refits import Fitted
from quickstudy.log.failpoints import reach
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


def teach_both(twins: Twins, lessons: Sequence[Lesson]) -> list[tuple[Lesson, Exception]]:
    """Give lessons in order to both twins, but those that raise; these, with what they raised.

    The twins come to be as if they had never met those.

    Raises:
        LostTwinError: there is no room for two learners.
    """
    together = _failure(twins, lessons)
    if together is None:
        return []
    if len(lessons) == 1:
        return [(lessons[0], together)]
    one_by_one = [(lesson, _failure(twins, [lesson])) for lesson in lessons]
    return [(lesson, error) for lesson, error in one_by_one if error]


def teach_without(twins: Twins, lessons: Sequence[Lesson]) -> list[tuple[Lesson, Exception]]:
    """As `teach_both`, where a learner is made from the log.

    Raises:
        LearningError: so many in a row raise that it is not for the lessons: none is to be lost.
    """
    failed = []
    for at in range(0, len(lessons), MOST_IN_A_ROW):
        part = lessons[at : at + MOST_IN_A_ROW]
        failed += (failed_now := teach_both(twins, part))
        if len(failed_now) == MOST_IN_A_ROW:
            raise LearningError(
                f"learning all of events {part[0].seq} to {part[-1].seq} raises "
                f"{reason_of(failed_now[-1][1])}"
            ) from failed_now[-1][1]
    return failed


def _failure(twins: Twins, lessons: Sequence[Lesson]) -> Exception | None:
    """Give lessons to both twins; if they raise, both are as before."""
    half = len(lessons) // 2

    def act(learner: Classifier) -> None:
        teach(learner, lessons[:half])
        reach("mid-learn")
        teach(learner, lessons[half:])

    try:
        twins.change(act)
    except LostTwinError:
        raise
    except Exception as error:
        return error.with_traceback(None)  # its frames hold what there was no room for
    return None


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
