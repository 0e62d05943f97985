"""The memory of tasks and of runs against counts and distances taken by hand."""

import numpy as np
import pytest

from quickstudy.experts.episodes import MOST_STEPS, MOST_TASKS, Episodes, Tasks

BASE = np.array([0.4, 0.6])


def memory_of(runs, *, size=8, dim=2):
    """Runs as (rows, success)."""
    episodes = Episodes(size=size, dim=dim)
    for rows, success in runs:
        episodes.learn(np.array(rows, dtype=float), np.array([success, 2.0 * success]))
    return episodes


def test_a_task_is_drawn_to_the_base_by_one_run():
    tasks = Tasks()
    for success, came in ((1.0, 3.0), (1.0, 4.0), (0.0, -1.0)):
        tasks.learn("A", np.array([success, came]))
    np.testing.assert_allclose(tasks.predict("A", BASE), [2.4 / 4.0, 6.6 / 4.0])


@pytest.mark.parametrize("task", ["", "never met"])
def test_of_other_tasks_nothing_is_known_but_the_base(task):
    tasks = Tasks()
    tasks.learn("A", np.ones(2))
    np.testing.assert_array_equal(tasks.predict(task, BASE), BASE)
    assert list(tasks.sums) == ["A"]


def test_many_runs_of_a_task_speak_for_themselves():
    tasks = Tasks()
    for i in range(1000):
        tasks.learn("A", np.array([float(i % 4 == 0), 0.0]))
    assert tasks.predict("A", BASE)[0] == pytest.approx(0.25, abs=0.001)


def test_tasks_met_longest_ago_are_dropped():
    tasks = Tasks()
    for i in range(MOST_TASKS):
        tasks.learn(f"t{i}", np.ones(2))
    tasks.learn("t0", np.ones(2))
    for i in range(3):
        tasks.learn(f"new {i}", np.ones(2))
    assert len(tasks.sums) == MOST_TASKS
    assert [f"t{i}" in tasks.sums for i in range(5)] == [True, False, False, False, True]


def test_an_empty_memory_says_the_base():
    said = Episodes(size=3, dim=2).predict(np.zeros(2), 0, BASE)
    np.testing.assert_array_equal(said, BASE)


def test_the_nearest_runs_at_the_same_step_count():
    """Both stood at the same two places, one after the other."""
    episodes = memory_of([([[0.0, 1.0], [1.0, 0.0]], 1.0), ([[1.0, 0.0], [0.0, 1.0]], 0.0)])
    here = np.array([0.0, 1.0])
    first, second = episodes.predict(here, 0, BASE)[0], episodes.predict(here, 1, BASE)[0]
    assert first == pytest.approx((1.0 + 0.4) / 2.0, abs=1e-6)
    assert second == pytest.approx(0.4 / 2.0, abs=1e-6)


def test_a_run_that_was_shorter_counts_where_it_ended():
    episodes = memory_of([([[0.0, 0.0], [1.0, 1.0]], 1.0)])
    for step in (1, 5, MOST_STEPS, 10_000):
        assert episodes.predict(np.ones(2), step, BASE)[0] == pytest.approx(0.7)
        assert episodes.predict(np.zeros(2), step, BASE)[0] == pytest.approx(0.4, abs=1e-6)


def test_of_a_long_run_the_first_steps_are_remembered():
    episodes = memory_of([([[float(t), 0.0] for t in range(500)], 1.0)])
    for step in (MOST_STEPS - 1, 499):
        at = np.array([MOST_STEPS - 1.0, 0.0])
        assert episodes.predict(at, step, BASE)[0] == pytest.approx(0.7)


def test_a_run_of_the_same_length_as_one_before_leaves_nothing_of_it():
    """The memory is a ring: the third run takes the place of the first one."""
    episodes = memory_of(
        [([[0.0, 0.0]] * 3, 1.0), ([[5.0, 5.0]], 1.0), ([[9.0, 9.0]], 0.0)], size=2
    )
    for step in (0, 1, 2):
        np.testing.assert_allclose(episodes.predict(np.zeros(2), step, BASE), BASE, atol=1e-6)
    assert episodes.predict(np.full(2, 9.0), 2, BASE)[0] == pytest.approx(0.2)


def test_success_and_return_are_kept_apart():
    said = memory_of([([[0.0, 0.0]], 1.0)] * 3).predict(np.zeros(2), 0, BASE)
    np.testing.assert_allclose(said, [(3.0 + 0.4) / 4.0, (6.0 + 0.6) / 4.0])


@pytest.mark.parametrize("runs", [0, 3, 11])
def test_it_goes_on_where_its_state_was_taken(runs):
    rng = np.random.default_rng(0)
    courses = [(rng.normal(size=(int(rng.integers(1, 50)), 2)), float(i % 2)) for i in range(20)]
    one, other = memory_of(courses[:runs]), Episodes(size=8, dim=2)
    other.restore({name: array.copy() for name, array in one.state().items()})
    for rows, success in courses[runs:]:
        for episodes in (one, other):
            episodes.learn(rows, np.array([success, success]))
        for step in (0, 4, 40):
            said = [episodes.predict(rows[0], step, BASE) for episodes in (one, other)]
            np.testing.assert_array_equal(*said)
