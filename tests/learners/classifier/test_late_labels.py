"""Labels that come late: experts are scored on what they said then, together as one by one."""

import numpy as np
import pytest

from quickstudy import Classifier
from quickstudy.errors import InputError, LabelError
from quickstudy.learners.check import make_stream
from tests.learners.support import taught

N = 90


@pytest.mark.parametrize("share", [0.0, 0.5, 1.0])
@pytest.mark.parametrize("size", [7, N])
def test_together_is_one_by_one(share, size):
    """Some predictions are lost, and labels that are new come in between."""
    xs, ys = make_stream(N, seed=2)
    ys[40], ys[41], ys[60] = "fourth", 4, True
    one, many, lost = taught(40), taught(40), np.random.default_rng(0)
    said = [one.predict(x) if lost.random() < share else None for x in xs]
    for x, y, p in zip(xs, ys, said, strict=True):
        one.learn(x, y, prediction=p)
    for at in range(0, N, size):
        part = slice(at, at + size)
        many.learn_many(xs[part], ys[part], predictions=said[part])
    assert one.state_hash() == many.state_hash() and "fourth" in many.labels


def test_together_is_one_by_one_as_labels_come_with_a_delay():
    """Each prediction is by what was learned until then; a batch is what comes at one time."""
    xs, ys = make_stream(N, seed=3)
    one, many = taught(40), taught(40)
    for at in range(0, N - 10, 10):
        said = [one.predict(x) for x in xs[at : at + 10]]
        batch = [many.predict(x) for x in xs[at : at + 10]]
        for x, y, p in zip(xs[at : at + 10], ys[at : at + 10], said, strict=True):
            one.learn(x, y, prediction=p)
        many.learn_many(xs[at : at + 10], ys[at : at + 10], predictions=batch)
        assert one.state_hash() == many.state_hash()


def test_what_was_said_at_the_time_is_what_counts():
    """Scored by what they said before they knew, and not by what they say now."""
    xs, _ = make_stream(N)
    then, now = taught(60), taught(60)
    said = then.predict(xs[70])
    for learner in (then, now):
        for _ in range(5):
            learner.learn(xs[70], "no")
    then.learn(xs[70], "yes", prediction=said)
    now.learn(xs[70], "yes")
    assert then.state_hash() != now.state_hash() and then.labels == now.labels
    assert [w for _, w in then.experts] != [w for _, w in now.experts]


def test_a_batch_that_cannot_be_is_refused_with_nothing_changed(steady):
    xs, ys = make_stream(4, seed=5)
    before = steady.state_hash()
    other = Classifier()
    other.learn_many([{"a": i} for i in range(20)], [f"l{i}" for i in range(20)])
    foreign = other.predict({"a": 1})
    for wrong, error in (([None] * 3, InputError), ([None, None, None, foreign], InputError)):
        with pytest.raises(error):
            steady.learn_many(xs, ys, predictions=wrong)
    with pytest.raises(LabelError):
        steady.learn_many(xs, [*ys[:3], 0.5], predictions=[None] * 4)
    assert steady.state_hash() == before


def test_without_predictions_it_is_plain_learning():
    xs, ys = make_stream(N)
    plain, none = Classifier(), Classifier()
    plain.learn_many(xs, ys)
    none.learn_many(xs, ys, predictions=[None] * N)
    assert plain.state_hash() == none.state_hash()
