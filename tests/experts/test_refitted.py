"""Slow experts: refitted at growing sizes, and as good as the library fits they stand for."""

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import log_loss

from quickstudy.experts.refitted import SlowSoftmax, SlowTrees, next_size
from tests.experts.batches import VIEW, clusters, make_batch

SCHEDULES = [(100, ((np.inf, 1.5),)), (8, ((1000, 1.1), (np.inf, 1.25)))]


@pytest.mark.parametrize("first, growth", SCHEDULES)
def test_refits_come_at_geometric_sizes(first, growth):
    sizes = [next_size(0, first, growth)]
    while sizes[-1] < 100_000:
        sizes.append(next_size(sizes[-1], first, growth))
    assert sizes[0] == first
    ratios = np.divide(sizes[1:], sizes[:-1])
    late = np.array(sizes[:-1]) > 1000
    assert (ratios > 1.0).all()
    np.testing.assert_allclose(ratios[late], growth[-1][1], rtol=0.01)
    assert len(sizes) < 100


@pytest.mark.parametrize("first, growth", SCHEDULES)
def test_the_next_size_does_not_depend_on_where_one_asks(first, growth):
    for count in range(0, 2500, 41):
        size = next_size(count, first, growth)
        assert size > count
        assert all(next_size(c, first, growth) == size for c in range(count, size, 17))


def unit(rows):
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def fitted(rows, y, *, labels):
    expert = SlowSoftmax("e", view=VIEW)
    expert.grow(labels)
    expert.relearn(make_batch(rows[:10], y[:10], labels=labels))
    expert.relearn(make_batch(rows, y, labels=labels))
    return expert


def test_it_is_as_good_as_scikit_learns_logistic_regression():
    rows, y = clusters(3000, labels=8, dim=24, spread=6.0)
    rows = unit(rows)
    expert = fitted(rows[:800], y[:800], labels=8)
    votes = np.exp(expert.predict(make_batch(rows[800:], labels=8))[0])
    best = LogisticRegression(C=10.0, max_iter=500).fit(rows[:800], y[:800])
    assert (votes.argmax(1) == y[800:]).mean() > best.score(rows[800:], y[800:]) - 0.015
    assert log_loss(y[800:], votes) < log_loss(y[800:], best.predict_proba(rows[800:])) + 0.05


def test_a_label_that_came_after_the_fit_gets_little_and_the_others_stay():
    rows, y = clusters(200, labels=3, dim=6)
    expert = fitted(rows, y, labels=3)
    before = np.exp(expert.predict(make_batch(rows, labels=3))[0])
    expert.grow(4)
    after = np.exp(expert.predict(make_batch(rows, labels=4))[0])
    np.testing.assert_allclose(after[:, :3], before, atol=2e-3)
    assert (after[:, 3] < 1e-3).all()


def test_left_out_votes_are_given_for_every_example_of_a_few_labels():
    rows, y = clusters(60, labels=3, dim=10, spread=1.5)
    expert = SlowSoftmax("e", view=VIEW)
    expert.grow(3)
    votes = expert.relearn(make_batch(rows, y, labels=3))[0]
    assert (votes.argmax(1) == y).mean() > 0.9
    np.testing.assert_allclose(np.exp(votes).sum(1), 1.0, atol=1e-6)


def stepped(n, seed=0):
    """A label that is on inside a box: trees can see that, a linear model cannot."""
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 3))
    return rows, ((np.abs(rows[:, 0]) < 0.6) & (rows[:, 1] > 0)).astype(int)


def test_trees_say_nothing_before_their_first_fit():
    expert = SlowTrees("e")
    expert.grow(4)
    votes = expert.predict(make_batch(np.zeros((2, 3)), labels=4))
    np.testing.assert_allclose(np.exp(votes), 0.25)
    assert expert.next_refit(0) == 100


def test_trees_learn_a_box_at_a_refit_and_not_in_between():
    rows, y = stepped(1000)
    expert = SlowTrees("e")
    expert.grow(2)
    expert.refit(make_batch(rows[:500], y[:500], labels=2), seed=0)
    ask = make_batch(rows[500:], y[500:], labels=2)
    votes = expert.predict(ask)[0]
    assert (votes.argmax(1) == y[500:]).mean() > 0.95
    expert.learn(ask)
    np.testing.assert_array_equal(expert.predict(ask)[0], votes)


def test_trees_see_the_last_label():
    """Labels alternate whatever the numbers are."""
    y = np.arange(400) % 2
    rows = np.random.default_rng(0).normal(size=(400, 2))
    last = np.r_[-1, y[:-1]]
    expert = SlowTrees("e")
    expert.grow(2)
    expert.refit(make_batch(rows[:300], y[:300], last=last[:300], labels=2), seed=0)
    votes = expert.predict(make_batch(rows[300:], last=last[300:], labels=2))[0]
    assert (votes.argmax(1) == y[300:]).all()


def test_trees_are_not_grown_on_one_label():
    expert = SlowTrees("e")
    expert.grow(2)
    expert.refit(make_batch(np.zeros((200, 2)), [1] * 200, labels=2), seed=0)
    votes = expert.predict(make_batch(np.zeros((3, 2)), labels=2))
    np.testing.assert_allclose(np.exp(votes), 0.5)


def test_a_second_voice_follows_when_labels_change_their_names():
    """All labels are swapped; the trees are not grown anew, yet one voice is right again soon."""
    rows, y = stepped(1000)
    expert = SlowTrees("e")
    expert.grow(2)
    expert.refit(make_batch(rows[:500], y[:500], labels=2), seed=0)
    same, swapped = np.exp(expert.learn(make_batch(rows[500:700], y[500:700], labels=2)))
    np.testing.assert_allclose(swapped, same, atol=0.1)
    same, swapped = expert.learn(make_batch(rows[700:], 1 - y[700:], labels=2))
    assert (same.argmax(1) == 1 - y[700:]).mean() < 0.1
    assert (swapped.argmax(1) == 1 - y[700:])[150:].mean() > 0.9


def test_trees_of_a_filed_history_vote_on_each_row_without_it():
    """Labels thrown by dice: in sample trees would be right, left out they are by chance only."""
    rng = np.random.default_rng(0)
    rows, y = rng.normal(size=(400, 4)), np.sort(rng.integers(2, size=400))
    expert = SlowTrees("trees")
    expert.grow(2)
    batch = make_batch(rows, y, labels=2).shuffled()
    assert expert.relearn(batch) is None
    expert.refit(batch, seed=0)
    votes = expert.relearn(batch)
    assert votes.shape == (2, 400, 2)
    assert abs((votes[0].argmax(1) == batch.y).mean() - 0.5) < 0.1
    copy = SlowTrees("trees")
    copy.restore({name: array.copy() for name, array in expert.state().items()})
    np.testing.assert_array_equal(copy.relearn(batch), votes)
