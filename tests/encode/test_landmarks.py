"""Nystrom features against the kernel they stand for."""

import numpy as np
import pytest
from sklearn.gaussian_process import GaussianProcessRegressor
from sklearn.gaussian_process.kernels import RBF
from sklearn.metrics.pairwise import rbf_kernel

from quickstudy.encode.landmarks import CANDIDATES, choose_landmarks, kernel_features


def points(n, dim=3, seed=0):
    return np.random.default_rng(seed).normal(size=(n, dim))


def chosen(z, *, most, width=1.0, seed=0):
    return choose_landmarks(z, most=most, width=width, rng=np.random.default_rng(seed))


def features(marks, z, *, scale=1.0):
    out = np.empty((len(z), marks.size))
    kernel_features(np.ascontiguousarray(z), marks.centres, marks.whiten, marks.rate, scale, out, 0)
    return out


def test_with_every_point_a_landmark_features_are_exact():
    z = points(40, dim=8)
    marks = chosen(z, most=40, width=2.0)
    assert marks.size == 40
    phi = features(marks, z)
    np.testing.assert_allclose(phi @ phi.T, rbf_kernel(z, gamma=marks.rate), atol=1e-8)


def test_they_are_the_nystrom_features_of_the_landmarks():
    z, fresh = points(200), points(50, seed=1)
    marks = chosen(z, most=30)
    phi = features(marks, fresh)
    centres = marks.centres.T
    cross = rbf_kernel(fresh, centres, gamma=marks.rate)
    nystrom = cross @ np.linalg.solve(rbf_kernel(centres, gamma=marks.rate), cross.T)
    np.testing.assert_allclose(phi @ phi.T, nystrom, atol=1e-8)


def test_ridge_regression_on_them_is_a_gaussian_process():
    z, fresh = points(60, dim=8), points(30, dim=8, seed=1)
    target = np.sin(z[:, 0]) + z[:, 1]
    marks = chosen(z, most=60, width=2.0)
    phi, asked = features(marks, z), features(marks, fresh)
    mean = asked @ np.linalg.solve(phi.T @ phi + 0.1 * np.eye(60), phi.T @ target)
    kernel = RBF(length_scale=(2.0 * marks.rate) ** -0.5, length_scale_bounds="fixed")
    process = GaussianProcessRegressor(kernel, alpha=0.1, optimizer=None).fit(z, target)
    np.testing.assert_allclose(mean, process.predict(fresh), atol=1e-6)


def test_more_landmarks_leave_the_features_before_them_unchanged():
    z = points(150)
    few, many = chosen(z, most=20), chosen(z, most=60)
    np.testing.assert_allclose(features(many, z)[:, :20], features(few, z), atol=1e-9)


def test_each_landmark_is_what_those_before_explain_least():
    z = points(120)
    marks = chosen(z, most=15)
    for m in range(1, 15):
        phi = features(chosen(z, most=m), z)
        unexplained = 1.0 - (phi**2).sum(1)
        at = np.flatnonzero((z == marks.centres.T[m]).all(1))[0]
        assert unexplained[at] == pytest.approx(unexplained.max(), abs=1e-9)


def test_squared_length_is_at_most_one_and_one_at_a_landmark():
    z = points(300)
    marks = chosen(z, most=50)
    phi = features(marks, np.vstack([marks.centres.T, points(500, seed=2) * 3.0]))
    length = (phi**2).sum(1)
    np.testing.assert_allclose(length[: marks.size], 1.0, atol=1e-7)
    assert length.max() <= 1.0 + 1e-7


def test_repeats_bring_no_landmarks():
    marks = chosen(np.repeat(points(7), 20, axis=0), most=50)
    assert marks.size == 7
    assert np.isfinite(features(marks, points(20, seed=1))).all()


def test_choosing_stops_when_every_point_is_explained():
    line = np.linspace(0, 1, 400)[:, None]
    marks = chosen(line, most=200)
    assert marks.size < 30
    assert (features(marks, line) ** 2).sum(1).min() > 1.0 - 2e-3


def test_width_is_counted_in_median_squared_distances():
    z = points(100)
    one, twice = chosen(z, most=5, width=1.0), chosen(z * 10.0, most=5, width=2.0)
    distances = ((z[:, None] - z[None]) ** 2).sum(2)[np.triu_indices(100, 1)]
    assert one.rate == pytest.approx(1.0 / np.median(distances))
    assert twice.rate == pytest.approx(2.0 * one.rate / 100.0)


@pytest.mark.parametrize("n", [1, 2])
def test_one_example_is_enough(n):
    marks = chosen(np.zeros((n, 3)), most=10)
    assert marks.size == 1
    np.testing.assert_allclose(features(marks, np.zeros((1, 3))), 1.0)


def test_columns_may_be_absent_altogether():
    marks = chosen(np.zeros((5, 0)), most=10)
    np.testing.assert_allclose(features(marks, np.zeros((2, 0))), 1.0)


def test_many_candidates_are_thinned_by_the_generator():
    z = points(CANDIDATES + 500)
    one, same, other = (chosen(z, most=10, seed=s) for s in (0, 0, 1))
    np.testing.assert_array_equal(one.centres, same.centres)
    assert not np.array_equal(one.centres, other.centres)


def test_a_rows_bits_do_not_depend_on_the_rows_beside_it():
    z = points(90)
    marks = chosen(z, most=33)
    together = features(marks, z, scale=3.0)
    for i in (0, 41, 89):
        np.testing.assert_array_equal(features(marks, z[i : i + 1], scale=3.0)[0], together[i])
