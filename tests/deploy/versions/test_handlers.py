"""Versions in a deployment: immutable, named by content; roles change one event at a time."""

import pytest

from quickstudy import Classifier
from quickstudy.deploy.hosting.refit_process import consolidate
from quickstudy.deploy.recovery.files import folder_of
from quickstudy.deploy.recovery.lineage import read_version, version_file
from quickstudy.deploy.versions.commands import Promote, Refuse, Rollback
from quickstudy.errors import InputError, ModelFileError, NotFoundError
from tests.deploy.promotion.rivals import SMALL, cases, ids, model, right, wrong
from tests.deploy.support import EASY, agrees, record, train, types

VERSIONS = ("consolidated", "challenged", "promoted", "rolled_back", "refused", "withdrawn")


@pytest.fixture
def hosted(deployment):
    """Learner `u`, whose versions are followed by nobody but the worker."""
    deployment.classifiers.roles_changed = lambda hosted: None
    deployment.create("u", **SMALL)
    cases(deployment, range(12), name="u")
    return deployment.classifiers.by_name["u"]


@pytest.fixture(scope="module")
def rivals():
    """Three learners made elsewhere."""
    return [model((range(12), wrong), seed=i) for i in range(3)]


def story(deployment):
    """What happened to versions: type and version of each event."""
    events = deployment.events(learner="u", limit=1000)
    return [(event.type, event.subject) for event in events if event.type in VERSIONS]


def promote(deployment, hosted, *, better=True, override=(), version=None):
    chosen = hosted.roles.challenger if version is None else version
    request = Promote(hosted, chosen, [], override, better, "it is good", "me")
    return deployment.writer.submit(request).result()


def test_a_consolidation_is_a_file_that_is_named_by_its_content(deployment):
    """The real way, by another process."""
    train(deployment, "t", 12)
    (first,) = deployment.versions("t")
    version = deployment.challenge("t", reason="to see")
    assert version == deployment.versions("t")[0] and deployment.versions("t")[1] == first
    assert (version.kind, version.role, version.why) == ("consolidated", "challenger", "to see")
    assert (version.parent, version.examples, first.role) == (first.id, 12, "champion")
    assert types(deployment, learner="t", limit=1000)[-2:] == ["consolidated", "challenged"]
    file = version_file(folder_of(deployment.store.folder, 1), version.id)
    content = file.read_bytes()
    assert version.size == len(content)
    assert Classifier.unpacked(content).state_hash() == version.id
    train(deployment, "t", 12, start=12)
    deployment.promote("t", override=["better", "baselines"])
    train(deployment, "t", 12, start=24)
    assert file.read_bytes() == content and agrees(deployment, "t")
    file.write_bytes(model((range(3), right)))
    with pytest.raises(ModelFileError, match="another version"):
        read_version(file.parent, version.id, version.asof)


def test_one_challenger_at_a_time_and_each_version_once(deployment, hosted, rivals):
    version = deployment.challenge("u", model=rivals[0])
    for given in (rivals[1], rivals[0], None):
        with pytest.raises(InputError, match=f"{version.id[:12]} challenges already"):
            deployment.challenge("u", model=given)
    deployment.withdraw("u", reason="not now")
    assert [v.role for v in deployment.versions("u")] == ["retired", "champion"]
    with pytest.raises(InputError, match="is known"):
        deployment.challenge("u", model=rivals[0])
    other = deployment.challenge("u", model=rivals[1])
    deployment.writer.submit(
        Refuse(hosted, other.id, gate=True, reason="too bad", actor="me")
    ).result()
    assert [(v.role, v.why) for v in deployment.versions("u")[:2]] == [
        ("refused", "too bad"),
        ("retired", "not now"),
    ]
    ends = [kind for kind, _ in story(deployment) if kind not in ("consolidated", "challenged")]
    assert ends == ["withdrawn", "refused"] and agrees(deployment, "u")


def test_nothing_to_promote_to_withdraw_or_to_go_back_to(deployment, hosted, rivals):
    with pytest.raises(NotFoundError, match="nothing challenges"):
        deployment.promote("u")
    with pytest.raises(NotFoundError, match="nothing challenges"):
        deployment.withdraw("u")
    with pytest.raises(InputError, match="no previous version"):
        deployment.rollback("u")
    with pytest.raises(InputError, match="does not challenge"):
        promote(deployment, hosted, version=hosted.roles.champion)
    with pytest.raises(InputError, match="no version does not challenge"):
        promote(deployment, hosted, version="")
    deployment.create("empty")
    with pytest.raises(InputError, match="nothing yet"):
        deployment.challenge("empty")
    deployment.challenge("u", model=rivals[0])
    with pytest.raises(InputError, match="no previous version"):
        deployment.rollback("u")
    assert story(deployment)[-1][0] == "challenged"
    for wanted in (b"no model", rivals[0][:-9]):
        with pytest.raises(ModelFileError):
            deployment.challenge("empty", model=wanted)
    with pytest.raises(FileNotFoundError):
        deployment.challenge("empty", model="there-is-none.quickstudy")


def test_roles_go_round_and_every_step_is_an_event(deployment, hosted, rivals):
    (first,) = deployment.versions("u")
    a = deployment.challenge("u", model=rivals[0]).id
    promote(deployment, hosted)
    assert ids(deployment, "u") == {"champion": a, "previous": first.id}
    b = deployment.challenge("u", model=rivals[1]).id
    back = deployment.rollback("u", reason="too bold")
    assert (back.id, back.role, back.why) == (first.id, "champion", "rolled back: too bold")
    assert ids(deployment, "u") == {"champion": first.id, "previous": a, "retired": b}
    deployment.rollback("u")
    c = deployment.challenge("u", model=rivals[2]).id
    promote(deployment, hosted)
    roles = {version.id: version.role for version in deployment.versions("u")}
    assert roles == {first.id: "retired", a: "previous", b: "retired", c: "champion"}
    assert story(deployment) == [
        ("consolidated", a),
        ("challenged", a),
        ("promoted", a),
        ("consolidated", b),
        ("challenged", b),
        ("withdrawn", b),
        ("rolled_back", first.id),
        ("rolled_back", a),
        ("consolidated", c),
        ("challenged", c),
        ("promoted", c),
    ]
    assert hosted.roles.champion == c and agrees(deployment, "u")


def test_an_automatic_rollback_goes_back_to_the_version_it_was_about(deployment, hosted, rivals):
    a = deployment.challenge("u", model=rivals[0]).id
    promote(deployment, hosted)
    with pytest.raises(InputError, match="no previous version"):
        deployment.writer.submit(Rollback(hosted, a, reason="", actor="gate")).result()
    deployment.writer.submit(
        Rollback(hosted, hosted.roles.previous, reason="", actor="gate")
    ).result()
    assert hosted.roles.previous == a


def test_an_override_takes_back_what_was_proved(deployment, rivals):
    """What the champion might do alone was not proved for a version that did not pass."""
    deployment.create("e", **EASY | {"budget_mb": 16})
    train(deployment, "e", 60)
    hosted = deployment.classifiers.by_name["e"]
    deployment.classifiers.roles_changed = lambda hosted: None
    assert hosted.control.level == "act" and hosted.epoch == 0
    assert any(answer.decision == "act" for answer in train(deployment, "e", 20))
    packed, asof = hosted.trainer.run_between(
        lambda: (hosted.replicas.back.packed(), hosted.learned)
    ).result()
    about = {"kind": "consolidated", "asof": asof, "parent": hosted.roles.champion, "simpler": True}
    deployment.promotion.enlist(hosted, consolidate(packed), about, "", "me")
    promote(deployment, hosted)
    assert hosted.epoch == 0  # it passed the gate, and is of the same making
    deployment.challenge("e", model=rivals[1])
    promote(deployment, hosted, override=["better"])
    assert hosted.epoch == 1 and agrees(deployment, "e")
    assert all(answer.decision == "ask" for answer in train(deployment, "e", 5))


def test_after_an_override_the_level_must_be_earned_again(deployment, rivals):
    deployment.classifiers.roles_changed = lambda hosted: None
    deployment.create("e", **EASY | {"budget_mb": 16, "start": "suggest", "approvals": 0})
    train(deployment, "e", 80)
    hosted = deployment.classifiers.by_name["e"]
    assert deployment.autonomy("e").level == "act"
    deployment.challenge("e", model=rivals[0])
    promote(deployment, hosted, override=["better", "exam"])
    assert deployment.autonomy("e").level == "suggest"
    change = deployment.autonomy("e").history[0]
    assert (change.before, change.after) == ("act", "suggest") and "gate" in change.why
    deployment.flush()
    assert agrees(deployment, "e")


def test_the_last_version_that_was_better_stays_the_measure(deployment, hosted, rivals):
    """Small steps down cannot add up: each is measured against the last that was proved."""
    from quickstudy.deploy.versions.registry import version_rows

    (first,) = deployment.versions("u")
    for better, anchor in ((False, first.id), (False, first.id), (True, "")):
        version = deployment.challenge("u", model=rivals.pop()).id
        promote(deployment, hosted, better=better)
        with deployment.store.reading() as connection:
            rows = {row["id"]: row for row in version_rows(connection, hosted.number)}
        assert rows[version]["reference"] == anchor


def test_going_back_by_hand_takes_back_what_was_proved(deployment):
    """Twice is there and back again: neither may do what the other has earned."""
    deployment.classifiers.roles_changed = lambda hosted: None
    deployment.create("e", **EASY | {"budget_mb": 16})
    train(deployment, "e", 60)
    hosted = deployment.classifiers.by_name["e"]
    deployment.challenge("e", model=model((range(12), right)))
    promote(deployment, hosted)
    for _ in range(2):
        train(deployment, "e", 60)
        assert hosted.control.risk.certified
        deployment.rollback("e")
        assert (
            not hosted.control.risk.certified
            and deployment.predict("e", record(0)).decision == "ask"
        )
    assert agrees(deployment, "e")
