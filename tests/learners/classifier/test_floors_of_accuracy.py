"""Prequential accuracy does not fall: floors 1.5 points below what was measured when they were set.

Every stream is generated, or shipped with the package; each example is predicted and then learned.
A floor may be raised with a better learner. One that has to be lowered is a loss of accuracy.
"""

from functools import cache

import numpy as np
import pytest

from quickstudy import Classifier
from quickstudy.datasets import load_banking77

SEEDS = (0, 1)


def records(rows):
    return [dict(zip("abcdefgh", row, strict=False)) for row in rows.tolist()]


def right(xs, ys):
    """Which answers of a default learner were right, each given before its label was known."""
    said = Classifier().test_then_train(xs, ys)
    return np.array([said[i].label == y for i, y in enumerate(ys)])


def names(y):
    return [f"label {i}" for i in y]


@cache
def over_seeds(make, *, permuted=False):
    """`right` of the streams of all seeds, shape (seeds, n).

    `permuted`: the labels are moved on by one from row 1,200 on.
    """
    runs = []
    for seed in SEEDS:
        rows, y = make(np.random.default_rng(seed))
        if permuted:
            y = np.where(np.arange(len(y)) < 1200, y, (y + 1) % (y.max() + 1))
        runs.append(right(records(rows), names(y)))
    return np.array(runs)


def sudden(rng):
    """Two of four fields decide; from row 1,000 on the other two do, and one the other way."""
    rows = rng.normal(size=(2000, 4))
    weights = np.where(np.arange(2000)[:, None] < 1000, [1, 1, 0, 0], [0, -1, 1, 1])
    return rows, ((rows * weights).sum(1) + 0.3 * rng.normal(size=2000) > 0).astype(int)


def sticky(rng):
    """The label stays with probability 0.9; three fields hint at it."""
    y = np.zeros(2000, int)
    for t in range(1, 2000):
        y[t] = y[t - 1] if rng.random() < 0.85 else rng.integers(3)
    return rng.normal(size=(2000, 3)) + 1.5 * np.eye(3)[y], y


def blobs(rng):
    centres = 1.6 * rng.normal(size=(5, 6))
    y = rng.integers(5, size=2200)
    return centres[y] + rng.normal(size=(2200, 6)), y


def rings(rng):
    rows = rng.normal(size=(2200, 2))
    distance = np.hypot(*rows.T) + 0.05 * rng.normal(size=2200)
    return rows, np.digitize(distance, [0.7, 1.2, 1.7])


def boxes(rng):
    rows = rng.random((2200, 5))
    return rows, (rows[:, 0] > 0.5) * 2 + (rows[:, 1] > 0.5)


def linear(rng):
    rows = rng.normal(size=(2200, 8))
    scores = rows @ rng.normal(size=(8, 4)) * 1.5
    return rows, (scores + rng.gumbel(size=(2200, 4))).argmax(1)


@pytest.mark.slow
def test_bank_questions_from_scratch():
    texts, labels = load_banking77("train")
    order = np.random.default_rng(0).permutation(len(texts))[:1200]
    found = right([texts[i] for i in order], [labels[i] for i in order])
    assert found.mean() > 0.617
    assert found[800:].mean() > 0.735


def test_a_sudden_drift():
    found = over_seeds(sudden)
    assert found.mean() > 0.889
    assert found[:, 500:1000].mean() > 0.928
    assert found[:, 1200:].mean() > 0.906


def test_labels_that_stay():
    found = over_seeds(sticky)[:, 500:].mean()
    known = []
    for seed in SEEDS:
        rows, y = sticky(np.random.default_rng(seed))
        chance = np.where(np.eye(3)[y[:-1]], 0.9, 0.05)
        best = (np.log(chance) + 1.5 * rows[1:]).argmax(1)  # by the law that made the stream
        known.append((best == y[1:])[499:])
    assert found > np.mean(known) - 0.015
    assert found > 0.9 + 0.02  # what "the same again" reaches


@pytest.mark.slow
@pytest.mark.parametrize(
    "make, before, after",
    [(blobs, 0.860, 0.843), (rings, 0.901, 0.850), (boxes, 0.981, 0.949), (linear, 0.787, 0.737)],
)
def test_labels_that_change_their_names_in_mid_stream(make, before, after):
    found = over_seeds(make, permuted=True)
    assert found[:, 700:1200].mean() > before
    assert found[:, 1700:].mean() > after


@pytest.mark.parametrize("make", [blobs, boxes])
def test_five_hundred_rows_after_all_labels_changed_their_names_it_is_within_five_points(make):
    found = over_seeds(make, permuted=True)
    assert found[:, 1700:].mean() > found[:, 700:1200].mean() - 0.05
