"""Scores of a classifier, computed from its confusion matrix."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quickstudy.types import Floats

Counts = NDArray[np.int64]


def confusion_matrix(truth: Counts, answer: Counts, labels: int) -> Counts:
    """Counts of (truth, answer), shape (labels, labels + 1).

    The last column counts the cases without an answer (`answer == -1`).

    >>> confusion_matrix(np.array([0, 1, 1]), np.array([-1, 1, 0]), 2).tolist()
    [[0, 0, 1], [1, 1, 0]]
    """
    table = np.zeros((labels, labels + 1), dtype=np.int64)
    np.add.at(table, (truth, answer), 1)  # -1 is the last column
    return table


def accuracy(confusion: Counts) -> float:
    """Share of right answers, in [0, 1]; 0 without cases."""
    return float(np.trace(confusion) / max(confusion.sum(), 1))


def recalls(confusion: Counts) -> Floats:
    """Recall of each label, shape (labels,); nan for a label without cases."""
    cases = confusion.sum(axis=1).astype(np.float64)
    cases[cases == 0] = np.nan
    return np.asarray(np.diagonal(confusion) / cases)


def balanced_accuracy(confusion: Counts) -> float:
    """Mean recall over the labels with cases, in [0, 1].

    >>> balanced_accuracy(np.array([[90, 0, 0], [5, 5, 0]]))
    0.75
    """
    found = recalls(confusion)
    return float(np.nanmean(found)) if np.isfinite(found).any() else 0.0


def macro_f1(confusion: Counts) -> float:
    """Mean F1 over the labels with cases, in [0, 1]."""
    cases, answers = confusion.sum(axis=1), confusion.sum(axis=0)[:-1]
    came = cases > 0
    f1 = 2.0 * np.diagonal(confusion)[came] / (cases + answers)[came]
    return float(f1.mean()) if len(f1) else 0.0


def kappa(confusion: Counts) -> float:
    """Cohen's kappa: agreement beyond that expected by chance from the same counts, at most 1.

    0 if chance agreement is 1 (one label, always answered).
    """
    n = max(int(confusion.sum()), 1)
    chance = float(confusion.sum(axis=1) @ confusion.sum(axis=0)[:-1]) / n**2
    return (accuracy(confusion) - chance) / (1.0 - chance) if chance < 1.0 else 0.0


def commonest_confusions(confusion: Counts, most: int = 10) -> list[tuple[int, int, int]]:
    """The most frequent wrong (truth, answer, count), most frequent first.

    >>> commonest_confusions(np.array([[7, 1, 0], [3, 5, 0]]))
    [(1, 0, 3), (0, 1, 1)]
    """
    wrong = confusion[:, :-1].copy()
    np.fill_diagonal(wrong, 0)
    order = np.argsort(-wrong, axis=None, kind="stable")[:most]
    pairs = [divmod(int(cell), wrong.shape[1]) for cell in order]
    return [(t, a, int(wrong[t, a])) for t, a in pairs if wrong[t, a]]
