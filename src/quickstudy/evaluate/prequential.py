"""Test-then-train (prequential) evaluation: each example is predicted before it is learned."""

from __future__ import annotations

import resource
import sys
import time
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.encode.tables import labels_of, rows_of
from quickstudy.errors import SettingError
from quickstudy.learners.base import StreamPredictor
from quickstudy.types import Floats, Label, Prediction, PredictionBatch, label_key

CHUNK = (
    100  # rows in one call: limits the votes in memory, and the progress bar moves once for each
)
Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True)
class Outcome:
    """The answers of a learner to a stream, one entry for each example; all scores use only these.

    Attributes:
        labels: the labels of the stream in order of first appearance, then other answers.
        truth: index of the right label.
        answer: index of the label answered, -1 for none.
        probability: of the right label; 0 if the learner did not know it.
        novelty: probability that the right label is new.
        confidence: of the answer, in [0, 1].
        delay: number of examples after which a label arrived.
        seconds: wall-clock time spent in the learner.
        peak_rss_mb: largest resident memory of the process until then.
    """

    labels: tuple[Label, ...]
    truth: NDArray[np.int64]
    answer: NDArray[np.int64]
    probability: Floats
    novelty: Floats
    confidence: Floats
    delay: int
    seconds: float
    peak_rss_mb: float

    @property
    def right(self) -> NDArray[np.bool_]:
        """Whether each answer was the right label."""
        return np.equal(self.answer, self.truth)

    @property
    def first_seen(self) -> NDArray[np.bool_]:
        """Whether each right label was new: no example of it had arrived by then."""
        return first_seen(self.truth, self.delay)


def label_indices(labels: Sequence[Label]) -> tuple[tuple[Label, ...], NDArray[np.int64]]:
    """The distinct labels in order of first appearance, and the index of each example's label.

    >>> label_indices(["b", "a", "b"])[0]
    ('b', 'a')
    """
    index: dict[tuple[str, Label], int] = {}
    truth = [index.setdefault(label_key(y), len(index)) for y in labels]
    return tuple(value for _, value in index), np.array(truth, dtype=np.int64)


def first_seen(truth: NDArray[np.int64], delay: int = 0) -> NDArray[np.bool_]:
    """Whether each right label was new, if label i arrives after prediction i + delay.

    >>> first_seen(np.array([0, 0, 1, 0, 1]), delay=1).tolist()
    [True, True, True, False, False]
    """
    arrival = np.full(int(truth.max(initial=-1)) + 1, len(truth), dtype=np.int64)
    np.minimum.at(arrival, truth, np.arange(len(truth)) + delay)
    return np.asarray(np.arange(len(truth)) <= arrival[truth])


class _Sheet:
    """The stream and the answers so far, as arrays over the label order of the stream."""

    def __init__(self, records: Sequence[Any], labels: Sequence[Label]) -> None:
        self.records, self.given = records, labels
        known, self.truth = label_indices(labels)
        self.labels = list(known)
        self._column = {label_key(y): i for i, y in enumerate(known)}
        self.answer = np.full(len(labels), -1, dtype=np.int64)
        self.probability, self.novelty, self.confidence = np.zeros((3, len(labels)))

    def column(self, label: Label) -> int:
        """Index of a label; a label that only the learner knows is appended."""
        i = self._column.setdefault(label_key(label), len(self.labels))
        if i == len(self.labels):
            self.labels.append(label)
        return i

    def note(self, i: int, p: Prediction) -> None:
        right = self.labels[self.truth[i]]
        self.answer[i] = -1 if p.label is None else self.column(p.label)
        self.probability[i] = p.probabilities.get(right, 0.0)
        self.novelty[i], self.confidence[i] = p.novelty, p.confidence

    def note_batch(self, rows: slice, batch: PredictionBatch) -> None:
        columns = np.array([self.column(y) for y in batch.labels], dtype=np.int64)
        wide = np.zeros((len(batch), len(self.labels)))
        wide[:, columns] = batch.probabilities
        known = wide.max(axis=1) > 0.0
        self.answer[rows] = np.where(known, columns[batch.probabilities.argmax(axis=1)], -1)
        self.probability[rows] = wide[np.arange(len(batch)), self.truth[rows]]
        self.novelty[rows], self.confidence[rows] = batch.novelty, batch.confidence


def evaluate(
    learner: StreamPredictor,
    records: Sequence[Any],
    labels: Sequence[Label],
    *,
    delay: int = 0,
    progress: Progress | None = None,
) -> Outcome:
    """Predict every example, and learn it once its label has arrived.

    The label of example i arrives after the prediction of example i + delay and before that of
    i + delay + 1; with a delay of 0 each example is learned before the next one is predicted.
    With a delay, `learn` receives the prediction of the example, which scores the experts.

    Args:
        progress: called with the number of examples predicted since the last call.

    Raises:
        SettingError: if the delay is negative, or records and labels are not equally many.
    """
    if delay < 0:
        raise SettingError(f"delay is {delay}; it is a number of examples, 0 or more")
    if len(records) != len(labels):
        raise SettingError(f"{len(records)} records came with {len(labels)} labels")
    records, labels = rows_of(records, "records"), labels_of(labels, "labels")
    sheet, report = _Sheet(records, labels), progress or (lambda _: None)
    if delay:
        seconds = _run_delayed(learner, sheet, delay, report)
    else:
        seconds = _run_at_once(learner, sheet, report)
    return Outcome(
        labels=tuple(sheet.labels),
        truth=sheet.truth,
        answer=sheet.answer,
        probability=sheet.probability,
        novelty=sheet.novelty,
        confidence=sheet.confidence,
        delay=delay,
        seconds=seconds,
        peak_rss_mb=peak_rss_mb(),
    )


def _run_at_once(learner: StreamPredictor, sheet: _Sheet, report: Progress) -> float:
    seconds, count = 0.0, len(sheet.given)
    for start in range(0, count, CHUNK):
        rows = slice(start, min(start + CHUNK, count))
        began = time.perf_counter()
        batch = learner.test_then_train(sheet.records[rows], sheet.given[rows])
        seconds += time.perf_counter() - began
        sheet.note_batch(rows, batch)
        report(len(batch))
    return seconds


def _run_delayed(learner: StreamPredictor, sheet: _Sheet, delay: int, report: Progress) -> float:
    seconds = 0.0
    waiting: deque[Prediction] = deque()
    for i, x in enumerate(sheet.records):
        began = time.perf_counter()
        waiting.append(learner.predict(x))
        if i >= delay:
            late, said = i - delay, waiting.popleft()
            learner.learn(sheet.records[late], sheet.given[late], prediction=said)
        seconds += time.perf_counter() - began
        sheet.note(i, waiting[-1])
        report(1)
    return seconds


def peak_rss_mb() -> float:
    """Largest resident memory of this process so far, in megabytes."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return float(
        peak / 1e6 if sys.platform == "darwin" else peak / 1e3
    )  # bytes on macOS, kB on Linux
