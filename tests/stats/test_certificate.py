"""Evidence that cannot be gamed: what the certificate and the guard promise."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstudy.stats.risk import Certificate, Guard

EPS = 0.05


def outcomes(acted: float, audit: float, wrong_acted: float, wrong_asked: float) -> list[Any]:
    """Every (probability, outcome, pi) of a case: acted on and perhaps audited, or asked."""
    found = []
    for wrong in (True, False):
        p = acted * (wrong_acted if wrong else 1.0 - wrong_acted)
        found += [(p * audit, wrong, audit), (p * (1.0 - audit), None, audit)]
        found.append(((1.0 - acted) * (wrong_asked if wrong else 1.0 - wrong_asked), wrong, 1.0))
    return found


@pytest.mark.parametrize("wrong_asked, expected", [(0.09, 1.0), (0.2, None)])
def test_expected_evidence_never_grows_under_the_null(wrong_asked, expected):
    """All 216 ways that three cases can go, across a restart, summed exactly."""
    ways = outcomes(acted=0.5, audit=0.2, wrong_acted=0.01, wrong_asked=wrong_asked)
    assert sum(p for p, *_ in ways) == pytest.approx(1.0)
    total = 0.0
    for path in itertools.product(ways, repeat=3):
        certificate = Certificate(EPS, policies=1, every=2)
        for _, wrong, pi in path:
            certificate.update([True], wrong, label_probability=pi, smallest=0.2)
        total += np.prod([p for p, *_ in path]) * np.exp(certificate.log_evidence[0])
    if expected is None:  # 10.5 % wrong in all
        assert total < 0.999
    else:  # exactly 5 % wrong in all, though the cases acted on are better
        assert total == pytest.approx(expected, abs=1e-12)


def test_evidence_is_that_of_restarts_kept_apart():
    """One accumulator a stake does what a list of restarts, each with its own wealth, would do."""
    rng = np.random.default_rng(1)
    every, stakes = 7, (0.3, 0.8)
    certificate = Certificate(EPS, policies=1, stakes=stakes, every=every)
    cases = [(bool(rng.random() < 0.08), float(rng.choice([0.2, 1.0]))) for _ in range(60)]
    for wrong, pi in cases:
        certificate.update([True], wrong, label_probability=pi, smallest=0.2)
    total = 0.0
    for g in stakes:
        for k in range(1, 1000):
            wealth = 1.0 / (k * (k + 1))
            for wrong, pi in cases[(k - 1) * every :]:
                wealth *= 1.0 + g / (1.0 - EPS) * 0.2 / pi * (EPS - wrong)
            total += wealth / len(stakes)
    never_opened = 1.0 / 1000.0  # the weights of k >= 1000 add up to this
    assert np.exp(certificate.log_evidence[0]) == pytest.approx(total + never_opened, rel=1e-9)


def test_a_policy_waits_for_every_stricter_one():
    certificate = Certificate(EPS, policies=2)
    for _ in range(300):
        certificate.update([False, True], False)
    assert certificate.log_evidence[1] > certificate.log_bar
    assert certificate.level == 0
    for _ in range(200):
        certificate.update([True, True], False)
    assert certificate.level == 2


def test_each_attempt_costs_more_and_all_together_cost_alpha():
    certificate = Certificate(EPS, alpha=0.05)
    spent = 0.0
    for _ in range(20_000):
        spent += np.exp(-certificate.log_bar)
        certificate.attempt += 1
    assert 0.0499 < spent < 0.05


def test_stepping_down_revokes_and_starts_again():
    certificate = Certificate(EPS, policies=1)
    for _ in range(200):
        certificate.update([True], False)
    assert certificate.level == 1
    certificate.step_down()
    assert (certificate.level, certificate.attempt) == (0, 2)
    assert certificate.log_evidence[0] == 0.0


def test_weak_beginnings_do_not_count_for_ever():
    """500 cases at 30 % error, then faultless: certified within as many cases as it takes anew."""
    rng = np.random.default_rng(0)
    certificate = Certificate(EPS, policies=1)
    for _ in range(500):
        certificate.update([True], bool(rng.random() < 0.3))
    cases = 0
    while certificate.level == 0:
        certificate.update([True], False)
        cases += 1
    assert cases < 250


@given(st.lists(st.tuples(st.sampled_from([True, False, None]), st.floats(0.01, 1.0))))
def test_evidence_stays_a_number(cases):
    certificate = Certificate(0.5, policies=1, every=3)
    for wrong, pi in cases:
        certificate.update([True], wrong, label_probability=pi, smallest=0.01)
    assert np.isfinite(certificate.log_evidence).all()


def test_evidence_survives_a_million_faultless_cases_worth_of_growth():
    certificate = Certificate(EPS, policies=1)
    certificate.update([True], False)
    certificate._log_wealth += 50_000.0
    certificate.update([True], True)
    assert 49_000.0 < certificate.log_evidence[0] < 50_001.0


def test_r19_small_an_error_of_exactly_eps_is_rarely_certified():
    """400 streams, four nested policies, every one of them 5 % wrong (4,000 in benchmarks)."""
    certified = 0
    for seed in range(400):
        rng = np.random.default_rng(seed)
        certificate = Certificate(EPS)
        for u, wrong in zip(rng.random(200), rng.random(200) < EPS, strict=True):
            certificate.update(u < np.array([0.4, 0.6, 0.8, 1.0]), bool(wrong))
        certified += certificate.level > 0
    assert certified / 400 <= 0.05


def test_r19_small_a_good_policy_does_not_pull_a_bad_one_through():
    """The strict policy is 1 % wrong and acts; the others are exactly 5 % wrong, and audited."""
    rng = np.random.default_rng(19)
    certified = 0
    for _ in range(40):
        certificate = Certificate(EPS)
        for strict in rng.random(1000) < 0.5:
            wrong = bool(rng.random() < (0.01 if strict else 0.09))
            acts = strict and certificate.level > 0
            pi, smallest = (0.2 if acts else 1.0), (0.2 if certificate.level else 1.0)
            certificate.update(
                [strict, True, True, True],
                wrong if rng.random() < pi else None,
                label_probability=pi,
                smallest=smallest,
            )
        assert certificate.level >= 1
        certified += certificate.level > 1
    assert certified / 40 <= 0.05


def run_length(guard: Guard, error: float, rng: np.random.Generator, audit: float = 0.2) -> int:
    cases = 1
    while not guard.update(
        bool(rng.random() < error) if rng.random() < audit else None, label_probability=audit
    ):
        cases += 1
    return cases


def test_false_alarms_are_as_rare_as_promised():
    lengths = [
        run_length(Guard(EPS, between_alarms=300.0), EPS, np.random.default_rng(seed))
        for seed in range(150)
    ]
    assert np.mean(lengths) >= 300.0


def test_a_jump_in_error_is_seen_in_some_hundred_cases():
    lengths = []
    for seed in range(30):
        rng = np.random.default_rng(seed)
        guard = Guard(EPS)
        for _ in range(1000):
            guard.update(bool(rng.random() < 0.03) if rng.random() < 0.2 else None)
        lengths.append(run_length(guard, 0.2, rng))
    assert np.mean(lengths) < 200


def test_a_guard_starts_anew_after_its_alarm():
    guard = Guard(EPS, between_alarms=50.0)
    while not guard.update(True):
        pass
    assert guard.alarms == 1
    assert guard.log_evidence == -np.inf
