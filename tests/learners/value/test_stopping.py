"""Certified stops: never before the proof, of the right runs, and taken back when it fails."""

import numpy as np
import pytest

from quickstudy.learners.value.stopping import StopRule
from quickstudy.snapshot import digest, flattened

NEXT, OPEN = 100_000, 200_000  # numbers of runs that no stream has


def rule_of(error=0.2, *, audit=0.1, seed=0):
    return StopRule(error, alpha=0.05, audit=audit, seed=seed)


def warmed(error=0.2, *, cases=200, **settings):
    """A rule whose thresholds are drawn, before anything counts as evidence."""
    rule = rule_of(error, **settings)
    rng = np.random.default_rng(5)
    for score in rng.uniform(0.0, 1.0, cases):
        rule.controller.observe(score)
        rule.controller.record(score, bool(score < 0.5))
    assert rule.controller.thresholds.max() < 0.9
    return rule


def run_through(rule, run, success, *, p, heed=True):
    """A run of two steps to its end; whether it was told to stop."""
    told = rule.step(run, min(p + 0.02, 0.99)) or rule.step(run, p)
    rule.close(run, None if told and heed else success)
    return told


def stream(rule, n, *, wrong, seed=0, first=0):
    """Runs of which half are said to fail; those succeed with chance `wrong`."""
    rng = np.random.default_rng(seed)
    told = []
    for i in range(first, first + n):
        failing = rng.random() < 0.5
        p = float(rng.uniform(0.02, 0.1) if failing else rng.uniform(0.6, 0.95))
        success = bool(rng.random() < (wrong if failing else 0.8))
        told.append((failing, success, run_through(rule, i, success, p=p)))
    return np.array(told)


def certified(**settings):
    rule = warmed(**settings)
    stream(rule, 300, wrong=0.0)
    assert rule.certificate.level > 0
    return rule


def test_it_certifies_where_stopped_runs_never_succeed_and_then_stops_them():
    rule = warmed()
    told = stream(rule, 300, wrong=0.0)
    assert rule.report()["level"] > 0
    assert not told[:20, 2].any()
    failing = told[150:, 0].astype(bool)
    assert 0.7 < told[150:][failing, 2].mean() < 1.0
    assert told[told[:, 2].astype(bool), 1].mean() < 0.2


def test_from_nothing_it_finds_its_thresholds_and_certifies():
    rule = rule_of()
    stream(rule, 600, wrong=0.0, seed=1)
    assert rule.report()["level"] > 0
    assert max(rule.report()["thresholds"]) < 0.99


@pytest.mark.parametrize("seed", range(5))
def test_it_never_stops_before_it_is_certified(seed):
    rule, rng = rule_of(seed=seed), np.random.default_rng(seed)
    for i in range(200):
        before = rule.certificate.level
        good = bool(rng.random() < 0.5)
        told = run_through(rule, i, good, p=float(rng.uniform(0.5, 0.9) - 0.5 * (not good)))
        assert before > 0 or not told


def overlapping(rule, rng, *, wrong, runs=150, slow=30):
    """Runs that start one after the other, all surely failing by their scores; whether certified.

    Those that succeed all the same take longer than those that fail.
    """
    ends = {}
    for i in range(runs):
        success = bool(rng.random() < wrong)
        rule.step(i, 0.03)
        ends.setdefault(i + (slow if success else 1), []).append((i, success))
        for run, its in ends.pop(i, []):
            rule.close(run, its)
        if rule.certificate.level:
            return True
    return False


def test_rules_that_err_by_just_what_is_allowed_are_hardly_ever_certified():
    """Thresholds from a better time; from then on a fifth of the runs that pass succeeds."""
    start = warmed().state()
    found = sum(
        overlapping(StopRule.from_state(start), np.random.default_rng(seed), wrong=0.2)
        for seed in range(120)
    )
    assert found <= 120 * 0.05 + 3.0 * np.sqrt(120 * 0.05 * 0.95)


def test_the_same_streams_are_certified_where_they_err_less():
    """The test before could certify, had there been anything to certify."""
    start = warmed().state()
    assert all(
        overlapping(StopRule.from_state(start), np.random.default_rng(seed), wrong=0.01)
        for seed in range(10)
    )


def test_a_share_of_runs_is_left_alone_to_the_end():
    rule = certified(audit=0.3)
    told, again = [], []
    for i in range(400):
        told.append(rule.step(NEXT + i, 0.03))
        again.append(rule.step(NEXT + i, 0.02))
        rule.close(NEXT + i, None if told[-1] else False)
    assert told == again
    assert 0.6 < np.mean(told) < 0.8
    assert rule.certificate.level > 0


def test_with_audits_of_all_nothing_is_ever_stopped():
    rule = warmed(audit=1.0)
    assert not stream(rule, 300, wrong=0.0)[:, 2].any()
    assert rule.certificate.level > 0


def test_the_end_of_a_run_that_was_stopped_and_went_on_is_no_evidence():
    states = []
    for end in (None, True, False):
        rule = certified()
        for i in range(30):
            if rule.step(NEXT + i, 0.03):
                rule.close(NEXT + i, end)
            else:
                rule.close(NEXT + i, False)
        states.append(digest(*flattened(rule.state())))
    assert len(set(states)) == 1


def test_a_run_that_was_told_to_stop_is_told_so_again():
    rule = certified()
    run = next(NEXT + i for i in range(100) if rule.step(NEXT + i, 0.03))
    assert all(rule.step(run, p) for p in (0.03, 0.9, 0.5))


def test_an_end_that_never_comes_counts_as_a_success():
    unknown, good, bad = (warmed() for _ in range(3))
    for rule, end in ((unknown, None), (good, True), (bad, False)):
        for i in range(60):
            rule.step(i, 0.03)
            rule.close(i, end)
    assert unknown.report() == good.report() | {"unknown": unknown.unknown}
    assert unknown.unknown > 10
    assert (unknown.certificate.level, bad.certificate.level > 0) == (0, True)


@pytest.mark.parametrize("slow_succeed", [True, False])
def test_evidence_comes_in_the_order_of_passing_not_of_ends(slow_succeed):
    """Those that fail are over soon; every other run takes long."""
    rule = warmed()
    for i in range(200):
        rule.step(i, 0.03)
    for i in range(1, 200, 2):
        rule.close(i, False)
        assert rule.certificate.level == 0  # a hundred failures, but the first run is still open
    for i in range(0, 200, 2):
        rule.close(i, slow_succeed)
    assert (rule.certificate.level > 0) == (not slow_succeed)


def test_runs_that_never_pass_keep_nobody_waiting():
    rule = warmed()
    for i in range(50):
        rule.step(OPEN + i, 0.9)
    for i in range(100):
        rule.step(i, 0.03)
        rule.close(i, False)
    assert rule.certificate.level > 0 and len(rule.cases) == 50


def test_the_guard_takes_the_certificate_back_when_the_world_changes():
    rule = certified()
    stream(rule, 3000, wrong=0.9, seed=2, first=1000)
    assert rule.report()["alarms"] >= 1
    assert rule.report()["level"] == 0
    assert not stream(rule, 30, wrong=0.9, seed=3, first=9000)[:, 2].any()


def test_nothing_is_kept_of_runs_that_are_over():
    rule = certified()
    stream(rule, 500, wrong=0.0, seed=4, first=5000)
    assert rule.cases == {} and not any(rule.queues)


def test_state_in_the_middle_goes_on_bit_for_bit():
    one = certified()
    for i in range(20):
        one.step(OPEN + i, 0.03 + 0.04 * i)
    one.close(OPEN + 7, False)
    other = StopRule.from_state(one.state())
    for rule in (one, other):
        told = [rule.step(OPEN + i, 0.02) for i in range(20) if i != 7]
        for i in range(20):
            rule.close(OPEN + i, i % 3 == 0)
        told += [bool(t) for t in stream(rule, 200, wrong=0.1, seed=9, first=700)[:, 2]]
        rule.told = told
    assert one.told == other.told
    assert digest(*flattened(one.state())) == digest(*flattened(other.state()))


def test_another_promise_is_proved_anew():
    rule = certified()
    rule.step(OPEN, 0.6)
    made = rule.reset(0.1)
    assert (made.error, made.certificate.level, made.alpha, made.audit) == (0.1, 0, 0.05, 0.1)
    assert made.tosses == rule.tosses and not made.step(OPEN, 0.02)
