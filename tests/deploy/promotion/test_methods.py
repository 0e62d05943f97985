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
    lambda deployment, name: deployment.versions(name),
    lambda deployment, name: deployment.version_at(name, time.time()),
    lambda deployment, name: deployment.challenge(name),
    lambda deployment, name: deployment.withdraw(name),
    lambda deployment, name: deployment.gate(name),
    lambda deployment, name: deployment.promote(name),
    lambda deployment, name: deployment.rollback(name),
    lambda deployment, name: deployment.diff(name, "abcdef", "abcdef"),
    lambda deployment, name: deployment.exam(name),
)


@pytest.mark.parametrize("ask", VERSIONED)
def test_a_learner_that_is_not_there(deployment, ask):
    with pytest.raises(NotFoundError, match="'nobody'"):
        ask(deployment, "nobody")


def test_a_reason_is_a_reason(deployment):
    cases(deployment, range(5))
    for reason in ("x" * 501, "a\x00b"):
        for act in (
            deployment.challenge,
            deployment.rollback,
            deployment.withdraw,
            deployment.promote,
        ):
            with pytest.raises(InputError):
                act("t", reason=reason)
    for wrong_limit in (0, 1001):
        with pytest.raises(InputError, match="limit"):
            deployment.diff("t", "abcdef", "abcdef", limit=wrong_limit)
    assert len(deployment.versions("t")) == 1


def test_a_promotion_by_hand(deployment):
    """The gate says what does not hold; people say that they know it."""
    deployment.create("u", **SMALL)
    for _ in range(2):
        cases(deployment, range(60), name="u")
    deployment.pin("u", record=kind(3), label=right(3))
    deployment.flush()
    first = deployment.versions("u")[0]
    assert deployment.gate("u") is None
    rival = model((range(30), wrong), (range(30), wrong))
    version = deployment.challenge("u", model=rival, reason="from the lab", actor="ana")
    assert (version.kind, version.parent, version.actor) == ("imported", "", "ana")
    cases(deployment, range(30, 60), name="u")
    gate = caught_up(deployment, "u")
    assert [condition.name for condition in gate.conditions] == ALL
    failing = [condition.name for condition in gate.conditions if not condition.holds]
    assert {"exam", "better", "baselines"} <= set(failing) and "never" not in failing
    assert "pin-" in gate.conditions[0].detail and gate.purpose == "challenge"
    assert deployment.exam("u", version=version.id[:7]).version == version.id
    assert [deployment.exam("u", version=v).pins[0].passes for v in (None, version.id)] == [
        True,
        False,
    ]
    with pytest.raises(InputError, match=f"not passed: {', '.join(failing)}; .* override"):
        deployment.promote("u")
    with pytest.raises(InputError, match="not passed: baselines;"):
        deployment.promote("u", override=[name for name in failing if name != "baselines"])
    with pytest.raises(InputError, match="'luck'; the conditions are baselines, better, exam,"):
        deployment.promote("u", override=["luck", *failing])
    assert events(deployment, "promoted") == []
    promoted = deployment.promote("u", override=ALL, reason="I know better", actor="ben")
    assert (promoted.id, promoted.role, promoted.why) == (version.id, "champion", "I know better")
    (event,) = events(deployment, "promoted")
    told = event.read()
    assert (event.actor, told["override"], told["better"]) == ("ben", failing, False)
    assert [c["name"] for c in told["conditions"] if not c["holds"]] == failing
    assert (
        deployment.learner("u").name == "u" and deployment.version_at("u", time.time()) == promoted
    )
    cases(deployment, range(10), name="u")
    probation = caught_up(deployment, "u")
    assert (probation.purpose, probation.version) == ("probation", first.id)
    deployment.rollback("u")
    assert deployment.gate("u") is None and agrees(deployment, "u")
