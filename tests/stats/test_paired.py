"""Evidence that a challenger is better cannot be had by looking often, and comes soon enough."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstudy.errors import InputError, SettingError
from quickstudy.stats.paired import Paired, bar, first_crossings

Way = tuple[float, int, float | None]  # probability, difference, scale; None: without a label


def ways(only_champion: float, only_challenger: float, pi: tuple[float, float]) -> list[Way]:
    """Every way a case can go: two kinds of cases, each with a label probability of its own."""
    found: list[Way] = []
    same = 1.0 - only_champion - only_challenger
    for label_probability in pi:
        for p, d in ((only_champion, 1), (only_challenger, -1), (same, 0)):
            found.append((0.5 * p * label_probability, d, min(pi) / label_probability))
            found.append((0.5 * p * (1.0 - label_probability), d, None))
    return found


def expected_evidence(cases: list[Way], length: int, margin: float) -> float:
    """Over all paths of that length."""
    total = 0.0
    for path in itertools.product(cases, repeat=length):
        test = Paired(margin)
        for _, d, scale in path:
            if scale is not None:
                test.update(d, scale=scale)
        total += np.prod([p for p, *_ in path]) * np.exp(test.log_evidence)
    return total


@pytest.mark.parametrize("margin", [0.0, 0.1, -0.1])
def test_expected_evidence_is_one_at_the_edge_of_the_null(margin):
    """All ways that three cases can go, with labels for some, summed exactly."""
    cases = ways(0.2, 0.2 + margin, pi=(1.0, 0.25))
    assert expected_evidence(cases, 3, margin) == pytest.approx(1.0, abs=1e-12)


def test_expected_evidence_shrinks_inside_the_null_and_grows_outside():
    assert expected_evidence(ways(0.1, 0.2, pi=(1.0, 0.25)), 3, 0.0) < 0.99
    assert expected_evidence(ways(0.3, 0.2, pi=(1.0, 0.25)), 3, 0.0) > 1.01


def test_the_bars_of_all_challengers_and_both_routes_add_up_to_alpha():
    spent = sum(2.0 * np.exp(-bar(0.05, k)) for k in range(1, 20_000))
    assert spent == pytest.approx(0.05, rel=1e-4)
    assert spent < 0.05


def streams(p: float, q: float, shape: tuple[int, int], seed: int) -> Any:
    """Differences where only the champion is wrong with p, only the challenger with q."""
    u = np.random.default_rng(seed).random(shape)
    return (u < p) * 1.0 - ((u >= p) & (u < p + q)) * 1.0


@pytest.mark.parametrize("discordant", [0.05, 0.4])
def test_two_equals_looked_at_after_every_case_are_seldom_told_apart(discordant):
    half = discordant / 2
    crossed = first_crossings(streams(half, half, (1000, 2000), seed=3), np.log(20.0)) > 0
    assert crossed.mean() <= 0.05
    assert crossed.any()  # the test is not idle


def test_labels_that_come_for_a_few_do_not_make_equals_unequal():
    """The more a case is worth asking about, the more surely it is labelled, and the more wrong."""
    rng = np.random.default_rng(4)
    shape = (1000, 2000)
    hard = rng.random(shape) < 0.3
    u = rng.random(shape)
    d = np.where(hard, np.where(u < 0.3, 1.0, 0.0), np.where(u < 0.3 * 3 / 7, -1.0, 0.0))
    assert abs(d.mean()) < 0.001
    pi = np.where(hard, 1.0, 0.2)  # all of the champion's errors, few of the challenger's
    scales = (rng.random(shape) < pi) * 0.2 / pi
    assert (first_crossings(d, np.log(20.0), scales=scales) > 0).mean() <= 0.05
    unweighted = (scales > 0) * 1.0
    assert (first_crossings(d, np.log(20.0), scales=unweighted) > 0).mean() > 0.9


@pytest.mark.parametrize(
    "p, q, most", [(0.06, 0.02, 450), (0.15, 0.05, 210), (0.05, 0.03, 1900), (0.12, 0.02, 170)]
)
def test_power(p, q, most):
    """Median cases until a challenger that errs 4, 10 or 2 points less is seen to be better."""
    found = first_crossings(streams(p, q, (401, 4000), seed=5), bar(0.05))
    assert np.median(np.where(found == 0, 4001, found)) <= most


def test_one_that_is_worse_by_more_than_the_margin_is_not_let_through():
    worse = streams(0.03, 0.06, (500, 2000), seed=6)  # by 3 points
    assert (first_crossings(worse, np.log(20.0), margin=0.02) > 0).mean() <= 0.05
    equal = streams(0.03, 0.03, (500, 2000), seed=6)
    assert (first_crossings(equal, np.log(20.0), margin=0.02) > 0).mean() > 0.5


@given(st.lists(st.tuples(st.floats(-1, 1), st.floats(0.01, 1)), max_size=40), st.floats(-0.5, 0.5))
def test_evidence_is_the_product_of_the_bets(cases, margin):
    """Against a plain product, one stake at a time."""
    from quickstudy.stats.paired import STAKES, WEIGHTS

    test = Paired(margin)
    for d, scale in cases:
        test.update(d, scale=scale)
    plain = 0.0
    for share, weight in zip(STAKES, WEIGHTS, strict=True):
        wealth = weight
        for d, scale in cases:
            wealth *= 1.0 + share / max(1.0, 1.0 - margin) * (d + margin) * scale
        plain += wealth
    assert np.exp(test.log_evidence) == pytest.approx(plain, rel=1e-9)
    assert test.cases == len(cases)
    if cases:
        d, scale = (np.array(column)[None] for column in zip(*cases, strict=True))
        assert test.gain == pytest.approx(np.average(d, weights=scale), abs=1e-12)


def test_many_streams_at_once_agree_with_one_at_a_time():
    d = streams(0.3, 0.1, (20, 200), seed=7)
    scales = np.random.default_rng(8).choice([0.0, 0.3, 1.0], size=d.shape)
    many = first_crossings(d, 2.0, scales=scales, margin=0.05)
    for row in range(len(d)):
        test, found = Paired(0.05), 0
        for t in range(d.shape[1]):
            if scales[row, t]:
                test.update(d[row, t], scale=scales[row, t])
            if not found and test.log_evidence >= 2.0:
                found = t + 1
        assert many[row] == found


@pytest.mark.parametrize(
    "case", [(1.1, 1.0), (-1.1, 1.0), (float("nan"), 1.0), (0.0, 0.0), (0.0, 1.5)]
)
def test_what_is_out_of_range_is_refused_with_nothing_changed(case):
    test, other = Paired(), Paired()
    for difference in (1.0, -0.5):
        test.update(difference, scale=0.5)
        with pytest.raises(InputError):
            test.update(case[0], scale=case[1])
        other.update(difference, scale=0.5)
        assert (test.cases, test.gain) == (other.cases, other.gain)
        assert test.log_evidence == other.log_evidence


def test_settings_out_of_range_are_refused():
    for wrong in (lambda: Paired(1.0), lambda: bar(0.0), lambda: bar(0.05, 0)):
        with pytest.raises(SettingError):
            wrong()
