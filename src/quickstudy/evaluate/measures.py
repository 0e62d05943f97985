"""The figures of an evaluation, by their names in the JSON output."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.evaluate.prequential import Outcome
from quickstudy.stats import scores
from quickstudy.stats.calibration import expected_calibration_error
from quickstudy.types import Floats

FLOOR = 1e-5  # smaller probabilities are raised to this, so that no single row decides the log loss
FIRST = (50, 200, 1000)  # numbers of rows after which accuracy is reported


def measure(outcome: Outcome) -> dict[str, Any]:
    """All figures of one outcome, ready for JSON.

    A first-seen label (none of its examples received before) counts as an error in accuracy. It
    is left out of `log_loss` (nats), so that learners without a novelty output can be compared;
    `bits_to_learn`, the code length of all labels, charges it -log2(novelty). `first` holds
    accuracies over the first rows, None if the stream is shorter.
    """
    right, first_seen = outcome.right, outcome.first_seen
    table = scores.confusion_matrix(outcome.truth, outcome.answer, len(outcome.labels))
    known = -np.log(np.maximum(outcome.probability[~first_seen], FLOOR))
    return {
        "examples": len(right),
        "accuracy": scores.accuracy(table),
        "balanced_accuracy": scores.balanced_accuracy(table),
        "macro_f1": scores.macro_f1(table),
        "kappa": scores.kappa(table),
        "log_loss": float(known.mean()) if len(known) else None,
        "first_seen_labels": int(first_seen.sum()),
        "baselines": {
            "no_change": float((no_change(outcome.truth, outcome.delay) == outcome.truth).mean()),
            "majority": float((majority(outcome.truth, outcome.delay) == outcome.truth).mean()),
        },
        "first": {str(n): float(right[:n].mean()) if n <= len(right) else None for n in FIRST},
        "expected_calibration_error": expected_calibration_error(outcome.confidence, right),
        "bits_to_learn": float(bits(outcome).sum()),
        "examples_per_second": len(right) / max(outcome.seconds, 1e-9),
        "peak_rss_mb": outcome.peak_rss_mb,
    }


def bits(outcome: Outcome) -> Floats:
    """-log2 of the probability of each label, or of the novelty if the label is first seen."""
    given = np.where(outcome.first_seen, outcome.novelty, outcome.probability)
    return np.asarray(-np.log2(np.maximum(given, FLOOR)))


def no_change(truth: NDArray[np.int64], delay: int = 0) -> NDArray[np.int64]:
    """The last label received, -1 before the first.

    >>> no_change(np.array([3, 1, 4, 1]), delay=1).tolist()
    [-1, -1, 3, 1]
    """
    late = min(delay + 1, len(truth))
    return np.concatenate([np.full(late, -1), truth[: len(truth) - late]])


def majority(truth: NDArray[np.int64], delay: int = 0) -> NDArray[np.int64]:
    """The most frequent label received (the earlier leader of equals), -1 before there is one.

    >>> majority(np.array([0, 1, 1, 0, 0]), delay=0).tolist()
    [-1, 0, 0, 1, 1]
    """
    counts = np.zeros(int(truth.max(initial=-1)) + 1, dtype=np.int64)
    answers, best = np.full(len(truth), -1, dtype=np.int64), -1
    for i, y in enumerate(truth[: max(len(truth) - delay - 1, 0)]):
        counts[y] += 1
        best = int(y) if best < 0 or counts[y] > counts[best] else best
        answers[i + delay + 1] = best
    return answers
