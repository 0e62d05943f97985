"""State is a fold of the log: a replay, a restart and a life without one all lead to the same."""

import numpy as np
import pytest

import quickstudy
from quickstudy.deploy.hosting.refit_process import consolidate
from quickstudy.deploy.recovery.replay import replay
from quickstudy.deploy.versions.commands import Promote
from quickstudy.errors import NotFoundError, StoreError
from quickstudy.log.store import Store
from tests.deploy.promotion.rivals import cases, model, right, wrong
from tests.deploy.support import (
    EASY,
    agrees,
    expire,
    record,
    replayed,
    sound,
    statuses,
    tally,
    train,
    types,
    until,
)
from tests.deploy.walk import Walk


def hashes(deployment):
    return {info.name: deployment.state_hash(info.name) for info in deployment.learners()}


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_the_log_leads_to_the_state(path, seed):
    """Also over restarts, which forget what experts said of cases that still wait."""
    walk, before, refits = Walk(seed), {}, 0
    for _ in range(4):
        with quickstudy.open(path) as deployment:
            if types(deployment, limit=1000).count("refitted") == refits:
                assert hashes(deployment) == before
            walk.begin(deployment)
            for _ in range(40):
                walk.step()
            before, refits = hashes(deployment), types(deployment, limit=1000).count("refitted")
            for name in before:
                assert agrees(deployment, name)
                found = statuses(deployment, name)
                counted = found.get("waiting", 0), found.get("contested", 0)
                assert tally(deployment, name)[:2] == counted
            assert sound(deployment) == []


@pytest.mark.parametrize("seed", [0, 1])
def test_a_life_with_restarts_is_a_life_without(tmp_path, seed):
    """Compared are learner and risk control, bit for bit, and all answers but their times.

    Labels come for predictions of the same session only: votes that wait are not kept over a
    restart. There are fewer examples than the first refit needs: refits come when they are done.
    """
    said = {}
    for restarts in (0, 5):
        walk, path = Walk(seed, fresh=True), tmp_path / f"{restarts}.db"
        walk.chances[3:6] = [1, 1, 0]
        for _ in range(6 if restarts else 1):
            with quickstudy.open(path) as deployment:
                for part in range(1 if restarts else 6):
                    del part
                    walk.begin(deployment)
                    for _ in range(12):
                        walk.step()
                cases = [deployment.history(c.id) for c in deployment.cases("t", limit=1000)]
                answers = [(c.id, c.status, c.label, c.answer.confidence) for c in cases]
                state = deployment.state_hash("t")
        said[restarts] = state, answers, [(c.answer.decision, c.answer.audit) for c in cases]
    assert said[0] == said[5]


def test_what_was_refitted_is_worked_out_again_by_a_replay(path):
    """Vectors have an expert that is refitted from the eighth example on."""
    walk = Walk(3, vectors=True)
    for _ in range(2):
        with quickstudy.open(path) as deployment:
            walk.begin(deployment)
            for _ in range(60):
                walk.step()
            until(lambda: "refitted" in types(deployment, limit=1000))
            assert agrees(deployment, "t")
    with quickstudy.open(path) as deployment:
        assert agrees(deployment, "t") and sound(deployment) == []


LOST = [(), pytest.param(("snapshot-*", "coming-*", "leaving-*"), marks=pytest.mark.slow)]


@pytest.mark.parametrize("lost", LOST)
def test_over_promotions_and_rollbacks_too(path, lost):
    """Restarts between any two of them, after which files that can be made anew are gone."""
    folder = path.with_name("work.db.d") / "learner-1"
    acts = [
        lambda deployment: deployment.challenge("t", model=model((range(20), right))),
        lambda deployment: promote(deployment),
        lambda deployment: deployment.rollback("t"),
        lambda deployment: consolidated(deployment),
        lambda deployment: promote(deployment, "better"),
        lambda deployment: deployment.rollback("t"),
    ]
    champions = []
    for i, act in enumerate(acts):
        with quickstudy.open(path) as deployment:
            deployment.classifiers.roles_changed = lambda hosted: None
            if i == 0:
                deployment.create("t", **EASY | {"budget_mb": 16})
            cases(deployment, range(12 * i, 12 * i + 12))
            deployment.flush()
            act(deployment)
            cases(deployment, range(12 * i + 6, 12 * i + 12), label=wrong)
            state = deployment.state_hash("t")
            assert state == replayed(deployment, "t")
            champions.append(deployment.classifiers.by_name["t"].roles.champion)
        for pattern in lost:
            for file in folder.glob(pattern):
                file.unlink()
        with quickstudy.open(path) as deployment:
            assert deployment.state_hash("t") == state
            assert deployment.predict("t", record(1)).version == champions[-1]
    with quickstudy.open(path) as deployment:
        assert sound(deployment) == []
    first, imported, made = champions[0], champions[1], champions[4]
    assert champions == [first, imported, first, first, made, first]


def promote(deployment, *override):
    hosted = deployment.classifiers.by_name["t"]
    request = Promote(hosted, hosted.roles.challenger, [], override, not override, "", "me")
    deployment.writer.submit(request).result()


def consolidated(deployment):
    """What `challenge` does by another process, done here."""
    hosted = deployment.classifiers.by_name["t"]
    packed, asof = hosted.trainer.run_between(
        lambda: (hosted.replicas.back.packed(), hosted.learned)
    ).result()
    about = {"kind": "consolidated", "asof": asof, "parent": hosted.roles.champion, "simpler": True}
    deployment.promotion.enlist(hosted, consolidate(packed), about, "", "me")


def test_the_tail_of_the_log_is_enough_after_the_process_was_killed(path, tmp_path):
    """A copy of the files while it runs is what a kill leaves behind."""
    import shutil

    with quickstudy.open(path) as deployment:
        deployment.create("t", **EASY)
        train(deployment, "t", 30)
    with quickstudy.open(path) as deployment:
        train(deployment, "t", 30, start=30)
        state = deployment.state_hash("t")
        copied = tmp_path / "copy" / "work.db"
        shutil.copytree(path.parent, copied.parent, ignore=shutil.ignore_patterns("copy"))
        with quickstudy.open(copied) as other:
            assert other.state_hash("t") == state == replayed(other, "t")
            assert other.report("t").acted == deployment.report("t").acted > 0


def test_the_caller_s_order_of_fields_makes_no_difference(path):
    rng = np.random.default_rng(0)
    with quickstudy.open(path) as deployment:
        deployment.create("t", seed=1)
        for i in range(12):
            fields = list({"z": i % 3, "m": i % 2, "a": i % 5}.items())
            rng.shuffle(fields)
            deployment.feedback(learner="t", record=dict(fields), label=i % 2, key=str(i))
        assert agrees(deployment, "t")


def test_looking_changes_no_bit(path):
    with quickstudy.open(path) as deployment:
        deployment.create("t", **EASY)
        (first, *_) = train(deployment, "t", 20)
        before, seen = deployment.state_hash("t"), len(deployment.events())
        (
            deployment.report("t"),
            deployment.asks("t"),
            deployment.cases("t", text="a"),
            deployment.history(first.id),
        )
        (
            deployment.explain(first.id),
            deployment.doctor(),
            deployment.learners(),
            deployment.keys(),
            replayed(deployment, "t"),
        )
        expire(deployment)
        assert deployment.state_hash("t") == before and len(deployment.events()) == seen


def test_there_is_nothing_to_replay_of_a_learner_that_never_was(deployment):
    with pytest.raises(NotFoundError):
        replay(deployment.store, 99)


def test_a_log_that_was_altered_is_not_folded(path):
    """Not even where chain and payload were made to fit: it would decide otherwise."""
    from quickstudy.log.events import make_event

    with quickstudy.open(path) as deployment:
        deployment.create("t", **EASY)
        deployment.predict("t", record(0))
        event = deployment.events(after=1)[0]
        payload = deployment.context.payload(event.seq)
        forged = payload | {"decision": payload["decision"] | {"act": True, "ask": False}}
    store = Store(path)
    with store.transaction() as transaction:
        made = make_event(
            transaction.head,
            "predicted",
            time=0.0,
            learner=1,
            actor="eve",
            subject="p_forged",
            payload=forged,
        )
        transaction.events.append(made)
        transaction.head = (made.seq, made.link)
    with pytest.raises(StoreError, match="decides otherwise"):
        replay(store, 1)
    store.close()
