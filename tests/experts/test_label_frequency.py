"""Habit against counts taken by hand and chains whose chances are known."""

import numpy as np
import pytest

from quickstudy.experts.label_frequency import LabelFrequency
from tests.experts.batches import make_batch

AFTER, RATE = 0, 1


def watched(y, *, labels):
    """What habit says before each label of a stream, as probabilities."""
    expert = LabelFrequency()
    expert.grow(labels)
    last = np.r_[-1, y[:-1]]
    batch = make_batch(np.zeros((len(y), 0)), y, last=last, labels=labels)
    return expert, np.exp(expert.learn(batch))


def chain(transitions, n, *, seed=0):
    rng = np.random.default_rng(seed)
    y = np.zeros(n, np.int64)
    for t in range(1, n):
        y[t] = rng.choice(len(transitions), p=transitions[y[t - 1]])
    return y


def test_it_knows_the_chances_of_a_markov_chain():
    transitions = np.array([[0.9, 0.05, 0.05], [0.2, 0.7, 0.1], [0.3, 0.3, 0.4]])
    y = chain(transitions, 20_000)
    _, said = watched(y, labels=3)
    for state in range(3):
        after = y[:-1] == state
        shares = np.bincount(y[1:][after], minlength=3) / after.sum()
        np.testing.assert_allclose(said[AFTER, 1:][after].mean(0), shares, atol=0.02)
    share = np.bincount(y) / len(y)
    np.testing.assert_allclose(said[RATE, 2000:].mean(0), share, atol=0.02)


@pytest.mark.parametrize("repeat", [0.05, 0.5, 0.95])
def test_on_two_labels_it_follows_repeats_and_changes(repeat):
    """At least as right as the better of "the same again" and "the other one"."""
    y = chain(np.array([[repeat, 1 - repeat], [1 - repeat, repeat]]), 3000)
    _, said = watched(y, labels=2)
    same = (y[1:] == y[:-1]).mean()
    assert (said[AFTER].argmax(1) == y).mean() > max(same, 1 - same) - 0.06


def test_recent_labels_count_and_old_ones_fade():
    y = np.r_[np.zeros(2000, np.int64), np.ones(150, np.int64)]
    _, said = watched(y, labels=2)
    assert said[RATE, 2000, 0] > 0.98
    assert said[RATE, -1, 1] > 0.75
    assert (np.diff(said[RATE, 2000:, 1]) > 0).all()


def test_rates_are_the_shares_of_an_exponential_window():
    """A label seen `a` rows ago counts 0.99^a, and every label half an example beforehand."""
    y = np.random.default_rng(0).integers(3, size=400)
    _, said = watched(y, labels=3)
    for t in (0, 1, 10, 399):
        counts = np.full(3, 0.5)
        for age, label in enumerate(y[:t][::-1]):
            counts[label] += 0.99**age
        np.testing.assert_allclose(said[RATE, t], counts / counts.sum(), atol=2e-6)


def test_transitions_fade_by_their_own_use():
    """What follows a rare label is not forgotten while the label does not occur."""
    y = np.r_[np.tile([1, 2], 20), np.zeros(3000, np.int64), 1]
    expert, _ = watched(y, labels=3)
    after = expert.predict(make_batch(np.zeros((1, 0)), last=[1], labels=3))
    assert np.exp(after[AFTER, 0, 2]) > 0.85


def test_what_followed_of_old_is_forgotten_once_something_else_follows():
    """After 1 came 2 three hundred times, then 0 a hundred times: about twice as likely by now."""
    y = np.r_[np.tile([1, 2], 300), np.tile([1, 0], 100), 1]
    expert, _ = watched(y, labels=3)
    after = np.exp(expert.predict(make_batch(np.zeros((1, 0)), last=[1], labels=3)))[AFTER, 0]
    assert 1.5 < after[0] / after[2] < 2.0


def test_before_the_first_label_nothing_is_preferred():
    expert = LabelFrequency()
    expert.grow(4)
    votes = expert.predict(make_batch(np.zeros((1, 0)), last=[-1], labels=4))
    np.testing.assert_allclose(np.exp(votes), 0.25)


def test_relearning_it_knows_what_is_remembered_and_nothing_else():
    y = np.arange(50) % 3
    expert, _ = watched(np.zeros(200, int), labels=3)
    other, said = watched(y, labels=3)
    batch = make_batch(np.zeros((50, 0)), y, last=np.r_[-1, y[:-1]], labels=3)
    np.testing.assert_array_equal(np.exp(expert.relearn(batch)), said)
    for name, array in other.state().items():
        np.testing.assert_array_equal(expert.state()[name], array)


def test_rows_that_count_for_little_move_it_little():
    few, _ = watched(np.r_[np.zeros(100, int), 1], labels=2)
    many = LabelFrequency()
    many.grow(2)
    y = np.r_[np.zeros(100, int), np.ones(10, int)]
    evidence = np.r_[np.ones(100), np.full(10, 0.1)]
    batch = make_batch(np.zeros((110, 0)), y, last=np.full(110, -1), labels=2, evidence=evidence)
    many.learn(batch)
    rates = [h.predict(make_batch(np.zeros((1, 0)), labels=2))[RATE, 0] for h in (few, many)]
    np.testing.assert_allclose(*np.exp(rates), atol=1e-3)
