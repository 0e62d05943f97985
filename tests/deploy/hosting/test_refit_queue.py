"""Refits: a real child process, which may die without anybody noticing more than a delay."""

import os
import signal
import threading
from itertools import count

import pytest

import quickstudy
from quickstudy import Classifier
from quickstudy.deploy.hosting.commands import Refitted
from quickstudy.deploy.hosting.refit_process import (
    REFIT,
    artifact_name,
    pack_fitted,
    refit,
    unpack_fitted,
)
from quickstudy.deploy.hosting.refit_queue import RefitQueue
from quickstudy.errors import ModelFileError
from tests.deploy.support import SECONDS, agrees, sound, types, until

UNITS = ([1.0, 0.0, 0.0], [0.0, 0.6, 0.8], [0.0, 1.0, 0.0])


def vector(i):
    return {"v": UNITS[i % 3], "n": i % 4}


def due():
    """A learner with an expert that wants to be refitted."""
    learner = Classifier(seed=1)
    learner.defer_refits()
    learner.learn_many([vector(i) for i in range(12)], [i % 3 for i in range(12)])
    assert learner.refit_due
    return learner


@pytest.fixture(scope="module")
def packed():
    return due().packed()


@pytest.fixture
def refits():
    refits = RefitQueue()
    yield refits
    refits.close()


def ask(refits, packed):
    """What the child makes of a packed learner."""
    got, done = [], threading.Event()
    refits.submit(REFIT, packed, lambda content: (got.append(content), done.set()))
    assert done.wait(SECONDS)
    return got[0]


def test_the_child_makes_what_would_be_made_here(refits, packed):
    here = unpack_fitted(refit(packed))
    there = unpack_fitted(ask(refits, packed))
    assert artifact_name(here, 12) == artifact_name(there, 12) != artifact_name(here, 13)
    assert here.places and there.count == 12
    child = refits._child.pid
    assert ask(refits, packed) is not None and refits._child.pid == child
    assert child != os.getpid()


def test_a_child_that_is_killed_is_replaced(refits, packed):
    assert ask(refits, packed) is not None
    os.kill(refits._child.pid, signal.SIGKILL)
    assert any(ask(refits, packed) is not None for _ in range(2))


def test_a_child_that_cannot_do_it_says_so(refits, packed):
    assert ask(refits, packed[: len(packed) // 2]) is None
    assert ask(refits, packed) is not None


def test_closing_ends_the_child_also_in_the_middle_of_its_work(packed):
    refits, heard = RefitQueue(), []
    refits.submit(REFIT, packed, heard.append)
    until(lambda: refits._child is not None)
    child = refits._child
    refits.close()
    assert not child.alive and len(heard) <= 1


def test_a_store_that_is_closed_at_once_speaks_of_no_failure(path, caplog):
    with quickstudy.open(path) as deployment:
        deployment.create("t", seed=1)
        for i in range(14):
            deployment.feedback(learner="t", record=vector(i), label=i % 3)
    assert not [said for said in caplog.messages if "not refitted" in said]
    with quickstudy.open(path) as deployment:
        deployment.feedback(learner="t", record=vector(14), label=2, wait_learned=True)
        until(lambda: "refitted" in types(deployment))


def test_half_an_outcome_is_none(packed):
    content = pack_fitted(unpack_fitted(refit(packed)))
    with pytest.raises(ModelFileError):
        unpack_fitted(content[:-1])


def test_a_deployment_refits_while_it_answers_and_outlives_its_child(path):
    numbers = count()

    def teach(deployment, n):
        for i in (next(numbers) for _ in range(n)):
            deployment.feedback(learner="t", record=vector(i), label=i % 3, wait_learned=True)

    with quickstudy.open(path) as deployment:
        deployment.create("t", seed=1)
        teach(deployment, 10)
        until(lambda: "refitted" in types(deployment))
        child = deployment.supervisor._refits._child
        child.kill()
        until(lambda: not child.alive)
        teach(deployment, 3)
        assert deployment.predict("t", vector(1)).label == 1 and deployment.faults() == []
        assert agrees(deployment, "t")
    with quickstudy.open(path) as deployment:
        assert agrees(deployment, "t") and sound(deployment) == []
    for file in (path.with_name("work.db.d") / "learner-1").glob("refit-*"):
        file.unlink()
    with quickstudy.open(path) as deployment:
        assert agrees(deployment, "t")


def test_a_refit_that_is_learned_before_its_number_is_heard_is_over_all_the_same(path, monkeypatch):
    with quickstudy.open(path) as deployment:
        deployment.create("t", seed=1)
        hosted, submit = deployment.classifiers.by_name["t"], deployment.writer.submit

        def heard_late(command):
            future = submit(command)
            if isinstance(command, Refitted):
                hosted.trainer.after(future.result()).result()
                hosted.trainer.run_between(lambda: None).result()  # the round is over
            return future

        monkeypatch.setattr(deployment.writer, "submit", heard_late)
        for i in range(10):
            deployment.feedback(learner="t", record=vector(i), label=i % 3)
        until(lambda: "refitted" in types(deployment))
        until(lambda: not hosted.refitting)


def test_closing_waits_for_a_thread_that_is_being_started(packed, monkeypatch):
    refits, starting, go_on = RefitQueue(), threading.Event(), threading.Event()
    start = threading.Thread.start

    def slowly(thread):
        if thread.name == "quickstudy-refits":
            starting.set()
            assert go_on.wait(SECONDS)
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", slowly)
    giving = threading.Thread(target=refits.submit, args=(REFIT, packed, lambda content: None))
    giving.start()
    assert starting.wait(SECONDS)
    closed = []
    closing = threading.Thread(target=lambda: closed.append(refits.close()))
    closing.start()
    closing.join(0.3)  # it waits, or it failed
    go_on.set()
    for thread in (giving, closing):
        thread.join(SECONDS)
        assert not thread.is_alive()
    assert closed == [None]
    assert not [thread for thread in threading.enumerate() if thread.name == "quickstudy-refits"]
