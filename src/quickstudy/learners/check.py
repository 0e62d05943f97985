"""The contract of a classifier as checks that users can run on their own learners.

>>> from quickstudy import Classifier, check_learner
>>> check_learner(Classifier, checks=["purity"])
['purity']
"""

from __future__ import annotations

import math
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from quickstudy.errors import LabelError, RecordError
from quickstudy.types import Label

Factory = Callable[[], Any]
Stream = tuple[list[dict[str, Any]], list[Label]]
FIRST, MORE = 150, 60  # examples learned before a check, and during it
SLOWEST = 3.0  # later examples may take this many times as long: a leak costs far more


def check_learner(factory: Factory, *, checks: Sequence[str] = ()) -> list[str]:
    """Run the checks on learners made by `factory()`; returns the names of the checks that passed.

    Args:
        factory: creates a new learner with the methods of `Classifier`; called in every check.
        checks: names of the checks to run, all by default.

    Raises:
        AssertionError: a check failed; the message names it and says why.
    """
    for name in checks or CHECKS:
        CHECKS[name](factory)
    return list(checks or CHECKS)


def make_stream(n: int, *, seed: int = 0) -> Stream:
    """A small stream with numbers, a category, a boolean, gaps, a late field and four labels."""
    rng = np.random.default_rng(seed)
    xs: list[dict[str, Any]] = []
    ys: list[Label] = []
    for i in range(n):
        a, b = rng.normal(size=2).tolist()
        channel = ("web", "shop", "phone")[int(rng.integers(3))]
        x: dict[str, Any] = {"a": a, "b": b, "kind": channel, "member": bool(a > 0.5)}
        if rng.random() < 0.2:
            x["b"] = None
        if i > FIRST // 2:
            x["late"] = a + b
        y: Label = "yes" if a * (b if channel == "web" else 1.0) > 0 else "no"
        xs.append(x)
        ys.append({80: 1, 81: True}.get(i, y))
    return xs, ys


def purity(factory: Factory) -> None:
    """predict, predict_many, explain, save and reading properties do not change the state."""
    xs, ys = make_stream(FIRST + MORE)
    learner = factory()
    learner.learn_many(xs[:FIRST], ys[:FIRST])
    before = learner.state_hash()
    learner.predict(xs[FIRST])
    learner.predict({"never": "seen", "a": 1.0})
    learner.predict_many(xs)
    learner.explain(xs[0])
    _ = learner.labels, learner.experts, learner.fields, learner.size_bytes
    with tempfile.TemporaryDirectory() as folder:
        learner.save(Path(folder) / "model")
    assert learner.state_hash() == before, "purity: reading the learner changed its state"


def continuation(factory: Factory) -> None:
    """A learner that was saved and loaded continues bit for bit as if it had never stopped."""
    xs, ys = make_stream(FIRST + MORE)
    learner = factory()
    learner.learn_many(xs[:FIRST], ys[:FIRST])
    with tempfile.TemporaryDirectory() as folder:
        learner.save(Path(folder) / "model")
        loaded = type(learner).load(Path(folder) / "model")
    assert loaded.state_hash() == learner.state_hash(), "continuation: loading changed the state"
    for each in (learner, loaded):
        each.learn_many(xs[FIRST:], ys[FIRST:])
    assert loaded.state_hash() == learner.state_hash(), "continuation: the loaded one went astray"


def batches(factory: Factory) -> None:
    """learn_many equals learn one by one; test_then_train equals predict before each learn."""
    xs, ys = make_stream(FIRST + MORE)
    one, many = factory(), factory()
    said = []
    for x, y in zip(xs, ys, strict=True):
        said.append(one.predict(x))
        one.learn(x, y)
    batch = many.test_then_train(xs, ys)
    assert one.state_hash() == many.state_hash(), "batches: a batch ends in another state"
    for i, p in enumerate(said):
        same = all(batch[i].probabilities[label] == q for label, q in p.probabilities.items())
        assert same, f"batches: prediction {i} differs between the two ways"
        assert batch[i].novelty == p.novelty, f"batches: novelty {i} differs"


def no_peeking(factory: Factory) -> None:
    """Predictions up to example t do not depend on the examples after t."""
    xs, ys = make_stream(FIRST + MORE)
    order = np.random.default_rng(1).permutation(np.arange(FIRST, FIRST + MORE))
    other_x = xs[:FIRST] + [xs[i] for i in order]
    other_y = ys[:FIRST] + [ys[i] for i in order[::-1]]
    one = factory().test_then_train(xs, ys)
    two = factory().test_then_train(other_x, other_y)
    for i in range(FIRST):
        for label, p in one[i].probabilities.items():
            if label in two.labels and p != two[i].probabilities[label]:
                raise AssertionError(f"no_peeking: prediction {i} depends on what came later")


def labels(factory: Factory) -> None:
    """1, True and "1" are three labels, new labels may come at any time, others are refused."""
    learner = factory()
    assert learner.predict({"a": 1.0}).label is None, "labels: an empty learner knows a label"
    learner.learn({"a": 1.0}, 1)
    assert learner.predict({"a": 1.0}).label == 1, "labels: one example, one label"
    learner.learn({"a": 5.0}, True)
    learner.learn({"a": 9.0}, "1")
    kinds = [type(y) for y in learner.labels]
    assert kinds == [int, bool, str], "labels: 1, True and '1' are not three labels"
    p = learner.predict({"a": 9.0})
    total = sum(p.probabilities.values()) + p.novelty
    assert math.isclose(total, 1.0, abs_tol=1e-9), "labels: probabilities do not add up to 1"
    for wrong in (None, 1.5, [1], {"a": 1}):
        _refused(learner, {"a": 1.0}, wrong, LabelError, "")


def fields(factory: Factory) -> None:
    """Late, missing, unknown and retyped fields are accepted; unreadable values are refused."""
    xs, ys = make_stream(MORE)
    learner = factory()
    learner.learn_many(xs, ys)
    learner.learn({"a": None}, "yes")
    learner.learn({"quite": "new"}, "yes")
    learner.learn({"a": "now a string"}, "no")
    types = {(f.name, f.type) for f in learner.fields}
    assert {("a", "number"), ("a", "category")} <= types, (
        "fields: a re-typed field is not kept apart"
    )
    for bad in (math.nan, math.inf, -math.inf, {"deep": 1}, [1.0, math.nan], b"bytes"):
        _refused(learner, {"fine": 1.0, "culprit": bad}, "yes", RecordError, "culprit")


def recall(factory: Factory) -> None:
    """An exact repeat of a corrected input gets the corrected label."""
    xs, ys = make_stream(FIRST)
    learner = factory()
    learner.learn_many(xs, ys)
    answer = learner.predict(xs[0]).label
    correction = "no" if answer == "yes" else "yes"
    learner.learn(xs[0], correction)
    learner.learn_many(xs[1:MORE], ys[1:MORE])
    assert learner.predict(xs[0]).label == correction, "recall: a correction was forgotten"


def flatness(factory: Factory) -> None:
    """Memory stays within the budget, and later examples take as long as earlier ones."""
    learner = factory()
    xs, ys = make_stream(1200)
    learner.learn_many(xs, ys)
    learner.consolidate()
    early = _seconds(learner, *make_stream(100, seed=1))
    for seed in range(2, 5):
        learner.learn_many(*make_stream(1000, seed=seed))
    learner.consolidate()
    late = _seconds(learner, *make_stream(100, seed=6))
    assert late < SLOWEST * early, f"flatness: 100 examples took {early:.3f} s, later {late:.3f} s"
    budget = learner.budget_mb * 2**20
    assert learner.size_bytes <= budget, f"flatness: {learner.size_bytes} bytes are over budget"


CHECKS: dict[str, Callable[[Factory], None]] = {
    check.__name__: check
    for check in (
        purity,
        continuation,
        batches,
        no_peeking,
        labels,
        fields,
        recall,
        flatness,
    )
}


def _seconds(learner: Any, xs: list[dict[str, Any]], ys: list[Label]) -> float:
    """Median time to predict and learn one example, times the number of examples."""
    taken = []
    for x, y in zip(xs, ys, strict=True):
        start = time.perf_counter()
        learner.predict(x)
        learner.learn(x, y)
        taken.append(time.perf_counter() - start)
    return float(np.median(taken)) * len(xs)


def _refused(learner: Any, x: Any, y: Any, error: type[Exception], name: str) -> None:
    before = learner.state_hash()
    try:
        learner.learn(x, y)
    except error as refusal:
        assert name in str(refusal), f"the error does not name {name!r}: {refusal}"
    else:
        raise AssertionError(f"{x!r} with label {y!r} was not refused")
    assert learner.state_hash() == before, f"refusing {x!r} with label {y!r} changed the state"
