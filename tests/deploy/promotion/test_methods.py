"""What people say and ask of versions: by name, with errors that say what to do."""

import time

import pytest

from quickstudy.errors import InputError, NotFoundError
from tests.deploy.promotion.rivals import (
    ALL,
    SMALL,
    cases,
    caught_up,
    events,
    kind,
    model,
    right,
    wrong,
)
from tests.deploy.support import agrees

VERSIONED = (
    lambda desk, name: desk.versions(name),
    lambda desk, name: desk.version_at(name, time.time()),
    lambda desk, name: desk.challenge(name),
    lambda desk, name: desk.withdraw(name),
    lambda desk, name: desk.gate(name),
    lambda desk, name: desk.promote(name),
    lambda desk, name: desk.rollback(name),
    lambda desk, name: desk.diff(name, "abcdef", "abcdef"),
    lambda desk, name: desk.exam(name),
)


@pytest.mark.parametrize("ask", VERSIONED)
def test_a_learner_that_is_not_there(desk, ask):
    with pytest.raises(NotFoundError, match="'nobody'"):
        ask(desk, "nobody")


def test_a_reason_is_a_reason(desk):
    cases(desk, range(5))
    for reason in ("x" * 501, "a\x00b"):
        for act in (desk.challenge, desk.rollback, desk.withdraw, desk.promote):
            with pytest.raises(InputError):
                act("t", reason=reason)
    for wrong_limit in (0, 1001):
        with pytest.raises(InputError, match="limit"):
            desk.diff("t", "abcdef", "abcdef", limit=wrong_limit)
    assert len(desk.versions("t")) == 1


def test_a_promotion_by_hand(desk):
    """The gate says what does not hold; people say that they know it."""
    desk.create("u", **SMALL)
    for _ in range(2):
        cases(desk, range(60), name="u")
    desk.pin("u", record=kind(3), label=right(3))
    desk.flush()
    first = desk.versions("u")[0]
    assert desk.gate("u") is None
    rival = model((range(30), wrong), (range(30), wrong))
    version = desk.challenge("u", model=rival, reason="from the lab", actor="ana")
    assert (version.kind, version.parent, version.actor) == ("imported", "", "ana")
    cases(desk, range(30, 60), name="u")
    gate = caught_up(desk, "u")
    assert [condition.name for condition in gate.conditions] == ALL
    failing = [condition.name for condition in gate.conditions if not condition.holds]
    assert {"exam", "better", "baselines"} <= set(failing) and "never" not in failing
    assert "pin-" in gate.conditions[0].detail and gate.purpose == "challenge"
    assert desk.exam("u", version=version.id[:7]).version == version.id
    assert [desk.exam("u", version=v).pins[0].passes for v in (None, version.id)] == [True, False]
    with pytest.raises(InputError, match=f"not passed: {', '.join(failing)}; .* override"):
        desk.promote("u")
    with pytest.raises(InputError, match="not passed: baselines;"):
        desk.promote("u", override=[name for name in failing if name != "baselines"])
    with pytest.raises(InputError, match="'luck'; the conditions are baselines, better, exam,"):
        desk.promote("u", override=["luck", *failing])
    assert events(desk, "promoted") == []
    promoted = desk.promote("u", override=ALL, reason="I know better", actor="ben")
    assert (promoted.id, promoted.role, promoted.why) == (version.id, "champion", "I know better")
    (event,) = events(desk, "promoted")
    told = event.read()
    assert (event.actor, told["override"], told["better"]) == ("ben", failing, False)
    assert [c["name"] for c in told["conditions"] if not c["holds"]] == failing
    assert desk.learner("u").name == "u" and desk.version_at("u", time.time()) == promoted
    cases(desk, range(10), name="u")
    probation = caught_up(desk, "u")
    assert (probation.purpose, probation.version) == ("probation", first.id)
    desk.rollback("u")
    assert desk.gate("u") is None and agrees(desk, "u")
