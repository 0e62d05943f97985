"""What is known of versions: who answered when, and how two of them differ."""

import pytest

from quickstudy.deploy.versions.commands import Challenge, Promote, VersionSpec
from quickstudy.errors import InputError, ModelFileError, NotFoundError
from tests.deploy.promotion.rivals import SMALL, cases, kind, model, right, wrong


@pytest.fixture
def lived(deployment):
    """Learner `u` after a promotion and a rollback; the ids of its two versions."""
    deployment.classifiers.roles_changed = lambda hosted: None
    deployment.create("u", **SMALL)
    for _ in range(2):
        cases(deployment, range(30), name="u")
    hosted = deployment.classifiers.by_name["u"]
    new = deployment.challenge("u", model=model((range(30, 60), right), (range(20), wrong))).id
    old = hosted.roles.champion
    cases(deployment, range(40), name="u")
    deployment.writer.submit(Promote(hosted, new, [], (), True, "better", "me")).result()
    cases(deployment, range(10), name="u")
    deployment.rollback("u")
    return old, new


def test_who_answered_at_a_time(deployment, lived):
    old, new = lived
    events = {event.type: event.time for event in deployment.events(learner="u", limit=1000)}
    created, promoted = events["created"], events["promoted"]
    named = {
        created: old,
        promoted - 1e-6: old,
        promoted: new,
        events["rolled_back"] - 1e-6: new,
        events["rolled_back"]: old,
        events["rolled_back"] + 1e9: old,
    }
    assert {time: deployment.version_at("u", time).id for time in named} == named
    assert deployment.version_at("u", promoted).learner == "u"
    with pytest.raises(NotFoundError, match="not there yet"):
        deployment.version_at("u", created - 1.0)


def test_predictions_carry_the_version_that_answered(deployment, lived):
    told = [
        event.payload["version"]
        for event in deployment.events(learner="u", limit=1000)
        if event.type == "predicted"
    ]
    switches = [told[i] for i in range(len(told)) if i == 0 or told[i] != told[i - 1]]
    assert switches[0] == lived[0] and set(switches) <= set(lived)
    deployment.flush()
    answer = deployment.predict("u", kind(1))
    assert answer.version == lived[0] == deployment.history(answer.id).answer.version


def test_two_versions_differ_where_they_do(deployment, lived):
    """The first knows nothing; the other is right on 10 of the 40 cases that came after both."""
    old, new = lived
    deployment.pin("u", record=kind(3), label=wrong(3))
    deployment.pin("u", record=kind(50), label=right(50), bound="should")
    found = deployment.diff("u", old[:6], new[:9])
    assert (found.before, found.after) == (old, new)
    assert (found.pins, found.right_before) == (2, 0)
    assert found.labelled == 50 and len(found.differences) == 50
    many = deployment.diff("u", old, new, limit=100)
    assert all(one.before is None and one.after is not None for one in many.differences)
    right_ones = [one for one in many.differences if one.after == one.truth]
    assert found.right_after == len(right_ones)
    assert {one.where for one in many.differences} == {"stream", "exam"}
    answers = {one.id: one.after for one in many.differences if one.where == "exam"}
    assert list(answers.values()) == [wrong(3), right(50)]
    assert deployment.diff("u", new, old, limit=3).right_before == found.right_after
    assert len(deployment.diff("u", new, old, limit=3).differences) == 3
    assert deployment.diff("u", new, new).differences == ()


def test_the_exam_is_sat_by_the_champion_or_by_a_version_as_it_was_made(deployment, lived):
    old, new = lived
    deployment.flush()
    deployment.pin("u", record=kind(25), label=right(25))
    deployment.pin("u", record=kind(50), label=right(50))
    now = deployment.exam("u")
    assert now.version == old
    assert [pin.passes for pin in now.pins if pin.record == kind(25)] == [True]
    assert deployment.exam("u", version=old[:8]) == now
    as_made = deployment.exam("u", version=new[:6])
    assert as_made.version == new
    passed = {pin.record["b"]: pin.passes for pin in as_made.pins}
    assert passed == {kind(25)["b"]: False, kind(50)["b"]: True}


@pytest.mark.parametrize("id", ["", "abc", "0" * 32, "zzzzzz"])
def test_a_version_that_is_not_there_is_named(deployment, lived, id):
    with pytest.raises(NotFoundError, match="no version"):
        deployment.diff("u", id, lived[1])
    with pytest.raises(NotFoundError, match="no version"):
        deployment.exam("u", version=id or "0")


def test_the_beginning_of_two_versions_is_not_enough(deployment, lived):
    hosted = deployment.classifiers.by_name["u"]
    for end in "12":
        made = VersionSpec(f"abcdef{end:0>26}", "imported", 1, 0, 1, "", simpler=False)
        deployment.writer.submit(Challenge(hosted, made, "", "me")).result()
        deployment.withdraw("u")
    with pytest.raises(InputError, match="beginning of 2 versions"):
        deployment.diff("u", "abcdef", lived[0])
    with pytest.raises(ModelFileError, match="is gone"):
        deployment.diff("u", made.id, lived[0])
