"""Calibration of confidences: equal-mass reliability, and exact intervals for a share."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quickstudy.types import Floats

BINS = 15  # the number most papers on calibration use (Guo et al. 2017, arXiv:1706.04599)


@dataclass(frozen=True, slots=True)
class Reliability:
    """Cases sorted by confidence, in bins of equal count; all arrays of shape (bins,)."""

    confidence: Floats
    accuracy: Floats
    count: NDArray[np.int64]

    @property
    def error(self) -> float:
        """Expected calibration error: mean of |confidence - accuracy| over cases."""
        gap = np.abs(self.confidence - self.accuracy)
        return float(gap @ self.count / max(self.count.sum(), 1))


def reliability(confidence: Floats, right: NDArray[np.bool_], bins: int = BINS) -> Reliability:
    """Mean confidence and share of right answers in `bins` bins of equal count.

    With fewer cases than bins each case is its own bin.

    >>> r = reliability(np.array([0.2, 0.4, 0.8, 1.0]), np.array([False, True, True, True]), 2)
    >>> r.confidence.round(2).tolist(), r.accuracy.tolist(), round(r.error, 2)
    ([0.3, 0.9], [0.5, 1.0], 0.15)
    """
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    return Reliability(
        np.array([confidence[part].mean() for part in parts]),
        np.array([right[part].mean() for part in parts]),
        np.array([len(part) for part in parts], dtype=np.int64),
    )


def expected_calibration_error(
    confidence: Floats, right: NDArray[np.bool_], bins: int = BINS
) -> float:
    """Mean |confidence - accuracy| over equal-mass bins, weighted by count, in [0, 1]."""
    return reliability(confidence, right, bins).error


def exact_interval(right: float, cases: float, level: float = 0.95) -> tuple[float, float]:
    """Clopper-Pearson interval for a share: covers the truth with at least `level`.

    It is valid for a number of cases that was fixed beforehand; (0, 1) without cases.

    >>> low, high = exact_interval(95, 100)
    >>> round(low, 3), round(high, 3)
    (0.887, 0.984)
    """
    from scipy.special import betaincinv  # it takes 0.1 s to import

    tail = (1.0 - level) / 2.0
    low = float(betaincinv(right, cases - right + 1.0, tail)) if right > 0 else 0.0
    high = float(betaincinv(right + 1.0, cases - right, 1.0 - tail)) if right < cases else 1.0
    return low, high


def weighted_share(
    right: NDArray[np.bool_], probability: Floats, level: float = 0.95
) -> tuple[float, float, float]:
    """Share of right answers among all cases, from those labelled with a known probability.

    The estimate is the self-normalised Horvitz-Thompson mean, weights 1 / probability; its
    interval is Clopper-Pearson's at Kish's effective number of cases, so approximate unless all
    probabilities are equal. (nan, 0, 1) without cases.

    >>> share, low, high = weighted_share(np.array([True, False]), np.array([0.2, 1.0]))
    >>> round(share, 3), round(low, 3), round(high, 3)
    (0.833, 0.034, 1.0)
    """
    if not len(right):
        return float("nan"), 0.0, 1.0
    weight = 1.0 / probability
    share = float(weight @ right / weight.sum())
    cases = float(weight.sum() ** 2 / (weight @ weight))
    return share, *exact_interval(share * cases, cases, level)
