"""Anytime-valid evidence about the error of a policy: certificate and change detector."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.errors import InputError, SettingError
from quickstudy.types import Floats

Bools = NDArray[np.bool_]

STAKES = (0.15, 0.3, 0.5, 0.7, 0.9)
"""Stakes of the certificate, as shares of the largest allowed stake 1/(1 - eps). Share g grows
fastest (Kelly) when the true error is (1 - g) eps."""

JUMPS = (2.0, 4.0, 8.0)
"""Errors, as multiples of eps, that the guard detects fastest."""

RESTART_EVERY = 50
"""Cases between restarts of the certificate: early errors of the learner stop counting."""


def require(name: str, value: float, low: float, high: float, *, closed: bool = False) -> float:
    """Return a setting as a float, or raise `SettingError` with its name, value and range.

    >>> require("alpha", 0.05, 0.0, 1.0)
    0.05
    """
    number = isinstance(value, (int, float, np.integer, np.floating)) and not isinstance(
        value, bool
    )
    inside = number and (low <= value <= high if closed else low < value < high)
    if not inside:
        ends = "[]" if closed else "()"
        raise SettingError(f"{name} must be in {ends[0]}{low:g}, {high:g}{ends[1]}, not {value!r}")
    return float(value)


def require_outcome(wrong: object) -> None:
    """Raise an InputError unless the outcome is True, False or None (no label)."""
    if wrong is not None and not isinstance(wrong, (bool, np.bool_)):
        raise InputError(f"wrong must be True, False or None, not {wrong!r}")


def require_score(name: str, value: float) -> None:
    """Raise an InputError unless the score is a number in [0, 1]."""
    number = isinstance(value, (int, float, np.floating)) and not isinstance(value, bool)
    if not (number and 0.0 <= value <= 1.0):
        raise InputError(f"{name} must be in [0, 1], not {value!r}")


def require_probability(name: str, value: float, low: float = 0.0) -> None:
    """Raise an InputError if the probability is outside (0, 1], or below `low`."""
    number = isinstance(value, (int, float, np.floating)) and not isinstance(value, bool)
    if not (number and 0.0 < value <= 1.0 and value >= low):
        bound = f"[{low:g}, 1]" if low > 0.0 else "(0, 1]"
        raise InputError(f"{name} must be in {bound}, not {value!r}")


def log_mean_exp(log_values: Floats) -> Floats:
    """Log of the mean of exp over the last axis, without overflow.

    >>> float(log_mean_exp(np.array([1000.0, 1000.0])))
    1000.0
    """
    return np.asarray(np.logaddexp.reduce(log_values, axis=-1) - np.log(log_values.shape[-1]))


class Certificate:
    """Evidence, for each of a few policies, that its error is below `error`.

    The null of a policy: given the past, a case on which the policy would act is wrong with
    probability at least eps. With A = 1 for a labelled case, pi its label probability and pi_min
    the smallest label probability that the case could have had, such a case multiplies the wealth
    of stake lambda in [0, 1/(1 - eps)) by

        1 + lambda pi_min (A / pi) (eps - wrong),    whose expectation is <= 1 under the null,

    and never falls below zero. Every 50th such case adds a restart with weight
    w_k = 1/(k(k + 1)), which was held in reserve until then; all restarts of one stake share one
    accumulator, `M <- (M + w_k) factor`. The evidence of a policy is the mean over stakes of M plus
    the reserve: a test supermartingale that starts at 1, so by Ville's inequality it ever reaches
    1/alpha with probability at most alpha.

    Policies are ordered, strict to permissive, and tested in that order: the level, the number of
    policies that may act, rises to j only when policies 1..j all have reached 1/alpha_k. In the
    k-th attempt (`step_down` starts the next) alpha_k = 6 alpha / (pi^2 k^2); they add up to
    alpha, so a policy whose error is never below eps is ever certified, over all attempts, with
    probability at most alpha.

    Cost per case: O(policies x stakes). No case is stored.

    Parameters:
        error: eps in (0, 1), the largest error allowed (0.05 for a precision of 95 %).
        alpha: in (0, 1), the chance of ever certifying a policy that is not good enough.
        policies: how many policies, at least 1.
        stakes: shares in (0, 1) of the largest allowed stake.
        every: number of cases between restarts, at least 1.

    Raises:
        SettingError: a setting is out of its range.

    >>> c = Certificate(0.05, policies=1)
    >>> cases = 0
    >>> while c.level == 0:
    ...     cases += 1
    ...     _ = c.update([True], False)
    >>> cases  # cases without an error until the first certificate
    117

    References:
        Waudby-Smith & Ramdas, "Estimating means of bounded random variables by betting", JRSS-B
        2024, https://arxiv.org/abs/2010.09686.
        Xu, Karampatziakis & Mineiro, "Active, anytime-valid risk controlling prediction sets",
        NeurIPS 2024, https://arxiv.org/abs/2406.10490.
        Angelopoulos et al., "Learn then test", 2021, https://arxiv.org/abs/2110.01052.
    """

    def __init__(
        self,
        error: float,
        *,
        alpha: float = 0.05,
        policies: int = 4,
        stakes: Sequence[float] = STAKES,
        every: int = RESTART_EVERY,
    ) -> None:
        self.error = require("error", error, 0.0, 1.0)
        self.alpha = require("alpha", alpha, 0.0, 1.0)
        self.policies = int(require("policies", policies, 1, 64, closed=True))
        self.every = int(require("every", every, 1, 1_000_000, closed=True))
        self.stakes = tuple(require("stakes", g, 0.0, 1.0) for g in stakes)
        if not self.stakes:
            raise SettingError("stakes must hold at least one share in (0, 1)")
        self._lambda: Floats = np.array(self.stakes) / (1.0 - self.error)
        self.attempt = 1
        self._open()

    def _open(self) -> None:
        self.level = 0
        self.cases: NDArray[np.int64] = np.zeros(self.policies, dtype=np.int64)
        self._reached: Bools = np.zeros(self.policies, dtype=np.bool_)
        self._log_wealth: Floats = np.full((self.policies, len(self.stakes)), -np.inf)

    @property
    def log_bar(self) -> float:
        """Log of the evidence that a policy needs in this attempt, ln(pi^2 k^2 / (6 alpha))."""
        return float(np.log(np.pi**2 * self.attempt**2 / (6.0 * self.alpha)))

    @property
    def log_evidence(self) -> Floats:
        """Present log evidence of each policy, shape (policies,); 0 before the first case."""
        started = -(-self.cases // self.every)
        reserve = -np.log1p(started)[:, None]
        return log_mean_exp(np.logaddexp(self._log_wealth, reserve))

    def update(
        self,
        would_act: Sequence[bool] | Bools,
        wrong: bool | None,
        *,
        label_probability: float = 1.0,
        smallest: float = 1.0,
    ) -> int:
        """Update with one case; returns the level: how many policies, strictest first, may act.

        Args:
            would_act: for each policy, whether the case reached its threshold (fixed before).
            wrong: whether the answer was wrong; None for a case that has no label.
            label_probability: pi in (0, 1], the probability that the case is labelled.
            smallest: pi_min in (0, pi], the smallest label probability the case could have had.

        Raises:
            InputError: an argument is out of its range; nothing was changed.
        """
        acts = np.asarray(would_act)
        if acts.shape != (self.policies,) or acts.dtype != np.bool_:
            raise InputError(f"would_act must be {self.policies} booleans, not {would_act!r}")
        require_outcome(wrong)
        require_probability("smallest", smallest)
        require_probability("label_probability", label_probability, smallest)
        if not acts.any():
            return self.level
        self._restart(acts)
        self.cases[acts] += 1
        if wrong is not None:
            gain = self._lambda * (smallest / label_probability) * (self.error - bool(wrong))
            self._log_wealth[acts] += np.log1p(gain)
            self._rise()
        return self.level

    def _restart(self, acts: Bools) -> None:
        due = acts & (self.cases % self.every == 0)
        if due.any():
            k = self.cases[due] // self.every + 1.0
            log_weight = -np.log(k * (k + 1.0))[:, None]
            self._log_wealth[due] = np.logaddexp(self._log_wealth[due], log_weight)

    def _rise(self) -> None:
        self._reached |= self.log_evidence >= self.log_bar
        while self.level < self.policies and self._reached[self.level]:
            self.level += 1

    def step_down(self) -> None:
        """Revoke every certificate and start the next attempt, with a smaller alpha."""
        self.attempt += 1
        self._open()

    def state(self) -> dict[str, Any]:
        """The complete state, as plain numbers and arrays (copies)."""
        return {
            "error": self.error,
            "alpha": self.alpha,
            "policies": self.policies,
            "stakes": np.array(self.stakes),
            "every": self.every,
            "attempt": self.attempt,
            "level": self.level,
            "cases": self.cases.copy(),
            "reached": self._reached.copy(),
            "log_wealth": self._log_wealth.copy(),
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Certificate:
        """The certificate with this state, bit for bit."""
        made = cls(
            float(state["error"]),
            alpha=float(state["alpha"]),
            policies=int(state["policies"]),
            stakes=[float(g) for g in state["stakes"]],
            every=int(state["every"]),
        )
        made.attempt = int(state["attempt"])
        made.level = int(state["level"])
        made.cases = np.array(state["cases"], dtype=np.int64)
        made._reached = np.array(state["reached"], dtype=np.bool_)
        made._log_wealth = np.array(state["log_wealth"], dtype=np.float64)
        return made


class Guard:
    """Monitors the error of the cases acted on; alarms when it has risen above `error`.

    An e-detector in Shiryaev-Roberts form, the mean over a few stakes lambda < 1/eps of

        M <- (M + 1) (1 + lambda pi_min (A / pi) (wrong - eps)),

    which alarms at M >= c. While the error of the cases acted on is at most eps, M minus the number
    of cases is a supermartingale, so the mean number of acted cases between false alarms is at
    least c. The delay of detection is inversely proportional to the audit rate: at 5 % a jump to
    20 % error is detected after about 430 acted cases (see `benchmarks/r19.py`).

    Parameters:
        error: eps in (0, 1), the largest error allowed.
        between_alarms: c > 1, the mean number of acted cases between false alarms, at least.
        jumps: errors, as multiples of eps, at which the stakes are best; each > 1.

    >>> g = Guard(0.05)
    >>> audits = 0
    >>> alarm = False
    >>> while not alarm:
    ...     audits += 1
    ...     alarm = g.update(audits % 4 == 0)
    >>> audits  # every fourth audited case is wrong
    36

    References:
        Shin, Ramdas & Rinaldo, "E-detectors: a nonparametric framework for sequential change
        detection", 2022, https://arxiv.org/abs/2203.03532.
    """

    def __init__(
        self, error: float, *, between_alarms: float = 10_000.0, jumps: Sequence[float] = JUMPS
    ) -> None:
        self.error = require("error", error, 0.0, 1.0)
        self.between_alarms = require("between_alarms", between_alarms, 1.0, 1e300)
        self.jumps = tuple(require("jumps", j, 1.0, 1e6) for j in jumps)
        if not self.jumps:
            raise SettingError("jumps must hold at least one number above 1")
        # Kelly's stake for error q is (q - eps) / (eps (1 - eps)); q = 1 would reach 1/eps.
        aims = np.minimum(np.array(self.jumps) * self.error, 0.5 * (1.0 + self.error))
        self._lambda: Floats = (aims - self.error) / (self.error * (1.0 - self.error))
        self._log_wealth: Floats = np.full(len(self.jumps), -np.inf)
        self.alarms = 0

    @property
    def log_evidence(self) -> float:
        """Log of the detector's value; it alarms at ln c."""
        return float(log_mean_exp(self._log_wealth))

    def update(
        self, wrong: bool | None, *, label_probability: float = 1.0, smallest: float | None = None
    ) -> bool:
        """Update with one acted case (`wrong` None: not audited); True is an alarm, and restarts.

        `smallest` is pi_min, by default the label probability itself (a constant audit rate).

        Raises:
            InputError: an argument is out of its range; nothing was changed.
        """
        least = label_probability if smallest is None else smallest
        require_outcome(wrong)
        require_probability("smallest", least)
        require_probability("label_probability", label_probability, least)
        log_wealth = np.logaddexp(self._log_wealth, 0.0)
        if wrong is not None:
            gain = self._lambda * (least / label_probability) * (bool(wrong) - self.error)
            log_wealth += np.log1p(gain)
        self._log_wealth = log_wealth
        if self.log_evidence < np.log(self.between_alarms):
            return False
        self.alarms += 1
        self.restart()
        return True

    def restart(self) -> None:
        """Reset the evidence, as after an alarm; the number of alarms is kept."""
        self._log_wealth = np.full(len(self.jumps), -np.inf)

    def state(self) -> dict[str, Any]:
        """The complete state, as plain numbers and arrays (copies)."""
        return {
            "error": self.error,
            "between_alarms": self.between_alarms,
            "jumps": np.array(self.jumps),
            "log_wealth": self._log_wealth.copy(),
            "alarms": self.alarms,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Guard:
        """The guard with this state, bit for bit."""
        made = cls(
            float(state["error"]),
            between_alarms=float(state["between_alarms"]),
            jumps=[float(j) for j in state["jumps"]],
        )
        made._log_wealth = np.array(state["log_wealth"], dtype=np.float64)
        made.alarms = int(state["alarms"])
        return made
