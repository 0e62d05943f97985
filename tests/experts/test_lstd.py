"""Temporal differences against batch solutions by plain matrix algebra."""

import numpy as np
import pytest

from quickstudy.experts.lstd import EXACT, LSTD

RIDGE = 0.3


def courses_of(n, *, dim=6, heads=2, seed=0, longest=9):
    """Courses of rows whose last feature is the constant, with rewards at every step."""
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(n):
        length = int(rng.integers(1, longest + 1))
        rows = np.hstack([rng.normal(size=(length, dim - 1)), np.ones((length, 1))])
        out.append((rows, rng.normal(size=(length, heads)), rng.uniform(0.2, 2.0, length)))
    return out


def batch(courses, *, discount, trace, penalty):
    """All courses at once: traces as a matrix of powers, the next row by a shift matrix."""
    dim, heads = courses[0][0].shape[1], courses[0][1].shape[1]
    left, right = np.diag(penalty), np.zeros((dim, heads))
    for rows, rewards, weights in courses:
        gap = np.subtract.outer(np.arange(len(rows)), np.arange(len(rows)))
        fade = np.where(gap >= 0, (discount * trace) ** np.maximum(gap, 0), 0.0)
        traces = fade @ np.diag(weights) @ rows
        left = left + traces.T @ (np.eye(len(rows)) - discount * np.eye(len(rows), k=1)) @ rows
        right = right + traces.T @ rewards
    return np.linalg.solve(left, right)


def learned(courses, **settings):
    lstd = LSTD(courses[0][0].shape[1], heads=courses[0][1].shape[1], **settings)
    for rows, rewards, weights in courses:
        lstd.learn(rows, rewards, weights)
    return lstd


def flat(dim):
    return np.array([*[RIDGE] * (dim - 1), 1e-9])


@pytest.mark.parametrize("trace", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("discount", [0.7, 1.0])
def test_it_is_the_batch_solution(trace, discount):
    courses = courses_of(60)
    lstd = learned(courses, discount=discount, trace=trace, ridge=RIDGE)
    expected = batch(courses, discount=discount, trace=trace, penalty=flat(6))
    np.testing.assert_allclose(lstd.weights, expected, rtol=1e-9, atol=1e-9)
    rows = courses[0][0]
    np.testing.assert_allclose(lstd.predict(rows), rows @ expected, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("discount", [0.6, 1.0])
def test_with_trace_one_it_is_ridge_regression_of_the_returns(discount):
    """By least squares on rows stacked onto the square roots of the penalties."""
    courses = courses_of(60, seed=1)
    lstd = learned(courses, discount=discount, trace=1.0, ridge=RIDGE)
    rows, returns = [], []
    for features, rewards, weights in courses:
        to_come = np.zeros(2)
        for x, r, w in zip(features[::-1], rewards[::-1], weights[::-1], strict=True):
            to_come = r + discount * to_come
            rows.append(np.sqrt(w) * x)
            returns.append(np.sqrt(w) * to_come)
    rows = np.vstack([rows, np.diag(np.sqrt(flat(6)))])
    returns = np.vstack([returns, np.zeros((6, 2))])
    expected = np.linalg.lstsq(rows, returns, rcond=None)[0]
    np.testing.assert_allclose(lstd.weights, expected, rtol=1e-8, atol=1e-8)


def test_scaled_penalties_are_variances_of_the_features():
    courses = courses_of(40, seed=2)
    courses = [(rows * [1.0, 5.0, 0.1, 1.0, 1.0, 1.0], *rest) for rows, *rest in courses]
    lstd = learned(courses, trace=0.5, ridge=RIDGE, scaled=True)
    rows = np.vstack([rows for rows, _, _ in courses])
    weights = np.concatenate([weights for _, _, weights in courses])
    variance = np.cov(rows.T, aweights=weights, ddof=0).diagonal()
    penalty = np.array([*(RIDGE * variance[:-1]), 1e-9])
    expected = batch(courses, discount=1.0, trace=0.5, penalty=penalty)
    np.testing.assert_allclose(lstd.weights, expected, rtol=1e-8, atol=1e-8)


def test_weights_are_one_where_none_are_given():
    courses = [(rows, rewards, np.ones(len(rows))) for rows, rewards, _ in courses_of(20)]
    given, left = learned(courses), LSTD(6, heads=2)
    for rows, rewards, _ in courses:
        left.learn(rows, rewards)
    np.testing.assert_array_equal(given.weights, left.weights)


@pytest.mark.parametrize("trace", [0.0, 1.0])
def test_the_order_of_courses_does_not_matter(trace):
    courses = courses_of(50, seed=3)
    shuffled = [courses[i] for i in np.random.default_rng(0).permutation(50)]
    one, other = learned(courses, trace=trace), learned(shuffled, trace=trace)
    np.testing.assert_allclose(one.weights, other.weights, rtol=1e-9, atol=1e-9)


def test_what_counts_twice_is_as_good_as_learned_twice():
    courses = courses_of(20, seed=4)
    twice = learned([(rows, rewards, 2.0 * w) for rows, rewards, w in courses], trace=0.0)
    repeated = learned([course for course in courses for _ in range(2)], trace=0.0)
    np.testing.assert_allclose(twice.weights, repeated.weights, rtol=1e-9, atol=1e-9)


def test_a_chain_has_the_values_it_must_have():
    """Three states in a row, one for each step, 1 at each and 4 at the end: 6, 5, 4."""
    rows = np.hstack([np.eye(3), np.ones((3, 1))])
    rewards = np.array([[1.0], [1.0], [4.0]])
    for trace in (0.0, 0.5, 1.0):
        for discount, values in ((1.0, [6.0, 5.0, 4.0]), (0.5, [2.5, 3.0, 4.0])):
            lstd = LSTD(4, heads=1, discount=discount, trace=trace, ridge=1e-8)
            for _ in range(20):
                lstd.learn(rows, rewards)
            np.testing.assert_allclose(lstd.predict(rows).ravel(), values, atol=1e-5)


@pytest.mark.parametrize("n", [99, 260])
def test_beyond_so_many_features_it_solves_from_time_to_time_and_then_for_all(n):
    dim = EXACT + 1
    courses = courses_of(n, dim=dim, heads=1, longest=3)
    lstd, solved = LSTD(dim, heads=1, ridge=RIDGE), []
    for rows, rewards, weights in courses:
        before = lstd.weights.copy()
        lstd.learn(rows, rewards, weights)
        solved.append(not np.array_equal(before, lstd.weights))
    assert all(solved[:99])
    assert all(solved) == (n < 100)
    last = max(i for i, s in enumerate(solved) if s) + 1
    expected = batch(courses[:last], discount=1.0, trace=0.0, penalty=flat(dim))
    np.testing.assert_allclose(lstd.weights, expected, rtol=1e-7, atol=1e-8)
    assert n - last <= n // 50


def test_it_goes_on_where_its_state_was_taken():
    """Bit for bit, in what it predicts, too: sums are taken in the same order."""
    courses = courses_of(40, seed=5)
    one, other = learned(courses[:20], trace=0.5), LSTD(6, heads=2, trace=0.5)
    other.restore({name: np.ascontiguousarray(array) for name, array in one.state().items()})
    for rows, rewards, weights in courses[20:]:
        np.testing.assert_array_equal(one.predict(rows), other.predict(rows))
        for lstd in (one, other):
            lstd.learn(rows, rewards, weights)
    for name, array in one.state().items():
        np.testing.assert_array_equal(array, other.state()[name])


def test_it_leaves_what_it_is_given_as_it_was():
    rows, rewards, weights = courses_of(1, seed=6)[0]
    before = [array.copy() for array in (rows, rewards, weights)]
    LSTD(6, heads=2, trace=0.9).learn(rows, rewards, weights)
    for array, its in zip((rows, rewards, weights), before, strict=True):
        np.testing.assert_array_equal(array, its)
