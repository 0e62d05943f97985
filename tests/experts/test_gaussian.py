"""Gaussian classes against scikit-learn's discriminant analysis, left-out votes against refits."""

import numpy as np
import pytest
from sklearn.discriminant_analysis import LinearDiscriminantAnalysis

from quickstudy.experts.gaussian import REFRESH, GaussianClasses
from tests.experts.batches import VIEW, clusters, make_batch, softmax


def within_scatter(rows, y):
    """Scatter around the class means, row by row."""
    total = np.zeros((rows.shape[1],) * 2)
    for c in np.unique(y):
        away = rows[y == c] - rows[y == c].mean(0)
        total += away.T @ away
    return total


def scores(x, rows, y, *, ridge, prior, labels):
    """Log-densities up to a constant, by class means and the pooled covariance."""
    covariance = (within_scatter(rows, y) + ridge) / (len(y) + prior)
    out = np.full(labels, np.nan)
    for c in np.unique(y):
        away = x - rows[y == c].mean(0)
        log_density = -0.5 * away @ np.linalg.solve(covariance, away)
        out[c] = log_density + np.log((y == c).sum() + 0.5)
    return np.where(np.isnan(out), np.nanmin(out), out)


def ridge_of(state, rows, y, prior):
    """The isotropic part that the expert added, read off its precision."""
    total = np.linalg.inv(state["precision"]) * (len(y) + prior)
    return total - within_scatter(rows, y)


def relearned(rows, y, *, labels=3, prior=5.0):
    expert = GaussianClasses("e", view=VIEW, prior=prior)
    expert.grow(labels)
    return expert, expert.relearn(make_batch(rows, y, labels=labels))[0]


@pytest.mark.parametrize("relearn", [False, True])
def test_without_a_prior_it_is_linear_discriminant_analysis(relearn):
    rows, y = clusters(4 * REFRESH, dim=5, spread=2.0)
    expert = GaussianClasses("e", view=VIEW, prior=1e-9)
    expert.grow(3)
    expert.relearn(make_batch(rows if relearn else rows[:0], y if relearn else (), labels=3))
    if not relearn:
        expert.learn(make_batch(rows, y, labels=3))
    lda = LinearDiscriminantAnalysis(solver="lsqr").fit(rows, y)
    half_more = np.log(1.0 + 0.5 / np.bincount(y))  # its counts start from half an example
    fresh, _ = clusters(200, dim=5, spread=3.0, seed=1)
    votes = expert.predict(make_batch(fresh, labels=3))[0]
    temperature = expert.state()["temperature"][0]
    expected = softmax(temperature * (lda.predict_log_proba(fresh) + half_more))
    np.testing.assert_allclose(np.exp(votes), expected, atol=3e-6)


@pytest.mark.parametrize("prior", [50.0, 1000.0])
def test_with_a_prior_it_is_shrunk_towards_equal_variances(prior):
    """scikit-learn's shrinkage mixes in the mean variance, by the prior's share."""
    n = 40 * REFRESH
    rows, y = clusters(n, dim=5, spread=1.0)
    rows[:, 0] *= 3.0
    expert, _ = relearned(rows, y, prior=prior)
    lda = LinearDiscriminantAnalysis(solver="lsqr", shrinkage=prior / (n + prior)).fit(rows, y)
    fresh = np.random.default_rng(1).normal(size=(500, 5)) * 3.0
    votes = expert.predict(make_batch(fresh, labels=3))[0]
    temperature = expert.state()["temperature"][0]
    expected = softmax(temperature * lda.predict_log_proba(fresh))
    assert np.abs(np.exp(votes) - expected).max() < 0.02


@pytest.mark.parametrize("n", [12, 60])
def test_left_out_votes_are_those_of_the_classes_without_the_example(n):
    rows, y = clusters(n, dim=5, spread=2.0, seed=3)
    y[:3] = 0, 1, 2
    expert, votes = relearned(rows, y)
    state = expert.state()
    ridge = ridge_of(state, rows, y, 5.0)
    for i in range(n):
        rest = np.arange(n) != i
        left = scores(rows[i], rows[rest], y[rest], ridge=ridge, prior=5.0, labels=3)
        expected = softmax(state["temperature"][0] * left)
        np.testing.assert_allclose(np.exp(votes[i]), expected, atol=3e-6)


def test_leaving_out_the_only_example_of_a_label_leaves_nothing_of_it():
    rows, y = clusters(50, dim=4, seed=3)
    y[:] = y % 2
    y[20] = 2
    _, votes = relearned(rows, y)
    assert votes[20, 2] <= votes[20, :2].min() + 1e-9


def test_the_prior_is_isotropic_and_worth_so_many_examples():
    rows, y = clusters(500, dim=4)
    expert, _ = relearned(rows, y, prior=100.0)
    ridge = ridge_of(expert.state(), rows, y, 100.0)
    variance = within_scatter(rows, y).trace() / 500 / 4
    np.testing.assert_allclose(ridge, np.eye(4) * ridge[0, 0], atol=1e-6 * ridge[0, 0])
    assert ridge[0, 0] == pytest.approx(100.0 * variance, rel=0.05)


def test_learning_one_by_one_ends_where_relearning_does_at_a_refresh():
    rows, y = clusters(3 * REFRESH, dim=6)
    one = GaussianClasses("e", view=VIEW, prior=5.0)
    one.grow(3)
    one.relearn(make_batch(rows[:0], labels=3))
    one.learn(make_batch(rows, y, labels=3))
    two, _ = relearned(rows, y)
    for name in ("precision", "slopes", "offsets", "counts"):
        expected = two.state()[name]
        np.testing.assert_allclose(one.state()[name], expected, rtol=1e-8, atol=1e-9, err_msg=name)


def test_between_refreshes_means_move_and_the_covariance_waits():
    rows, y = clusters(160, dim=5, spread=2.0)
    expert, _ = relearned(rows[:100], y[:100])
    state = {name: array.copy() for name, array in expert.state().items()}
    expert.learn(make_batch(rows[100:], y[100:], labels=3))
    means = np.stack([rows[y == c].mean(0) for c in range(3)])
    away = rows[:, None] - means  # each input from each mean
    left = -0.5 * np.einsum("ncd,de,nce->nc", away, state["precision"], away)
    expected = softmax(state["temperature"][0] * (left + np.log(np.bincount(y) + 0.5)))
    votes = expert.predict(make_batch(rows, labels=3))[0]
    np.testing.assert_allclose(np.exp(votes), expected, atol=3e-6)


def test_one_example_moves_its_class_at_once():
    """A label's second example pulls its mean halfway, long before the next refresh."""
    rows, y = clusters(60, dim=3)
    expert, _ = relearned(rows, y, labels=4)
    far = np.array([[9.0, -9.0, 9.0]])
    expert.learn(make_batch(far, [3], labels=4))
    assert expert.predict(make_batch(far, labels=4))[0, 0].argmax() == 3


def test_weights_count_like_repeats():
    rows, y = clusters(60, dim=4)
    weight = np.tile([1.0, 2.0, 3.0], 20)
    repeats = np.repeat(np.arange(60), weight.astype(int))
    one = GaussianClasses("e", view=VIEW, prior=5.0)
    one.grow(3)
    one.relearn(make_batch(rows, y, labels=3, weight=weight))
    two, _ = relearned(rows[repeats], y[repeats])
    for name in ("precision", "slopes", "offsets", "counts"):
        np.testing.assert_allclose(one.state()[name], two.state()[name], rtol=1e-7, err_msg=name)


def test_familiarity_is_the_nearest_mean_by_angle():
    rows, y = clusters(100, dim=4)
    expert = GaussianClasses("e", view=VIEW, prior=5.0, familiar=True)
    expert.grow(3)
    expert.relearn(make_batch(rows, y, labels=3))
    batch = make_batch(rows[:20], labels=3)
    expert.predict(batch)
    means = np.stack([rows[y == c].mean(0) for c in range(3)])
    lengths = np.linalg.norm(means, axis=1) * np.linalg.norm(rows[:20], axis=1)[:, None]
    np.testing.assert_allclose(batch.familiarity, (rows[:20] @ means.T / lengths).max(1))
