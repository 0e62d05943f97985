"""The lock of a learner: readers together, a writer alone, and nobody waits for ever."""

import random
import threading

import pytest

from quickstudy.learners.lock import ReadWriteLock

SECONDS = 20.0


def in_thread(act):
    thread = threading.Thread(target=act)
    thread.start()
    return thread


def entering(lock):
    """A thread that enters, and what is set once it is inside."""
    inside = threading.Event()

    def enter():
        with lock:
            inside.set()

    return in_thread(enter), inside


def test_readers_are_inside_at_the_same_time():
    lock, all_here = ReadWriteLock(), threading.Barrier(4)

    def read():
        with lock.shared:
            all_here.wait(SECONDS)

    for reader in [in_thread(read) for _ in range(4)]:
        reader.join()
    assert not all_here.broken


@pytest.mark.parametrize("how", [lambda lock: lock, lambda lock: lock.shared])
def test_while_a_writer_is_inside_nobody_else_enters(how):
    lock = ReadWriteLock()
    with lock:
        other, entered = entering(how(lock))
        assert not entered.wait(0.1)
    other.join()
    assert entered.is_set()


def test_a_writer_waits_for_the_readers_inside_and_goes_before_those_that_come_later():
    lock, order = ReadWriteLock(), []

    def enter(name, way):
        with way:
            order.append(name)

    lock.enter_shared()
    writer = in_thread(lambda: enter("writer", lock))
    while not lock._writer:
        pass
    reader = in_thread(lambda: enter("reader", lock.shared))
    reader.join(0.1)
    assert not order and reader.is_alive()
    with lock.shared:  # who is inside may enter again, though a writer waits
        pass
    lock.leave_shared()
    for thread in (writer, reader):
        thread.join()
    assert order == ["writer", "reader"]


def test_a_thread_enters_again_what_it_is_in_and_leaves_as_often():
    lock = ReadWriteLock()
    with lock, lock.shared, lock:
        pass
    with lock.shared, lock.shared:
        pass
    other, entered = entering(lock)
    other.join()
    assert entered.is_set()


def test_a_reader_does_not_become_the_writer():
    """Two that wanted to would wait for each other."""
    lock = ReadWriteLock()
    with lock.shared, pytest.raises(RuntimeError), lock:
        pass
    other, entered = entering(lock)
    other.join()
    assert entered.is_set()


def test_a_writer_that_is_interrupted_while_it_waits_bars_nobody(monkeypatch):
    lock = ReadWriteLock()
    lock._readers[0] = 1  # another thread is inside

    def interrupted():
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(lock._change, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt), lock:
            pass
    reader, entered = entering(lock.shared)
    reader.join()
    assert entered.is_set()


@pytest.mark.parametrize("seed", range(3))
def test_whatever_threads_do_no_reader_meets_a_writer(seed):
    lock, at, met, turns = ReadWriteLock(), [0, 0], [], []

    def live(mine):
        rng = random.Random(mine)
        for _ in range(200):
            if rng.random() < 0.3:
                with lock, lock.shared:
                    at[0] += 1
                    threading.Event().wait(0.0)
                    at[1] += 1
            else:
                with lock.shared:
                    before = tuple(at)
                    with lock.shared:
                        threading.Event().wait(0.0)
                    met.append((before, tuple(at)))
        turns.append(mine)

    threads = [in_thread(lambda m=10 * seed + i: live(m)) for i in range(6)]
    for thread in threads:
        thread.join()
    assert len(turns) == 6 and at[0] == at[1]
    assert all(before == after and before[0] == before[1] for before, after in met)
