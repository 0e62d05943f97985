"""Curves agree with a loop that takes means of slices."""

import numpy as np
import pytest

from quickstudy.stats.curves import cumulative_mean, running_mean, thin


@pytest.mark.parametrize("window", [1, 7, 100, 1000])
def test_running_mean_is_the_mean_of_the_last_values(window):
    values = np.random.default_rng(1).normal(size=250)
    brute = [values[max(0, i - window + 1) : i + 1].mean() for i in range(len(values))]
    np.testing.assert_allclose(running_mean(values, window), brute, atol=1e-12)


def test_cumulative_mean_is_the_mean_so_far():
    values = np.random.default_rng(2).random(100) < 0.3
    brute = [values[: i + 1].mean() for i in range(100)]
    np.testing.assert_allclose(cumulative_mean(values), brute)


def test_thin_keeps_both_ends_and_every_point_of_a_short_curve():
    assert thin(12_345)[[0, -1]].tolist() == [0, 12_344]
    assert thin(5).tolist() == [0, 1, 2, 3, 4]
