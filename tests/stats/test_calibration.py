"""Reliability agrees with scikit-learn's curve, intervals with SciPy's exact test."""

import numpy as np
import pytest
from scipy.stats import binomtest
from sklearn.calibration import calibration_curve

from quickstudy.stats.calibration import (
    exact_interval,
    expected_calibration_error,
    reliability,
    weighted_share,
)


@pytest.fixture
def stream():
    rng = np.random.default_rng(4)
    confidence = rng.beta(5, 2, 1500)
    return confidence, rng.random(1500) < confidence**1.5


def test_reliability_bins_hold_equally_many_cases(stream):
    assert reliability(*stream).count.tolist() == [100] * 15


def test_reliability_is_scikit_learns_quantile_curve(stream):
    confidence, right = stream
    accuracy, mean = calibration_curve(right, confidence, n_bins=15, strategy="quantile")
    bins = reliability(confidence, right)
    np.testing.assert_allclose(bins.accuracy, accuracy)
    np.testing.assert_allclose(bins.confidence, mean)
    assert bins.error == pytest.approx(np.abs(accuracy - mean).mean())


def test_error_is_small_where_confidence_is_the_chance_to_be_right():
    rng = np.random.default_rng(0)
    confidence = rng.random(60_000)
    assert expected_calibration_error(confidence, rng.random(60_000) < confidence) < 0.01


def test_error_of_certain_and_always_wrong_is_one():
    assert expected_calibration_error(np.ones(40), np.zeros(40, dtype=bool)) == 1.0


def test_fewer_cases_than_bins():
    assert expected_calibration_error(np.array([0.5]), np.array([True])) == 0.5


@pytest.mark.parametrize(("right", "cases"), [(0, 20), (20, 20), (1, 3), (950, 1000)])
def test_interval_is_scipys_exact_one(right, cases):
    reference = binomtest(right, cases).proportion_ci(0.9, method="exact")
    assert exact_interval(right, cases, 0.9) == pytest.approx((reference.low, reference.high))


def test_interval_of_nothing_is_everything():
    assert exact_interval(0, 0) == (0.0, 1.0)


def test_equal_label_probabilities_give_the_exact_interval():
    right = np.arange(40) % 8 > 0
    share, low, high = weighted_share(right, np.full(40, 0.2))
    assert share == pytest.approx(35 / 40)
    assert (low, high) == pytest.approx(exact_interval(35, 40))


def test_audits_at_two_rates_tell_of_all_cases():
    """First half 99 % right, audited at 5 %; second half 80 % right, audited at 50 %."""
    rng = np.random.default_rng(0)
    chance, probability = np.repeat([[0.99, 0.8], [0.05, 0.5]], 2000, axis=1)
    shares, covered = [], []
    for _ in range(300):
        right, seen = rng.random((2, 4000)) < np.stack([chance, probability])
        share, low, high = weighted_share(right[seen], probability[seen])
        shares.append(share)
        covered.append(low <= 0.895 <= high)
    assert np.mean(shares) == pytest.approx(0.895, abs=0.004)
    assert np.mean(covered) >= 0.95


def test_share_of_no_audits_is_unknown():
    share, low, high = weighted_share(np.empty(0, dtype=bool), np.empty(0))
    assert np.isnan(share) and (low, high) == (0.0, 1.0)
