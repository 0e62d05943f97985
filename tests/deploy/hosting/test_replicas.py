"""Twins: whoever reads meets a whole learner, never one that is being taught."""

import threading

import pytest

from quickstudy import Classifier
from quickstudy.deploy.hosting.replicas import LostTwinError, Twins
from tests.deploy.support import record, truth


def lesson(i):
    return lambda learner: learner.learn(record(i), truth(record(i)))


def test_after_every_change_both_are_the_same_and_as_if_taught_alone():
    alone, twins = Classifier(seed=1), Twins(Classifier(seed=1), "v")
    alone.defer_refits()
    for i in range(30):
        lesson(i)(alone)
        twins.change(lesson(i))
        assert not twins.differ()
        with twins.reading() as learner:
            assert learner.examples == i + 1
    assert twins.resting.state_hash() == alone.state_hash()


def test_readers_are_answered_while_the_other_is_taught():
    twins = Twins(Classifier(seed=1), "v")
    twins.change(lesson(0))
    teaching, go_on = threading.Event(), threading.Event()

    def slowly(learner):
        teaching.set()
        assert go_on.wait(20)
        lesson(1)(learner)

    worker = threading.Thread(target=twins.change, args=(slowly,))
    worker.start()
    assert teaching.wait(20)
    with twins.reading() as learner:
        assert learner.examples == 1 and learner.predict(record(0)).label == "even"
    go_on.set()
    worker.join()
    assert twins.resting.examples == 2 and not twins.differ()


def test_no_reader_ever_meets_a_half_taught_learner():
    """Each change teaches two examples: nobody sees an odd number of them."""
    twins, stop, seen = Twins(Classifier(seed=1), "v"), threading.Event(), set()

    def read():
        while not stop.is_set():
            with twins.reading() as learner:
                before = learner.examples
                learner.predict(record(1))
                seen.add((before, learner.examples))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for i in range(0, 60, 2):
        twins.change(lambda learner, i=i: (lesson(i)(learner), lesson(i + 1)(learner)))
    stop.set()
    for reader in readers:
        reader.join()
    assert all(before == after and before % 2 == 0 for before, after in seen)


def test_a_change_that_fails_leaves_readers_the_learner_as_it_was():
    twins = Twins(Classifier(seed=1), "v")
    twins.change(lesson(0))
    with twins.reading() as learner:
        before = learner.state_hash()

    def fails(learner):
        lesson(1)(learner)
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError):
        twins.change(fails)
    with twins.reading() as learner:
        assert learner.state_hash() == before


def test_another_learner_takes_the_place_of_both():
    """Readers meet the one with its version, or the other with its own, never a mixture."""
    twins, stop, seen = Twins(Classifier(seed=1), "v"), threading.Event(), set()
    twins.change(lesson(0))

    def read():
        while not stop.is_set():
            with twins.reading() as learner:
                seen.add((twins.version, learner.seed, learner.examples))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    expected = {("v", 1, 1)}
    for seed in range(2, 30):
        successor = Classifier(seed=seed)
        twins.replace(successor, f"v{seed}")
        assert not twins.differ() and twins.resting.seed == seed
        twins.change(lesson(seed))
        expected |= {(f"v{seed}", seed, 0), (f"v{seed}", seed, 1)}
    stop.set()
    for reader in readers:
        reader.join()
    assert seen <= expected and len(seen) > 1
    with twins.reading() as learner:
        assert (twins.version, learner.seed, learner.examples) == ("v29", 29, 1)


def test_readers_keep_the_learner_that_leaves_until_they_are_done():
    twins = Twins(Classifier(seed=1), "old")
    twins.change(lesson(0))
    with twins.reading() as learner:
        worker = threading.Thread(target=twins.replace, args=(Classifier(seed=2), "new"))
        worker.start()
        worker.join(0.2)
        assert worker.is_alive() and twins.version == "old"
        assert learner.seed == 1 and learner.predict(record(0)).label == "even"
    worker.join()
    with twins.reading() as learner:
        assert twins.version == "new" and learner.seed == 2


def test_a_change_that_raises_half_way_changes_neither():
    twins = Twins(Classifier(seed=1), "first")
    twins.change(lambda learner: learner.learn({"a": 1}, "x"))
    before = twins.resting.state_hash()

    def fails(learner):
        learner.learn({"a": 2}, "y")
        raise MemoryError("no room")

    for _ in range(2):
        with pytest.raises(MemoryError):
            twins.change(fails)
    assert twins.resting.state_hash() == before and not twins.differ()
    twins.change(lambda learner: learner.learn({"a": 2}, "y"))
    assert twins.resting.examples == 2 and not twins.differ()


def test_what_the_first_twin_has_learned_stays_where_the_second_fails():
    twins = Twins(Classifier(seed=1), "first")
    calls = []

    def fails_later(learner):
        calls.append(learner)
        learner.learn({"a": 1}, "x")
        if len(calls) == 2:
            raise MemoryError("no room")

    twins.change(fails_later)
    with twins.reading() as front:
        assert front.examples == 1
    assert twins.resting.examples == 1 and not twins.differ()


def test_without_room_for_a_second_copy_the_one_in_front_goes_on(monkeypatch):
    def fails(*_):
        raise MemoryError("no room")

    twins = Twins(Classifier(seed=1), "first")
    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "copy", fails)
        with pytest.raises(MemoryError):
            twins.change(fails)
        with pytest.raises(LostTwinError, match="MemoryError: no room"):
            twins.change(lambda learner: None)
        with twins.reading() as front:
            assert front.examples == 0
    twins.change(lambda learner: learner.learn({"a": 1}, "x"))
    assert twins.resting.examples == 1 and not twins.differ()
