"""A learner that cannot be made from the log is out of service; all others of its store serve."""

import logging
import shutil
import time
from contextlib import ExitStack, contextmanager
from unittest import mock

import pytest

import quickstudy
from quickstudy.deploy.core.failures import MOST_IN_A_ROW
from quickstudy.deploy.doctor import check_file
from quickstudy.errors import InputError, NotFoundError, StoreError
from quickstudy.learners.value.experts import ValueExperts
from tests.deploy.faults import ERRORS, failing_classifier, record
from tests.deploy.support import expire, statuses, types

SMALL = {"budget_mb": 16, "seed": 1, "consolidate": False}
NAMES = ("t", "other", "v", "w")


@pytest.fixture
def lived(path):
    """A store of classifiers `t`, `other` and value learners `v`, `w`, without snapshots, and the
    states of these; all of `t` and `v` is marked, and a case of each classifier waits.
    """
    with quickstudy.open(path) as deployment:
        for name in ("t", "other"):
            deployment.create(name, **SMALL, wait_seconds=3600)
            for i in range(MOST_IN_A_ROW + 5):
                x = record(i, marked=name == "t")
                deployment.feedback(learner=name, record=x, label=f"l{i % 2}", key=f"{name} {i}")
            deployment.predict(name, record(1), id=f"case of {name}")
        for name, task in (("v", "marked"), ("w", "plain")):
            deployment.create_value(name, budget_mb=16, seed=1)
            run = deployment.start(name, task=task, id=f"run of {name}").id
            deployment.step(name, run, record(1))
            deployment.end(name, run, 1.0)
        states = {name: deployment.state_hash(name) for name in NAMES}
    for folder in path.with_name("work.db.d").glob("learner-*"):
        shutil.rmtree(folder)
    return path, states


@contextmanager
def failing():
    """Neither `t` nor `v` can be made from the log."""
    of_task = ValueExperts.of_task

    def fails(self, course, base):
        if course.task == "marked":
            raise MemoryError("no room for 43.9 GiB")
        return of_task(self, course, base)

    with ExitStack() as stack:
        stack.enter_context(failing_classifier(ERRORS[0]))
        stack.enter_context(mock.patch.object(ValueExperts, "of_task", fails))
        yield


def test_others_serve_and_everybody_hears_why_one_does_not(lived, caplog):
    path, states = lived
    with failing(), quickstudy.open(path) as deployment:
        assert {name: deployment.state_hash(name) for name in ("other", "w")} == {
            name: states[name] for name in ("other", "w")
        }
        for ask in (
            lambda: deployment.predict("t", record(1)),
            lambda: deployment.feedback(learner="t", record=record(1), label="l1"),
            lambda: deployment.feedback("case of t", label="l1"),
            lambda: deployment.report("t"),
            lambda: deployment.claim("t", holder="ana"),
            lambda: deployment.state_hash("t"),
            lambda: deployment.start("v"),
            lambda: deployment.step("v", "run of v", record(1)),
            lambda: deployment.value("v"),
        ):
            with pytest.raises(StoreError, match=r"out of service.*MemoryError: no room"):
                ask()
        with pytest.raises(InputError, match="is a classifier"):
            deployment.start("t")
        assert deployment.predict("other", record(1)).label == "l1"
        assert deployment.end("w", deployment.start("w").id, 0.0).status == "ended"
        infos = {info.name: info for info in deployment.learners()}
        assert {name for name, info in infos.items() if info.out_of_service} == {"t", "v"}
        assert "MemoryError" in infos["t"].out_of_service and infos["t"].examples == 0
        assert len(deployment.faults()) == 2
        assert types(deployment).count("quarantined") == 0  # no example is to blame
    told = [r.message for r in caplog.records if r.levelno == logging.ERROR]
    assert {name for name in NAMES if any(f"{name!r} is out" in text for text in told)} == {
        "t",
        "v",
    }


def test_it_comes_back_with_all_that_it_knew(lived):
    path, states = lived
    with failing(), quickstudy.open(path) as deployment:
        with pytest.raises(StoreError):
            deployment.feedback("case of t", label="l1")
        expire(deployment)
    with quickstudy.open(path) as deployment:
        assert {name: deployment.state_hash(name) for name in ("t", "v", "w")} == {
            name: states[name] for name in ("t", "v", "w")
        }
        assert [f for f in deployment.doctor() if not f.ok] == []


def test_its_cases_do_not_expire_while_nobody_could_answer_them(lived, monkeypatch):
    path, _ = lived
    now = time.time
    monkeypatch.setattr(time, "time", lambda: now() + 7200)
    with failing(), quickstudy.open(path) as deployment:
        expire(deployment)
        assert statuses(deployment, "other") == {"expired": 1}
        assert deployment.history("case of t").status == "waiting"
    with quickstudy.open(path) as deployment:
        expire(deployment)
        assert statuses(deployment, "t") == {"expired": 1}
        assert [f for f in deployment.doctor() if not f.ok] == []


def test_the_doctor_ends_with_findings(lived):
    path, _ = lived
    with failing():
        found = {f.check: f.detail for f in check_file(path) if not f.ok}
        assert set(found) == {"t: replay", "v: replay"}
        assert all("MemoryError: no room" in detail for detail in found.values())
        with quickstudy.open(path) as deployment:
            assert {f.check for f in deployment.doctor() if not f.ok} == {"t: replay", "v: replay"}
    assert all(f.ok for f in check_file(path))


def test_it_can_be_taken_off_duty_and_its_name_is_free_again(lived):
    path, states = lived
    with failing(), quickstudy.open(path) as deployment:
        for name in ("t", "v"):
            deployment.delete(name)
            with pytest.raises(NotFoundError):
                deployment.learner(name)
        deployment.create("t", **SMALL)
        assert deployment.predict("t", record(1)).label is None
        assert [info.name for info in deployment.learners()] == ["other", "t", "w"]
    with quickstudy.open(path) as deployment:
        assert [info.name for info in deployment.learners()] == ["other", "t", "w"]
        assert deployment.state_hash("w") == states["w"]


def test_a_name_is_taken_also_while_its_learner_is_out_of_service(lived):
    path, _ = lived
    with failing(), quickstudy.open(path) as deployment:
        for name in ("t", "v"):
            with pytest.raises(InputError, match="there is a learner"):
                deployment.create(name)
        deployment.pause("t", reason="look at it first")
        assert [pause.scope for pause in deployment.pauses()] == ["t"]
