"""Autonomy: levels earned by evidence, capped by people, lost by themselves; and its replay."""

import dataclasses
import itertools

import numpy as np
import pytest

from quickstudy.api.guardrails import LEVELS
from quickstudy.deploy.guardrails.autonomy import (
    Autonomy,
    GatedDecision,
    guard_delays,
    report_of,
    vetoed,
)
from quickstudy.errors import InputError
from quickstudy.stats.certificate import Guard
from quickstudy.stats.risk import ActOrAsk
from tests.stats.test_risk import same

SURE = 0.99


def new(*, start="suggest", ceiling="act", approvals=3, **risk):
    """Certified after some 75 right answers; all that is acted on is audited."""
    control = ActOrAsk(0.9, **{"seed": 1, "audit_testing": 1.0, "audit_settled": 1.0} | risk)
    return Autonomy(control, start=start, ceiling=ceiling, approvals=approvals)


def live(autonomy, cases, *, wrong=False, confidence=SURE, label="a"):
    """Answer cases that are all right, or all wrong; the rulings."""
    rulings = []
    for _ in range(cases):
        ruling = autonomy.decide(confidence, label)
        autonomy.record(ruling, wrong if ruling.decision.labelled else None)
        rulings.append(ruling)
    return rulings


def until(autonomy, level, *, wrong=False, label="a", most=2000):
    """Go on until a level is reached; the levels passed on the way, with the cases they took."""
    for i in range(most):
        if autonomy.level == level:
            return i
        live(autonomy, 1, wrong=wrong, label=label)
    raise AssertionError(f"still at {autonomy.level}")


def test_earns_one_level_after_another():
    autonomy = new(start="shadow")
    until(autonomy, "act")
    steps = autonomy.pop_level_changes()
    assert [(s.before, s.after) for s in steps] == list(itertools.pairwise(LEVELS))
    assert "half of the 3.5" in steps[0].why
    assert steps[1].why == "a policy is certified"
    assert steps[2].why == "3 of 3 held answers were approved"
    assert autonomy.pop_level_changes() == []
    assert live(autonomy, 1)[0].decision.act


def test_never_two_levels_at_one_outcome():
    autonomy = new(start="shadow", ceiling="shadow", approvals=0)
    live(autonomy, 200)
    assert autonomy.risk.certified > 0
    autonomy.set_bounds(ceiling="act", approvals=0)
    assert autonomy.level == "shadow"  # a higher ceiling raises nothing by itself
    levels = []
    for _ in range(4):
        live(autonomy, 1)
        levels.append(autonomy.level)
    assert levels == ["suggest", "approve", "act", "act"]


@pytest.mark.parametrize("level", ["shadow", "suggest", "approve"])
def test_below_act_all_is_asked_for_certain(level):
    autonomy = new(start=level, ceiling=level)
    rulings = live(autonomy, 200)
    for ruling in rulings:
        decision = ruling.decision
        assert (decision.act, decision.audit, decision.ask) == (False, False, True)
        assert (decision.label_probability, decision.smallest, decision.policy) == (1.0, 1.0, 0)
    assert not rulings[0].held
    assert rulings[-1].held == (level == "approve")
    assert autonomy.risk.certified > 0


def test_evidence_gathers_below_act_as_fast_as_if_nothing_were_certified():
    """Were the audit rate of acting the least probability, the next policies would wait longer."""
    held_back = new(ceiling="suggest", audit_testing=0.1, audit_settled=0.1)
    rng = np.random.default_rng(0)
    cases = rng.beta(12.0, 1.0, size=1500)
    for confidence in cases:
        ruling = held_back.decide(float(confidence), "a")
        held_back.record(ruling, bool(rng.random() > confidence))
    limited = new(start="act", audit_testing=0.1, audit_settled=0.1)
    rng = np.random.default_rng(0)
    rng.beta(12.0, 1.0, size=1500)
    for confidence in cases:
        ruling = vetoed(limited.decide(float(confidence), "a"))
        limited.record(ruling, bool(rng.random() > confidence))
    assert held_back.risk.certified == 4
    evidence = [a.risk.report()["log_evidence"][3] for a in (held_back, limited)]
    assert evidence[0] > evidence[1] > 0.0


def test_overruled_leaves_what_the_certificate_needs():
    autonomy = new(start="act", audit_testing=0.5, audit_settled=0.5)
    until(autonomy, "act")
    live(autonomy, 200)
    ruling = autonomy.decide(SURE, "a")
    assert ruling.decision.act
    made = vetoed(GatedDecision(ruling.decision, held=True))
    changed = {"act": False, "audit": False, "ask": True, "label_probability": 1.0, "policy": 0}
    assert made == GatedDecision(dataclasses.replace(ruling.decision, **changed), held=False)
    assert made.decision.would_act == ruling.decision.would_act
    assert made.decision.smallest == 0.5 <= made.decision.label_probability


def test_false_certificates_stay_as_rare_below_act_and_under_limits():
    """At an error of exactly what is allowed, alpha 5 %: every third act is overruled."""
    certified = 0
    for seed in range(60):
        rng = np.random.default_rng(seed)
        start = LEVELS[seed % 4]
        autonomy = new(start=start, seed=seed, audit_testing=0.35, audit_settled=0.05)
        for i, confidence in enumerate(rng.beta(12.0, 1.0, size=250)):
            ruling = autonomy.decide(float(confidence), None)
            if ruling.decision.act and i % 3 == 0:
                ruling = vetoed(ruling)
            wrong = bool(rng.random() < 0.1)
            autonomy.record(ruling, wrong if ruling.decision.labelled else None)
        told = autonomy.risk.report()
        certified += told["level"] > 0 or told["attempt"] > 1
    assert certified / 60 <= 0.05


def test_the_guard_is_fed_by_cases_acted_on_only():
    autonomy = new(start="act")
    live(autonomy, 200)
    before = autonomy.risk.state()["rest"]["guard"]
    for _ in range(3):
        autonomy.record(vetoed(autonomy.decide(SURE, "a")), True)
    assert same(autonomy.risk.state()["rest"]["guard"], before)
    assert autonomy.level == "act"
    live(autonomy, 1, wrong=True)
    assert not same(autonomy.risk.state()["rest"]["guard"], before)


def test_acts_after_enough_approvals_only():
    autonomy = new(approvals=20)
    until(autonomy, "approve")
    held = live(autonomy, 19)
    assert all(ruling.held for ruling in held)
    assert (autonomy.level, autonomy.approved) == ("approve", 19)
    live(autonomy, 1)
    assert autonomy.level == "act"
    assert (autonomy.approved, autonomy.refused) == (0, 0)


def test_wrong_ones_must_be_at_most_what_the_target_leaves():
    autonomy = new(approvals=3)
    until(autonomy, "approve")
    ruling = autonomy.decide(SURE, "a")
    autonomy.record(ruling, True)
    live(autonomy, 8)
    assert (autonomy.approved, autonomy.refused, autonomy.level) == (8, 1, "approve")
    told = report_of(autonomy, learner="t", history=())
    assert told.why_not_higher == "1 of 9 held answers were not approved, more than 0.1 of them"
    live(autonomy, 1)  # 1 of 10 at a target of 90 %
    assert autonomy.level == "act"


def test_silence_is_no_approval():
    autonomy = new(approvals=3)
    until(autonomy, "approve")
    autonomy.record(autonomy.decide(SURE, "a"), None)
    assert (autonomy.approved, autonomy.refused) == (0, 1)


def test_approvals_of_an_earlier_time_do_not_count():
    autonomy = new(approvals=3)
    until(autonomy, "approve")
    late = autonomy.decide(SURE, "a")
    autonomy.set_bounds(ceiling="suggest", approvals=3)
    autonomy.set_bounds(ceiling="act", approvals=3)
    until(autonomy, "approve")
    assert late.held
    autonomy.record(late, False)
    assert autonomy.approved == 0


def test_an_alarm_takes_it_down_and_down_again():
    autonomy = new(start="act")
    live(autonomy, 200)
    autonomy.pop_level_changes()
    until(autonomy, "approve", wrong=True, most=50)
    assert autonomy.risk.certified == 0
    live(autonomy, 1)
    assert autonomy.level == "suggest"
    steps = autonomy.pop_level_changes()
    assert [(s.before, s.after) for s in steps] == [("act", "approve"), ("approve", "suggest")]
    assert steps[0].why == "the guard saw more than 0.1 of its answers wrong"
    assert steps[1].why == "no policy is certified any more"
    assert report_of(autonomy, learner="t", history=()).alarms == 1
    assert until(autonomy, "act") > 30  # it earns all of it again


def test_after_an_alarm_it_stays_at_approve_while_something_else_is_certified():
    autonomy = new(start="act", approvals=2, targets={"b": 0.8})
    live(autonomy, 200, label="a")
    live(autonomy, 200, label="b")
    until(autonomy, "approve", wrong=True, label="b", most=50)
    assert (autonomy.approved, autonomy.refused) == (0, 0)
    live(autonomy, 1, label="b")
    assert autonomy.level == "approve"
    live(autonomy, 2, label="a")
    assert autonomy.level == "act"
    assert not live(autonomy, 1, label="b")[0].decision.act


def test_a_level_given_by_people_is_not_lost_for_want_of_evidence():
    autonomy = new(start="approve")
    live(autonomy, 10, wrong=True)
    assert autonomy.level == "approve"
    assert new(start="act", ceiling="suggest").level == "suggest"


def test_evidence_of_any_promise_counts():
    autonomy = new(start="shadow", ceiling="approve", targets={"b": 0.8})
    until(autonomy, "approve", label="b")
    assert autonomy.risk.level("a") == 0
    assert report_of(autonomy, learner="t", history=()).certified > 0


def test_a_lower_ceiling_binds_at_once():
    autonomy = new(start="act")
    live(autonomy, 200)
    autonomy.set_bounds(ceiling="suggest", approvals=3)
    assert autonomy.level == "suggest"
    assert not autonomy.decide(SURE, "a").decision.act
    assert [s.why for s in autonomy.pop_level_changes()] == ["the ceiling was lowered to suggest"]
    live(autonomy, 100)
    assert autonomy.level == "suggest"


def test_same_calls_same_state_also_after_a_restart():
    """Levels rise, fall and are bound on the way; the copies are made at every 40th case."""
    rng = np.random.default_rng(3)
    one, other = new(start="shadow", approvals=5), new(start="shadow", approvals=5)
    seen, waiting = set(), []
    for i, confidence in enumerate(rng.beta(12.0, 1.0, size=1100)):
        wrong = bool(rng.random() < (0.6 if 500 <= i < 600 else 0.02))
        if i % 40 == 0:
            other = Autonomy.from_state(other.state())
            other.pop_level_changes()
        rulings = [a.decide(float(confidence), "a") for a in (one, other)]
        assert rulings[0] == rulings[1]
        waiting.append((rulings, wrong))
        if len(waiting) > 7:  # labels come late
            (first, second), was_wrong = waiting.pop(0)
            outcome = was_wrong if first.decision.labelled else None
            one.record(first, outcome)
            other.record(second, outcome)
        if i in (650, 850):
            for a in (one, other):
                a.set_bounds(ceiling="approve" if i == 650 else "act", approvals=2)
        assert same(one.state(), other.state())
        seen.add(one.level)
    assert seen == set(LEVELS)
    assert one.risk.report()["alarms"] > 0


def test_refuses_what_risk_control_refuses_and_changes_nothing():
    autonomy = new(start="act", audit_testing=1e-6, audit_settled=1e-6)
    ruling = live(autonomy, 200)[-1]
    assert not ruling.decision.labelled
    before = autonomy.state()
    with pytest.raises(InputError, match="volunteered"):
        autonomy.record(ruling, True)
    with pytest.raises(InputError, match="confidence"):
        autonomy.decide(1.5, "a")
    assert same(autonomy.state(), before)


def test_reasons_name_level_policy_and_limit():
    autonomy = new(start="act")
    empty = autonomy.decide(0.0, None)
    assert autonomy.reason(empty, None) == "nothing was learned yet"
    asked = autonomy.decide(SURE, "a")
    assert autonomy.reason(asked, "a") == "no policy is certified yet, so everything is asked"
    for _ in range(200):
        live(autonomy, 1)
        live(autonomy, 1, wrong=True, confidence=0.2)
    acted = autonomy.decide(SURE, "a")
    sure = "policy 4 is certified for answers as sure as this"
    assert autonomy.reason(acted, "a") == f"{sure}, and the level is act; this one is checked"
    told = autonomy.reason(vetoed(acted), "a", "never: amount > 100")
    assert told == f"{sure}, but a limit forbids to act: never: amount > 100"
    doubt = autonomy.decide(0.1, "a")
    told = "not sure enough for policy 4, the most permissive that is certified"
    assert autonomy.reason(doubt, "a") == told
    assert autonomy.reason(doubt, "a", "paused by ana").endswith("limited, too: paused by ana")
    autonomy.set_bounds(ceiling="approve", approvals=3)
    told = autonomy.reason(autonomy.decide(SURE, "a"), "a")
    assert told == f"{sure}, but the level is approve: it is held until a person says yes"
    autonomy.set_bounds(ceiling="shadow", approvals=3)
    told = autonomy.reason(autonomy.decide(SURE, "a"), "a")
    assert told == f"{sure}, but the level is shadow: a person decides"


def test_report_says_what_is_missing():
    autonomy = new(start="shadow", ceiling="approve", approvals=20)
    live(autonomy, 52)
    told = report_of(autonomy, learner="t", history=())
    assert (told.level, told.next_level, told.ceiling) == ("shadow", "suggest", "approve")
    assert told.why_not_higher == "the evidence is 1.6 of the 1.7 that it takes"
    assert told.log_evidence == pytest.approx(1.6, abs=0.05)
    until(autonomy, "suggest")
    told = report_of(autonomy, learner="t", history=())
    assert told.why_not_higher.endswith("of the 3.5 that it takes")
    until(autonomy, "approve")
    told = report_of(autonomy, learner="t", history=())
    assert told.next_level is None
    assert told.why_not_higher == "the ceiling is approve: people allow no more"
    autonomy.set_bounds(ceiling="act", approvals=20)
    live(autonomy, 12)
    told = report_of(autonomy, learner="t", history=())
    assert told.why_not_higher == "12 of 20 held answers were approved"
    assert (told.approvals, told.refusals, told.approvals_needed) == (12, 0, 20)
    autonomy.set_bounds(ceiling="act", approvals=5)
    told = report_of(autonomy, learner="t", history=())
    assert told.why_not_higher == "it has all that it takes, and rises with the next outcome"
    live(autonomy, 1)
    assert report_of(autonomy, learner="t", history=()).why_not_higher == "it has the highest level"


def test_guard_delays_are_those_of_the_guard():
    """Against the guard itself, case by case; an error of 30 % is audited at 50 %."""
    lengths = []
    for seed in range(60):
        rng, guard = np.random.default_rng(seed), Guard(0.1)
        for _ in range(300):
            outcome = bool(rng.random() < 0.06) if rng.random() < 0.5 else None
            guard.update(outcome, label_probability=0.5)
        cases, alarm = 0, False
        while not alarm:
            cases += 1
            outcome = bool(rng.random() < 0.4) if rng.random() < 0.5 else None
            alarm = guard.update(outcome, label_probability=0.5)
        lengths.append(cases)
    told = dict(guard_delays(0.1, 0.5, 10_000.0))
    assert set(told) == {0.2, 0.4}
    assert told[0.4] == pytest.approx(np.mean(lengths), rel=0.25)


def test_audits_that_are_rarer_see_later():
    often, seldom = (dict(guard_delays(0.05, rate, 10_000.0)) for rate in (0.35, 0.05))
    assert set(often) == {0.1, 0.2, 0.4}
    assert all(seldom[error] > 2 * often[error] for error in often)
    assert 400 <= seldom[0.2] <= 600
