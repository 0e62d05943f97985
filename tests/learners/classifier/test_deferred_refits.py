"""Slow experts refitted elsewhere: at once it is as if here, later what still fits is taken."""

import numpy as np
import pytest

from quickstudy import Classifier
from tests.learners.support import taught

UNITS = np.eye(4).tolist()


def tabular(n, seed=0):
    rng = np.random.default_rng(seed)
    rows = rng.normal(size=(n, 3)).round(3).tolist()
    return [{"a": a, "b": b, "c": c} for a, b, c in rows], [
        "up" if a + b * c > 0 else "down" for a, b, c in rows
    ]


def mixed(n, seed=0):
    rng = np.random.default_rng(seed)
    which = rng.integers(4, size=n).tolist()
    xs = [{"v": UNITS[i], "n": i + float(rng.normal())} for i in which]
    return xs, [f"l{i}" for i in which]


def dense(n, seed=0):
    rng = np.random.default_rng(seed)
    vectors = rng.normal(size=(n, 4))
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    return list(vectors), ["left" if v[0] < 0 else "right" for v in vectors]


def deferring(**settings):
    learner = Classifier(**settings)
    learner.defer_refits()
    return learner


def learn_and_install(learner, xs, ys):
    """Refit on a copy whenever it is due, and take over the outcome before the next example."""
    refits = 0
    for x, y in zip(xs, ys, strict=True):
        learner.learn(x, y)
        if learner.refit_due:
            learner.install(learner.copy().fit_due())
            refits += 1
    return refits


@pytest.mark.parametrize(("stream", "n"), [(tabular, 160), (mixed, 60), (dense, 60)])
def test_installed_at_once_it_is_as_if_refitted_here(stream, n):
    xs, ys = stream(n)
    here, elsewhere = Classifier(seed=3), deferring(seed=3)
    here.learn_many(xs, ys)
    assert learn_and_install(elsewhere, xs, ys) > 0
    assert here.state_hash() == elsewhere.state_hash()


def test_through_bytes_it_is_the_same():
    xs, ys = mixed(30)
    learner = deferring()
    learner.learn_many(xs, ys)
    here, there = learner.copy().fit_due(), Classifier.unpacked(learner.packed()).fit_due()
    assert (here.count, here.maps, here.places) == (there.count, there.maps, there.places)
    assert here.places and set(here.arrays) == set(there.arrays)
    for name, array in here.arrays.items():
        assert np.array_equal(array, there.arrays[name], equal_nan=True)


def test_until_it_is_installed_nothing_is_refitted_and_it_stays_due():
    xs, ys = tabular(150)
    learner = deferring()
    learner.learn_many(xs[:99], ys[:99])
    assert not learner.refit_due
    learner.learn_many(xs[99:], ys[99:])
    before = learner.state_hash()
    assert learner.refit_due
    fitted = learner.copy().fit_due()
    assert learner.refit_due and learner.state_hash() == before
    learner.install(fitted)
    assert not learner.refit_due and learner.state_hash() != before


def test_deferring_or_not_a_batch_is_one_by_one():
    xs, ys = tabular(140)
    one, many = deferring(), deferring()
    for x, y in zip(xs, ys, strict=True):
        one.learn(x, y)
    many.learn_many(xs, ys)
    assert one.state_hash() == many.state_hash()


def test_a_late_outcome_is_taken_by_a_learner_that_went_on():
    xs, ys = tabular(200)
    learner, copy = deferring(), deferring()
    for each in (learner, copy):
        each.learn_many(xs[:110], ys[:110])
    fitted = learner.copy().fit_due()
    for each in (learner, copy):
        each.learn_many(xs[110:120], [*ys[110:119], "a new label"])
    learner.install(fitted)
    assert learner.labels == copy.labels and learner.examples == copy.examples == 120
    assert learner.state_hash() != copy.state_hash()
    p = learner.predict(xs[150])
    assert sum(p.probabilities.values()) + p.novelty == pytest.approx(1.0)
    learner.learn_many(xs[120:], ys[120:])
    assert learner.predict_many(xs[:20])[3].label in learner.labels


def test_what_was_fitted_under_another_map_is_dropped_where_it_reads_the_map():
    """Vectors alone: the slow expert reads the map. Numbers: the trees do not."""
    for stream, taken in ((dense, False), (tabular, True)):
        xs, ys = stream(260)
        learner = deferring()
        learner.learn_many(xs[:110], ys[:110])
        assert learner.refit_due
        maps, fitted = learner.maps, learner.copy().fit_due()
        at = 110
        while learner.maps == maps:
            learner.learn(xs[at], ys[at])
            at += 1
        other = learner.copy()
        learner.install(fitted)
        assert fitted.maps == maps < learner.maps
        same = np.array_equal(
            learner.predict(xs[0]).votes, other.predict(xs[0]).votes, equal_nan=True
        )
        assert same is not taken


def test_what_was_fitted_for_another_kind_of_input_does_no_harm():
    xs, ys = tabular(120)
    learner = deferring()
    learner.learn_many(xs, ys)
    fitted = learner.copy().fit_due()
    for i in range(40):
        learner.learn({"text": f"now there is a text of quite some words {i % 5}"}, "up")
    assert learner.maps > fitted.maps
    learner.install(fitted)
    assert learner.predict({"text": "now there is a text of quite some words 3"}).label == "up"
    learner.learn_many(*tabular(10, seed=4))


def test_a_copy_is_a_learner_of_its_own():
    learner = taught(60)
    before = learner.state_hash()
    copy = learner.copy()
    assert copy.state_hash() == before and copy.labels == learner.labels
    copy.learn_many([{"a": 1.0, "fresh": "field"}] * 3, ["fresh", "yes", "fresh"])
    copy.learn_not({"a": 1.0, "fresh": "field"}, "no")
    copy.consolidate()
    assert learner.state_hash() == before and "fresh" not in learner.labels
    learner.learn({"a": 2.0}, "other")
    assert "other" not in copy.labels and {f.name for f in learner.fields} < {
        f.name for f in copy.fields
    }


def test_a_copy_goes_on_bit_for_bit_and_defers_if_the_learner_does():
    xs, ys = tabular(130)
    for learner in (Classifier(), deferring()):
        learner.learn_many(xs[:90], ys[:90])
        copy = learner.copy()
        for each in (learner, copy):
            each.learn_many(xs[90:], ys[90:])
        assert copy.state_hash() == learner.state_hash()
        assert copy.refit_due == learner.refit_due


def test_packed_and_unpacked_it_goes_on_bit_for_bit():
    learner = taught(60, seed=5, schema={"a": "number"})
    learner.learn_not({"a": 0.5}, "no")
    again = Classifier.unpacked(learner.packed())
    arrays, plain = learner.state()
    third = Classifier.from_state(arrays, plain)
    for each in (learner, again, third):
        each.learn({"a": 0.5, "kind": "web"}, "no")
    assert learner.state_hash() == again.state_hash() == third.state_hash()
    assert learner.maps == again.maps > 0
