"""What is known of versions: who answered when, and how two of them differ."""

import pytest

from quickstudy.deploy.decisions.commands import Challenge, Made, Promote
from quickstudy.errors import InputError, ModelFileError, NotFoundError
from tests.deploy.promotion.rivals import SMALL, cases, kind, model, right, wrong


@pytest.fixture
def lived(desk):
    """Learner `u` after a promotion and a rollback; the ids of its two versions."""
    desk.desk.roles_changed = lambda duty: None
    desk.create("u", **SMALL)
    for _ in range(2):
        cases(desk, range(30), name="u")
    duty = desk.desk.duty("u")
    new = desk.challenge("u", model=model((range(30, 60), right), (range(20), wrong))).id
    old = duty.roles.champion
    cases(desk, range(40), name="u")
    desk.writer.submit(Promote(duty, new, [], (), True, "better", "me")).result()
    cases(desk, range(10), name="u")
    desk.rollback("u")
    return old, new


def test_who_answered_at_a_time(desk, lived):
    old, new = lived
    events = {event.type: event.time for event in desk.events(learner="u", limit=1000)}
    created, promoted = events["created"], events["promoted"]
    named = {
        created: old,
        promoted - 1e-6: old,
        promoted: new,
        events["rolled_back"] - 1e-6: new,
        events["rolled_back"]: old,
        events["rolled_back"] + 1e9: old,
    }
    assert {time: desk.version_at("u", time).id for time in named} == named
    assert desk.version_at("u", promoted).learner == "u"
    with pytest.raises(NotFoundError, match="not there yet"):
        desk.version_at("u", created - 1.0)


def test_predictions_carry_the_version_that_answered(desk, lived):
    told = [
        event.payload["version"]
        for event in desk.events(learner="u", limit=1000)
        if event.type == "predicted"
    ]
    switches = [told[i] for i in range(len(told)) if i == 0 or told[i] != told[i - 1]]
    assert switches[0] == lived[0] and set(switches) <= set(lived)
    desk.flush()
    answer = desk.predict("u", kind(1))
    assert answer.version == lived[0] == desk.history(answer.id).answer.version


def test_two_versions_differ_where_they_do(desk, lived):
    """The first knows nothing; the other is right on 10 of the 40 cases that came after both."""
    old, new = lived
    desk.pin("u", record=kind(3), label=wrong(3))
    desk.pin("u", record=kind(50), label=right(50), bound="should")
    found = desk.diff("u", old[:6], new[:9])
    assert (found.before, found.after) == (old, new)
    assert (found.pins, found.right_before) == (2, 0)
    assert found.labelled == 50 and len(found.differences) == 50
    many = desk.diff("u", old, new, limit=100)
    assert all(one.before is None and one.after is not None for one in many.differences)
    right_ones = [one for one in many.differences if one.after == one.truth]
    assert found.right_after == len(right_ones)
    assert {one.where for one in many.differences} == {"stream", "exam"}
    answers = {one.id: one.after for one in many.differences if one.where == "exam"}
    assert list(answers.values()) == [wrong(3), right(50)]
    assert desk.diff("u", new, old, limit=3).right_before == found.right_after
    assert len(desk.diff("u", new, old, limit=3).differences) == 3
    assert desk.diff("u", new, new).differences == ()


def test_the_exam_is_sat_by_the_champion_or_by_a_version_as_it_was_made(desk, lived):
    old, new = lived
    desk.flush()
    desk.pin("u", record=kind(25), label=right(25))
    desk.pin("u", record=kind(50), label=right(50))
    now = desk.exam("u")
    assert now.version == old
    assert [pin.passes for pin in now.pins if pin.record == kind(25)] == [True]
    assert desk.exam("u", version=old[:8]) == now
    as_made = desk.exam("u", version=new[:6])
    assert as_made.version == new
    passed = {pin.record["b"]: pin.passes for pin in as_made.pins}
    assert passed == {kind(25)["b"]: False, kind(50)["b"]: True}


@pytest.mark.parametrize("id", ["", "abc", "0" * 32, "zzzzzz"])
def test_a_version_that_is_not_there_is_named(desk, lived, id):
    with pytest.raises(NotFoundError, match="no version"):
        desk.diff("u", id, lived[1])
    with pytest.raises(NotFoundError, match="no version"):
        desk.exam("u", version=id or "0")


def test_the_beginning_of_two_versions_is_not_enough(desk, lived):
    duty = desk.desk.duty("u")
    for end in "12":
        made = Made(f"abcdef{end:0>26}", "imported", 1, 0, 1, "", simpler=False)
        desk.writer.submit(Challenge(duty, made, "", "me")).result()
        desk.withdraw("u")
    with pytest.raises(InputError, match="beginning of 2 versions"):
        desk.diff("u", "abcdef", lived[0])
    with pytest.raises(ModelFileError, match="is gone"):
        desk.diff("u", made.id, lived[0])
