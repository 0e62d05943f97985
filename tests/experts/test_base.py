"""What every expert promises: it answers before it learns, and its answers are distributions."""

import numpy as np
import pytest

from quickstudy.experts.base import FLOOR, best_temperature, log_softmax, widened
from quickstudy.experts.gaussian import GaussianClasses
from quickstudy.experts.kernel import LeastSquares
from quickstudy.experts.label_frequency import LabelFrequency
from quickstudy.experts.neighbours import Neighbours
from quickstudy.experts.refitted import SlowSoftmax, SlowTrees
from quickstudy.experts.softmax import OnlineSoftmax
from tests.experts.batches import VIEW, clusters, make_batch

EXPERTS = {
    "kernel": lambda: LeastSquares("e", view=VIEW, familiar=True),
    "kernel .99": lambda: LeastSquares("e", view=VIEW, discount=0.99),
    "gaussian": lambda: GaussianClasses("e", view=VIEW, prior=5.0, familiar=True),
    "softmax": lambda: OnlineSoftmax("e", view=VIEW),
    "softmax .99": lambda: OnlineSoftmax("e", view=VIEW, discount=0.99),
    "neighbours": lambda: Neighbours(),
    "habit": lambda: LabelFrequency(),
    "trees": lambda: SlowTrees("e"),
    "logistic": lambda: SlowSoftmax("e", view=VIEW),
}
LABELS, START = 3, 60
ROWS, Y = clusters(400, labels=LABELS)
LAST = np.r_[-1, Y[:-1]]


def part(start, stop, *, labels=LABELS):
    rows = slice(start, stop)
    return make_batch(ROWS[rows], Y[rows], last=LAST[rows], labels=labels)


def begun(make):
    """An expert that relearned the first examples on a new map, and was refitted if it is slow."""
    expert = make()
    expert.grow(LABELS)
    expert.relearn(part(0, START))
    if hasattr(expert, "refit"):
        expert.refit(part(0, START), seed=0)
    return expert


def same_state(one, two):
    one, two = one.state(), two.state()
    return one.keys() == two.keys() and all(np.array_equal(one[k], two[k]) for k in one)


@pytest.fixture(params=EXPERTS)
def make(request):
    return EXPERTS[request.param]


def test_votes_are_distributions_and_nobody_is_ever_quite_sure(make):
    expert = begun(make)
    for batch in (part(START, 80), make_batch(ROWS[:20] * 50.0, labels=LABELS)):
        votes = expert.predict(batch)
        assert votes.shape == (len(expert.names), 20, LABELS)
        np.testing.assert_allclose(np.exp(votes).sum(2), 1.0, atol=1e-9)
        assert votes.min() >= np.log(0.99 * FLOOR / LABELS)


def test_predicting_changes_nothing(make):
    expert, untouched = begun(make), begun(make)
    expert.predict(part(START, 200))
    assert same_state(expert, untouched)


def test_learning_says_what_was_predicted_before(make):
    one, many = begun(make), begun(make)
    said = []
    for i in range(START, 320):
        said.append(one.predict(part(i, i + 1)))
        one.learn(part(i, i + 1))
    np.testing.assert_array_equal(many.learn(part(START, 320)), np.concatenate(said, axis=1))
    assert same_state(one, many)


def test_familiarity_is_the_same_in_both_ways(make):
    expert = begun(make)
    asked, learned = part(START, START + 1), part(START, START + 1)
    expert.predict(asked)
    expert.learn(learned)
    np.testing.assert_array_equal(asked.familiarity, learned.familiarity)


def test_restored_it_goes_on_as_if_never_stopped(make):
    expert = begun(make)
    expert.learn(part(START, 150))
    copy = make()
    copy.grow(LABELS)
    copy.restore({name: array.copy() for name, array in expert.state().items()})
    assert same_state(expert, copy)
    np.testing.assert_array_equal(expert.learn(part(150, 400)), copy.learn(part(150, 400)))
    assert same_state(expert, copy)


def test_a_restored_expert_shares_no_memory_with_the_saved_state(make):
    expert = begun(make)
    saved = {name: array.copy() for name, array in expert.state().items()}
    kept = {name: array.copy() for name, array in saved.items()}
    copy = make()
    copy.grow(LABELS)
    copy.restore(saved)
    copy.learn(part(START, 200))
    assert all(np.array_equal(saved[name], kept[name]) for name in kept)


def test_a_new_label_starts_small_and_takes_nothing_from_the_order_of_the_others(make):
    expert = begun(make)
    before = expert.predict(part(START, 100))
    expert.grow(LABELS + 1)
    after = expert.predict(part(START, 100, labels=LABELS + 1))
    assert after.shape[2] == LABELS + 1
    np.testing.assert_allclose(np.exp(after).sum(2), 1.0, atol=1e-6)
    old = after[:, :, :LABELS]
    voted = np.ptp(before, axis=2) > 1e-3
    assert (old.argmax(2) == before.argmax(2))[voted].all()
    assert (after[:, :, LABELS] <= old.max(2) + 1e-12).all()


LEAVE_OUT = ("kernel", "kernel .99", "gaussian", "neighbours", "softmax", "logistic")


@pytest.mark.parametrize("name", LEAVE_OUT)
def test_left_out_votes_know_nothing_of_their_own_label(name):
    """With labels thrown by dice they are right by chance only; in sample they would be more."""
    rng = np.random.default_rng(5)
    rows, y = rng.normal(size=(300, 40)), rng.integers(2, size=300)
    expert = EXPERTS[name]()
    expert.grow(2)
    votes = expert.relearn(make_batch(rows, y, labels=2))
    assert votes.shape == (len(expert.names), 300, 2)
    for vote in votes:
        assert abs((vote.argmax(1) == y).mean() - 0.5) < 4 * 0.5 / np.sqrt(300)
        assert vote[np.arange(300), y].mean() < np.log(0.5) + 0.01


@pytest.mark.parametrize("name", LEAVE_OUT)
def test_left_out_votes_foresee_accuracy_on_fresh_examples(name):
    rows, y = clusters(1500, labels=3, dim=6, spread=2.0, seed=4)
    expert = EXPERTS[name]()
    expert.grow(3)
    votes = expert.relearn(make_batch(rows[:500], y[:500], labels=3))
    fresh = expert.predict(make_batch(rows[500:], labels=3))
    for left_out, said in zip(votes, fresh, strict=True):
        foreseen = (left_out.argmax(1) == y[:500]).mean()
        assert abs(foreseen - (said.argmax(1) == y[500:]).mean()) < 0.06


def test_left_out_votes_are_of_the_most_recent_two_thousand():
    rows, y = clusters(2300)
    for name in LEAVE_OUT:
        expert = EXPERTS[name]()
        expert.grow(3)
        votes = expert.relearn(make_batch(rows, y, labels=3))
        if votes is None:
            continue  # too many for it to say
        assert votes.shape[1] == 2000, name
        assert (votes[0].argmax(1) == y[-2000:]).mean() > 0.8, name


def test_only_labels_with_a_second_example_are_judged():
    batch = make_batch(np.zeros((5, 1)), [0, 1, 0, 2, 2], labels=4)
    assert batch.judged().tolist() == [1, 0, 1, 1, 1]


def test_widening_keeps_what_was_there():
    square = np.arange(4.0).reshape(2, 2)
    wide = widened(widened(square, 3), 5, axis=0)
    assert wide.shape == (5, 3)
    assert (wide[:2, :2] == square).all() and wide.sum() == square.sum()
    assert widened(square, 1) is square


def test_best_temperature_makes_scores_honest():
    """Scores are log odds times 5: the temperature that undoes it is a fifth."""
    rng = np.random.default_rng(0)
    odds = rng.normal(size=(4000, 3)) * 1.5
    p = np.exp(odds) / np.exp(odds).sum(1, keepdims=True)
    y = (p.cumsum(1) > rng.random((4000, 1))).argmax(1)
    grid = np.geomspace(0.02, 5.0, 200)
    found = best_temperature(5.0 * odds, y, np.ones(4000), grid, 1.0, 1.0)
    assert 0.18 < found < 0.22


def test_log_softmax_survives_any_scores():
    out = np.empty(3)
    for scores in ([0.0, 1e308, -1e308], [-1e5] * 3, [700.0, 710.0, 720.0]):
        log_softmax(np.array(scores), 3, 1.0, out)
        assert np.isfinite(out).all()
        assert np.isclose(np.exp(out).sum(), 1.0)
