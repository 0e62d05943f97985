"""The pool of experts: who knows is heard, who guesses is not; nobody is believed at once."""

import numpy as np
import pytest

from quickstudy.learners.value.stacking import Stack, step_weights

PRIOR = np.array([0.3, 0.3, 0.3])
HALF = np.array([0.5])


def stack_of(*, odds=True, beginners=(False, False, False)):
    return Stack(PRIOR, odds=odds, beginners=np.array(beginners))


def said_by(*experts):
    return np.array([experts])


def odds_stream(n, *, seed=0, steps=4):
    """One expert knows the chance, one says the base, one says what it likes; and what came."""
    rng = np.random.default_rng(seed)
    for _ in range(n):
        p = rng.choice([0.15, 0.85])
        said = np.stack(
            [np.full(steps, p), np.full(steps, 0.5), rng.uniform(0.1, 0.9, steps)], axis=1
        )
        yield said, np.full(steps, 0.5), p, float(rng.random() < p)


def taught(n, stack=None, **settings):
    stack = stack or stack_of()
    for said, base, _, came in odds_stream(n, **settings):
        stack.learn(said, base, came)
    return stack


@pytest.mark.parametrize("beginners", [(False,) * 3, (True,) * 3])
def test_it_hears_the_expert_that_knows_and_not_the_one_that_guesses(beginners):
    stack = taught(600, stack_of(beginners=beginners))
    assert stack.predict(said_by(0.85, 0.5, 0.5), HALF)[0] == pytest.approx(0.85, abs=0.06)
    assert stack.predict(said_by(0.5, 0.5, 0.9), HALF)[0] == pytest.approx(0.5, abs=0.06)
    knows, _, guesses = stack.weights
    assert knows > 0.7 > 0.2 > guesses


def test_what_it_says_is_near_the_truth():
    stack = taught(600)
    gaps = [abs(stack.predict(said, base)[0] - p) for said, base, p, _ in odds_stream(200, seed=1)]
    assert np.mean(gaps) < 0.06


def test_more_runs_bring_it_nearer_to_the_truth():
    gaps = []
    for n in (5, 50, 500):
        stack = taught(n)
        gaps.append(abs(stack.predict(said_by(0.85, 0.5, 0.3), HALF)[0] - 0.85))
    assert gaps[0] > gaps[1] > gaps[2]


@pytest.mark.parametrize("base", [0.1, 0.5, 0.9])
@pytest.mark.parametrize("odds", [True, False])
def test_where_all_say_the_base_the_pool_says_it_too(base, odds):
    for stack in (stack_of(odds=odds), taught(50, stack_of(odds=odds))):
        assert stack.predict(np.full((1, 3), base), np.array([base]))[0] == pytest.approx(base)


@pytest.mark.parametrize("steps", [1, 20, 500])
@pytest.mark.parametrize("odds", [True, False])
def test_one_run_is_no_proof(odds, steps):
    """However long it was, and however right an expert."""
    stack = stack_of(odds=odds)
    stack.learn(np.tile([0.9, 0.5, 0.1], (steps, 1)), np.full(steps, 0.5), 1.0)
    assert 0.5 < stack.predict(said_by(0.9, 0.5, 0.5), HALF)[0] < 0.85
    assert 0.15 < stack.predict(said_by(0.5, 0.5, 0.1), HALF)[0] < 0.5


def test_a_beginner_is_hardly_heard_at_first():
    """The same runs, the same words: an expert that has to learn is trusted less for them."""
    steady, beginner = stack_of(), stack_of(beginners=(True, True, True))
    said = [stack.predict(said_by(0.9, 0.9, 0.9), HALF)[0] for stack in (steady, beginner)]
    assert said[0] > said[1] >= 0.5
    late = [taught(400, stack).predict(said_by(0.9, 0.5, 0.5), HALF)[0] for stack in (steady,)]
    grown = taught(400, beginner).predict(said_by(0.9, 0.5, 0.5), HALF)[0]
    assert grown == pytest.approx(late[0], abs=0.05)


def test_an_expert_that_is_always_wrong_is_silenced_and_never_turned_around():
    stack = stack_of()
    for i in range(300):
        stack.learn(said_by(0.1 if i % 2 else 0.9, 0.5, 0.5), HALF, float(i % 2))
    assert stack.predict(said_by(0.9, 0.5, 0.5), HALF)[0] == pytest.approx(0.5, abs=0.01)
    assert stack.weights.min() >= 0.0


@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e4])
def test_returns_of_any_size_are_pooled_by_least_squares(unit):
    """Two experts know one half each of what comes, one knows nothing."""
    rng = np.random.default_rng(0)
    stack, gaps = stack_of(odds=False), []
    for _ in range(500):
        a, b, c = rng.normal(size=3) * unit
        gaps.append(abs(stack.predict(said_by(a, b, c), np.zeros(1))[0] - a - b))
        stack.learn(said_by(a, b, c), np.zeros(1), np.array([a + b + rng.normal() * 0.1 * unit]))
    assert np.mean(gaps[-100:]) < 0.2 * unit < np.mean(gaps[:20])


def test_experts_that_improve_are_heard_more_in_time():
    """The first fifty runs found it guessing."""
    stack, rng = stack_of(), np.random.default_rng(0)
    for i in range(350):
        came = float(rng.random() < 0.5)
        said = rng.choice([0.2, 0.8]) if i < 50 else 0.2 + 0.6 * came
        stack.learn(said_by(said, 0.5, 0.5), HALF, came)
    assert stack.predict(said_by(0.8, 0.5, 0.5), HALF)[0] > 0.8


def test_a_long_run_is_hardly_more_than_one_witness():
    assert step_weights(1).sum() < step_weights(10).sum() < 1.0 < step_weights(20).sum()
    assert step_weights(500).sum() < 5.0


def test_the_weight_of_a_step_does_not_tell_how_long_the_run_was():
    np.testing.assert_array_equal(step_weights(500)[:7], step_weights(7))


def test_extremes_stay_finite():
    stack = stack_of()
    for said in (0.0, 1.0):
        stack.learn(np.full((3, 3), said), np.array([0.0, 0.5, 1.0]), 1.0 - said)
    assert np.isfinite(stack.weights).all()
    assert 0.0 < stack.predict(np.full((1, 3), 1.0), HALF)[0] < 1.0


@pytest.mark.parametrize("odds", [True, False])
def test_it_goes_on_where_its_state_was_taken(odds):
    one, other = stack_of(odds=odds), stack_of(odds=odds)
    cases = list(odds_stream(40))
    for said, base, _, came in cases[:20]:
        one.learn(said, base, came)
    other.restore({name: array.copy() for name, array in one.state().items()})
    for said, base, _, came in cases[20:]:
        for stack in (one, other):
            stack.learn(said, base, came)
    for name, array in one.state().items():
        np.testing.assert_array_equal(array, other.state()[name])
