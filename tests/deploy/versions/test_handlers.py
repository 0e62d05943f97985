"""Versions at the desk: immutable, named by content; roles change one event at a time."""

import pytest

from quickstudy import Classifier
from quickstudy.deploy.decisions.commands import Promote, Refuse, Rollback
from quickstudy.deploy.hosting.refit_process import consolidate
from quickstudy.deploy.recovery.lineage import read_version, version_file
from quickstudy.deploy.recovery.replay import folder_of
from quickstudy.errors import InputError, ModelFileError, NotFoundError
from tests.deploy.promotion.rivals import SMALL, cases, ids, model, right, wrong
from tests.deploy.support import EASY, agrees, record, train, types

VERSIONS = ("consolidated", "challenged", "promoted", "rolled_back", "refused", "withdrawn")


@pytest.fixture
def duty(desk):
    """Learner `u`, whose versions are followed by nobody but the worker."""
    desk.desk.roles_changed = lambda duty: None
    desk.create("u", **SMALL)
    cases(desk, range(12), name="u")
    return desk.desk.duty("u")


@pytest.fixture(scope="module")
def rivals():
    """Three learners made elsewhere."""
    return [model((range(12), wrong), seed=i) for i in range(3)]


def story(desk):
    """What happened to versions: type and version of each event."""
    events = desk.events(learner="u", limit=1000)
    return [(event.type, event.subject) for event in events if event.type in VERSIONS]


def promote(desk, duty, *, better=True, override=(), version=None):
    chosen = duty.roles.challenger if version is None else version
    request = Promote(duty, chosen, [], override, better, "it is good", "me")
    return desk.writer.submit(request).result()


def test_a_consolidation_is_a_file_that_is_named_by_its_content(desk):
    """The real way, by another process."""
    train(desk, "t", 12)
    (first,) = desk.versions("t")
    version = desk.challenge("t", reason="to see")
    assert version == desk.versions("t")[0] and desk.versions("t")[1] == first
    assert (version.kind, version.role, version.why) == ("consolidated", "challenger", "to see")
    assert (version.parent, version.examples, first.role) == (first.id, 12, "champion")
    assert types(desk, learner="t", limit=1000)[-2:] == ["consolidated", "challenged"]
    file = version_file(folder_of(desk.store.folder, 1), version.id)
    content = file.read_bytes()
    assert version.size == len(content)
    assert Classifier.unpacked(content).state_hash() == version.id
    train(desk, "t", 12, start=12)
    desk.promote("t", override=["better", "baselines"])
    train(desk, "t", 12, start=24)
    assert file.read_bytes() == content and agrees(desk, "t")
    file.write_bytes(model((range(3), right)))
    with pytest.raises(ModelFileError, match="another version"):
        read_version(file.parent, version.id, version.asof)


def test_one_challenger_at_a_time_and_each_version_once(desk, duty, rivals):
    version = desk.challenge("u", model=rivals[0])
    for given in (rivals[1], rivals[0], None):
        with pytest.raises(InputError, match=f"{version.id[:12]} challenges already"):
            desk.challenge("u", model=given)
    desk.withdraw("u", reason="not now")
    assert [v.role for v in desk.versions("u")] == ["retired", "champion"]
    with pytest.raises(InputError, match="is known"):
        desk.challenge("u", model=rivals[0])
    other = desk.challenge("u", model=rivals[1])
    desk.writer.submit(Refuse(duty, other.id, gate=True, reason="too bad", actor="me")).result()
    assert [(v.role, v.why) for v in desk.versions("u")[:2]] == [
        ("refused", "too bad"),
        ("retired", "not now"),
    ]
    ends = [kind for kind, _ in story(desk) if kind not in ("consolidated", "challenged")]
    assert ends == ["withdrawn", "refused"] and agrees(desk, "u")


def test_nothing_to_promote_to_withdraw_or_to_go_back_to(desk, duty, rivals):
    with pytest.raises(NotFoundError, match="nothing challenges"):
        desk.promote("u")
    with pytest.raises(NotFoundError, match="nothing challenges"):
        desk.withdraw("u")
    with pytest.raises(InputError, match="no previous version"):
        desk.rollback("u")
    with pytest.raises(InputError, match="does not challenge"):
        promote(desk, duty, version=duty.roles.champion)
    with pytest.raises(InputError, match="no version does not challenge"):
        promote(desk, duty, version="")
    desk.create("empty")
    with pytest.raises(InputError, match="nothing yet"):
        desk.challenge("empty")
    desk.challenge("u", model=rivals[0])
    with pytest.raises(InputError, match="no previous version"):
        desk.rollback("u")
    assert story(desk)[-1][0] == "challenged"
    for wanted in (b"no model", rivals[0][:-9]):
        with pytest.raises(ModelFileError):
            desk.challenge("empty", model=wanted)
    with pytest.raises(FileNotFoundError):
        desk.challenge("empty", model="there-is-none.quickstudy")


def test_roles_go_round_and_every_step_is_an_event(desk, duty, rivals):
    (first,) = desk.versions("u")
    a = desk.challenge("u", model=rivals[0]).id
    promote(desk, duty)
    assert ids(desk, "u") == {"champion": a, "previous": first.id}
    b = desk.challenge("u", model=rivals[1]).id
    back = desk.rollback("u", reason="too bold")
    assert (back.id, back.role, back.why) == (first.id, "champion", "rolled back: too bold")
    assert ids(desk, "u") == {"champion": first.id, "previous": a, "retired": b}
    desk.rollback("u")
    c = desk.challenge("u", model=rivals[2]).id
    promote(desk, duty)
    roles = {version.id: version.role for version in desk.versions("u")}
    assert roles == {first.id: "retired", a: "previous", b: "retired", c: "champion"}
    assert story(desk) == [
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
    assert duty.roles.champion == c and agrees(desk, "u")


def test_an_automatic_rollback_goes_back_to_the_version_it_was_about(desk, duty, rivals):
    a = desk.challenge("u", model=rivals[0]).id
    promote(desk, duty)
    with pytest.raises(InputError, match="no previous version"):
        desk.writer.submit(Rollback(duty, a, reason="", actor="gate")).result()
    desk.writer.submit(Rollback(duty, duty.roles.previous, reason="", actor="gate")).result()
    assert duty.roles.previous == a


def test_an_override_takes_back_what_was_proved(desk, rivals):
    """What the champion might do alone was not proved for a version that did not pass."""
    desk.create("e", **EASY | {"budget_mb": 16})
    train(desk, "e", 60)
    duty = desk.desk.duty("e")
    desk.desk.roles_changed = lambda duty: None
    assert duty.control.level == "act" and duty.epoch == 0
    assert any(answer.decision == "act" for answer in train(desk, "e", 20))
    packed, asof = duty.worker.errand(lambda: (duty.twins.resting.packed(), duty.learned)).result()
    about = {"kind": "consolidated", "asof": asof, "parent": duty.roles.champion, "simpler": True}
    desk.staff.contests.enlist(duty, consolidate(packed), about, "", "me")
    promote(desk, duty)
    assert duty.epoch == 0  # it passed the gate, and is of the same making
    desk.challenge("e", model=rivals[1])
    promote(desk, duty, override=["better"])
    assert duty.epoch == 1 and agrees(desk, "e")
    assert all(answer.decision == "ask" for answer in train(desk, "e", 5))


def test_after_an_override_the_level_must_be_earned_again(desk, rivals):
    desk.desk.roles_changed = lambda duty: None
    desk.create("e", **EASY | {"budget_mb": 16, "start": "suggest", "approvals": 0})
    train(desk, "e", 80)
    duty = desk.desk.duty("e")
    assert desk.autonomy("e").level == "act"
    desk.challenge("e", model=rivals[0])
    promote(desk, duty, override=["better", "exam"])
    assert desk.autonomy("e").level == "suggest"
    change = desk.autonomy("e").history[0]
    assert (change.before, change.after) == ("act", "suggest") and "gate" in change.why
    desk.flush()
    assert agrees(desk, "e")


def test_the_last_version_that_was_better_stays_the_measure(desk, duty, rivals):
    """Small steps down cannot add up: each is measured against the last that was proved."""
    from quickstudy.deploy.versions.registry import version_rows

    (first,) = desk.versions("u")
    for better, anchor in ((False, first.id), (False, first.id), (True, "")):
        version = desk.challenge("u", model=rivals.pop()).id
        promote(desk, duty, better=better)
        with desk.store.reading() as connection:
            rows = {row["id"]: row for row in version_rows(connection, duty.number)}
        assert rows[version]["anchor"] == anchor


def test_going_back_by_hand_takes_back_what_was_proved(desk):
    """Twice is there and back again: neither may do what the other has earned."""
    desk.desk.roles_changed = lambda duty: None
    desk.create("e", **EASY | {"budget_mb": 16})
    train(desk, "e", 60)
    duty = desk.desk.duty("e")
    desk.challenge("e", model=model((range(12), right)))
    promote(desk, duty)
    for _ in range(2):
        train(desk, "e", 60)
        assert duty.control.risk.certified
        desk.rollback("e")
        assert not duty.control.risk.certified and desk.predict("e", record(0)).decision == "ask"
    assert agrees(desk, "e")
