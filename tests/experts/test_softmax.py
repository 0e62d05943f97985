"""Online softmax regression against the batch fit, still and drifting."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from quickstudy.experts.softmax import OnlineSoftmax
from tests.experts.batches import VIEW, make_batch, softmax


def logistic_stream(n, *, labels=3, dim=5, seed=0):
    """Labels thrown by a softmax of linear scores: batch logistic regression is the right model."""
    rng = np.random.default_rng(seed)
    weights = rng.normal(size=(dim, labels))
    rows = np.c_[rng.normal(size=(n, dim - 1)), np.ones(n)]
    p = softmax(rows @ weights)
    return rows, (p.cumsum(1) > rng.random((n, 1))).argmax(1)


def started(**settings):
    expert = OnlineSoftmax("e", view=VIEW, **settings)
    expert.grow(3)
    return expert


@pytest.mark.parametrize("n", [50, 300, 3000])
def test_one_pass_is_as_good_as_the_batch_fit(n):
    rows, y = logistic_stream(n + 4000)
    expert = started()
    expert.relearn(make_batch(rows[:n], y[:n], labels=3))
    votes = expert.predict(make_batch(rows[n:], labels=3))[0]
    batch = LogisticRegression(C=1.0, fit_intercept=False).fit(rows[:n], y[:n])
    online = log_loss(y[n:], np.exp(votes))
    assert online < log_loss(y[n:], batch.predict_proba(rows[n:])) + 0.02


def test_it_is_confident_where_it_may_be():
    rows, y = logistic_stream(6000)
    expert = started()
    expert.relearn(make_batch(rows[:3000], y[:3000], labels=3))
    votes = expert.predict(make_batch(rows[3000:], labels=3))[0]
    right = votes.argmax(1) == y[3000:]
    for low, high in ((0.34, 0.6), (0.6, 0.8), (0.8, 1.0)):
        top = np.exp(votes.max(1))
        bin_ = (top >= low) & (top < high)
        assert abs(top[bin_].mean() - right[bin_].mean()) < 0.06


def test_a_discount_follows_a_change_that_a_lifelong_memory_averages_over():
    rows, y = logistic_stream(5000)
    y[3000:] = (y[3000:] + 1) % 3
    accuracy = {}
    for discount in (1.0, 0.98):
        expert = started(discount=discount)
        expert.relearn(make_batch(rows[:0], labels=3))
        votes = expert.learn(make_batch(rows, y, labels=3))[0]
        right = votes.argmax(1) == y
        accuracy[discount] = right[2000:3000].mean(), right[3500:4000].mean()
    before, after = accuracy[0.98]
    assert after > before - 0.04
    assert accuracy[1.0][1] < after - 0.15
    assert accuracy[1.0][0] >= before - 0.01


def test_a_discounted_covariance_stays_bounded_where_nothing_happens():
    expert = started(discount=0.99)
    expert.relearn(make_batch(np.zeros((0, 2)), labels=3))
    rows = np.c_[np.ones(20_000), np.zeros(20_000)]
    expert.learn(make_batch(rows, np.arange(20_000) % 3, labels=3))
    assert np.isfinite(expert.state()["covariance"]).all()
    votes = expert.learn(make_batch(np.array([[1.0, 1.0]]), [0], labels=3))
    assert np.isfinite(votes).all()
    assert np.isfinite(expert.state()["weights"]).all()


def test_labels_are_treated_alike():
    """Naming the labels otherwise names the answers otherwise, and changes nothing else."""
    rows, y = logistic_stream(400)
    other = np.array([2, 0, 1])
    one, two = started(), started()
    votes = one.relearn(make_batch(rows, y, labels=3))[0]
    renamed = two.relearn(make_batch(rows, other[y], labels=3))[0]
    np.testing.assert_allclose(renamed[:, other], votes, atol=1e-9)


def test_a_label_that_comes_after_a_thousand_others_starts_out_as_unlikely():
    expert = OnlineSoftmax("e", view=VIEW)
    expert.grow(1)
    rows = np.random.default_rng(0).normal(size=(1000, 3))
    expert.relearn(make_batch(rows, np.zeros(1000, int), labels=1))
    expert.grow(2)
    votes = np.exp(expert.predict(make_batch(rows, labels=2))[0])
    np.testing.assert_allclose(votes[:, 1], 1 / 1002, rtol=1e-2)
