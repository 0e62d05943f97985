"""Trees kept as flat arrays say what LightGBM says."""

import lightgbm
import numpy as np
import pytest

from quickstudy.experts import trees
from quickstudy.experts.trees import Trees, grow_trees


def gappy(n, *, labels, seed=0, gaps=0.2):
    """Numbers, counts, huge and tiny values, with gaps; labels that follow them."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 6))
    rows[:, 1] = rng.integers(-3, 4, n)
    rows[:, 2] *= 1e12
    rows[:, 3] *= 1e-12
    score = rows[:, 0] + 0.5 * rows[:, 1] + (rows[:, 4] > 0)
    y = np.digitize(score, np.quantile(score, np.arange(1, labels) / labels))
    holes = rng.random(rows.shape) < gaps
    holes[:, 5] = False  # never missing while growing
    rows[holes] = np.nan
    return rows, y


@pytest.fixture
def grown(monkeypatch):
    """Grow trees, and keep the booster that they come from."""
    boosters = []

    def train(*args, **settings):
        boosters.append(original(*args, **settings))
        return boosters[-1]

    original = lightgbm.train
    monkeypatch.setattr(lightgbm, "train", train)
    return lambda rows, y: (grow_trees(rows, y, seed=0), boosters[-1])


def by_booster(booster, rows):
    p = booster.predict(rows)
    return np.c_[1.0 - p, p] if p.ndim == 1 else p


@pytest.mark.parametrize("labels", [2, 3, 7])
@pytest.mark.parametrize("gaps", [0.0, 0.2])
def test_probabilities_are_lightgbms(grown, labels, gaps):
    mine, booster = grown(*gappy(500, labels=labels, gaps=gaps))
    fresh, _ = gappy(400, labels=labels, seed=1)
    fresh[::7, 5] = np.nan
    fresh[::11] = 0.0
    fresh[::13] *= 1e3
    found = np.exp(mine.log_probabilities(fresh, labels))
    assert np.abs(found - by_booster(booster, fresh)).max() < 2e-6


def test_all_missing_and_zero_rows_go_lightgbms_way(grown):
    mine, booster = grown(*gappy(500, labels=2))
    corners = np.vstack([np.full(6, np.nan), np.zeros(6), -np.zeros(6), np.full(6, 1e300)])
    found = np.exp(mine.log_probabilities(corners, 2))
    assert np.abs(found - by_booster(booster, corners)).max() < 2e-6


def test_values_on_a_threshold_go_lightgbms_way(grown):
    rows, y = gappy(500, labels=2, gaps=0.0)
    mine, booster = grown(np.round(rows * [4, 1, 0, 0, 4, 4]) / 2.0, y)
    threshold, feature = mine.arrays["threshold"], mine.arrays["feature"]
    apart = np.abs(threshold) > 1e-30  # LightGBM takes what is nearer to 0 for 0
    on = np.zeros((int(apart.sum()), 6))
    on[np.arange(len(on)), feature[apart]] = threshold[apart]
    found = np.exp(mine.log_probabilities(on, 2))
    assert np.abs(found - by_booster(booster, on)).max() < 2e-6


def test_too_few_rows_for_a_split_give_the_base_rates(grown):
    mine, booster = grown(np.arange(12.0)[:, None], np.array([0, 1, 2] * 4))
    found = np.exp(mine.log_probabilities(np.array([[3.0], [np.nan]]), 3))
    assert np.abs(found - by_booster(booster, np.array([[3.0], [np.nan]]))).max() < 2e-6


def test_labels_keep_their_indices_and_unseen_ones_share_little(grown):
    rows, y = gappy(300, labels=2)
    mine, booster = grown(rows, np.array([3, 1])[y])
    p = np.exp(mine.log_probabilities(rows, 5))
    np.testing.assert_allclose(p.sum(1), 1.0, atol=1e-9)
    np.testing.assert_allclose(p[:, [1, 3]], by_booster(booster, rows), atol=2e-3)
    assert (p[:, [0, 2, 4]] < 1e-3).all() and (p[:, [0, 2, 4]] > 0).all()


def test_growing_twice_gives_the_same_bits():
    rows, y = gappy(300, labels=3)
    one, two = (grow_trees(rows, y, seed=0).arrays for _ in range(2))
    assert all(np.array_equal(one[name], two[name]) for name in one)


def test_reading_needs_no_lightgbm(monkeypatch):
    rows, y = gappy(200, labels=2)
    kept = grow_trees(rows, y, seed=0)
    expected = kept.log_probabilities(rows, 2)
    monkeypatch.delattr(lightgbm, "Booster")
    monkeypatch.delattr(lightgbm, "train")
    copy = Trees({name: array.copy() for name, array in kept.arrays.items()})
    np.testing.assert_array_equal(copy.log_probabilities(rows, 2), expected)


def test_many_labels_get_fewer_rounds(grown):
    rows, y = gappy(900, labels=30)
    _, booster = grown(rows, y)
    assert booster.num_trees() <= trees.MOST_TREES


def test_of_very_many_columns_those_known_most_often_are_read():
    rng = np.random.default_rng(0)
    rows = rng.standard_normal((120, 3 * trees.MOST_COLUMNS))
    rows[rng.random(rows.shape) < 0.3] = np.nan
    often = rng.choice(rows.shape[1], trees.MOST_COLUMNS, replace=False)
    rows[:, often] = rng.standard_normal((120, trees.MOST_COLUMNS))
    telling = int(often[0])
    y = (rows[:, telling] > 0).astype(np.int64)
    grown = grow_trees(rows, y, seed=0)
    assert set(grown.arrays["feature"].tolist()) <= set(often.tolist())
    p = grown.log_probabilities(rows, 2)
    assert np.mean(p.argmax(1) == y) > 0.95
