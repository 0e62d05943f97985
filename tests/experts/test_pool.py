"""The pool: near the best expert at every time, and better where experts complete each other."""

import numpy as np
import pytest
from scipy.optimize import minimize

from quickstudy.experts.pool import Pool


def expert(y, right, *, labels=3, sure=0.8, seed=0):
    """Votes (n, K) of one who names the right label so often, with that much probability."""
    rng = np.random.default_rng(seed)
    wrong = (y + rng.integers(1, labels, size=len(y))) % labels
    named = np.where(rng.random(len(y)) < right, y, wrong)
    votes = np.full((len(y), labels), (1.0 - sure) / (labels - 1))
    votes[np.arange(len(y)), named] = sure
    return np.log(votes)


def loss(p, y):
    return -np.log(p[np.arange(len(y)), y])


def labels_thrown(n, seed=9, labels=3):
    return np.random.default_rng(seed).integers(labels, size=n)


def test_answers_are_distributions():
    y = labels_thrown(100)
    votes = np.stack([expert(y, r, seed=i) for i, r in enumerate((0.9, 0.5))])
    p, _ = Pool(2).learn(votes, y)
    np.testing.assert_allclose(p.sum(1), 1.0, atol=1e-12)
    assert (p > 0).all()


def test_learning_says_what_predicting_said_before():
    y = labels_thrown(60)
    votes = np.stack([expert(y, r, seed=i) for i, r in enumerate((0.9, 0.5, 0.4))])
    one, many = Pool(3), Pool(3)
    said = []
    for i in range(60):
        row = votes[:, i : i + 1]
        said.append(one.predict(row)[0])
        one.learn(row, y[i : i + 1])
    np.testing.assert_array_equal(many.learn(votes, y)[0], np.concatenate(said))
    assert all((many.state()[name] == array).all() for name, array in one.state().items())


def test_predicting_changes_nothing():
    votes = np.stack([expert(labels_thrown(5), 0.5, seed=i) for i in range(2)])
    pool = Pool(2)
    before = {name: array.copy() for name, array in pool.state().items()}
    pool.predict(votes)
    assert all((pool.state()[name] == array).all() for name, array in before.items())


@pytest.mark.parametrize("experts", [2, 10])
def test_it_is_close_to_the_best_expert_and_far_from_the_worst(experts):
    y = labels_thrown(2000)
    right = np.linspace(0.9, 0.3, experts)
    sure = np.clip(right, 0.4, 0.9)
    votes = np.stack(
        [expert(y, r, sure=s, seed=i) for i, (r, s) in enumerate(zip(right, sure, strict=True))]
    )
    mine = loss(Pool(experts).learn(votes, y)[0], y).mean()
    each = np.array([loss(np.exp(v), y).mean() for v in votes])
    assert mine < each.min() + 0.03
    assert mine < each.max() - 0.3


def test_one_who_knows_is_found_among_many_within_fifty_examples():
    y = labels_thrown(300)
    votes = np.stack([expert(y, 1 / 3, sure=0.5, seed=i) for i in range(12)])
    votes[7] = expert(y, 0.97, sure=0.95)
    pool = Pool(12)
    p, _ = pool.learn(votes, y)
    assert (p[50:].argmax(1) == y[50:]).mean() > 0.92
    assert pool.weights.argmax() == 7 and pool.weights[7] > 0.5


def test_it_follows_when_the_best_expert_changes():
    y = labels_thrown(2000)
    good, bad = expert(y, 0.95, sure=0.9), expert(y, 0.2, sure=0.7, seed=1)
    votes = np.stack([np.r_[good[:1000], bad[1000:]], np.r_[bad[:1000], good[1000:]]])
    p, _ = Pool(2).learn(votes, y)
    right = p.argmax(1) == y
    assert right[900:1000].mean() > 0.9
    assert right[1050:1150].mean() > 0.85
    assert right[1200:].mean() > 0.9


def test_experts_who_know_different_things_are_better_together():
    """Independent hints multiply: the logarithmic pool is what adds up their evidence."""
    y = labels_thrown(3000, labels=2)
    votes = np.stack([expert(y, 0.7, labels=2, sure=0.7, seed=i) for i in range(5)])
    p, _ = Pool(5).learn(votes, y)
    alone = max((v.argmax(1) == y).mean() for v in votes)
    majority = ((votes.argmax(2).sum(0) > 2) == y).mean()
    assert majority > alone + 0.1
    assert (p.argmax(1) == y)[500:].mean() > majority - 0.02
    together = loss(p, y)[500:].mean()
    assert together < min(loss(np.exp(v), y).mean() for v in votes) - 0.1


def test_an_expert_that_says_nothing_does_no_harm():
    y = labels_thrown(1000)
    good = expert(y, 0.9, sure=0.9)
    quiet = np.full_like(good, -np.log(3.0))
    p, _ = Pool(2).learn(np.stack([good, quiet]), y)
    assert loss(p, y)[100:].mean() < loss(np.exp(good), y)[100:].mean() + 0.02


def test_one_who_is_sure_and_wrong_costs_little():
    """From then on it is hardly heard, and what it said was bounded."""
    y = np.zeros(200, np.int64)
    fine = np.tile(np.log([0.8, 0.2]), (200, 1))
    fanatic = np.tile(np.log([1e-6, 1.0 - 1e-6]), (200, 1))
    p, _ = Pool(2).learn(np.stack([fine, fanatic]), y)
    assert loss(p, y).sum() < loss(np.exp(fine), y).sum() + 8.0
    assert p[-1, 0] > 0.75


def test_weights_are_shares():
    y = labels_thrown(200)
    votes = np.stack([expert(y, r, seed=i) for i, r in enumerate((0.9, 0.6, 0.4))])
    pool = Pool(3)
    np.testing.assert_allclose(pool.weights, 1 / 3)
    pool.learn(votes, y)
    assert pool.weights.sum() == pytest.approx(1.0)
    assert (np.diff(pool.weights) < 0).all()


def test_a_label_nobody_is_asked_about_changes_no_weight():
    """Rows with y = -1 are answered and not learned."""
    y = labels_thrown(50)
    votes = np.stack([expert(y, r, seed=i) for i, r in enumerate((0.9, 0.5))])
    pool = Pool(2)
    pool.learn(votes, np.full(50, -1))
    np.testing.assert_array_equal(pool.weights, Pool(2).weights)


def log_pool(theta, votes):
    scores = np.tensordot(theta, np.maximum(votes, np.log(1e-5)), axes=1)
    p = np.exp(scores - scores.max(1, keepdims=True))
    return p / p.sum(1, keepdims=True)


def overlapping(n=200):
    """Two copies of one opinion, an independent one, and one that knows nothing."""
    y = labels_thrown(n)
    first, second = expert(y, 0.7, seed=1), expert(y, 0.75, sure=0.7, seed=2)
    return y, np.stack([first, first, second, expert(y, 1 / 3, sure=0.6, seed=3)])


def test_stacking_on_many_votes_is_as_good_as_brute_force():
    y, votes = overlapping(4000)

    def objective(theta):
        return loss(log_pool(theta, votes), y).mean()

    pool = Pool(4)
    pool.stack(votes, [0, 1, 2, 3], y)
    mine = objective(pool.state()["theta"][1])
    starts = np.random.default_rng(0).uniform(0.0, 2.0, size=(3, 4))
    found = min(minimize(objective, s, method="SLSQP", bounds=[(0, 5)] * 4).fun for s in starts)
    assert mine < found + 0.003
    assert mine < min(objective(theta) for theta in np.eye(4)) - 0.02
    assert mine < objective(np.full(4, 0.25)) - 0.02


def test_stacking_on_a_few_votes_stays_near_an_even_hand():
    """Six votes that the first expert happened to get right are no proof that it is the best."""
    y = np.zeros(6, np.int64)
    lucky, other = np.tile(np.log([0.8, 0.2]), (6, 1)), np.tile(np.log([0.5, 0.5]), (6, 1))
    pool = Pool(2)
    pool.stack(np.stack([lucky, other]), [0, 1], y)
    theta = pool.state()["theta"][1]
    assert theta[0] > theta[1] > 0.3 * theta[0]


def test_stacking_shares_between_copies_and_mutes_the_ignorant():
    y, votes = overlapping(4000)
    pool = Pool(4)
    pool.stack(votes, [0, 1, 2, 3], y)
    theta = pool.state()["theta"][1]
    assert theta[0] == pytest.approx(theta[1], abs=1e-3)
    assert theta[3] < 0.2 * theta[:3].max()


def test_stacking_returns_what_the_thetas_say_of_the_votes():
    y, votes = overlapping()
    pool = Pool(4)
    p = pool.stack(votes, [0, 1, 2, 3], y)
    np.testing.assert_allclose(p, log_pool(pool.state()["theta"][1], votes), atol=1e-12)


def test_stacking_tells_the_pool_at_once_whom_to_trust():
    """Before a single example was predicted: an even pool would be wrong by the four who guess."""
    y = labels_thrown(400)
    votes = np.stack([expert(y, 1 / 3, sure=0.9, seed=i) for i in range(5)])
    votes[2] = expert(y, 0.9, sure=0.9)
    pool = Pool(5)
    pool.stack(votes[:, :200], list(range(5)), y[:200])
    stacked, _ = pool.predict(votes[:, 200:])
    even, _ = Pool(5).predict(votes[:, 200:])
    assert loss(stacked, y[200:]).mean() < loss(even, y[200:]).mean() - 0.2
    assert pool.weights.argmax() == 2


def test_experts_without_left_out_votes_wait_outside_the_stack():
    y, votes = overlapping()
    pool = Pool(6)
    pool.stack(votes, [0, 2, 3, 5], y)
    theta = pool.state()["theta"][1]
    assert (theta[[1, 4]] == 0).all() and theta[[0, 2, 3]].min() > 0


def test_restored_it_goes_on_as_if_never_stopped():
    y, votes = overlapping()
    pool, copy = Pool(4), Pool(4)
    pool.learn(votes[:, :100], y[:100])
    copy.restore(pool.state())
    one, two = (each.learn(votes[:, 100:], y[100:])[0] for each in (pool, copy))
    np.testing.assert_array_equal(one, two)


def test_late_labels_judge_members_by_what_they_said_at_the_time():
    """Told at once what it said, it learns as if the labels had not been late at all."""
    y, votes = overlapping()
    prompt, late = Pool(4), Pool(4)
    for i in range(len(y)):
        row = slice(i, i + 1)
        _, said = late.predict(votes[:, row])
        late.learn(votes[:, row], y[row], said)
        prompt.learn(votes[:, row], y[row])
    np.testing.assert_allclose(late.weights, prompt.weights, atol=1e-12)


def test_members_who_were_wrong_at_the_time_lose_whatever_they_say_now():
    y = labels_thrown(100)
    votes = np.stack([expert(y, 0.9, seed=1), expert(y, 0.4, seed=2)])
    pool = Pool(2)
    _, members = pool.predict(votes)
    said = np.full_like(members, 1e-3)
    said[0, np.arange(100), y] = 0.9
    pool.learn(votes, y, said)
    assert pool.state()["final"].argmax() == 0
    assert pool.state()["final"][0] > 0.9


def test_it_waits_for_the_first_label():
    assert Pool(3).predict(np.zeros((3, 2, 0)))[0].shape == (2, 0)


def test_in_a_run_of_one_label_who_fades_may_lose_and_cannot_win():
    """The first expert says whatever came; the second knows the labels, and fades not."""
    y = np.zeros(100, np.int64)
    follower, knower = np.log([0.99, 0.01]), np.log([0.8, 0.2])
    votes = np.stack([np.tile(follower, (100, 1)), np.tile(knower, (100, 1))])
    run = np.minimum(1.0, 4.0 / np.arange(1.0, 101.0))
    free, held = Pool(2), Pool(2, fading=[True, False])
    free.learn(votes, y)
    held.learn(votes, y, evidence=run)
    assert free.weights[0] > 0.7
    assert held.weights[0] < 0.6
    before = held.weights[0]
    held.learn(votes[:, :3], np.ones(3, np.int64), evidence=np.full(3, 0.9))
    assert held.weights[0] < 0.5 * before


def test_evidence_of_one_each_is_what_it_was_without():
    y, votes = overlapping()
    one, two = Pool(4), Pool(4, fading=[True, False, True, False])
    one.learn(votes, y)
    two.learn(votes, y, evidence=np.ones(len(y)))
    assert all(np.array_equal(two.state()[name], array) for name, array in one.state().items())


def test_regraded_it_forgets_who_was_right_in_the_run():
    y = labels_thrown(400)
    good, bad = expert(y, 0.9, sure=0.85), expert(y, 0.3, sure=0.7, seed=1)
    pool = Pool(3)
    pool.learn(np.stack([bad, good, good]), (y + 1) % 3)
    pool.regrade(np.stack([good, bad]), [0, 1], y)
    assert pool.weights[0] > 3.0 * pool.weights[1]
    assert pool.weights.sum() == pytest.approx(1.0)
