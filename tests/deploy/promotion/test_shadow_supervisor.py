"""The process of shadows: what it finds is what the log says, whatever becomes of it."""

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

import quickstudy
from quickstudy.deploy.promotion import shadow_supervisor
from quickstudy.errors import StoreError
from tests.deploy.promotion.rivals import SMALL, cases, caught_up, figures, ids, model, right, wrong
from tests.deploy.support import SECONDS, agrees, replayed, sound, until

ROOT = Path(__file__).parents[3]
SAME = ("cases", "labelled", "gain", "log_evidence", "log_bar", "log_evidence_margin")


@pytest.fixture(scope="module")
def rival():
    return model((range(60), right), (range(60), right))


@pytest.fixture
def contest(path, rival):
    """A learner with a challenger that a process follows."""
    with quickstudy.open(path) as deployment:
        deployment.create("t", **SMALL)
        cases(deployment, range(60, 80))
        deployment.challenge("t", model=rival)
        yield deployment


def as_the_log_says(deployment, name="t"):
    """Whether the process reports what a shadow here does, that was fed by itself."""
    told, found = caught_up(deployment, name), figures(deployment, name)
    differ = {n: (getattr(told, n), found[n]) for n in SAME if getattr(told, n) != found[n]}
    differences = [(d.id, d.before, d.after) for d in told.differences]
    assert differences == [(d["id"], d["before"], d["after"]) for d in found["differences"]]
    assert differ == {}
    return told


def child_of(deployment):
    return deployment.promotion.shadows._child


@pytest.mark.slow
def test_killed_at_any_moment_it_comes_back_and_finds_the_same(contest, monkeypatch):
    monkeypatch.setattr(shadow_supervisor, "AGAIN_SECONDS", 0.05)
    deployment, rng, pids = contest, np.random.default_rng(0), set()
    until(lambda: child_of(deployment) is not None)
    for _ in range(3):
        for start in range(0, 60, 20):
            cases(deployment, range(start, start + 20))
        time.sleep(float(rng.random()))
        child = child_of(deployment)
        pids.add(child.pid)
        child.kill()
        until(lambda gone=child: child_of(deployment) not in (None, gone))
    told = as_the_log_says(deployment)
    assert told.labelled == 180 and told.gain > 0 and len(pids) == 3
    assert agrees(deployment, "t")


@pytest.mark.slow
def test_it_goes_on_when_the_store_is_opened_anew(contest, path):
    cases(contest, range(40))
    before = as_the_log_says(contest)
    state, child = contest.state_hash("t"), child_of(contest)
    contest.close()
    assert not child.alive
    with quickstudy.open(path) as deployment:
        assert deployment.state_hash("t") == state
        after = as_the_log_says(deployment)
        assert (after.cases, after.log_evidence) == (before.cases, before.log_evidence)
        cases(deployment, range(20))
        assert as_the_log_says(deployment).cases == after.cases + 20
        deployment.promote("t", override=["better", "baselines"])
        cases(deployment, range(60, 70))
        assert agrees(deployment, "t") and sound(deployment) == []


def test_two_learners_have_challengers_and_one_is_deleted(contest, rival):
    """Each is followed by itself; what becomes of one is nothing to the other."""
    deployment = contest
    deployment.create("u", **SMALL | {"seed": 2})
    cases(deployment, range(30), name="u")
    deployment.challenge("u", model=rival)
    cases(deployment, range(30), wrong, name="u")
    cases(deployment, range(30))
    one, other = as_the_log_says(deployment), as_the_log_says(deployment, "u")
    assert (one.labelled, other.labelled) == (30, 30) and one.gain > other.gain
    hosted = deployment.classifiers.by_name["t"]
    deployment.delete("t")
    with pytest.raises(StoreError):
        deployment.promotion.shadows.judge(hosted, "0" * 32, [])
    cases(deployment, range(10), name="u")
    assert as_the_log_says(deployment, "u").labelled == 40
    deployment.create("t", **SMALL)
    assert deployment.gate("t") is None and deployment.versions("t")[0].role == "champion"
    deployment.promote("u", override=["better", "baselines"])
    assert agrees(deployment, "u") and sound(deployment) == []


def test_who_waits_for_a_consolidation_hears_of_the_end(path):
    """Closing does not wait for it, and does not leave anybody waiting."""
    heard = []
    with quickstudy.open(path) as deployment:
        deployment.create("t", **SMALL)
        cases(deployment, range(40))
        deployment.flush()

        def challenge():
            try:
                deployment.challenge("t")
            except StoreError as error:
                heard.append(error)

        waiting = threading.Thread(target=challenge, daemon=True)
        waiting.start()
        until(lambda: deployment.classifiers.by_name["t"].consolidating)
        state = deployment.state_hash("t")
    waiting.join(SECONDS)
    assert not waiting.is_alive() and len(heard) == 1
    with quickstudy.open(path) as deployment:
        assert deployment.state_hash("t") == state == replayed(deployment, "t")
        assert (
            ids(deployment) == {"champion": deployment.versions("t")[0].id}
            and sound(deployment) == []
        )


KILLED = """
import os, signal, sys
import quickstudy
from quickstudy.deploy.recovery import lineage
from quickstudy.deploy.versions.commands import Promote, Rollback
from tests.failpoints import arm
from tests.deploy.promotion.rivals import SMALL, cases, model, wrong

deployment = quickstudy.open(sys.argv[1])
deployment.create("t", **SMALL)
cases(deployment, range(30))
if sys.argv[3] == "alone":
    deployment.classifiers.roles_changed = lambda hosted: None
version = deployment.challenge("t", model=model((range(20), wrong))).id
hosted = deployment.classifiers.by_name["t"]
cases(deployment, range(20))
if sys.argv[3] != "alone":
    deployment.gate("t")
    print(deployment.promotion.shadows._child.pid, flush=True)
deployment.flush()
point, visits = sys.argv[2].split(":")
if point == "kept":
    keep, kept = lineage.keep, []

    def until_kept(path, packed):
        keep(path, packed)
        kept.append(path)
        if len(kept) == int(visits):
            os.kill(os.getpid(), signal.SIGKILL)

    lineage.keep = until_kept
else:
    arm(sys.argv[2])
deployment.writer.submit(Promote(hosted, version, [], (), True, "", "me")).result()
cases(deployment, range(10))
deployment.flush()
deployment.writer.submit(Rollback(hosted, "", "", "me")).result()
deployment.flush()
deployment.close()
"""
POINTS = ["after-commit:1 alone", "kept:1 alone", "kept:2 alone"]


@pytest.mark.slow
@pytest.mark.parametrize("how", [*POINTS, "before-reply:1 followed"])
def test_killed_around_a_promotion_it_is_what_the_log_says(path, how):
    """As its files are between log, the champion that leaves, and the one that comes."""
    point, company = how.split()
    command = [sys.executable, "-c", KILLED, str(path), point, company]
    run = subprocess.run(command, cwd=ROOT, env=environment(), capture_output=True, text=True)
    assert run.returncode == -signal.SIGKILL, run.stderr
    for pid in run.stdout.split():  # the process of shadows ends with its parent
        until(lambda pid=pid: not Path(f"/proc/{pid}/exe").exists())
    with quickstudy.open(path) as deployment:
        (new, old) = deployment.versions("t")
        assert (new.role, old.role) == ("champion", "previous")
        assert deployment.state_hash("t") == replayed(deployment, "t") and sound(deployment) == []
        assert deployment.predict("t", {"a": "a1", "b": "b1"}).version == new.id
        deployment.rollback("t")
        cases(deployment, range(10))
        assert agrees(deployment, "t")


def environment():
    paths = [str(ROOT), str(ROOT / "src"), os.environ.get("PYTHONPATH", "")]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}
