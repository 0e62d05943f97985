"""The writer: in order, together, all of a request or nothing, and never a caller left waiting."""

import threading
from concurrent.futures import CancelledError

import pytest

from quickstudy.errors import InputError, StoreError
from quickstudy.log.store import Store, read_events
from quickstudy.log.writer import Writer

SECONDS = 20.0  # nobody waits that long unless something hangs


class Diary:
    """Logs what it is told, except what it must refuse."""

    def __init__(self):
        self.groups = []
        self.undone = 0
        self.heard = []
        self.hold = threading.Event()
        self.hold.set()

    def handle(self, transaction, requests):
        assert self.hold.wait(SECONDS)
        self.groups.append(list(requests))
        return [self._one(transaction, request) for request in requests]

    def _one(self, transaction, said):
        if said == "refuse":
            return InputError("not that")
        if said == "break":
            raise ZeroDivisionError("a bug")
        payload = {"said": said}
        return transaction.append("feedback", learner=1, actor="me", payload=payload).seq

    def undo(self):
        self.undone += 1

    def committed(self, transaction):
        self.heard += [event.read()["said"] for event in transaction.events]
        if "deaf" in self.heard:
            raise RuntimeError("a listener fell over")


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "work.db")
    yield store
    store.close()


@pytest.fixture
def diary():
    return Diary()


@pytest.fixture
def writer(store, diary):
    writer = Writer(store, diary)
    yield writer
    diary.hold.set()
    writer.close()


def told(store):
    with store.reading() as connection:
        return [event.read()["said"] for event in read_events(connection)]


def together(writer, diary, *said):
    """Submit requests so that all but the first come while a commit is under way."""
    diary.hold.clear()
    futures = [writer.submit(what) for what in said]
    diary.hold.set()
    return futures


def test_what_is_done_is_on_disk_in_the_order_it_was_asked_for(store, writer):
    futures = [writer.submit(i) for i in range(100)]
    assert [future.result(SECONDS) for future in futures] == list(range(1, 101))
    assert told(store) == list(range(100))


def test_requests_that_come_together_share_a_commit(store, writer, diary):
    futures = together(writer, diary, *range(200))
    assert [future.result(SECONDS) for future in futures] == list(range(1, 201))
    assert len(diary.groups) <= 3 and diary.heard == list(range(200)) == told(store)


def test_a_refused_request_takes_no_other_with_it(store, writer, diary):
    first, refused, last = together(writer, diary, "a", "refuse", "b")
    with pytest.raises(InputError, match="not that"):
        refused.result(SECONDS)
    assert (first.result(SECONDS), last.result(SECONDS)) == (1, 2)
    assert told(store) == ["a", "b"] and diary.undone == 0


def test_when_a_commit_fails_nothing_of_it_is_done_and_the_next_goes_on(store, writer, diary):
    assert writer.submit("a").result(SECONDS) == 1
    with pytest.raises(StoreError, match="a bug"):
        writer.submit("break").result(SECONDS)
    assert diary.undone == 1 and told(store) == ["a"] == diary.heard
    assert writer.submit("b").result(SECONDS) == 2
    assert told(store) == ["a", "b"]


def test_a_listener_that_falls_over_leaves_nobody_waiting(store, writer):
    assert writer.submit("deaf").result(SECONDS) == 1
    assert writer.submit("a").result(SECONDS) == 2
    assert told(store) == ["deaf", "a"]


def test_a_request_that_was_given_up_in_time_is_not_done(store, writer, diary):
    diary.hold.clear()
    first, second, third = (writer.submit(said) for said in "abc")
    given_up = second.cancel()
    diary.hold.set()
    assert third.result(SECONDS) and first.result(SECONDS)
    if given_up:
        assert told(store) == ["a", "c"]
        with pytest.raises(CancelledError):
            second.result(SECONDS)


def test_closing_finishes_what_was_asked_for_and_takes_no_more(store, diary):
    writer = Writer(store, diary)
    futures = together(writer, diary, *range(50))
    writer.close()
    writer.close()
    assert [future.result(0) for future in futures] == list(range(1, 51))
    with pytest.raises(StoreError, match="closed"):
        writer.submit("late")
    assert told(store) == list(range(50))


def test_many_threads_each_get_their_own_answer(store, writer):
    got = {}

    def ask(name):
        got[name] = [writer.submit(f"{name} {i}").result(SECONDS) for i in range(20)]

    threads = [threading.Thread(target=ask, args=(name,)) for name in "abcdefgh"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    log = told(store)
    for name, seqs in got.items():
        assert [log[seq - 1] for seq in seqs] == [f"{name} {i}" for i in range(20)]
