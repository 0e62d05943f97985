"""What the overview says of a learner, for every state it can be in; no browser is needed."""

import math

import pytest

from quickstudy.api.decisions import CurvePoint, LearnerInfo, Policy, Report
from quickstudy.api.settings import Settings
from quickstudy.serve.dashboard.learners import figures

BAR = math.log(33.0)


def report(**changed):
    found = {
        "learner": LearnerInfo("tickets", Settings(target=0.9), 0.0, 100, ("a", "b")),
        "cases": 1000,
        "acted": 400,
        "labels_used": 600,
        "share_handled": 0.4,
        "precision": None,
        "precision_low": None,
        "precision_high": None,
        "audits": 0,
        "waiting": 0,
        "contested": 0,
        "expired": 0,
        "lag": 0,
        "policies": (Policy(0.9, 2 * BAR, BAR, True), Policy(0.8, BAR / 2, BAR, False)),
        "alarms": 0,
        "attempt": 1,
        "curve": (),
        "sources": (),
        "experts": (),
        "seq": 1,
    }
    return Report(**{**found, **changed})


UNPROVED = (Policy(2.0, 0.0, BAR, False),)


@pytest.mark.parametrize(
    ("changed", "mood", "says"),
    [
        ({"cases": 0}, "calm", "Nothing has come in yet"),
        ({"labels_used": 0}, "busy", "first label"),
        ({"policies": UNPROVED}, "busy", "answers nothing alone yet"),
        ({"policies": UNPROVED, "alarms": 1}, "bad", "stepped down"),
        ({}, "good", "answers 40\u00a0% of cases alone"),
    ],
)
def test_the_headline_fits_the_state(changed, mood, says):
    told = figures.headline(report(**changed))
    assert told.mood == mood and says in told.title


@pytest.mark.parametrize(
    ("low", "middle", "high", "mood", "says"),
    [
        (0.92, 0.95, 0.97, "good", "surely above"),
        (0.86, 0.93, 0.97, "good", "so far"),
        (0.80, 0.88, 0.95, "busy", "close to"),
        (0.70, 0.80, 0.88, "bad", "below"),
    ],
)
def test_trust_compares_the_interval_with_the_target(low, middle, high, mood, says):
    shares = {"precision": middle, "precision_low": low, "precision_high": high, "audits": 50}
    told = figures.trust(report(**shares))
    assert told.mood == mood and says in told.verdict
    assert 0.0 <= told.low < told.high <= 100.0 and 0.0 <= told.target <= 100.0
    assert (told.low >= told.target) == (low >= 0.9)


def test_a_rule_is_in_use_only_when_all_stricter_ones_are_proved():
    ready = Policy(0.7, 3 * BAR, BAR, False)
    rows = figures.proofs(report(policies=(*report().policies, ready)))
    assert [row.state for row in rows] == [
        "in use",
        "50\u00a0% of the way",
        "waits for a stricter rule",
    ]
    assert [round(row.filled) for row in rows] == [100, 50, 100]


def test_a_rule_says_from_which_confidence_on_it_acts():
    rules = [Policy(threshold, BAR, BAR, True) for threshold in (1e6, 0.7, 0.0)]
    said = [row.when for row in figures.proofs(report(policies=tuple(rules)))]
    assert said == [
        "not sure enough of anything yet",
        "when 70\u00a0% sure or more",
        "however sure it is",
    ]


def test_the_curve_averages_the_last_cases_and_not_labels_it_does_not_have():
    steady = [CurvePoint(50 * i, 0.8, 0.5, 40 * i) for i in range(1, 20)]
    unlucky = CurvePoint(981, 0.0, 0.5, 40 * 19 + 1)  # one wrong label in 31 cases
    smoothed = figures.smooth((*steady, unlucky), "right")
    assert smoothed[:-1] == pytest.approx([0.8] * 19)
    assert 0.75 < smoothed[-1] < 0.8
    assert figures.better((*steady, unlucky))[0] in ("78\u00a0%", "79\u00a0%")
    assert figures.smooth((CurvePoint(50, None, 0.0, 0),), "right") == [None]
