"""Who may take over: each rule lets the right one through, and stops the wrong one."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from quickstudy.api.versions import Condition
from quickstudy.deploy.promotion.gate import (
    ENOUGH,
    MOST_GROUPS,
    Gate,
    PairedOutcome,
    PinResult,
    Probation,
)
from quickstudy.errors import InputError, SettingError

WORSE_BASELINE = (("majority", True),)


def stream(count: int, champion: float, challenger: float, seed: int = 0, **fields: Any) -> Any:
    """Cases with independent errors of the two."""
    rng = np.random.default_rng(seed)
    for seq, (u, v) in enumerate(rng.random((count, 2))):
        yield PairedOutcome(seq, bool(u < champion), bool(v < challenger), **fields)


def fed(gate: Gate, *streams: Any) -> Gate:
    """The gate after all of the cases."""
    for cases in streams:
        for case in cases:
            gate.compare(case)
    return gate


def new(**settings: Any) -> Gate:
    """A gate with the usual settings."""
    return Gate(**({"alpha": 0.05, "margin": 0.02} | settings))


def condition(gate: Gate, name: str, **given: Any) -> Condition:
    """One of the five."""
    return next(c for c in gate.conditions(**given) if c.name == name)


def failing(gate: Gate, **given: Any) -> list[str]:
    """Names of the conditions that do not hold."""
    return [c.name for c in gate.conditions(**given) if not c.holds]


def test_a_better_challenger_passes_all_five():
    gate = fed(new(), stream(600, 0.2, 0.08, baselines=WORSE_BASELINE, groups=("source=ana",)))
    assert failing(gate) == []
    assert gate.route == "better"
    assert gate.labelled == 600
    assert gate.gain == pytest.approx(0.12, abs=0.03)
    names = [c.name for c in gate.conditions()]
    assert names == ["exam", "never", "better", "groups", "baselines"]


def test_nothing_is_promoted_before_the_first_case():
    assert failing(new(simpler=True)) == ["better", "baselines"]


def test_an_equal_one_is_not_better_and_the_detail_has_the_numbers():
    gate = fed(new(), stream(1000, 0.1, 0.1, baselines=WORSE_BASELINE))
    assert failing(gate) == ["better"]
    detail = condition(gate, "better").detail
    assert "1,000 labelled cases" in detail
    assert "66 needed" in detail


def test_a_simpler_one_may_be_as_good_and_a_larger_one_may_not():
    cases = list(stream(3000, 0.03, 0.03, seed=3, baselines=WORSE_BASELINE))
    assert fed(new(simpler=True), cases).route == "simpler"
    larger = fed(new(), cases)
    assert larger.route is None
    assert larger.log_evidence_margin is None


def test_small_steps_down_cannot_add_up():
    """As good as the champion, which is itself three points worse than the last good version."""
    rng = np.random.default_rng(2)
    gate = new(simpler=True)
    for seq, (u, v, w) in enumerate(rng.random((3000, 3))):
        champion, challenger, anchor = bool(u < 0.05), bool(v < 0.05), bool(w < 0.02)
        gate.compare(PairedOutcome(seq, champion, challenger, anchor, WORSE_BASELINE))
    assert failing(gate) == ["better"]
    assert "than the last better version" in condition(gate, "better").detail


def test_later_challengers_need_more_evidence():
    cases = list(stream(260, 0.2, 0.1, seed=3))
    first, tenth = fed(new(), cases), fed(new(attempt=10), cases)
    assert tenth.log_bar - first.log_bar == pytest.approx(np.log(100.0))
    assert first.log_evidence == tenth.log_evidence
    assert first.log_bar < first.log_evidence < tenth.log_bar
    assert (first.route, tenth.route) == ("better", None)


def test_labels_of_few_cases_count_as_their_weight():
    """A third of the cases, the ones that the champion gets wrong, are labelled three times over.

    Unweighted, the champion would look much worse than a challenger as good as it is.
    """
    gate = new()
    rng = np.random.default_rng(4)
    for seq in range(6000):
        hard = rng.random() < 1 / 3
        case = (bool(hard and rng.random() < 0.3), bool(not hard and rng.random() < 0.15))
        pi = 1.0 if hard else 1 / 3
        if rng.random() < pi:
            gate.compare(PairedOutcome(seq, *case, scale=1 / 3 / pi))
    assert gate.gain == pytest.approx(0.0, abs=0.02)
    assert gate.route is None


def test_one_group_that_gets_worse_stops_it_though_all_in_all_it_is_better():
    gate = fed(
        new(),
        stream(2000, 0.2, 0.05, seed=5, baselines=WORSE_BASELINE, groups=("environment=south",)),
        stream(300, 0.05, 0.2, seed=6, baselines=WORSE_BASELINE, groups=("environment=north",)),
    )
    assert failing(gate) == ["groups"]
    south, north = gate.groups[1], gate.groups[0]
    assert (north.name, north.cases, north.worse) == ("environment=north", 300, True)
    assert north.gain == pytest.approx(-0.15, abs=0.05)
    assert (south.name, south.worse) == ("environment=south", False)
    assert "environment=north" in condition(gate, "groups").detail


def test_a_group_within_the_margin_does_not_stop_it():
    gate = fed(new(margin=0.05), stream(3000, 0.05, 0.08, seed=7, groups=("source=ana",)))
    assert condition(gate, "groups").holds
    assert not condition(
        fed(new(margin=0.0), stream(3000, 0.05, 0.08, 7, groups=("a",))), "groups"
    ).holds


def test_small_groups_are_judged_together():
    """40 labels of 20 cases each, on all of which it got worse."""
    gate = new()
    for label in range(40):
        fed(gate, stream(20, 0.05, 0.25, seed=100 + label, groups=(f"label={label}",)))
    assert [(g.name, g.cases, g.worse) for g in gate.groups] == [("rest", 800, True)]
    assert not condition(gate, "groups").holds


def test_only_so_many_groups_are_followed():
    gate = new()
    for seq in range(3 * MOST_GROUPS):
        fed(gate, stream(1, 0.0, 0.0, groups=(f"label={seq}",)))
    late = f"label={3 * MOST_GROUPS}"
    fed(gate, stream(300, 0.0, 0.3, seed=8, groups=(late,)))
    assert [g.name for g in gate.groups] == ["rest"]
    assert gate.groups[0].worse
    for name in (f"label={MOST_GROUPS - 1}", f"label={MOST_GROUPS}"):
        fed(gate, stream(ENOUGH, 0.1, 0.1, groups=(name,)))
    assert [g.name for g in gate.groups] == [f"label={MOST_GROUPS - 1}", "rest"]


@pytest.mark.parametrize(
    "baseline, holds", [(0.5, True), (0.12, True), (0.1, False), (0.02, False)]
)
def test_it_must_beat_every_baseline(baseline, holds):
    """One that is wrong on 10 % of the cases; the baseline's errors are its own and some more."""
    rng = np.random.default_rng(9)
    gate = new()
    for seq, u in enumerate(rng.random(1500)):
        wrong = (("majority", True), ("neighbour", bool(u < baseline)))
        gate.compare(PairedOutcome(seq, bool(rng.random() < 0.4), bool(u < 0.1), baselines=wrong))
    assert failing(gate) == ([] if holds else ["baselines"])
    assert "neighbour" in condition(gate, "baselines").detail


def test_luck_against_a_baseline_is_not_enough():
    """Lower in the mean after 250 cases, of which the two are wrong on different halves."""
    gate = new()
    for seq in range(250):
        wrong = seq % 2 == 0
        other = (not wrong) or seq == 100
        gate.compare(PairedOutcome(seq, True, wrong, baselines=(("neighbour", other),)))
    assert gate.baselines[0][1] > 0.0
    assert failing(gate) == ["baselines"]


def test_a_few_cases_are_not_enough_against_a_baseline():
    cases = list(stream(ENOUGH, 0.9, 0.01, baselines=WORSE_BASELINE))
    assert failing(fed(new(), cases[:-1])) == ["baselines"]
    assert failing(fed(new(), cases)) == []


@pytest.mark.parametrize(
    "pins, holds",
    [
        ([("must", True, False)], False),
        ([("must", False, False)], True),  # the champion fails it as well
        ([("must", True, True), ("should", True, False), ("should", False, True)], True),
        ([("should", True, False), ("should", True, False), ("should", False, True)], False),
        ([], True),
    ],
)
def test_the_exam(pins, holds):
    sat = [PinResult(f"pin-{i}", *pin) for i, pin in enumerate(pins)]
    found = condition(new(), "exam", exam=sat)
    assert found.holds == holds
    if not holds and pins[0][0] == "must":
        assert "pin-0" in found.detail


def test_one_answer_against_a_must_never_rule_is_one_too_many():
    assert condition(new(), "never", never=0).holds
    broken = condition(new(), "never", never=1)
    assert not broken.holds
    assert broken.detail.startswith("1 answer ")


def standing(gate: Gate) -> Any:
    """All that a gate tells."""
    found = (gate.labelled, gate.gain, gate.log_evidence, gate.log_evidence_margin, gate.route)
    return *found, gate.conditions(), gate.groups, gate.baselines


def test_a_gate_keeps_no_state_as_its_cases_make_it_again():
    """A shadow that starts again, at any case, reads them from the log once more."""
    rng, cases = np.random.default_rng(10), []
    whole = new(simpler=True, attempt=3)
    for seq in range(700):
        case = PairedOutcome(
            seq,
            *(bool(b) for b in rng.random(3) < 0.2),
            (("no change", bool(rng.random() < 0.5)), ("majority", bool(rng.random() < 0.4))),
            float(rng.choice([0.05, 0.3, 1.0])),
            (f"environment={rng.integers(3)}", f"label={rng.integers(50)}"),
        )
        cases.append(case)
        whole.compare(case)
        if seq % 100 == 0:
            assert standing(fed(new(simpler=True, attempt=3), cases)) == standing(whole)


def test_a_case_out_of_range_changes_nothing():
    gate = fed(new(), stream(10, 0.5, 0.1, groups=("a",), baselines=WORSE_BASELINE))
    other = fed(new(), stream(10, 0.5, 0.1, groups=("a",), baselines=WORSE_BASELINE))
    with pytest.raises(InputError):
        gate.compare(
            PairedOutcome(11, True, False, scale=1.5, groups=("b",), baselines=(("x", True),))
        )
    assert standing(gate) == standing(other)
    later = list(stream(300, 0.3, 0.1, seed=12, groups=("b",), baselines=WORSE_BASELINE))
    assert standing(fed(gate, later)) == standing(fed(other, later))


@pytest.mark.parametrize("wrong", [{"alpha": 0.0}, {"margin": -0.1}, {"attempt": 0}])
def test_settings_out_of_range_are_refused(wrong):
    with pytest.raises(SettingError):
        new(**wrong)


def test_an_old_champion_that_was_better_comes_back():
    watch = Probation(alpha=0.05, cases=1000)
    for case in stream(1000, 0.2, 0.1, seed=11):
        watch.compare(case)
    assert watch.verdict == "roll back"
    assert watch.labelled < 500
    assert watch.gain > 0.0


def test_equals_stay_and_the_watch_ends():
    kept = 0
    for seed in range(40):
        watch = Probation(alpha=0.05, cases=200)
        for case in stream(250, 0.15, 0.15, seed=seed):
            watch.compare(case)
        kept += watch.verdict == "kept" and watch.labelled == 200
    assert kept >= 36
    assert Probation(alpha=0.05, cases=0).verdict == "kept"


def test_small_groups_within_the_margin_do_not_stop_it():
    gate = new(margin=0.1)
    for label in range(100):
        fed(gate, stream(20, 0.05, 0.11, seed=label, groups=(f"label={label}",)))
    assert gate.groups[0].gain < -0.04
    assert not gate.groups[0].worse


def test_an_audit_counts_for_all_the_cases_that_it_stands_for_in_a_probation():
    """The new one errs where all is asked, the old one as often where a tenth is audited."""
    rng = np.random.default_rng(12)
    watch = Probation(alpha=0.05, cases=100_000)
    for seq in range(4000):
        asked = bool(rng.random() < 0.5)
        pi = 1.0 if asked else 0.1
        if rng.random() < pi:
            wrong = bool(rng.random() < 0.2)
            watch.compare(PairedOutcome(seq, wrong and asked, wrong and not asked, scale=0.1 / pi))
    assert watch.verdict == "watching"
    assert watch.gain == pytest.approx(0.0, abs=0.04)
