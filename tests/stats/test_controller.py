"""Thresholds that follow the labelled record, and nothing that came later."""

from __future__ import annotations

import numpy as np
import pytest

from quickstudy.stats.risk import Controller

EPS = 0.05


def test_thresholds_depend_only_on_the_past():
    """Two streams that agree until case 700 have the same thresholds until then, and not after."""
    rng = np.random.default_rng(3)
    confidence = rng.beta(12.0, 1.0, size=1000)
    wrong = rng.random(1000) > confidence
    other = np.concatenate([np.arange(700), 700 + rng.permutation(300)])
    paths = []
    for order in (np.arange(1000), other):
        controller = Controller(EPS)
        path = []
        for c, w in zip(confidence[order], wrong[order], strict=True):
            path.append(controller.thresholds)
            controller.observe(c)
            controller.record(c, bool(w))
        paths.append(np.array(path))
    assert paths[0][:701].tobytes() == paths[1][:701].tobytes()
    assert not np.array_equal(paths[0][701:], paths[1][701:])


def test_thresholds_never_rise_from_strict_to_permissive():
    rng = np.random.default_rng(4)
    controller = Controller(EPS)
    for c in rng.random(1500):
        controller.observe(c)
        controller.record(c, bool(rng.random() > c**0.2))
        assert (controller.thresholds[1:] <= controller.thresholds[:-1]).all()


SCALES = {
    "calibrated": lambda c: c,
    "a tenth of it": lambda c: 0.1 * c,
    "its fourth power": lambda c: c**4,
    "crowded at 1": lambda c: 1.0 - 0.01 * (1.0 - c),
}


@pytest.mark.parametrize("scale", SCALES)
def test_any_rising_score_will_do(scale):
    """The error of what each policy would act on is near its aim, whatever the score's scale."""
    rng = np.random.default_rng(5)
    controller = Controller(EPS)
    for c in rng.beta(12.0, 1.0, size=3000):
        controller.observe(SCALES[scale](c))
        controller.record(SCALES[scale](c), bool(rng.random() > c))
    fresh = rng.beta(12.0, 1.0, size=20_000)
    for fraction, tau in zip(controller.fractions, controller.thresholds, strict=True):
        error = (1.0 - fresh[SCALES[scale](fresh) >= tau]).mean()
        assert 0.5 * fraction * EPS < error < EPS


def test_a_score_that_says_nothing_is_not_acted_on():
    rng = np.random.default_rng(6)
    controller = Controller(EPS)
    for _ in range(500):
        controller.observe(0.99)
        controller.record(0.99, bool(rng.random() < 0.2))
    assert np.isinf(controller.thresholds).all()


def test_labels_had_by_audit_stand_for_those_that_were_not():
    """Audited at 10 %, asked below 0.9: thresholds end where full labels put them."""
    ends = []
    for audit in (1.0, 0.1):
        rng = np.random.default_rng(7)
        controller = Controller(EPS)
        for c in rng.beta(12.0, 1.0, size=8000):
            controller.observe(c)
            pi = audit if c > 0.9 else 1.0
            wrong = bool(rng.random() > c)
            if rng.random() < pi:
                controller.record(c, wrong, label_probability=pi)
        ends.append(controller.thresholds)
    assert np.abs(ends[0] - ends[1]).max() < 0.03
