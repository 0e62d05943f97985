"""What the champion set aside, no other version of it learns; what a version cannot learn on its
way to answer is set aside for it: a switch comes to the same live and in every replay.
"""

from dataclasses import asdict

import pytest

import quickstudy
from quickstudy import Classifier
from quickstudy.deploy.core.failures import LearningError
from quickstudy.deploy.hosting.commands import Quarantine
from quickstudy.deploy.hosting.quarantine import Ledger, SetAside
from quickstudy.deploy.promotion import shadow_process
from quickstudy.deploy.promotion.shadow import OvertakenError, Shadow
from quickstudy.deploy.promotion.shadow_supervisor import specs_of
from quickstudy.deploy.recovery import lineage
from quickstudy.deploy.recovery.files import folder_of
from quickstudy.deploy.versions.commands import Promote
from tests.deploy.faults import ERRORS, failing_classifier, record
from tests.deploy.promotion.rivals import followed
from tests.deploy.support import agrees

SMALL = {"budget_mb": 16, "seed": 1, "consolidate": False}


def rival():
    """A learner made elsewhere, packed."""
    learner = Classifier(budget_mb=16, seed=5)
    learner.learn_many([record(i) for i in range(6)], [f"l{i % 2}" for i in range(6)])
    return learner.packed()


def teach(deployment, numbers, *, marked=()):
    for i in numbers:
        x = record(i, marked=i in marked)
        deployment.feedback(learner="t", record=x, label=f"l{i % 2}", key=f"{i}")
    deployment.flush()
    deployment.predict("t", record(1))  # a challenger learns as much as the champion answers with


def promote(deployment, version):
    request = Promote(deployment.classifiers.by_name["t"], version, [], (), True, "", "me")
    deployment.writer.submit(request).result()
    deployment.flush()


@pytest.fixture
def deployment(path):
    """A deployment whose shadows are followed by nobody but the tests."""
    with quickstudy.open(path) as deployment:
        deployment.classifiers.roles_changed = lambda hosted: None
        deployment.create("t", **SMALL)
        yield deployment


def ledger(deployment):
    with deployment.store.reading() as connection:
        return Ledger.of(connection, 1)


def new_shadow(deployment):
    with deployment.store.reading() as connection:
        (spec,) = specs_of(connection, deployment.classifiers.by_name["t"])
    return Shadow(spec, folder_of(deployment.store.folder, 1))


def follow(deployment, shadow):
    with deployment.store.reading() as connection:
        while shadow.follow(connection):
            pass


def test_a_shadow_does_not_learn_what_the_champion_set_aside(deployment):
    version = deployment.challenge("t", model=rival()).id
    shadow = new_shadow(deployment)
    follow(deployment, shadow)
    with failing_classifier(ERRORS[0]):
        teach(deployment, range(10), marked=(3, 7))
    follow(deployment, shadow)  # nothing raises in it
    assert shadow.learner.examples == 6 + 8
    assert followed(deployment).learner.state_hash() == shadow.learner.state_hash()
    promote(deployment, version)
    follow(deployment, shadow)
    assert shadow.done and deployment.learner("t").examples == 14 and agrees(deployment, "t")


def test_a_shadow_that_was_faster_than_the_champion_begins_again(deployment):
    deployment.challenge("t", model=rival())
    teach(deployment, range(10), marked=(3,))
    shadow = new_shadow(deployment)
    follow(deployment, shadow)
    assert shadow.learner.examples == 16
    seq = [e.seq for e in deployment.events() if e.type == "feedback"][3]  # as if it had been slow
    deployment.writer.submit(Quarantine(1, SetAside(seq, "MemoryError"))).result()
    with pytest.raises(OvertakenError):
        follow(deployment, shadow)
    again = new_shadow(deployment)
    follow(deployment, again)
    assert again.learner.examples == 15


def test_a_shadow_that_cannot_learn_what_the_champion_did_says_so(deployment):
    deployment.challenge("t", model=rival())
    teach(deployment, range(10), marked=(3,))
    shadow = new_shadow(deployment)
    with failing_classifier(ERRORS[2]), pytest.raises(LearningError, match="LinAlgError"):
        follow(deployment, shadow)


def test_the_process_of_shadows_tries_again_before_it_gives_one_up(deployment, monkeypatch):
    """The champion may be about to set aside what raises; what it did not is a reason to refuse."""
    monkeypatch.setattr(shadow_process, "AGAIN_SECONDS", 0.0)
    version = deployment.challenge("t", model=rival()).id
    with deployment.store.reading() as connection:
        specs = [asdict(one) for one in specs_of(connection, deployment.classifiers.by_name["t"])]
    with failing_classifier(ERRORS[0]):
        teach(deployment, range(4))
        replies = []
        child = shadow_process.ShadowProcess(deployment.store, replies.append)
        child.handle({"do": "follow", "orders": specs})
        while child.move():
            pass
        teach(deployment, range(4, 10), marked=(5,))  # set aside: no trouble
        while child.move():
            pass
    teach(deployment, range(10, 14), marked=(12,))
    with failing_classifier(ERRORS[1]):
        for _ in range(shadow_process.ATTEMPTS):
            assert not any("failed" in told for told in replies)
            while child.move():
                pass
    (failed,) = [told for told in replies if "failed" in told]
    assert failed["version"] == version and "FloatingPointError" in failed["failed"]


@pytest.mark.parametrize("shadowed", [True, False])
def test_before_and_after_a_switch_it_comes_to_the_same_everywhere(deployment, path, shadowed):
    version = deployment.challenge("t", model=rival()).id
    with failing_classifier(ERRORS[0]):
        teach(deployment, range(10), marked=(3, 7))
        if shadowed:
            follow(deployment, new_shadow(deployment))
        promote(deployment, version)
        teach(deployment, range(10, 20), marked=(15,))
        assert agrees(deployment, "t")
        deployment.rollback("t")
        teach(deployment, range(20, 25), marked=(20,))
        state = deployment.state_hash("t")
        assert agrees(deployment, "t") and deployment.learner("t").examples == 25 - 4
    assert agrees(deployment, "t")
    deployment.close()
    for pattern in ("snapshot-*", "coming-*", "leaving-*"):
        for file in folder_of(deployment.store.folder, 1).glob(pattern):
            file.unlink()
    with quickstudy.open(path) as deployment:
        assert deployment.state_hash("t") == state
        assert [f.check for f in deployment.doctor() if not f.ok] == ["t: examples set aside"]


def test_what_a_version_cannot_learn_on_its_way_is_set_aside_for_it_alone(deployment, path):
    """The champion had learned it."""
    teach(deployment, range(5))
    version = deployment.challenge("t", model=rival()).id
    teach(deployment, range(5, 15), marked=(8,))
    learned = deployment.state_hash("t")
    with failing_classifier(ERRORS[0]):
        promote(deployment, version)
        assert deployment.faults() == [] and deployment.learner("t").examples == 6 + 9
        ((_, one),) = ledger(deployment).marks
        switch = next(e.seq for e in deployment.events() if e.type == "promoted")
        assert one.switch == switch and one.seq < switch
        teach(deployment, range(15, 20))
    assert agrees(deployment, "t")
    deployment.rollback("t")  # the champion of before knows the marked one
    assert deployment.learner("t").examples == 20 and agrees(deployment, "t")
    state = deployment.state_hash("t")
    assert state != learned
    deployment.close()
    for file in folder_of(deployment.store.folder, 1).glob("snapshot-*"):
        file.unlink()
    with quickstudy.open(path) as deployment:
        assert deployment.state_hash("t") == state and agrees(deployment, "t")


def test_a_line_is_a_function_of_its_base_and_what_was_set_aside_before_its_switch(deployment):
    deployment.challenge("t", model=rival())
    with failing_classifier(ERRORS[0]):
        teach(deployment, range(10), marked=(3,))
    teach(deployment, range(10, 12))
    base = lineage.BaseState(rival(), 0)
    ((at, one),) = ledger(deployment).marks
    with deployment.store.reading() as connection:
        last = deployment.store.head[0]
        assert lineage.build(connection, 1, base, last).examples == 6 + 11
        with failing_classifier(ERRORS[0]):
            lineage.build(connection, 1, base, last)
            with pytest.raises(LearningError):
                lineage.build(connection, 1, base, at - 1)
            made, failed = lineage.build_without(connection, 1, base, at - 1)
    assert [(f.seq, f.switch) for f in failed] == [(one.seq, at - 1)]
    taught = sum(e.type == "feedback" and e.seq < at for e in deployment.events())
    assert made.examples == 6 + taught - 1
