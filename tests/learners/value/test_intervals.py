"""Intervals that hold nine ends in ten, whatever the world does; and the steps that are left."""

import numpy as np
import pytest

from quickstudy.learners.value.intervals import Intervals, bucket


def coverage(scales, *, seed=0, steps=6, after=100):
    """Share of steps whose interval, set before, held what came; runs miss by `scales`."""
    rng, spread, held = np.random.default_rng(seed), Intervals(), []
    for i, scale in enumerate(scales):
        came = np.full(steps, rng.normal() * scale)
        said = came + rng.normal(size=steps) * scale / np.arange(1, steps + 1)
        widths = np.array([spread.width(step + 1) for step in range(steps)])
        if i >= after:
            held.append(np.abs(came - said) <= widths)
        spread.learn(said, came, steps)
    return np.array(held).mean()


@pytest.mark.parametrize("seed", range(3))
def test_intervals_cover_nine_in_ten(seed):
    assert coverage(np.ones(1500), seed=seed) == pytest.approx(0.9, abs=0.02)


@pytest.mark.parametrize(
    "scales",
    [
        np.exp(np.linspace(0.0, 5.0, 1500)),
        np.exp(np.linspace(5.0, 0.0, 1500)),
        np.where(np.arange(1500) % 600 < 300, 1.0, 2.0),
    ],
    ids=["wilder", "tamer", "to and fro"],
)
def test_intervals_cover_about_nine_in_ten_while_the_world_drifts(scales):
    assert coverage(scales) == pytest.approx(0.9, abs=0.03)


def test_intervals_are_narrower_where_more_is_known():
    rng, spread = np.random.default_rng(0), Intervals()
    for _ in range(300):
        spread.learn(rng.normal(size=8) * np.arange(8, 0, -1), np.zeros(8), 8)
    assert spread.width(1) > 1.3 * spread.width(5) > 1.3 * spread.width(8)


def test_nothing_is_said_of_nine_in_ten_before_twenty_runs():
    spread = Intervals()
    for i in range(20):
        assert spread.width(1) == np.inf
        spread.learn(np.full(1, 0.1 * (i % 3)), np.zeros(1), 1)
    assert spread.width(1) == pytest.approx(0.2)


def test_steps_that_no_run_has_reached_borrow_from_those_before():
    spread = Intervals()
    for _ in range(30):
        spread.learn(np.full(3, 0.5), np.zeros(3), 3)
    assert spread.width(700) == spread.width(3) == 0.5


def test_a_long_run_counts_twice_at_most():
    """What one run of five hundred steps missed does not outweigh thirty short ones."""
    spread = Intervals()
    for _ in range(60):
        spread.learn(np.full(400, 0.1), np.zeros(400), 400)
    spread.learn(np.full(500, 9.0), np.zeros(500), 500)
    assert spread.width(300) == pytest.approx(0.1)


def test_buckets_double():
    firsts = [step for step in range(1, 2000) if bucket(step) != bucket(step - 1 or 1)]
    assert firsts == [2, 4, 8, 16, 32, 64, 128, 256, 512]


@pytest.mark.parametrize("step, left", [(1, 9.0), (5, 5.0), (9, 1.0)])
def test_steps_left_of_runs_that_are_all_alike(step, left):
    spread = Intervals()
    for _ in range(100):
        spread.learn(np.zeros(10), np.zeros(10), 10)
    assert spread.steps_left(step) == pytest.approx(left, abs=0.1)


def test_steps_left_are_those_of_the_runs_that_came_this_far():
    spread = Intervals()
    for i in range(200):
        length = 4 if i % 2 else 20
        spread.learn(np.zeros(length), np.zeros(length), length)
    assert spread.steps_left(1) == pytest.approx(11.0, abs=0.2)
    assert spread.steps_left(5) == pytest.approx(15.0, abs=0.2)
    assert spread.steps_left(50) == 1.0


def test_the_lengths_of_old_runs_are_forgotten():
    spread = Intervals()
    for length in [100] * 50 + [10] * 500:
        spread.learn(np.zeros(length), np.zeros(length), length)
    assert spread.steps_left(1) < 10.0


def test_it_goes_on_where_its_state_was_taken():
    one, other = Intervals(), Intervals()
    rng = np.random.default_rng(0)
    for _ in range(250):
        one.learn(rng.normal(size=5), np.zeros(5), 5)
    other.restore({name: array.copy() for name, array in one.state().items()})
    for _ in range(50):
        said = rng.normal(size=5)
        for spread in (one, other):
            spread.learn(said, np.zeros(5), 5)
    assert [one.width(s) for s in range(1, 9)] == [other.width(s) for s in range(1, 9)]
    assert one.steps_left(2) == other.steps_left(2)
