"""Recursive least squares against the dense batch solution, and left-out votes against refits."""

import numpy as np
import pytest

from quickstudy.experts.kernel import REFRESH, LeastSquares
from tests.experts.batches import VIEW, clusters, make_batch, softmax


def one_hot(y, labels):
    return np.eye(labels)[y]


def batch_weights(rows, y, *, labels, ridge, weight=None):
    """Ridge regression of one-hot labels, all at once."""
    weight = np.ones(len(rows)) if weight is None else weight
    gram = rows.T @ (rows * weight[:, None]) + ridge * np.eye(rows.shape[1])
    return np.linalg.solve(gram, rows.T @ (one_hot(y, labels) * weight[:, None]))


def learned(rows, y, *, labels=3, **settings):
    expert = LeastSquares("e", view=VIEW, **settings)
    expert.grow(labels)
    expert.relearn(make_batch(rows[:0], labels=labels))
    expert.learn(make_batch(rows, y, labels=labels))
    return expert


@pytest.mark.parametrize("n", [1, 50, REFRESH, REFRESH + 1, 3 * REFRESH, 500])
def test_lifelong_weights_are_those_of_batch_training(n):
    rows, y = clusters(n, dim=12)
    found = learned(rows, y, ridge=0.7).state()["weights"]
    expected = batch_weights(rows, y, labels=3, ridge=0.7)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)


def test_lifelong_weights_do_not_depend_on_the_order():
    rows, y = clusters(400, dim=12)
    other = np.random.default_rng(1).permutation(400)
    one, two = (learned(rows[order], y[order]) for order in (np.arange(400), other))
    np.testing.assert_allclose(one.state()["weights"], two.state()["weights"], atol=1e-9)


@pytest.mark.parametrize("discount", [0.99, 0.999])
def test_discounted_weights_are_those_of_faded_batch_training_at_a_refresh(discount):
    n = 3 * REFRESH
    rows, y = clusters(n, dim=8)
    fade = discount ** np.arange(n - 1, -1, -1)
    found = learned(rows, y, discount=discount, ridge=2.0).state()["weights"]
    expected = batch_weights(rows, y, labels=3, ridge=2.0, weight=fade)
    np.testing.assert_allclose(found, expected, rtol=1e-8, atol=1e-10)


def test_between_refreshes_the_ridge_fades_with_the_examples():
    n, discount = 2 * REFRESH + 60, 0.98
    rows, y = clusters(n, dim=8)
    fade = discount ** np.arange(n - 1, -1, -1)
    found = learned(rows, y, discount=discount, ridge=5.0).state()["weights"]
    expected = batch_weights(rows, y, labels=3, ridge=5.0 * discount**60, weight=fade)
    np.testing.assert_allclose(found, expected, rtol=1e-7, atol=1e-9)


def test_wide_features_stay_exact_through_their_longer_period():
    rng = np.random.default_rng(0)
    rows, y = rng.normal(size=(300, 520)), rng.integers(2, size=300)
    found = learned(rows, y, labels=2).state()["weights"]
    np.testing.assert_allclose(found, batch_weights(rows, y, labels=2, ridge=1.0), atol=1e-8)


def test_a_discounted_inverse_does_not_blow_up_where_nothing_happens():
    """Ten thousand examples that never move along the second axis."""
    rng = np.random.default_rng(0)
    rows = np.c_[rng.normal(size=10_000), np.zeros(10_000)]
    expert = learned(rows, (rows[:, 0] > 0).astype(int), labels=2, discount=0.99)
    assert np.abs(expert.state()["inverse"]).max() <= 1.0 / 0.99**REFRESH
    assert np.isfinite(expert.predict(make_batch([[0.0, 3.0]], labels=2))).all()


def test_relearning_is_learning_all_at_once():
    """Ages fade and weights count, as if each example had come that often, that long ago."""
    rows, y = clusters(80, dim=5)
    rng = np.random.default_rng(2)
    age, weight = np.sort(rng.integers(0, 300, 80))[::-1], rng.integers(1, 4, 80).astype(float)
    expert = LeastSquares("e", view=VIEW, discount=0.99)
    expert.grow(3)
    expert.relearn(make_batch(rows, y, labels=3, age=age, weight=weight))
    expected = batch_weights(rows, y, labels=3, ridge=1.0, weight=weight * 0.99**age)
    np.testing.assert_allclose(expert.state()["weights"], expected, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("discount", [1.0, 0.99])
def test_left_out_votes_are_those_of_refits_without_the_example(discount):
    rows, y = clusters(60, dim=5, spread=2.0)
    expert = LeastSquares("e", view=VIEW, discount=discount)
    expert.grow(3)
    votes = expert.relearn(make_batch(rows, y, labels=3))[0]
    fade = discount ** np.arange(59, -1, -1)
    temperature = expert.state()["scalars"][0]
    for i in range(60):
        rest = np.arange(60) != i
        weights = batch_weights(rows[rest], y[rest], labels=3, ridge=1.0, weight=fade[rest])
        expected = softmax(temperature * (rows[i] @ weights))
        np.testing.assert_allclose(np.exp(votes[i]), expected, atol=2e-6)


def test_leaving_out_an_example_that_stands_for_several_leaves_out_all_of_them():
    rows, y = clusters(40, dim=4, spread=2.0)
    weight = np.r_[np.full(20, 3.0), np.ones(20)]
    expert = LeastSquares("e", view=VIEW)
    expert.grow(3)
    votes = expert.relearn(make_batch(rows, y, labels=3, weight=weight))[0]
    temperature = expert.state()["scalars"][0]
    for i in range(40):
        rest = np.arange(40) != i
        weights = batch_weights(rows[rest], y[rest], labels=3, ridge=1.0, weight=weight[rest])
        expected = softmax(temperature * (rows[i] @ weights))
        np.testing.assert_allclose(np.exp(votes[i]), expected, atol=2e-6)


def test_a_new_label_leaves_the_weights_as_batch_training_has_them():
    rows, y = clusters(300, labels=4, dim=6)
    y = np.where((y == 3) & (np.arange(300) < 200), 0, y)  # the fourth label comes late
    expert = LeastSquares("e", view=VIEW)
    expert.grow(3)
    expert.relearn(make_batch(rows[:0], labels=3))
    expert.learn(make_batch(rows[:200], y[:200], labels=3))
    expert.grow(4)
    expert.learn(make_batch(rows[200:], y[200:], labels=4))
    expected = batch_weights(rows, y, labels=4, ridge=1.0)
    np.testing.assert_allclose(expert.state()["weights"], expected, rtol=1e-8, atol=1e-10)


def test_its_probabilities_can_be_believed():
    rows, y = clusters(4000, dim=6, spread=2.5)
    votes = learned(rows, y).predict(make_batch(rows, labels=3))[0]
    accuracy = (votes.argmax(1) == y).mean()
    assert abs(np.exp(votes.max(1)).mean() - accuracy) < 0.04


def test_familiarity_is_the_largest_posterior_mean():
    rows, y = clusters(200, dim=5)
    expert = LeastSquares("e", view=VIEW, familiar=True)
    expert.grow(3)
    expert.relearn(make_batch(rows, y, labels=3))
    fresh = make_batch(rows[:10] + 0.1, labels=3)
    expert.predict(fresh)
    scores = fresh.z @ batch_weights(rows, y, labels=3, ridge=1.0)
    np.testing.assert_allclose(fresh.familiarity, scores.max(1), atol=1e-8)


def test_rows_that_count_for_less_fade_the_others_less():
    """A run of a hundred that counts for ten fades what was before as ten rows would."""
    rows, y = clusters(400, dim=5)
    evidence = np.r_[np.ones(300), np.full(100, 0.1)]
    expert = LeastSquares("e", view=VIEW, discount=0.99)
    expert.grow(3)
    expert.relearn(make_batch(rows[:0], labels=3))
    expert.learn(make_batch(rows, y, labels=3, evidence=evidence))
    age = evidence.sum() - evidence.cumsum()
    expected = batch_weights(rows, y, labels=3, ridge=1.0, weight=0.99**age)
    np.testing.assert_allclose(expert.state()["weights"], expected, rtol=0.05, atol=5e-3)
