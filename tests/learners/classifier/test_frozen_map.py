"""A frozen feature map: chosen in `consolidate` alone, once enough was learned."""

import numpy as np

from quickstudy import Classifier

FROZEN = 200


def stream(n, seed=0):
    """Records of two numbers, and whether they have the same sign."""
    rows = np.random.default_rng(seed).normal(size=(n, 2)).tolist()
    return [{"a": a, "b": b} for a, b in rows], [a * b > 0 for a, b in rows]


def learner(frozen=FROZEN):
    made = Classifier(seed=1, budget_mb=16)
    made.freeze_map(frozen)
    return made


def test_up_to_its_size_nothing_changes_and_then_the_map_stays():
    xs, ys = stream(900)
    frozen, free = learner(), learner(10**9)
    for made in (frozen, free):
        made.learn_many(xs[:FROZEN], ys[:FROZEN])
    assert frozen.state_hash() == free.state_hash()
    maps = frozen.maps
    for made in (frozen, free):
        made.learn_many(xs[FROZEN:], ys[FROZEN:])
    assert free.maps > maps + 2 and frozen.maps <= maps + 1
    assert frozen.map_due and not free.map_due


def test_one_by_one_and_together_give_the_same_bits():
    xs, ys = stream(600)
    together, single = learner(), learner()
    together.learn_many(xs, ys)
    for x, y in zip(xs, ys, strict=True):
        single.learn(x, y)
    assert together.state_hash() == single.state_hash()


def test_consolidation_chooses_it_anew():
    xs, ys = stream(900)
    made = learner()
    made.learn_many(xs, ys)
    maps = made.maps
    made.consolidate()
    assert made.maps == maps + 1 and not made.map_due


def test_a_copy_is_as_frozen():
    xs, ys = stream(900)
    made = learner()
    made.learn_many(xs[:300], ys[:300])
    copy = made.copy()
    for one in (made, copy):
        one.learn_many(xs[300:], ys[300:])
    assert copy.maps == made.maps and copy.state_hash() == made.state_hash()


def test_a_field_that_comes_late_counts_after_consolidation():
    xs, ys = stream(900)
    told = [{**x, "c": "yes" if y else "no"} for x, y in zip(xs, ys, strict=True)]
    made = learner()
    made.learn_many(xs[:400], ys[:400])
    made.learn_many(told[400:], ys[400:])
    blind = [{"c": "yes"}, {"c": "no"}]
    made.consolidate()
    yes, no = [p.probabilities[True] for p in made.predict_many(blind)]
    assert yes > 0.8 and no < 0.2


def test_a_refit_that_others_left_due_is_done_by_who_goes_on():
    xs, ys = stream(900)
    made = learner()
    made.defer_refits()
    made.learn_many(xs[:800], ys[:800])
    assert made.refit_due
    heir = Classifier.unpacked(made.packed())  # defers nothing
    heir.learn_many(xs[800:], ys[800:])
    assert heir.examples == 900 and not heir.refit_due
    made.consolidate()
    assert not made.refit_due
