"""State is a fold of the log: a replay, a restart and a life without one all lead to the same."""

import numpy as np
import pytest

import quickstudy
from quickstudy.deploy.decisions.commands import Promote
from quickstudy.deploy.hosting.refit_process import consolidate
from quickstudy.deploy.recovery.replay import replay
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


def hashes(desk):
    return {info.name: desk.state_hash(info.name) for info in desk.learners()}


@pytest.mark.parametrize("seed", range(3))
def test_whatever_happens_the_log_leads_to_the_state(path, seed):
    """Also over restarts, which forget what experts said of cases that still wait."""
    walk, before, refits = Walk(seed), {}, 0
    for _ in range(4):
        with quickstudy.open(path) as desk:
            if types(desk, limit=1000).count("refitted") == refits:
                assert hashes(desk) == before
            walk.begin(desk)
            for _ in range(40):
                walk.step()
            before, refits = hashes(desk), types(desk, limit=1000).count("refitted")
            for name in before:
                assert agrees(desk, name)
                found = statuses(desk, name)
                counted = found.get("waiting", 0), found.get("contested", 0)
                assert tally(desk, name)[:2] == counted
            assert sound(desk) == []


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
            with quickstudy.open(path) as desk:
                for part in range(1 if restarts else 6):
                    del part
                    walk.begin(desk)
                    for _ in range(12):
                        walk.step()
                cases = [desk.history(c.id) for c in desk.cases("t", limit=1000)]
                answers = [(c.id, c.status, c.label, c.answer.confidence) for c in cases]
                state = desk.state_hash("t")
        said[restarts] = state, answers, [(c.answer.decision, c.answer.audit) for c in cases]
    assert said[0] == said[5]


def test_what_was_refitted_is_worked_out_again_by_a_replay(path):
    """Vectors have an expert that is refitted from the eighth example on."""
    walk = Walk(3, vectors=True)
    for _ in range(2):
        with quickstudy.open(path) as desk:
            walk.begin(desk)
            for _ in range(60):
                walk.step()
            until(lambda: "refitted" in types(desk, limit=1000))
            assert agrees(desk, "t")
    with quickstudy.open(path) as desk:
        assert agrees(desk, "t") and sound(desk) == []


LOST = [(), ("snapshot-*", "coming-*", "leaving-*")]


@pytest.mark.parametrize("lost", LOST)
def test_over_promotions_and_rollbacks_too(path, lost):
    """Restarts between any two of them, after which files that can be made anew are gone."""
    folder = path.with_name("work.db.d") / "learner-1"
    acts = [
        lambda desk: desk.challenge("t", model=model((range(20), right))),
        lambda desk: promote(desk),
        lambda desk: desk.rollback("t"),
        lambda desk: consolidated(desk),
        lambda desk: promote(desk, "better"),
        lambda desk: desk.rollback("t"),
    ]
    champions = []
    for i, act in enumerate(acts):
        with quickstudy.open(path) as desk:
            desk.desk.roles_changed = lambda duty: None
            if i == 0:
                desk.create("t", **EASY | {"budget_mb": 16})
            cases(desk, range(12 * i, 12 * i + 12))
            desk.flush()
            act(desk)
            cases(desk, range(12 * i + 6, 12 * i + 12), label=wrong)
            state = desk.state_hash("t")
            assert state == replayed(desk, "t")
            champions.append(desk.desk.duty("t").roles.champion)
        for pattern in lost:
            for file in folder.glob(pattern):
                file.unlink()
        with quickstudy.open(path) as desk:
            assert desk.state_hash("t") == state
            assert desk.predict("t", record(1)).version == champions[-1]
    with quickstudy.open(path) as desk:
        assert sound(desk) == []
    first, imported, made = champions[0], champions[1], champions[4]
    assert champions == [first, imported, first, first, made, first]


def promote(desk, *override):
    duty = desk.desk.duty("t")
    request = Promote(duty, duty.roles.challenger, [], override, not override, "", "me")
    desk.writer.submit(request).result()


def consolidated(desk):
    """What `challenge` does by another process, done here."""
    duty = desk.desk.duty("t")
    packed, asof = duty.worker.errand(lambda: (duty.twins.resting.packed(), duty.learned)).result()
    about = {"kind": "consolidated", "asof": asof, "parent": duty.roles.champion, "simpler": True}
    desk.staff.contests.enlist(duty, consolidate(packed), about, "", "me")


def test_the_tail_of_the_log_is_enough_after_the_process_was_killed(path, tmp_path):
    """A copy of the files while it runs is what a kill leaves behind."""
    import shutil

    with quickstudy.open(path) as desk:
        desk.create("t", **EASY)
        train(desk, "t", 30)
    with quickstudy.open(path) as desk:
        train(desk, "t", 30, start=30)
        state = desk.state_hash("t")
        copied = tmp_path / "copy" / "work.db"
        shutil.copytree(path.parent, copied.parent, ignore=shutil.ignore_patterns("copy"))
        with quickstudy.open(copied) as other:
            assert other.state_hash("t") == state == replayed(other, "t")
            assert other.report("t").acted == desk.report("t").acted > 0


def test_the_caller_s_order_of_fields_makes_no_difference(path):
    rng = np.random.default_rng(0)
    with quickstudy.open(path) as desk:
        desk.create("t", seed=1)
        for i in range(12):
            fields = list({"z": i % 3, "m": i % 2, "a": i % 5}.items())
            rng.shuffle(fields)
            desk.feedback(learner="t", record=dict(fields), label=i % 2, key=str(i))
        assert agrees(desk, "t")


def test_looking_changes_no_bit(path):
    with quickstudy.open(path) as desk:
        desk.create("t", **EASY)
        (first, *_) = train(desk, "t", 20)
        before, seen = desk.state_hash("t"), len(desk.events())
        desk.report("t"), desk.asks("t"), desk.cases("t", text="a"), desk.history(first.id)
        desk.explain(first.id), desk.doctor(), desk.learners(), desk.keys(), replayed(desk, "t")
        expire(desk)
        assert desk.state_hash("t") == before and len(desk.events()) == seen


def test_there_is_nothing_to_replay_of_a_learner_that_never_was(desk):
    with pytest.raises(NotFoundError):
        replay(desk.store, 99)


def test_a_log_that_was_altered_is_not_folded(path):
    """Not even where chain and payload were made to fit: it would decide otherwise."""
    from quickstudy.log.events import make_event

    with quickstudy.open(path) as desk:
        desk.create("t", **EASY)
        desk.predict("t", record(0))
        event = desk.events(after=1)[0]
        payload = desk.desk.payload(event.seq)
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
