"""Acting alone: at the target once certified, stopped by the guard, the same after a restart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from quickstudy.errors import InputError, QuickstudyError, SettingError
from quickstudy.stats.risk import ActOrAsk, Certificate, Controller, Decision, Guard

EPS = 0.05


def same(a: Any, b: Any) -> bool:
    """Bit for bit the same nested state."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    if isinstance(a, np.ndarray):
        return a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes()
    return type(a) is type(b) and a == b


def numbers(state: Any) -> int:
    """How many numbers a nested state holds."""
    if isinstance(state, dict):
        return sum(numbers(v) for v in state.values())
    if isinstance(state, list):
        return sum(numbers(v) for v in state)
    return int(np.size(state))


def run(
    control: ActOrAsk, cases: int, rng: np.random.Generator, error: float | None = None
) -> list[Decision]:
    """A stream of calibrated confidences, or of confidences that say nothing of `error`."""
    decisions = []
    for confidence in rng.beta(12.0, 1.0, size=cases):
        decision = control.decide(confidence)
        wrong = bool(rng.random() < (1.0 - confidence if error is None else error))
        control.record(decision, wrong if decision.labelled else None)
        decisions.append(decision)
    return decisions


def test_r19_small_nor_by_hunting_for_lucky_thresholds():
    """60 streams whose confidence says nothing of the error, through all three parts."""
    certified = 0
    for seed in range(60):
        control = ActOrAsk(1.0 - EPS, seed=seed)
        run(control, 250, np.random.default_rng(seed), error=EPS)
        certified += control.level() > 0 or control.report()["attempt"] > 1
    assert certified / 60 <= 0.05


def test_acts_at_the_target_once_certified():
    rng = np.random.default_rng(8)
    control = ActOrAsk(1.0 - EPS, seed=8)
    decisions = run(control, 4000, rng)
    late = decisions[3000:]
    assert np.mean([d.act for d in late]) > 0.3
    assert np.mean([1.0 - d.confidence for d in late if d.act]) < EPS


def test_audits_come_at_their_rate():
    control = ActOrAsk(1.0 - EPS, seed=9, audit_testing=0.2, patience=500)
    decisions = run(control, 5000, np.random.default_rng(9))
    acted = [d for d in decisions if d.act]
    for pi in (0.2, 0.05):
        audits = [d.audit for d in acted if d.label_probability == pi]
        assert len(audits) > 200
        assert abs(np.mean(audits) - pi) < 4.0 * np.sqrt(pi * (1.0 - pi) / len(audits))
    assert all(d.ask for d in decisions if not d.act)


def test_drift_alarms_the_guard_which_stops_all_acting_until_certified_anew():
    """What the learner was sure of goes wrong, which only audits can show."""
    rng = np.random.default_rng(10)
    control = ActOrAsk(1.0 - EPS, seed=10)
    run(control, 3000, rng)
    assert control.level() > 0
    acted = 0
    for confidence in rng.beta(12.0, 1.0, size=6000):
        decision = control.decide(confidence)
        acted += decision.act
        error = 0.4 if decision.act else 1.0 - confidence
        if control.record(decision, bool(rng.random() < error) if decision.labelled else None):
            break
    assert 0 < acted < 400  # the controller backs off first, the guard ends it
    assert control.report()["alarms"] == 1
    assert control.level() == 0
    assert not control.decide(1.0).act
    run(control, 4000, rng)
    assert control.report()["attempt"] == 2
    assert control.level() > 0


def test_a_drift_that_asked_cases_show_moves_the_thresholds_before_the_guard():
    rng = np.random.default_rng(10)
    control = ActOrAsk(1.0 - EPS, seed=10)
    run(control, 3000, rng)
    decisions = run(control, 1000, rng, error=0.4)
    assert not any(d.act for d in decisions[-300:])


def test_an_expired_ask_counts_as_wrong_and_a_volunteered_correction_is_refused():
    expired, wrong = ActOrAsk(seed=1), ActOrAsk(seed=1)
    for _ in range(50):
        expired.record(expired.decide(0.9), None)
        wrong.record(wrong.decide(0.9), True)
    assert same(expired.state(), wrong.state())
    control = ActOrAsk(seed=11)
    unlabelled = next(d for d in run(control, 4000, np.random.default_rng(11)) if not d.labelled)
    before = control.state()
    with pytest.raises(InputError, match="wrong must be None, not False"):
        control.record(unlabelled, False)
    assert same(before, control.state())


def test_a_label_with_a_target_of_its_own_acts_only_by_its_own_certificate():
    control = ActOrAsk(0.95, seed=12, targets={"fraud": 0.99}, costs={"refund": 5.0})
    rng = np.random.default_rng(12)
    for c in rng.beta(60.0, 1.0, size=1000):
        decision = control.decide(c, "other")
        control.record(decision, bool(rng.random() > c) if decision.labelled else None)
    assert control.report("other")["level"] > 0
    assert control.report("fraud")["level"] == control.report("refund")["level"] == 0
    assert not control.decide(1.0, "fraud").act
    assert control.decide(1.0, "other").act
    assert control.report("fraud")["error"] == pytest.approx(0.01)
    assert control.report("refund")["error"] == pytest.approx(0.01)
    assert control.report(1)["error"] == control.report(True)["error"] == pytest.approx(0.05)


def test_costs_and_targets_keep_1_and_true_apart():
    control = ActOrAsk(0.9, seed=0, targets={1: 0.98}, costs={True: 2.0, 2: 4.0})
    allowed = [control.report(label)["error"] for label in (1, True, 2, "1")]
    assert allowed == pytest.approx([0.02, 0.05, 0.025, 0.1])


def test_a_short_budget_for_asking_slows_the_evidence_and_no_more():
    control = ActOrAsk(seed=13, least_ask=0.5)
    rng = np.random.default_rng(13)
    asked = []
    for _ in range(400):
        decision = control.decide(0.9, ask_probability=0.5)
        asked.append(decision.ask)
        control.record(decision, bool(rng.random() < 0.1) if decision.labelled else None)
    assert 0.4 < np.mean(asked) < 0.6
    assert decision.smallest == 0.5
    with pytest.raises(InputError, match="ask_probability must be in"):
        control.decide(0.9, ask_probability=0.4)


@pytest.mark.parametrize("stop", [0, 17, 900, 2600])
def test_stop_save_load_continue_is_the_same_bit_for_bit(stop):
    def fresh() -> ActOrAsk:
        return ActOrAsk(0.95, seed=14, targets={1: 0.9, "a": 0.98}, fractions=(0.3, 0.6))

    def feed(control: ActOrAsk, start: int, end: int) -> list[Decision]:
        decisions = []
        for i in range(start, end):
            rng = np.random.default_rng(i)
            confidence = float(rng.beta(20.0, 1.0))
            decision = control.decide(confidence, [1, "a", "b", "b"][i % 4])
            wrong = bool(rng.random() > confidence)
            control.record(decision, wrong if decision.labelled else None)
            decisions.append(decision)
        return decisions

    whole, first = fresh(), fresh()
    decisions = feed(whole, 0, 3000)
    begun = feed(first, 0, stop)
    saved = first.state()
    copy = ActOrAsk.from_state(saved)
    assert same(saved, copy.state())
    assert begun + feed(copy, stop, 3000) == decisions
    assert same(copy.state(), whole.state())
    assert same(saved, first.state())


def test_the_state_does_not_grow():
    control = ActOrAsk(seed=15)
    rng = np.random.default_rng(15)
    run(control, 2500, rng, error=0.2)
    size = numbers(control.state())
    run(control, 2500, rng, error=0.2)
    assert numbers(control.state()) == size


@pytest.mark.parametrize(
    "make, message",
    [
        (lambda: Certificate(0.0), r"error must be in \(0, 1\), not 0.0"),
        (lambda: Certificate(0.05, alpha=2.0), r"alpha must be in \(0, 1\), not 2.0"),
        (lambda: Certificate(0.05, policies=0), r"policies must be in \[1, 64\], not 0"),
        (lambda: Certificate(0.05, stakes=(1.0,)), r"stakes must be in \(0, 1\), not 1.0"),
        (lambda: Certificate(0.05, stakes=()), "stakes must hold at least one"),
        (lambda: Guard(0.05, between_alarms=1.0), "between_alarms must be in"),
        (lambda: Guard(float("nan")), "error must be in .*nan"),
        (lambda: Controller(0.05, fractions=(0.5, 0.3)), "fractions must rise"),
        (lambda: Controller(0.05, half_life=0.0), "half_life must be in"),
        (lambda: ActOrAsk(1.0, seed=0), r"target must be in \(0, 1\), not 1.0"),
        (lambda: ActOrAsk(seed=-1), "seed must be an integer"),
        (lambda: ActOrAsk(seed=0, audit_testing=0.01), r"audit_testing must be in \[0.05, 1\]"),
        (lambda: ActOrAsk(seed=0, targets={"a": 95}), r"targets\['a'\] must be in \(0, 1\)"),
        (lambda: ActOrAsk(seed=0, costs={"a": 0}), r"costs\['a'\] must be in"),
    ],
)
def test_a_bad_setting_is_named(make, message):
    with pytest.raises(SettingError, match=message):
        make()


@pytest.mark.parametrize(
    "act, message",
    [
        (lambda c: c.decide(1.2), r"confidence must be in \[0, 1\], not 1.2"),
        (lambda c: c.decide(float("nan")), r"confidence must be in \[0, 1\], not nan"),
        (lambda c: c.decide("0.9"), r"confidence must be in \[0, 1\], not '0.9'"),
        (lambda c: c.decide(0.9, ask_probability=0.5), "ask_probability must be in"),
        (lambda c: c.record(c.decide(0.9), 1), "wrong must be True, False or None, not 1"),
        (lambda c: c._rest.controller.observe(-1.0), "confidence must be in"),
        (lambda c: c._rest.controller.record(0.5, None), "wrong must be True or False, not None"),
        (lambda c: c._rest.controller.record(0.5, True, label_probability=0.0), "label_prob"),
        (lambda c: c._rest.certificate.update([True], True), "would_act must be 4 booleans"),
        (lambda c: c._rest.certificate.update([1, 0, 0, 0], True), "would_act must be 4 booleans"),
        (
            lambda c: c._rest.certificate.update(
                [True] * 4, True, label_probability=0.1, smallest=0.2
            ),
            r"label_probability must be in \[0.2, 1\], not 0.1",
        ),
        (lambda c: c._rest.guard.update("no"), "wrong must be True, False or None"),
        (lambda c: c._rest.guard.update(True, label_probability=2.0), "must be in"),
    ],
)
def test_a_bad_input_is_named_and_changes_nothing(act, message):
    control = ActOrAsk(seed=16)
    run(control, 100, np.random.default_rng(16))
    control.decide(0.9)
    before = {k: v for k, v in control.state()["rest"].items() if k != "controller"}
    labelled = control.state()["rest"]["controller"]["labelled"]
    with pytest.raises(QuickstudyError, match=message):
        act(control)
    after = control.state()["rest"]
    assert same(before, {k: v for k, v in after.items() if k != "controller"})
    assert same(labelled, after["controller"]["labelled"])
