"""What a learner has to beat: checked against loops that say the same."""

import numpy as np
import pytest

from quickstudy.deploy.promotion import baselines
from quickstudy.deploy.promotion.baselines import Baselines

FIELDS = ("x", "y", "colour")


def draw(rng):
    """A record with numbers, a category, and holes."""
    x = {
        "x": float(rng.normal()),
        "y": float(rng.integers(5)),
        "colour": str(rng.choice(list("rgb"))),
    }
    return {name: value for name, value in x.items() if rng.random() > 0.15}


def nearest(seen, x):
    """The label of the nearest record, by a plain loop."""
    spread = {}
    for name in ("x", "y"):
        values = [record[name] for record, _ in seen if name in record]
        spread[name] = max(float(np.std(values)), 1e-6) if values else 1e-6

    def far(record):
        total = 0.0
        for name in FIELDS:
            if name in record and name in x:
                gap = float(record[name] != x[name])
                if name != "colour":
                    gap = (record[name] - x[name]) / spread[name]
                total += gap**2
            else:
                total += float((name in record) != (name in x))
        return total

    return min(seen, key=lambda pair: far(pair[0]))[1]


@pytest.mark.parametrize("seed", range(3))
def test_they_say_what_plain_loops_say(seed):
    rng = np.random.default_rng(seed)
    tested, seen, same = Baselines(), [], 0
    for _ in range(80):
        x = draw(rng)
        if seen:
            labels = [label for _, label in seen]
            last, majority, near = tested.answers(x)
            assert last == labels[-1]
            assert labels.count(majority) == max(map(labels.count, labels))
            same += near == nearest(seen, x)
        seen.append((x, str(rng.choice(list("pqr")))))
        tested.learn(*seen[-1])
    assert same >= 78  # two may be as near


def test_before_anything_was_learned_they_say_nothing():
    assert Baselines().answers({"a": 1}) == (None, None, None)


def test_they_answer_and_stay_as_they_were():
    tested = Baselines()
    tested.learn({"a": 1.0}, "low")
    first = tested.answers({"a": 1.0, "never": "seen"})
    assert first == ("low", "low", "low") == tested.answers({})


def test_labels_keep_their_types():
    tested = Baselines()
    for label in (1, True, "1", True, True):
        tested.learn({"a": 1.0}, label)
    last, majority, near = tested.answers({"a": 1.0})
    assert last is True and majority is True and near is not None
    tested.learn({"a": 2.0}, 1)
    assert tested.answers({"a": 2.0})[0] == 1 and tested.answers({"a": 2.0})[0] is not True
    assert tested.answers({"a": 2.0})[1] is True


def test_only_the_latest_are_near(monkeypatch):
    monkeypatch.setattr(baselines, "KEPT", 10)
    tested = Baselines()
    for i in range(25):
        tested.learn({"a": float(i)}, f"label {i}")
        assert tested.answers({"a": float(i)})[0] == f"label {i}"
        assert tested.answers({"a": float(i)})[2] == f"label {i}"
    assert tested.answers({"a": 0.0})[2] == "label 15"


def test_texts_vectors_and_a_schema():
    texts = Baselines()
    texts.learn("where is my card", "card")
    texts.learn("transfer the money today", "money")
    assert texts.answers("my card where")[2] == "card"
    vectors = Baselines()
    vectors.learn({"v": [1.0, 0.0]}, "east")
    vectors.learn({"v": [0.0, 1.0]}, "north")
    assert vectors.answers({"v": [0.9, 0.2]})[2] == "east"
    codes = Baselines({"code": "category"})
    codes.learn({"code": 1, "n": 5.0}, "one")
    codes.learn({"code": 9, "n": 5.5}, "nine")
    codes.learn({"code": 2, "n": 50.0}, "two")
    assert codes.answers({"code": 9, "n": 5.4})[2] == "nine"
    assert codes.answers({"code": 1, "n": 5.2})[2] == "one"
