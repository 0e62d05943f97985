"""Counts of labels by value: as a table of counts says, additive, and exact without a row."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

from quickstudy import Classifier
from quickstudy.experts.base import Batch
from quickstudy.experts.counts import ValueCounts


def block_of(raw, y, *, labels, categories):
    n = len(raw)
    return Batch(
        features={},
        z=np.zeros((n, 0)),
        raw=np.asarray(raw, float),
        last=np.full(n, -1),
        labels=labels,
        y=np.asarray(y, np.int64),
        age=np.zeros(n),
        weight=np.ones(n),
        familiarity=np.zeros(n),
        evidence=np.ones(n),
        categories=np.asarray(categories, bool),
    )


def stores(rng, n, values, labels=3, pure=0.9):
    usual = rng.integers(labels, size=values)
    code = rng.integers(values, size=n)
    y = np.where(rng.random(n) < pure, usual[code], rng.integers(labels, size=n))
    return block_of(code[:, None], y, labels=labels, categories=[True])


def taught(batch, **settings):
    expert = ValueCounts(**settings)
    expert.grow(batch.labels)
    expert.learn(batch)
    return expert


def test_the_top_label_of_a_value_is_the_one_that_a_table_of_counts_names():
    batch = stores(np.random.default_rng(0), 4000, 200)
    expert = taught(batch)
    table = {v: Counter(batch.y[batch.raw[:, 0] == v]).most_common(2) for v in range(200)}
    clear = [v for v, top in table.items() if len(top) < 2 or top[0][1] > 1.5 * top[1][1]]
    ask = block_of(np.array(clear)[:, None], [], labels=3, categories=[True])
    assert len(clear) > 150
    assert expert.predict(ask)[0].argmax(1).tolist() == [table[v][0][0] for v in clear]


def test_learning_says_what_predicting_would_have_said_bit_for_bit():
    batch = stores(np.random.default_rng(1), 300, 20)
    one, all_at_once = ValueCounts(), ValueCounts()
    for expert in (one, all_at_once):
        expert.grow(3)
    said = []
    for i in range(300):
        row = replace(batch, **{n: getattr(batch, n)[i : i + 1] for n in ("raw", "last", "y")})
        row = replace(row, evidence=np.ones(1), familiarity=np.zeros(1))
        said.append(one.predict(replace(row, y=row.y[:0])))
        one.learn(row)
    np.testing.assert_array_equal(np.concatenate(said, axis=1), all_at_once.learn(batch))
    for name, array in one.state().items():
        np.testing.assert_array_equal(array, all_at_once.state()[name])


def test_a_left_out_vote_is_that_of_counts_that_never_saw_the_row():
    batch = stores(np.random.default_rng(2), 60, 5)
    expert = taught(batch)
    left_out = expert.relearn(batch)[0]
    temperature = expert.state()["scalars"][0, 0]
    for i in (0, 17, 59):
        rest = [j for j in range(60) if j != i]
        others = block_of(batch.raw[rest], batch.y[rest], labels=3, categories=[True])
        without = taught(others)
        without._scalars[0, 0] = temperature
        ask = block_of(batch.raw[[i]], [], labels=3, categories=[True])
        np.testing.assert_allclose(without.predict(ask)[0, 0], left_out[i], rtol=1e-5)


def test_left_out_votes_are_distributions_where_examples_counted_for_less_than_one():
    batch = stores(np.random.default_rng(6), 40, 8, labels=10)
    expert = ValueCounts()
    expert.grow(10)
    expert.learn(replace(batch, evidence=np.full(40, 0.05)))
    found = np.exp(expert.relearn(batch))
    np.testing.assert_allclose(found.sum(-1), 1.0)


def test_more_labels_than_there_is_memory_for_make_values_share_counts():
    expert = taught(stores(np.random.default_rng(3), 500, 50), most_bytes=1 << 16)
    before = expert.state()["counts"][0].sum()
    expert.grow(40)
    state = expert.state()
    assert 2 * 4 * state["size"][0] * 40 <= 1 << 16
    assert state["counts"][0].sum() == before


def test_a_restored_expert_goes_on_bit_for_bit():
    first, then = (stores(np.random.default_rng(seed), 200, 30) for seed in (4, 5))
    expert, copy = taught(first), ValueCounts()
    copy.grow(3)
    copy.restore({name: array.copy() for name, array in expert.state().items()})
    np.testing.assert_array_equal(expert.learn(then), copy.learn(then))


def test_a_row_of_few_numbers_of_many_is_a_bag_and_a_full_row_is_not():
    bag = np.full((40, 64), np.nan)
    y = np.arange(40) % 2
    bag[np.arange(40), y] = 1.0
    bag[np.arange(40), 10 + np.arange(40) % 7] = 2.0
    expert = taught(block_of(bag, y, labels=2, categories=np.zeros(64)))
    ask = np.full((2, 64), np.nan)
    ask[0, 0] = ask[1, 1] = 1.0
    said = expert.predict(block_of(ask, [], labels=2, categories=np.zeros(64)))[0]
    assert said.argmax(1).tolist() == [0, 1]
    full = taught(block_of(np.ones((40, 64)), y, labels=2, categories=np.zeros(64)))
    assert len(full.state()["values"]) == 0


@pytest.mark.parametrize("values, rows", [(100, 3000), (300, 6000)])
def test_many_values_come_near_a_table_of_counts(values, rows):
    rng = np.random.default_rng(values)
    usual = rng.choice(list("ABC"), values)
    code = rng.integers(values, size=rows)
    y = np.where(rng.random(rows) < 0.95, usual[code], rng.choice(list("ABC"), rows)).tolist()
    xs = [{"store": f"s{v}", "a": float(rng.random()), "b": float(rng.random())} for v in code]
    said = Classifier().test_then_train(xs, y)
    table, ours, theirs = [Counter() for _ in range(values)], 0, 0
    for i, (v, label) in enumerate(zip(code, y, strict=True)):
        top = table[v].most_common(1)
        if i >= rows - 1000:
            ours += said[i].label == label
            theirs += bool(top) and top[0][0] == label
        table[v][label] += 1
    assert ours >= theirs - 10


def test_words_that_occur_tell_as_much_as_words_with_zeros():
    rng = np.random.default_rng(0)
    learner, right = Classifier(), []
    for i in range(500):
        topic = int(rng.integers(3))
        words = [f"t{topic}_{w}" for w in rng.integers(200, size=5)]
        words += [f"w{w}" for w in rng.integers(200, size=10)]
        bag = {word: float(n) for word, n in Counter(words).items()}
        if i >= 250:
            right.append(learner.predict(bag).label == topic)
        learner.learn(bag, topic)
    assert np.mean(right) > 0.95
