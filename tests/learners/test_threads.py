"""Many threads teach and ask one learner: nothing is lost, nothing breaks, no reader sees a half.

Each run is a process of its own: where the promise is broken, the interpreter dies with it.
"""

import subprocess
import sys

import numpy as np
import pytest

from quickstudy import Classifier

CLASSIFIER = """
import random, threading
import numpy as np
from quickstudy import Classifier

WORDS = "card lost stolen fee cheque atm transfer limit refund pin".split()
learner, errors = Classifier(), []

def record(r, i):
    if i % 3:
        return {"a": r.random(), "b": r.choice(WORDS)}
    return {"a": r.random(), "t": " ".join(r.choice(WORDS) for _ in range(6))}

def guarded(act):
    try:
        act()
    except Exception as error:
        errors.append(repr(error)[:100])

def teach(seed):
    r = random.Random(seed)
    for i in range(25):
        guarded(lambda: learner.learn(record(r, i), f"L{r.randrange(3)} of {seed * (i > 12)}"))

def ask(seed):
    r = random.Random(seed)
    for i in range(25):
        def look():
            p = learner.predict(record(r, i))
            total = sum(p.probabilities.values()) + p.novelty
            assert abs(total - 1.0) < 1e-9, total
            if i % 12 == 6:
                learner.copy(); learner.packed(); learner.explain(record(r, i))
                learner.labels, learner.fields, learner.experts, learner.size_bytes
        guarded(look)

learner.learn(record(random.Random(0), 0), "L0 of 0")
threads = [threading.Thread(target=teach if s % 2 else ask, args=(s,)) for s in range(1, 9)]
for thread in threads: thread.start()
for thread in threads: thread.join()
print(learner.examples, len(errors), sorted(set(errors))[:3])
assert not errors and learner.examples == 101, errors[:3]
copy = learner.copy()
learner.learn({"a": 1.0}, "L0 of 0"); copy.learn({"a": 1.0}, "L0 of 0")
assert copy.state_hash() == learner.state_hash()
"""
VALUE = """
import random, threading
from quickstudy import ValueFunction

v, errors = ValueFunction(), []

def play(seed):
    r = random.Random(seed)
    for _ in range(12):
        try:
            run = v.start(f"task {seed % 3}")
            for i in range(4):
                said = run.step({"x": r.random(), "s": r.choice("abc")}, action=f"go {i}")
                assert said.step == i + 1
            v.experts, v.stopping, v.size_bytes
            run.end(r.random() < 0.5) if r.random() < 0.9 else run.expire()
        except Exception as error:
            errors.append(repr(error)[:100])

threads = [threading.Thread(target=play, args=(s,)) for s in range(8)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert not errors and v.steps == 8 * 12 * 4 and v.open == (), errors[:3]
assert v.copy().state_hash() == v.state_hash()
"""
APART = """
import random, threading
from quickstudy import Classifier

WORDS = "card lost stolen fee cheque atm transfer limit refund pin".split()

def taught(seed):
    r, learner = random.Random(seed), Classifier(seed=seed)
    for i in range(120):
        text = " ".join(r.choice(WORDS) for _ in range(6))
        learner.learn({"a": r.random(), "t": text}, "yes" if "card" in text else "no")
    return learner.state_hash()

alone = [taught(seed) for seed in range(3)]
found = {}
threads = [threading.Thread(target=lambda s=s: found.update({s: taught(s)})) for s in range(3)]
for thread in threads: thread.start()
for thread in threads: thread.join()
assert [found[s] for s in range(3)] == alone
"""


def run(code):
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=600)
    assert done.returncode == 0, (done.returncode, done.stdout[-300:], done.stderr[-600:])


AGAIN = [pytest.param(attempt, marks=pytest.mark.slow) for attempt in range(1, 5)]


@pytest.mark.parametrize("attempt", [0, *AGAIN])
def test_eight_threads_teach_and_ask_one_classifier(attempt):
    run(CLASSIFIER)


def test_eight_threads_play_runs_of_one_value_function():
    run(VALUE)


@pytest.mark.slow
def test_learners_in_threads_of_their_own_learn_what_they_would_alone():
    run(APART)


def test_a_slow_generator_of_examples_does_not_hold_the_lock():
    learner = Classifier()

    def examples():
        for i in range(5):
            learner.learn({"a": float(i)}, "other")  # another thread could do so, too
            yield {"a": float(i)}

    learner.learn_many(examples(), np.array(["mine"] * 5))
    assert learner.examples == 10
