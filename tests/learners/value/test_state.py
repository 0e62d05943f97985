"""A value function's state: saved, copied and looked at, bit for bit; and how large it may be."""

import numpy as np
import pytest

from quickstudy import Classifier, ValueFunction
from quickstudy.errors import ModelFileError
from tests.learners.value.runs import play, probe, shop


@pytest.fixture(scope="module")
def wise():
    """A learner that the tests which use it leave as it is."""
    return shop(60)


@pytest.mark.parametrize("n", [0, 1, 7, 162])
def test_saved_loaded_and_copied_in_mid_run_it_goes_on_bit_for_bit(tmp_path, n):
    v = ValueFunction(schema={"hour": "category"}, costs={"step": 0.01, "ask": 0.1}, discount=0.9)
    for i in range(n):
        play(v, i % 2 == 0, steps=1 + i % 3, task=f"t{i % 4}")
    runs = [v.start(task="t1", id=f"open {i}") for i in range(3)]
    for i, run in enumerate(runs):
        for s in range(i):
            run.step({"paid": True, "hour": s, "note": "a text that came late to all"}, action="go")
    v.save(tmp_path / "model")
    others = [ValueFunction.load(tmp_path / "model"), v.copy(), ValueFunction.unpacked(v.packed())]
    said = []
    for each in (v, *others):
        assert each.open == ("open 0", "open 1", "open 2")
        kept = [each.step(id, {"paid": False, "new": 1}, action="go") for id in each.open]
        for id in each.open:
            each.end(id, 0.0)
        said.append((kept, play(each, True), each.state_hash(), each.experts, each.stopping))
    assert said[1:] == said[:1] * 3


def test_a_copy_goes_its_own_way(wise):
    before = wise.state_hash()
    other = wise.copy()
    play(other, False)
    assert wise.state_hash() == before != other.state_hash()


def test_what_is_no_value_function_is_not_loaded(tmp_path, wise):
    learner = Classifier()
    learner.learn({"a": 1.0}, "x")
    learner.save(tmp_path / "classifier")
    with pytest.raises(ModelFileError, match="not a value function"):
        ValueFunction.load(tmp_path / "classifier")
    with pytest.raises(ModelFileError):
        ValueFunction.unpacked(wise.packed()[:-7])
    with pytest.raises(FileNotFoundError):
        ValueFunction.load(tmp_path / "nothing")


def test_looking_changes_nothing(tmp_path):
    v = shop(12)
    run = v.start(task="A")
    run.step({"paid": True, "hour": 0}, action="pay()")
    before = v.state_hash()
    v.check({"unheard": "of", "paid": False}, "look()")
    v.check(None, "look()")
    v.save(tmp_path / "model")
    arrays, _ = v.state()
    for array in arrays.values():
        array[...] = 0
    v.copy().step(run.id, {"other": 1.0})
    looks = (v.open, v.run(run.id), v.runs, v.steps, v.tasks, v.experts, v.stopping, v.size_bytes)
    assert looks[0] == (run.id,) and v.packed()
    assert v.state_hash() == before


def test_the_same_calls_give_the_same_bits():
    assert shop(30, form="mixed").state_hash() == shop(30, form="mixed").state_hash()
    one, other = shop(5), shop(5)
    one.start().step({"paid": True, "hour": 1})
    other.start().step({"paid": True, "hour": 1}, error=True)
    assert one.state_hash() != other.state_hash()


def test_the_order_of_fields_does_not_matter(wise):
    x = {"hour": 2, "paid": False}
    assert probe(wise, x) == probe(wise, dict(reversed(x.items())))


@pytest.mark.parametrize("form", ["record", "embedding"])
def test_memory_stays_flat(form):
    """But for the record of the stop rule, which is full after 2,000 runs."""
    v, sizes = ValueFunction(budget_mb=16), []
    for i in range(1040):
        play(v, i % 2 == 0, steps=2, form=form, task=f"t{i % 5}")
        if i + 1 in (260, 1040):
            arrays, plain = v.state()
            kept = {name: array for name, array in arrays.items() if "/controller/" not in name}
            sizes.append((sum(array.nbytes for array in kept.values()), len(str(plain)) // 100))
    assert sizes[0][0] == sizes[1][0]
    assert sizes[1][1] <= sizes[0][1] + 2
    assert v.size_bytes < 16 * 2**20


def test_many_texts_stay_within_the_budget():
    v = ValueFunction(budget_mb=16)
    run = v.start()
    run.step({f"f{i}": f"some words that are the text of field {i}" for i in range(8)})
    run.end(1.0)
    assert v.size_bytes <= 16 * 2**20


MIXED = {
    "embedding": lambda rng: (lambda z: z / np.linalg.norm(z))(rng.normal(size=20)),
    "12 numbers": lambda rng: {"few": rng.normal(size=12).tolist()},
    "text": lambda rng: " ".join(rng.choice(["card", "was", "lost", "again", "today"], 6)),
    "record": lambda rng: {"a": float(rng.normal()), "k": str(rng.choice(list("xyz")))},
    "nothing": lambda rng: {},
}


def shuffle(learners, rng, calls):
    """The same random calls to all of the learners: their estimates must be the same."""
    for _ in range(calls):
        ids = learners[0].open
        roll, id = rng.random(), ids[int(rng.integers(len(ids)))] if ids else None
        if id is None or roll < 0.15:
            task = f"t{rng.integers(4)}" if roll < 0.1 else None
            assert len({v.start(task=task).id for v in learners}) == 1
        elif roll < 0.8:
            x, error = MIXED[rng.choice(list(MIXED))](rng), bool(rng.random() < 0.2)
            action = str(rng.choice(["look()", "go(1)", "go(2)"])) if rng.random() < 0.5 else None
            said = [v.step(id, x, action=action, error=error, reward=roll) for v in learners]
            assert all(e == said[0] for e in said)
        elif roll < 0.95:
            for v in learners:
                v.end(id, float(roll < 0.87))
        else:
            for v in learners:
                v.expire(id)


def test_through_any_calls_with_any_inputs_copies_stay_the_same():
    rng, v = np.random.default_rng(0), ValueFunction(most_open=5, discount=0.95)
    for _ in range(6):
        others = [v.copy(), ValueFunction.unpacked(v.packed())]
        shuffle([v, *others], rng, 40)
        assert {other.state_hash() for other in others} == {v.state_hash()}
    assert v.runs > 15 and v.steps > 100


def test_of_long_texts_an_open_run_keeps_little_and_tells_them_apart_all_the_same():
    texts = [f"{'the same long beginning ' * 150}{i}" for i in range(40)]
    v = ValueFunction()
    run = v.start()
    assert {run.step(text).loop for text in texts} == {None}
    assert len(str(v.state()[1])) < 20_000
    loop = [run.step(action=f"say({text})").loop for text in texts[:3] * 2][-1]
    assert (loop.kind, loop.period, loop.times, loop.exact) == ("cycle", 3, 2, True)
