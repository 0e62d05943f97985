"""What the champion set aside, no other version of it learns; what a version cannot learn on its
way to answer is set aside for it: a switch comes to the same live and in every replay.
"""

import io
import json
from dataclasses import asdict

import pytest

import quickstudy
from quickstudy import Classifier
from quickstudy.deploy.core.failures import LearningError
from quickstudy.deploy.decisions.commands import Promote, Quarantine
from quickstudy.deploy.hosting.quarantine import Ledger, SetAside
from quickstudy.deploy.promotion import shadow_process
from quickstudy.deploy.promotion.shadow import OvertakenError, Shadow
from quickstudy.deploy.promotion.shadow_supervisor import orders_of
from quickstudy.deploy.recovery import lineage
from quickstudy.deploy.recovery.replay import folder_of
from tests.deploy.faults import ERRORS, failing_classifier, record
from tests.deploy.promotion.rivals import followed
from tests.deploy.support import agrees

SMALL = {"budget_mb": 16, "seed": 1, "consolidate": False}


def rival():
    """A learner made elsewhere, packed."""
    learner = Classifier(budget_mb=16, seed=5)
    learner.learn_many([record(i) for i in range(6)], [f"l{i % 2}" for i in range(6)])
    return learner.packed()


def teach(desk, numbers, *, marked=()):
    for i in numbers:
        x = record(i, marked=i in marked)
        desk.feedback(learner="t", record=x, label=f"l{i % 2}", key=f"{i}")
    desk.flush()
    desk.predict("t", record(1))  # a challenger learns as much as the champion answers with


def promote(desk, version):
    request = Promote(desk.desk.duty("t"), version, [], (), True, "", "me")
    desk.writer.submit(request).result()
    desk.flush()


@pytest.fixture
def desk(path):
    """A deployment whose shadows are followed by nobody but the tests."""
    with quickstudy.open(path) as desk:
        desk.desk.roles_changed = lambda duty: None
        desk.create("t", **SMALL)
        yield desk


def ledger(desk):
    with desk.store.reading() as connection:
        return Ledger.of(connection, 1)


def new_shadow(desk):
    with desk.store.reading() as connection:
        (orders,) = orders_of(connection, desk.desk.duty("t"))
    return Shadow(orders, folder_of(desk.store.folder, 1))


def follow(desk, shadow):
    with desk.store.reading() as connection:
        while shadow.follow(connection):
            pass


def test_a_shadow_does_not_learn_what_the_champion_set_aside(desk):
    version = desk.challenge("t", model=rival()).id
    shadow = new_shadow(desk)
    follow(desk, shadow)
    with failing_classifier(ERRORS[0]):
        teach(desk, range(10), marked=(3, 7))
    follow(desk, shadow)  # nothing raises in it
    assert shadow.learner.examples == 6 + 8
    assert followed(desk).learner.state_hash() == shadow.learner.state_hash()
    promote(desk, version)
    follow(desk, shadow)
    assert shadow.done and desk.learner("t").examples == 14 and agrees(desk, "t")


def test_a_shadow_that_was_faster_than_the_champion_begins_again(desk):
    desk.challenge("t", model=rival())
    teach(desk, range(10), marked=(3,))
    shadow = new_shadow(desk)
    follow(desk, shadow)
    assert shadow.learner.examples == 16
    seq = [e.seq for e in desk.events() if e.type == "feedback"][3]  # as if it had been slow
    desk.writer.submit(Quarantine(1, SetAside(seq, "MemoryError"))).result()
    with pytest.raises(OvertakenError):
        follow(desk, shadow)
    again = new_shadow(desk)
    follow(desk, again)
    assert again.learner.examples == 15


def test_a_shadow_that_cannot_learn_what_the_champion_did_says_so(desk):
    desk.challenge("t", model=rival())
    teach(desk, range(10), marked=(3,))
    shadow = new_shadow(desk)
    with failing_classifier(ERRORS[2]), pytest.raises(LearningError, match="LinAlgError"):
        follow(desk, shadow)


def test_the_process_of_shadows_tries_again_before_it_gives_one_up(desk, monkeypatch):
    """The champion may be about to set aside what raises; what it did not is a reason to refuse."""
    monkeypatch.setattr(shadow_process, "AGAIN_SECONDS", 0.0)
    version = desk.challenge("t", model=rival()).id
    with desk.store.reading() as connection:
        orders = [asdict(one) for one in orders_of(connection, desk.desk.duty("t"))]
    with failing_classifier(ERRORS[0]):
        teach(desk, range(4))
        replies = io.BytesIO()
        child = shadow_process.Shadows(desk.store, replies)
        child.heed({"do": "follow", "orders": orders})
        while child.move():
            pass
        teach(desk, range(4, 10), marked=(5,))  # set aside: no trouble
        while child.move():
            pass
    teach(desk, range(10, 14), marked=(12,))
    with failing_classifier(ERRORS[1]):
        for _ in range(shadow_process.ATTEMPTS):
            assert b'"failed"' not in replies.getvalue()
            while child.move():
                pass
    (failed,) = [told for told in messages(replies) if "failed" in told]
    assert failed["version"] == version and "FloatingPointError" in failed["failed"]


def messages(replies):
    """What a process of shadows said."""
    replies.seek(0)
    while size := replies.read(8):
        yield json.loads(replies.read(int.from_bytes(size, "little")))


@pytest.mark.parametrize("shadowed", [True, False])
def test_before_and_after_a_switch_it_comes_to_the_same_everywhere(desk, path, shadowed):
    version = desk.challenge("t", model=rival()).id
    with failing_classifier(ERRORS[0]):
        teach(desk, range(10), marked=(3, 7))
        if shadowed:
            follow(desk, new_shadow(desk))
        promote(desk, version)
        teach(desk, range(10, 20), marked=(15,))
        assert agrees(desk, "t")
        desk.rollback("t")
        teach(desk, range(20, 25), marked=(20,))
        state = desk.state_hash("t")
        assert agrees(desk, "t") and desk.learner("t").examples == 25 - 4
    assert agrees(desk, "t")
    desk.close()
    for pattern in ("snapshot-*", "coming-*", "leaving-*"):
        for file in folder_of(desk.store.folder, 1).glob(pattern):
            file.unlink()
    with quickstudy.open(path) as desk:
        assert desk.state_hash("t") == state
        assert [f.check for f in desk.doctor() if not f.ok] == ["t: examples set aside"]


def test_what_a_version_cannot_learn_on_its_way_is_set_aside_for_it_alone(desk, path):
    """The champion had learned it."""
    teach(desk, range(5))
    version = desk.challenge("t", model=rival()).id
    teach(desk, range(5, 15), marked=(8,))
    learned = desk.state_hash("t")
    with failing_classifier(ERRORS[0]):
        promote(desk, version)
        assert desk.faults() == [] and desk.learner("t").examples == 6 + 9
        ((_, one),) = ledger(desk).marks
        switch = next(e.seq for e in desk.events() if e.type == "promoted")
        assert one.switch == switch and one.seq < switch
        teach(desk, range(15, 20))
    assert agrees(desk, "t")
    desk.rollback("t")  # the champion of before knows the marked one
    assert desk.learner("t").examples == 20 and agrees(desk, "t")
    state = desk.state_hash("t")
    assert state != learned
    desk.close()
    for file in folder_of(desk.store.folder, 1).glob("snapshot-*"):
        file.unlink()
    with quickstudy.open(path) as desk:
        assert desk.state_hash("t") == state and agrees(desk, "t")


def test_a_line_is_a_function_of_its_base_and_what_was_set_aside_before_its_switch(desk):
    desk.challenge("t", model=rival())
    with failing_classifier(ERRORS[0]):
        teach(desk, range(10), marked=(3,))
    teach(desk, range(10, 12))
    base = lineage.Base(rival(), 0)
    ((at, one),) = ledger(desk).marks
    with desk.store.reading() as connection:
        last = desk.store.head[0]
        assert lineage.build(connection, 1, base, last).examples == 6 + 11
        with failing_classifier(ERRORS[0]):
            lineage.build(connection, 1, base, last)
            with pytest.raises(LearningError):
                lineage.build(connection, 1, base, at - 1)
            made, failed = lineage.build_without(connection, 1, base, at - 1)
    assert [(f.seq, f.switch) for f in failed] == [(one.seq, at - 1)]
    taught = sum(e.type == "feedback" and e.seq < at for e in desk.events())
    assert made.examples == 6 + taught - 1
