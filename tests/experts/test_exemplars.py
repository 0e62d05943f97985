"""Remembered examples: the last ones for certain, all before them with one and the same chance."""

import numpy as np
import pytest
from scipy import stats

from quickstudy.encode.record import Raw
from quickstudy.experts.exemplars import Exemplars


def raw(numbers, texts=None, dense=0):
    """Inputs whose only number tells which example they are."""
    numbers = np.asarray(numbers, dtype=float)
    batch = np.outer(numbers, np.ones(dense)).astype(np.float32)
    return Raw(numbers[:, None], batch, texts or [""] * len(numbers), salt(len(numbers)))


def salt(n):
    return np.zeros(n, np.uint64)


def filled(n, capacity, *, seed=0, chunk=64):
    memory = Exemplars(capacity, seed=seed)
    for start in range(0, n, chunk):
        i = np.arange(start, min(start + chunk, n))
        memory.add(raw(i), i % 5, i % 3)
    return memory


def kept(memory):
    return memory.facts(memory.order())[:, 2]


@pytest.mark.parametrize("n", [0, 1, 49, 50, 51, 99, 100, 101, 1000])
def test_it_never_holds_more_than_its_capacity_and_never_less_than_it_can(n):
    memory = filled(n, 100)
    assert len(memory) == len(kept(memory)) == min(n, 100)


def test_the_last_half_is_always_there_oldest_first():
    memory = filled(1234, 100)
    assert kept(memory)[-50:].tolist() == list(range(1184, 1234))
    assert (np.diff(kept(memory)) > 0).all()


def test_an_example_keeps_its_input_label_last_label_and_text():
    memory = Exemplars(30, seed=0)
    for i in range(500):
        memory.add(raw([i], [f"text {i}"], dense=2), np.array([i % 5]), np.array([i % 3 - 1]))
    slots = memory.order()
    numbers = kept(memory)
    found, facts = memory.raw(slots), memory.facts(slots)
    assert found.numbers[:, 0].tolist() == numbers.tolist()
    assert (found.dense == numbers[:, None]).all()
    assert facts[:, 0].tolist() == (numbers % 5).tolist()
    assert facts[:, 1].tolist() == (numbers % 3 - 1).tolist()
    assert found.texts == [f"text {i}" for i in numbers]


def test_all_of_the_past_is_kept_with_the_same_chance():
    """Over many seeds, each of the 300 examples before the last 20 is kept 20/300 of the time."""
    counts = np.zeros(300)
    for seed in range(600):
        numbers = kept(filled(320, 40, seed=seed))
        counts[numbers[numbers < 300]] += 1
    assert counts.sum() == 600 * 20
    assert stats.chisquare(counts.reshape(30, 10).sum(1)).pvalue > 1e-3
    assert stats.chisquare(counts).pvalue > 1e-3


def test_seeds_keep_different_examples_and_one_seed_the_same():
    one, same, other = (kept(filled(2000, 100, seed=s)) for s in (0, 0, 1))
    assert one.tolist() == same.tolist()
    assert len(set(one[:50]) & set(other[:50])) < 15


@pytest.mark.parametrize("n", [1, 50, 80, 100, 5000])
def test_weights_stand_for_every_example_seen(n):
    memory = filled(n, 100)
    slots = memory.order()
    assert memory.weight(slots).sum() == pytest.approx(n)
    assert (memory.weight(slots)[-50:] == 1.0).all()
    assert memory.weight(slots).min() >= 1.0


def test_how_examples_are_handed_over_does_not_matter():
    one, other = filled(700, 60, chunk=1), filled(700, 60, chunk=123)
    arrays, plain = one.state()
    others, plain_other = other.state()
    assert plain == plain_other
    assert all(np.array_equal(arrays[name], others[name]) for name in arrays)


@pytest.mark.parametrize("n", [0, 10, 70, 700])
def test_restored_it_goes_on_as_if_never_stopped(n):
    memory = filled(n, 60)
    copy = Exemplars(60, seed=0)
    copy.restore(*memory.state())
    for each in (memory, copy):
        each.add(raw(np.arange(n, n + 90)), np.zeros(90, np.int64), np.zeros(90, np.int64))
    assert kept(copy).tolist() == kept(memory).tolist()
    slots = memory.order()
    assert copy.raw(slots).numbers.tolist() == memory.raw(slots).numbers.tolist()


def test_a_column_that_comes_late_is_missing_in_what_came_before():
    memory = filled(10, 40)
    late = Raw(np.array([[10.0, 7.0]]), np.ones((1, 2), np.float32), [""], salt(1))
    memory.add(late, np.array([0]), np.array([0]))
    found = memory.raw(memory.order())
    assert np.isnan(found.numbers[:10, 1]).all() and found.numbers[10, 1] == 7.0
    assert (found.dense[:10] == 0.0).all() and (found.dense[10] == 1.0).all()
