"""Replicas: every reader gets a complete learner, never one that is being updated."""

import random
import threading
import time

import pytest

from quickstudy import Classifier
from quickstudy.deploy.hosting.replicas import LeftRightReplicas, LostReplicaError
from tests.deploy.support import record, truth


class Counted:
    """A minimal learner for replicas: two numbers that are equal, except during a change."""

    def __init__(self, first=0, line="0"):
        self.first = self.second = first
        self.line, self.maps = line, 0

    def copy(self):
        return Counted(self.first, self.line)

    def count(self):
        self.first += 1
        time.sleep(0.0)  # others may run in the middle
        self.second += 1

    def fail(self):
        self.first += 1
        time.sleep(0.0)
        raise RuntimeError("half-way")


def update(i):
    return lambda learner: learner.learn(record(i), truth(record(i)))


def alike(replicas):
    """Whether both replicas are in the same state."""
    behind = replicas.back.state_hash()
    with replicas.reading() as front:
        return front.state_hash() == behind


def test_after_every_change_both_are_the_same_and_as_if_taught_alone():
    alone, replicas = Classifier(seed=1), LeftRightReplicas(Classifier(seed=1), "v")
    alone.defer_refits()
    for i in range(30):
        update(i)(alone)
        replicas.change(update(i))
        assert alike(replicas)
        with replicas.reading() as learner:
            assert learner.examples == i + 1
    assert replicas.back.state_hash() == alone.state_hash()


def test_readers_are_answered_while_the_other_is_taught():
    replicas = LeftRightReplicas(Classifier(seed=1), "v")
    replicas.change(update(0))
    teaching, go_on = threading.Event(), threading.Event()

    def slowly(learner):
        teaching.set()
        assert go_on.wait(20)
        update(1)(learner)

    trainer = threading.Thread(target=replicas.change, args=(slowly,))
    trainer.start()
    assert teaching.wait(20)
    with replicas.reading() as learner:
        assert learner.examples == 1 and learner.predict(record(0)).label == "even"
    go_on.set()
    trainer.join()
    assert replicas.back.examples == 2 and alike(replicas)


def test_readers_are_inside_at_the_same_time():
    """Each leaves only once all have arrived: were one to wait for another, none ever would."""
    replicas, all_here = LeftRightReplicas(Classifier(seed=1), "v"), threading.Barrier(5)
    replicas.change(update(0))
    answers = []

    def read():
        with replicas.reading() as learner:
            all_here.wait(20)
            answers.append(learner.predict(record(0)).label)

    readers = [threading.Thread(target=read) for _ in range(4)]
    for reader in readers:
        reader.start()
    with replicas.reading() as learner:
        all_here.wait(20)
        assert learner.predict(record(0)).label == "even"
    for reader in readers:
        reader.join()
    assert answers == ["even"] * 4


def test_the_worker_waits_for_no_reader_that_came_after_it():
    """There is a reader inside at every moment, and the changes come to their end all the same."""
    replicas, seen = LeftRightReplicas(Classifier(seed=1), "v"), []
    changes = threading.Thread(target=lambda: [replicas.change(update(i)) for i in range(20)])
    last = replicas.reading()
    last.__enter__()
    changes.start()
    while changes.is_alive():
        coming = replicas.reading()
        seen.append(coming.__enter__().examples)  # the next one comes before the last one goes
        last.__exit__(None, None, None)
        last = coming
    last.__exit__(None, None, None)
    assert replicas.back.examples == 20 and seen == sorted(seen) and alike(replicas)


@pytest.mark.parametrize("seed", range(5))
def test_whatever_readers_and_the_worker_do_nobody_meets_a_change(seed):
    """Readers of all lengths, one inside another, while the worker changes, fails and replaces."""
    replicas, stop, wrong = LeftRightReplicas(Counted(), "0"), threading.Event(), []

    def read(mine):
        rng = random.Random(mine)
        while not stop.is_set():
            with replicas.reading_version() as (learner, version):
                before = learner.first
                for _ in range(rng.randrange(3)):
                    with replicas.reading() as inner:
                        now = inner.first
                        time.sleep(rng.choice((0.0, 0.0, 1e-4)))
                        wrong.extend([("inner", now)] if inner.second != now else [])
                time.sleep(rng.choice((0.0, 0.0, 1e-3)))
                told = (learner.first, learner.second, learner.line)
                wrong.extend([told] if told != (before, before, version) else [])

    readers = [threading.Thread(target=read, args=(10 * seed + i,)) for i in range(6)]
    for reader in readers:
        reader.start()
    rng, count, line = random.Random(seed), 0, 0
    for _ in range(300):
        way = rng.randrange(4)
        if way == 3:
            line, count = line + 1, 0
            replicas.replace(Counted(line=str(line)), str(line))
        elif way == 2:
            with pytest.raises(RuntimeError):
                replicas.change(Counted.fail)
        else:
            replicas.change(Counted.count)
            count += 1
    stop.set()
    for reader in readers:
        reader.join()
    assert not wrong
    assert (replicas.back.first, replicas.back.line, replicas.version) == (
        count,
        str(line),
        str(line),
    )
    with replicas.reading() as learner:
        assert (learner.first, learner.line) == (count, str(line))


def test_no_reader_ever_meets_a_half_taught_learner():
    """Each change teaches two examples: nobody sees an odd number of them."""
    replicas, stop, seen = LeftRightReplicas(Classifier(seed=1), "v"), threading.Event(), set()

    def read():
        while not stop.is_set():
            with replicas.reading() as learner:
                before = learner.examples
                learner.predict(record(1))
                seen.add((before, learner.examples))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    for i in range(0, 60, 2):
        replicas.change(lambda learner, i=i: (update(i)(learner), update(i + 1)(learner)))
    stop.set()
    for reader in readers:
        reader.join()
    assert all(before == after and before % 2 == 0 for before, after in seen)


def test_a_change_that_fails_leaves_readers_the_learner_as_it_was():
    replicas = LeftRightReplicas(Classifier(seed=1), "v")
    replicas.change(update(0))
    with replicas.reading() as learner:
        before = learner.state_hash()

    def fails(learner):
        update(1)(learner)
        raise RuntimeError("out of luck")

    with pytest.raises(RuntimeError):
        replicas.change(fails)
    with replicas.reading() as learner:
        assert learner.state_hash() == before


def test_another_learner_takes_the_place_of_both():
    """Readers meet the one with its version, or the other with its own, never a mixture."""
    replicas, stop, seen = LeftRightReplicas(Classifier(seed=1), "v"), threading.Event(), set()
    replicas.change(update(0))

    def read():
        while not stop.is_set():
            with replicas.reading_version() as (learner, version):
                seen.add((version, learner.seed, learner.examples))

    readers = [threading.Thread(target=read) for _ in range(3)]
    for reader in readers:
        reader.start()
    expected = {("v", 1, 1)}
    for seed in range(2, 30):
        successor = Classifier(seed=seed)
        replicas.replace(successor, f"v{seed}")
        assert alike(replicas) and replicas.back.seed == seed
        replicas.change(update(seed))
        expected |= {(f"v{seed}", seed, 0), (f"v{seed}", seed, 1)}
    stop.set()
    for reader in readers:
        reader.join()
    assert seen <= expected and len(seen) > 1
    with replicas.reading_version() as (learner, version):
        assert (version, learner.seed, learner.examples) == ("v29", 29, 1)


def test_readers_keep_the_learner_that_leaves_until_they_are_done():
    replicas = LeftRightReplicas(Classifier(seed=1), "old")
    replicas.change(update(0))
    with replicas.reading_version() as (learner, version):
        trainer = threading.Thread(target=replicas.replace, args=(Classifier(seed=2), "new"))
        trainer.start()
        trainer.join(0.2)
        assert trainer.is_alive() and version == "old"
        assert learner.seed == 1 and learner.predict(record(0)).label == "even"
        with replicas.reading_version() as (coming, its_version):  # who comes later need not wait
            assert coming.seed == 2 and its_version == "new"
        assert trainer.is_alive() and learner.examples == 1
    trainer.join()
    with replicas.reading_version() as (learner, version):
        assert version == "new" and learner.seed == 2


def test_a_change_that_raises_half_way_changes_neither():
    replicas = LeftRightReplicas(Classifier(seed=1), "first")
    replicas.change(lambda learner: learner.learn({"a": 1}, "x"))
    before = replicas.back.state_hash()

    def fails(learner):
        learner.learn({"a": 2}, "y")
        raise MemoryError("no room")

    for _ in range(2):
        with pytest.raises(MemoryError):
            replicas.change(fails)
    assert replicas.back.state_hash() == before and alike(replicas)
    replicas.change(lambda learner: learner.learn({"a": 2}, "y"))
    assert replicas.back.examples == 2 and alike(replicas)


def test_what_the_first_twin_has_learned_stays_where_the_second_fails():
    replicas = LeftRightReplicas(Classifier(seed=1), "first")
    calls = []

    def fails_later(learner):
        calls.append(learner)
        learner.learn({"a": 1}, "x")
        if len(calls) == 2:
            raise MemoryError("no room")

    replicas.change(fails_later)
    with replicas.reading() as front:
        assert front.examples == 1
    assert replicas.back.examples == 1 and alike(replicas)


def test_without_room_for_a_second_copy_the_one_in_front_goes_on(monkeypatch):
    def fails(*_):
        raise MemoryError("no room")

    replicas = LeftRightReplicas(Classifier(seed=1), "first")
    with monkeypatch.context() as patch:
        patch.setattr(Classifier, "copy", fails)
        with pytest.raises(MemoryError):
            replicas.change(fails)
        with pytest.raises(LostReplicaError, match="MemoryError: no room"):
            replicas.change(lambda learner: None)
        with replicas.reading() as front:
            assert front.examples == 0
    replicas.change(lambda learner: learner.learn({"a": 1}, "x"))
    assert replicas.back.examples == 1 and alike(replicas)
