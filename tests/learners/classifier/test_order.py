"""Order is not evidence: filed history, and labels given twenty of a kind in a row."""

import random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstudy import Classifier
from quickstudy.learners.classifier.order import Order, coarse


def records(rows):
    return [{f"f{j}": float(v) for j, v in enumerate(row)} for row in rows]


def blobs(rng, n):
    """Three classes, not quite apart."""
    centres = np.array([[0.0, 0.0, 0.0], [3.0, 0.0, 1.0], [0.0, 3.0, -1.0]])
    y = rng.integers(3, size=n)
    return records(centres[y] + rng.normal(size=(n, 3))), y


def imbalanced(rng, n):
    centres = np.array([[0.0, 0.0], [3.0, 1.0], [0.0, 3.0]])
    y = rng.choice(3, size=n, p=[0.8, 0.15, 0.05])
    return records(centres[y] + rng.normal(size=(n, 2))), y


def exclusive_or(rng, n):
    rows = rng.normal(size=(n, 3))
    return records(rows), ((rows[:, 0] > 0) ^ (rows[:, 1] > 0)).astype(int)


def coded(rng, n):
    """Three categories that each name the class, three times in four, and a number."""
    y = rng.integers(3, size=n)
    xs = []
    for label in y:
        codes = [
            "abcdef"[2 * label + rng.integers(2) if rng.random() < 0.75 else rng.integers(6)]
            for _ in range(3)
        ]
        xs.append({"size": float(label + rng.normal()), **dict(zip("xyz", codes, strict=True))})
    return xs, y


TABLES = [blobs, imbalanced, exclusive_or, coded]


def learned(xs, ys, order):
    learner = Classifier()
    learner.learn_many([xs[i] for i in order], [f"class {ys[i]}" for i in order])
    return learner


def accuracy(learner, xs, ys):
    said = learner.predict_many(xs)
    return np.mean([p.label == f"class {y}" for p, y in zip(said, ys, strict=True)])


@pytest.mark.parametrize("table", TABLES)
@pytest.mark.parametrize("seed", [0, 1])
def test_a_file_sorted_by_label_teaches_what_a_shuffled_one_does(table, seed):
    rng = np.random.default_rng(seed)
    xs, ys = table(rng, 450)
    tests = table(rng, 600)
    shuffled = accuracy(learned(xs, ys, range(450)), *tests)
    filed = accuracy(learned(xs, ys, np.argsort(ys, kind="stable")), *tests)
    assert filed >= shuffled - 0.02


@pytest.mark.slow
@pytest.mark.parametrize("table", [blobs, imbalanced])
def test_a_stream_after_filed_history_starts_as_well_as_after_a_shuffled_one(table):
    right = {}
    for filed in (False, True):
        found = []
        for seed in range(3):
            rng = np.random.default_rng(seed)
            xs, ys = table(rng, 600)
            order = np.argsort(ys[:400], kind="stable") if filed else np.arange(400)
            learner = learned(xs, ys, order)
            said = learner.test_then_train(xs[400:], [f"class {y}" for y in ys[400:]])
            found += [said[i].label == f"class {y}" for i, y in enumerate(ys[400:])]
        right[filed] = np.mean(found)
    assert right[True] >= right[False] - 0.01


@pytest.mark.parametrize("twenty", [20, 60])
@pytest.mark.parametrize("many", [1000, 120])
def test_one_of_a_kind_that_was_certain_stays_certain_after_twenty_of_another(many, twenty):
    rng = random.Random(0)
    learner = Classifier()
    for i in range(many + twenty):
        kind = "x" if i < many else "z"
        learner.learn({"a": rng.randrange(7), "b": kind}, "A" if i < many else "B")
    for a in range(7):
        said = learner.predict({"a": a, "b": "x"})
        assert said.label == "A" and said.confidence > 0.8
        assert learner.predict({"a": a, "b": "z"}).label == "B"


@settings(max_examples=8, deadline=None)
@given(st.integers(0, 2**16), st.permutations(range(4)), st.integers(15, 60))
def test_in_whatever_order_the_files_of_the_labels_come(seed, files, each):
    """Four classes far apart, one file each: every answer to a clear case is right."""
    rng = np.random.default_rng(seed)
    centres = 12.0 * np.array([[0.0, 0.0], [0.0, 1.0], [1.0, 0.0], [1.0, 1.0]])
    ys = np.repeat(files, each)
    learner = learned(records(centres[ys] + rng.normal(size=(len(ys), 2))), ys, range(len(ys)))
    asked = np.tile(np.arange(4), 5)
    assert accuracy(learner, records(centres[asked]), asked) == 1.0


def test_where_labels_do_follow_each_other_the_last_label_is_heard():
    """The record says nothing here, and the label stays nine times in ten."""
    rng = np.random.default_rng(0)
    ys = np.zeros(1500, int)
    for t in range(1, len(ys)):
        ys[t] = ys[t - 1] if rng.random() < 0.9 else rng.integers(3)
    xs = records(rng.normal(size=(1500, 2)))
    said = Classifier().test_then_train(xs, [f"class {y}" for y in ys])
    right = np.array([said[i].label == f"class {y}" for i, y in enumerate(ys)])
    assert right[600:].mean() > 0.88


@pytest.mark.parametrize("table", [blobs, exclusive_or])
def test_learning_one_by_one_is_learning_all_at_once_and_goes_on_when_loaded(table, tmp_path):
    xs, ys = table(np.random.default_rng(0), 220)
    order = np.argsort(ys, kind="stable")
    one, many = Classifier(), learned(xs, ys, order[:200])
    for i in order[:200]:
        one.learn(xs[i], f"class {ys[i]}")
    assert one.state_hash() == many.state_hash()
    many.save(tmp_path / "learner")
    loaded = Classifier.load(tmp_path / "learner")
    for learner in (one, loaded):
        learner.learn_many([xs[i] for i in order[200:]], [f"class {ys[i]}" for i in order[200:]])
    assert one.state_hash() == loaded.state_hash()


def test_a_learner_saved_before_the_order_was_judged_loads_and_goes_on():
    xs, ys = blobs(np.random.default_rng(0), 200)
    arrays, plain = learned(xs, ys, range(150)).state()
    softmax = {name.replace("covariance", "offsets") for name in arrays if "covariance" in name}
    later = ("order/", "/credit", "/row_evidence", *softmax)
    arrays = {name: a for name, a in arrays.items() if not any(part in name for part in later)}
    for name in ("midway", "mapped_at"):
        del plain["mixture"][name]
    old = Classifier.from_state(arrays, plain)
    old.learn_many(xs[150:], [f"class {y}" for y in ys[150:]])
    assert accuracy(old, xs, ys) > 0.8


def grown(labels):
    order = Order()
    order.grow(labels)
    return order


@given(st.lists(st.integers(0, 4), min_size=1, max_size=60))
def test_evidence_is_a_share_whole_at_a_change_and_falling_within_a_run(labels):
    order = grown(5)
    order.evidence(np.arange(5).repeat(2))
    y = np.array(labels)
    found = order.evidence(y)
    assert ((found > 0) & (found <= 1)).all()
    same = y[1:] == y[:-1]
    assert (np.diff(found)[same] <= 0).all()


@given(st.lists(st.integers(0, 3), min_size=1, max_size=40), st.integers(0, 40))
def test_evidence_is_the_same_in_parts(labels, cut):
    y = np.array(labels)
    whole, parts = grown(4), grown(4)
    found = [parts.evidence(y[:cut]), parts.evidence(y[cut:])]
    np.testing.assert_array_equal(whole.evidence(y), np.concatenate(found))


def test_a_run_counts_about_as_the_logarithm_of_its_length():
    order = grown(2)
    order.evidence(np.random.default_rng(0).integers(2, size=10_000))
    counted = order.evidence(np.zeros(400, int)).cumsum()
    assert counted[3] > 3.5
    assert counted[399] < 25
    ratios = [counted[2 * n] - counted[n] for n in (25, 50, 100, 199)]
    assert max(ratios) < 1.3 * min(ratios)


def test_what_is_common_may_come_often_in_a_row():
    """One in fifty is fraud: forty fair ones in a row are no run."""
    order = grown(2)
    y = (np.random.default_rng(0).random(5000) < 0.02).astype(int)
    order.evidence(y)
    assert order.evidence(np.zeros(40, int)).min() == 1.0


@given(st.lists(st.integers(30, 60), min_size=2, max_size=5), st.integers(0, 2**16))
def test_filed_labels_are_coarse_and_shuffled_ones_are_not(sizes, seed):
    y = np.repeat(np.arange(len(sizes)), sizes)
    assert coarse(y, np.r_[-1, y[:-1]])
    mixed = np.random.default_rng(seed).permutation(y)
    assert not coarse(mixed, np.r_[-1, mixed[:-1]])


def letters(rng, n):
    """A text whose words name the label, most of the time, and a number."""
    words = np.array(
        ["invoice payment refund", "parcel courier delivery", "login password account"]
    )
    y = rng.integers(3, size=n)
    named = np.where(rng.random(n) < 0.8, y, rng.integers(3, size=n))
    texts = [f"dear team I write about my {words[i]} please help me soon" for i in named]
    return [{"n": float(v), "t": t} for v, t in zip(y + rng.normal(size=n), texts, strict=True)], y


def test_records_with_a_text_among_other_fields_may_be_filed_too():
    xs, ys = letters(np.random.default_rng(0), 160)
    tests = letters(np.random.default_rng(1), 100)
    shuffled = accuracy(learned(xs, ys, range(160)), *tests)
    filed = accuracy(learned(xs, ys, np.argsort(ys, kind="stable")), *tests)
    assert filed >= shuffled - 0.06  # it was 40 points below
