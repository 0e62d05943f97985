"""However wide an input is, it costs no more than the budget, live and saved."""

import json
import subprocess
import sys

import numpy as np
import pytest

from quickstudy import Classifier, ValueFunction
from tests.attack.wide import SHAPES, stream

MIB = 2**20
BASE_MIB = 300  # what the interpreter and the libraries may take
EXAMPLES = {"10,000 numbers": 20, "1,000 texts of 900 characters": 25}  # of others 40


@pytest.mark.slow
@pytest.mark.parametrize("shape", SHAPES)
def test_a_process_that_learns_a_wide_shape_stays_within_three_budgets(shape):
    command = [sys.executable, "-m", "tests.attack.wide", shape, str(EXAMPLES.get(shape, 40))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    found = json.loads(done.stdout)
    assert found["examples"] == EXAMPLES.get(shape, 40)
    assert found["state_mib"] <= 64
    assert found["rss_mib"] <= 3 * 64 + BASE_MIB


def test_wide_examples_that_come_late_make_room_for_themselves():
    rng = np.random.default_rng(0)
    learner = Classifier(budget_mb=16)
    xs = [{"a": float(v)} for v in rng.random(1500)]
    learner.learn_many(xs, [x["a"] > 0.5 for x in xs])
    wide = [{"a": float(v)} | {f"n{i}": float(v) for i in range(2000)} for v in rng.random(30)]
    learner.learn_many(wide, [x["a"] > 0.5 for x in wide])
    learner.consolidate()
    assert learner.size_bytes <= 16 * MIB
    answers = learner.predict_many(xs[:200])
    assert np.mean([p.label == (x["a"] > 0.5) for p, x in zip(answers, xs, strict=False)]) > 0.9


def test_labels_beyond_those_planned_for_find_room():
    rng = np.random.default_rng(0)
    learner = Classifier(budget_mb=16)
    for at in range(0, 600, 100):
        xs = [{f"n{i}": float(v) for i, v in enumerate(rng.random(200))} for _ in range(100)]
        learner.learn_many(xs, [f"label {(at + i) % 128}" for i in range(100)])
        assert learner.size_bytes <= 16 * MIB


def test_what_is_said_in_one_of_ten_texts_is_learned():
    rng = np.random.default_rng(1)
    meant = {
        "lost": ["my card is lost", "I cannot find my card", "the card was stolen on a train"],
        "fees": ["why was I charged a fee", "what does a transfer cost", "is there a fee for this"],
    }
    learner = Classifier()
    right = []
    for x, _ in stream("10 texts", 160):
        label = str(rng.choice(list(meant)))
        x["t4"] = f"{rng.choice(meant[label])} please"
        right.append(learner.predict(x).label == label)
        learner.learn(x, label)
    assert np.mean(right[80:]) > 0.9
    assert any("columns instead of" in field.note for field in learner.fields)


@pytest.mark.parametrize(
    "shape", ["40 texts", "a vector of 150,000", "texts, categories and a vector"]
)
def test_a_saved_wide_learner_goes_on_bit_for_bit(shape):
    data = list(stream(shape, 30))
    learner = Classifier(budget_mb=16)
    for x, y in data[:20]:
        learner.learn(x, y)
    copy = Classifier.unpacked(learner.packed())
    for x, y in data[20:]:
        learner.learn(x, y)
        copy.learn(x, y)
    batch = Classifier(budget_mb=16)
    batch.learn_many([x for x, _ in data], [y for _, y in data])
    assert learner.state_hash() == copy.state_hash() == batch.state_hash()


@pytest.mark.parametrize(
    "shape", ["20 texts", "a vector of 150,000", "100 new numbers with every example"]
)
def test_runs_of_wide_steps_stay_within_the_budget(shape):
    value = ValueFunction(budget_mb=64)
    steps = [x for x, _ in stream(shape, 24)]
    for first in range(0, 24, 4):
        run = value.start(task="a task")
        for x in steps[first : first + 4]:
            run.step(x)
        run.end(float(first % 8 == 0))
    assert value.runs == 6
    assert len(value.packed()) <= 64 * MIB
