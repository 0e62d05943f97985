"""Anytime-valid evidence that one version has fewer errors than another, from paired losses."""

from __future__ import annotations

from math import log, pi

import numpy as np
from numpy.typing import NDArray

from quickstudy.errors import InputError
from quickstudy.stats.certificate import require, require_probability
from quickstudy.types import Floats

STAKES: Floats = np.array([0.05, 0.15, 0.3, 0.5, 0.7, 0.9])
"""Stakes. If only the champion is wrong with probability p, and only the challenger with q, the
stake (p - q)/(p + q) grows fastest (Kelly): small stakes are for small relative differences."""

WEIGHTS: Floats = np.array([0.05, 0.2, 0.3, 0.3, 0.1, 0.05])
"""First weights of the stakes. The middle ones suit a third to two thirds fewer errors."""

_LOG_WEIGHTS: Floats = np.log(WEIGHTS)


def bar(alpha: float, attempt: int = 1) -> float:
    """Log evidence needed on one route to promotion by the k-th challenger: ln(1/alpha_k).

    alpha_k = 3 alpha / (pi^2 k^2): with two routes per challenger, the sum over all challengers is
    alpha.

    Raises:
        SettingError: alpha is not in (0, 1), or the attempt below 1.

    >>> round(float(np.exp(bar(0.05))), 1), round(float(np.exp(bar(0.05, 2))), 1)
    (65.8, 263.2)
    """
    alpha = require("alpha", alpha, 0.0, 1.0)
    k = require("attempt", attempt, 1, 1e9, closed=True)
    return log(pi**2 * k**2 / (3.0 * alpha))


class Paired:
    """Evidence against "the challenger has no smaller loss", by betting on paired differences.

    With d = loss(champion) - loss(challenger) in [-1, 1] of a case that both answered before its
    label was known, the null is E[d | past] <= -margin. With A = 1 for a labelled case, pi its
    label probability, pi_min the smallest possible label probability of the case,
    x = (d + margin) pi_min A / pi, and stakes lambda in [0, 1),

        E_t = sum_k w_k prod_i (1 + lambda_k x_i).

    Given the case, A is 1 with probability pi whatever the label, so E[x | past] = pi_min E[d +
    margin | past] <= 0 where pi_min is known before the case: every factor is nonnegative, of
    expectation at most 1, and by Ville's inequality E ever reaches 1/alpha with probability at
    most alpha, however often it is checked. A case without a label has x = 0 and the factor 1, so
    it is not given to `update`. This is not valid for a label that was due and never arrived, if
    that may depend on which version was right: such a case should count against the challenger.

    margin > 0: the null is "worse by at least the margin", which the evidence contradicts.
    margin < 0: evidence that the challenger is better by more than -margin.

    Cost per case: O(stakes).

    Parameters:
        margin: in (-1, 1).

    Raises:
        SettingError: the margin is out of its range.

    >>> test = Paired()
    >>> while test.log_evidence < bar(0.05):
    ...     test.update(1.0)  # only the champion was wrong
    >>> test.cases
    10
    >>> test.update(-1.0)  # only the challenger was wrong
    >>> round(test.gain, 2)
    0.82

    References:
        Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", JRSS-B
        2024, https://arxiv.org/abs/2010.09686.
        Ville, "Etude critique de la notion de collectif", 1939.
    """

    def __init__(self, margin: float = 0.0) -> None:
        self.margin = require("margin", margin, -1.0, 1.0)
        # x >= -(1 - margin), so that no factor may fall below zero
        self._lambda: Floats = STAKES / max(1.0, 1.0 - self.margin)
        self._log_wealth: Floats = _LOG_WEIGHTS.copy()
        self.cases = 0
        self._weight = 0.0
        self._sum = 0.0

    def update(self, difference: float, *, scale: float = 1.0) -> None:
        """Update the evidence with one labelled case.

        Args:
            difference: loss(champion) - loss(challenger), in [-1, 1].
            scale: pi_min / pi in (0, 1], with pi_min known before the case.

        Raises:
            InputError: an argument is out of its range; nothing was changed.
        """
        if not -1.0 <= difference <= 1.0:
            raise InputError(f"difference must be in [-1, 1], not {difference!r}")
        require_probability("scale", scale)
        self.cases += 1
        self._weight += scale
        self._sum += scale * difference
        x = (difference + self.margin) * scale
        if x != 0.0:
            self._log_wealth += np.log1p(self._lambda * x)

    @property
    def log_evidence(self) -> float:
        """Log of the present E; 0 before the first case."""
        return float(np.logaddexp.reduce(self._log_wealth))

    @property
    def gain(self) -> float:
        """Mean difference in [-1, 1], each case with its weight `scale`; 0 before the first."""
        return self._sum / self._weight if self.cases else 0.0


def first_crossings(
    differences: Floats, log_bar: float, *, scales: Floats | None = None, margin: float = 0.0
) -> NDArray[np.int64]:
    """For many streams at once, the number of cases after which each first reaches the bar.

    Args:
        differences: shape (streams, cases), in [-1, 1].
        log_bar: see `bar`.
        scales: same shape, in [0, 1]; 0 for a case without a label. None: all 1.
        margin: see `Paired`.

    Returns:
        Number of cases, from 1, until log evidence >= `log_bar`; 0: never. Shape (streams,).

    >>> first_crossings(np.ones((1, 20)), bar(0.05))
    array([10])
    """
    x = (differences + margin) * (1.0 if scales is None else scales)
    stakes = Paired(margin)._lambda[:, None]
    log_wealth = np.tile(_LOG_WEIGHTS[:, None], (1, len(x)))
    found = np.zeros(len(x), dtype=np.int64)
    for t in range(x.shape[1]):
        moved = np.flatnonzero(x[:, t])
        log_wealth[:, moved] += np.log1p(stakes * x[moved, t])
        evidence = np.logaddexp.reduce(log_wealth[:, moved], axis=0)
        crossed = moved[evidence >= log_bar]
        found[crossed[found[crossed] == 0]] = t + 1
    return found
