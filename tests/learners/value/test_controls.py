"""Values of processes whose values are known, from what a learner says along fresh episodes.

A mean of returns over n episodes that came through a state has the standard error sd(return) /
sqrt(n), which is known here; a learner that uses what the states have in common may be nearer than
that, and must not be farther away than 3 of them. Over several seeds 99.7 % of means of returns
would be that near.
"""

from functools import cache

import numpy as np
import pytest

from quickstudy import ValueFunction
from quickstudy.experts.lstd import LSTD

EPISODES, FRESH, SEEDS = 200, 40, 8


class RandomWalk:
    """Sutton & Barto, example 6.2: five states, from the middle, the right end pays 1."""

    discount = 1.0
    exact = np.arange(1, 6) / 6
    spread = np.sqrt(exact * (1 - exact))  # the return is 0 or 1

    def episode(self, rng):
        path = [2]
        while 0 <= path[-1] < 5:
            path.append(path[-1] + (1 if rng.random() < 0.5 else -1))
        return path[:-1], [0.0] * (len(path) - 1), float(path[-1] == 5)


class Ladder:
    """Four rungs; each is left upwards with 0.8, else the run is lost; each step up pays 0.1.

    From the last rung k = 0 the outcome is 1 with 0.8. So V_0 = 0.8, V_k = 0.8 (0.1 + g V_{k-1}).
    """

    exact = None

    def __init__(self, discount):
        self.discount = discount
        values, squares = [0.8], [0.8]
        for _ in range(3):
            v, m = values[-1], squares[-1]
            values.append(0.8 * (0.1 + discount * v))
            squares.append(0.8 * (0.01 + 0.2 * discount * v + discount**2 * m))
        self.exact = np.array(values[::-1])
        self.spread = np.sqrt(np.array(squares[::-1]) - self.exact**2)

    def episode(self, rng):
        path = [0]
        while rng.random() < 0.8:
            if path[-1] == 3:
                return path, rewards_of(path), 1.0
            path.append(path[-1] + 1)
        return path, rewards_of(path), 0.0


def rewards_of(path):
    return [0.0] + [0.1] * (len(path) - 1)


PROCESSES = {"walk": RandomWalk(), "ladder": Ladder(1.0), "discounted": Ladder(0.9)}


def named(state):
    return {"place": f"p{state}"}


def measured(state):
    return {"place": float(state)}


@cache
def said(name, form):
    """Mean value said in each state, and its standard error, both of shape (seeds, states)."""
    found = [_said(PROCESSES[name], form, seed) for seed in range(SEEDS)]
    return tuple(map(np.array, zip(*found, strict=True)))


def _said(process, form, seed):
    rng = np.random.default_rng(seed)
    learner = ValueFunction(discount=process.discount, seed=seed)
    through, total, visits = np.zeros((3, len(process.exact)))
    for number in range(EPISODES + FRESH):
        path, rewards, outcome = process.episode(rng)
        run = learner.start()
        values = [run.step(form(s), reward=r).value for s, r in zip(path, rewards, strict=True)]
        if number < EPISODES:
            run.end(outcome)
            through[sorted(set(path))] += 1
        else:
            run.expire()
            np.add.at(total, path, values)
            np.add.at(visits, path, 1)
    return total / visits, process.spread / np.sqrt(through)


@pytest.mark.slow
@pytest.mark.parametrize("form", [named, measured])
@pytest.mark.parametrize("name", PROCESSES)
def test_after_200_episodes_values_are_within_three_standard_errors(name, form):
    values, errors = said(name, form)
    found = (values - PROCESSES[name].exact) / errors
    assert (np.abs(found) <= 3.0).mean() >= 0.95  # one value of twenty may be a chance
    assert np.abs(found.mean(axis=0)).max() <= 3.0


@pytest.mark.slow
@pytest.mark.parametrize("name", PROCESSES)
def test_values_rise_from_state_to_state_as_the_exact_ones_do(name):
    assert np.all(np.diff(PROCESSES[name].exact) > 0)
    values, _ = said(name, named)
    assert np.all(np.diff(values.mean(axis=0)) > 0)


def test_a_reward_that_came_is_not_expected_again():
    """Two ways that differ only in what they paid in the past have the same value."""
    rng = np.random.default_rng(0)
    learner = ValueFunction()
    for _ in range(150):
        run, paid = learner.start(), float(rng.random() < 0.5)
        run.step({"at": "first"})
        run.step({"at": "last"}, reward=paid)
        run.end(float(rng.random() < 0.3))
    values = []
    for paid in (0.0, 1.0):
        run = learner.start()
        first = run.step({"at": "first"}).value
        values.append(run.step({"at": "last"}, reward=paid).value)
        run.expire()
    error = np.sqrt(0.3 * 0.7 / 150)
    assert abs(np.mean(values) - 0.3) < 3 * error
    assert abs(values[0] - values[1]) < 2 * error
    assert abs(first - 0.8) < 3 * np.sqrt((0.3 * 0.7 + 0.25) / 150)


@pytest.mark.parametrize("discount", [1.0, 0.9])
@pytest.mark.parametrize("trace", [0.0, 0.7, 1.0])
@pytest.mark.parametrize("dim", [8, 150])  # small ones are solved after each run, wide ones not
def test_lstd_is_the_solution_of_all_runs_at_once(dim, trace, discount):
    rng = np.random.default_rng(0)
    runs = [rng.normal(size=(n, dim)) for n in rng.integers(1, 15, size=60)]
    rewards = [rng.normal(size=(len(run), 2)) for run in runs]
    lstd = LSTD(dim, heads=2, discount=discount, trace=trace, ridge=0.5)
    matrix, right = np.diag([0.5] * (dim - 1) + [0.0]), np.zeros((dim, 2))
    for x, r in zip(runs, rewards, strict=True):
        x[:, -1] = 1.0
        lstd.learn(x, r)
        for t in range(len(x)):
            after = x[t + 1] if t + 1 < len(x) else 0.0
            for k in range(t + 1):
                faded = (discount * trace) ** (t - k) * x[k]
                matrix += np.outer(faded, x[t] - discount * after)
                right += np.outer(faded, r[t])
    assert np.abs(lstd.weights - np.linalg.solve(matrix, right)).max() < 1e-9


@pytest.mark.parametrize("trace", [0.0, 1.0])
def test_lstd_on_a_state_a_row_is_the_chain_estimated_from_counts(trace):
    """Lambda 0: values of the process that the counts of steps describe; lambda 1: mean returns."""
    rng, walk = np.random.default_rng(1), PROCESSES["walk"]
    lstd = LSTD(6, heads=1, trace=trace, ridge=0.0)
    steps, returns = np.zeros((5, 7)), [[] for _ in range(5)]
    for _ in range(100):
        path, _, outcome = walk.episode(rng)
        rows = np.c_[np.eye(5)[path], np.zeros(len(path))]
        lstd.learn(rows, np.r_[np.zeros(len(path) - 1), outcome][:, None])
        for s, after in zip(path, [*path[1:], 5 + int(outcome)], strict=True):
            steps[s, after] += 1
            returns[s].append(outcome)
    chances = steps / steps.sum(1, keepdims=True)
    counted = np.linalg.solve(np.eye(5) - chances[:, :5], chances[:, 6])
    expected = counted if trace == 0.0 else np.array([np.mean(r) for r in returns])
    assert np.abs(lstd.weights[:5, 0] - expected).max() < 1e-6
