"""Thresholds between acting and asking, estimated online from labelled cases."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from quickstudy.errors import InputError, SettingError
from quickstudy.stats.certificate import (
    require,
    require_outcome,
    require_probability,
    require_score,
)
from quickstudy.types import Floats

FRACTIONS = (0.3, 0.45, 0.6, 0.75)
"""Estimated error that each policy aims at, as a share of the allowed one, strict to permissive. At
0.85 the evidence would grow by 0.0005 nats per case and need about 7,000 cases; it would act on 3
more cases in 100."""

HALF_LIFE = 1000.0
"""Labels after which the weight of a label is 1/2: a learner that improves must forget its early
errors, but a half-life of a few hundred would leave too few errors to count."""

LABELS_KEPT, CASES_KEPT = 2000, 500
"""Labelled cases that estimate errors (two half-lives), and cases that give the confidences."""

REFRESH = 10
"""Labels between two updates of the thresholds: few labels change them little."""

FEWEST_LABELS, FEWEST_CASES = 20, 20
"""No threshold before 20 labels, and none that fewer than 20 of the last cases reach."""

PRIOR_CASES = 50.0
"""Weight, in labelled cases, of the calibrated estimate relative to the counted error."""

LABELS_AFTER_ALARM = 200
"""Labels kept after an alarm: about as many as arrive while the guard detects the change."""

IDENTITY = np.array([0.0, 1.0])
"""Shift and slope of a calibrated confidence: the mean of the prior."""

PRIOR_SPREAD = np.array([3.0, 3.0])
"""Standard deviations of the prior on the calibration's shift and slope, around 0 and 1."""

CLIP = 1e-4
"""Confidences are clipped to [CLIP, 1 - CLIP], so that their log odds are finite."""

NEWTON_STEPS, LONGEST_STEP = 2, 1.0
"""Newton steps per refresh, from the last solution, and the largest change by one step."""


def log_odds(probability: Floats) -> Floats:
    """ln(p / (1 - p)), clipped to be finite.

    >>> [round(float(z), 2) for z in log_odds(np.array([0.5, 0.9, 1.0]))]
    [0.0, 2.2, 9.21]
    """
    p = np.clip(probability, CLIP, 1.0 - CLIP)
    return np.asarray(np.log(p / (1.0 - p)), dtype=np.float64)


def _sigmoid(z: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(z, -500.0, 500.0))), dtype=np.float64)


class _Ring:
    """The last `size` rows, read oldest first; adding a row has a constant cost."""

    def __init__(self, size: int, columns: int) -> None:
        self.rows: Floats = np.zeros((size, columns))
        self.count = 0

    def push(self, *row: float) -> None:
        self.rows[self.count % len(self.rows)] = row
        self.count += 1

    def fill(self, rows: Floats) -> None:
        """What pushing these rows onto an empty ring comes to, in one go."""
        kept = rows[-len(self.rows) :]
        self.rows[: len(kept)] = kept
        self.count = len(kept)

    def read(self) -> Floats:
        if self.count <= len(self.rows):
            return self.rows[: self.count]
        return np.roll(self.rows, -(self.count % len(self.rows)), axis=0)

    def keep(self, newest: int) -> None:
        kept = self.read()[-newest:].copy()
        self.rows[: len(kept)] = kept
        self.rows[len(kept) :] = 0.0
        self.count = len(kept)


class Controller:
    """Proposes one confidence threshold per policy, from earlier labelled cases.

    The error of the cases with confidence >= tau is the pooled value of two estimates:

    - counted: the weighted share of errors among the labelled cases at or above tau. Weights are
      1/pi, for the unlabelled cases that a label represents, times 2^(-age / half-life). Its weight
      is its effective sample size (sum v)^2 / sum v^2;
    - calibrated, with the weight of 50 cases: the mean over the last 500 cases at or above tau,
      labelled or not, of P(wrong | c) = sigmoid(b0 - b1 logit(c)), a recency-weighted logistic
      calibration with the prior (b0, b1) ~ N((0, 1), diag(9, 9)), whose mean is the identity.

    The threshold of a policy is the lowest tau whose estimate is at most its fraction of the
    allowed error, and infinite if there is none; a more permissive policy never has a higher
    threshold. Any score in [0, 1] that increases with the chance of being right can be used; a
    calibrated score reaches a certificate sooner.

    The thresholds are fixed before the next case arrives, which is all that the proof of the
    certificate requires: wrong estimates cost time, but never violate the guarantee.

    The cost per case is constant: a refresh, every 10 labels, sorts 2,500 numbers.

    Parameters:
        error: eps in (0, 1), the largest error allowed.
        fractions: rising shares in (0, 1) of eps that the policies aim at.
        half_life: labels after which the weight of a label is 1/2, > 0.

    Raises:
        SettingError: a setting is out of its range.

    >>> rng = np.random.default_rng(0)
    >>> c = Controller(0.05)
    >>> for confidence in rng.beta(8, 1, size=4000):
    ...     c.observe(confidence)
    ...     c.record(confidence, bool(rng.random() > confidence))
    >>> [round(float(t), 2) for t in c.thresholds]  # the true ones: 0.97, 0.95, 0.94, 0.92
    [0.99, 0.94, 0.92, 0.89]

    References:
        Platt, "Probabilistic outputs for support vector machines", 1999 (the calibration).
        Kish, "Survey sampling", 1965 (effective sample size).
    """

    def __init__(
        self,
        error: float,
        *,
        fractions: Sequence[float] = FRACTIONS,
        half_life: float = HALF_LIFE,
    ) -> None:
        self.error = require("error", error, 0.0, 1.0)
        self.fractions = tuple(require("fractions", f, 0.0, 1.0) for f in fractions)
        if not self.fractions or any(np.diff(self.fractions) <= 0.0):
            raise SettingError(f"fractions must rise and not be empty, not {fractions!r}")
        self.half_life = require("half_life", half_life, 0.0, 1e12)
        self._labelled = _Ring(LABELS_KEPT, 3)
        self._seen = _Ring(CASES_KEPT, 1)
        self._calibration: Floats = IDENTITY.copy()
        self._thresholds: Floats = np.full(len(self.fractions), np.inf)
        self._since = 0

    @property
    def thresholds(self) -> Floats:
        """Threshold of each policy for the next case, shape (policies,), never rising; a copy."""
        return self._thresholds.copy()

    def observe(self, confidence: float) -> None:
        """Record the confidence of a case, whether it will be labelled or not.

        Raises:
            InputError: `confidence` is not a number in [0, 1]; nothing was changed.
        """
        require_score("confidence", confidence)
        self._seen.push(confidence)

    def record(self, confidence: float, wrong: bool, *, label_probability: float = 1.0) -> None:
        """Record a labelled case, which was labelled with probability `label_probability`.

        Raises:
            InputError: an argument is out of its range; nothing was changed.
        """
        require_score("confidence", confidence)
        require_probability("label_probability", label_probability)
        if wrong is None:
            raise InputError("wrong must be True or False, not None: only labels are recorded")
        require_outcome(wrong)
        self._labelled.push(confidence, float(wrong), 1.0 / label_probability)
        self._since += 1
        if self._since >= REFRESH and self._labelled.count >= FEWEST_LABELS:
            self._since = 0
            self._refresh()

    def forget(self, newest: int = LABELS_AFTER_ALARM) -> None:
        """Keep only the newest labels; after an alarm older labels are misleading."""
        self._labelled.keep(newest)
        self._calibration = IDENTITY.copy()
        self._thresholds = np.full(len(self.fractions), np.inf)

    def _refresh(self) -> None:
        if self._seen.count == 0:
            return
        scores, estimate = self._estimate()
        lowest = np.inf
        for j, fraction in enumerate(self.fractions):
            good = np.flatnonzero(estimate <= fraction * self.error)
            lowest = min(lowest, float(scores[good[-1]])) if len(good) else lowest
            self._thresholds[j] = lowest

    def _estimate(self) -> tuple[Floats, Floats]:
        """Candidate thresholds, falling, and the estimated error at or above each."""
        confidence, wrong, inverse = self._labelled.read().T
        recency = 0.5 ** (np.arange(len(confidence))[::-1] / self.half_life)
        self._calibrate(confidence, wrong, recency)
        seen = -np.sort(-self._seen.read()[:, 0])
        b0, b1 = self._calibration
        calibrated = np.cumsum(_sigmoid(b0 - b1 * log_odds(seen))) / np.arange(1, len(seen) + 1)

        order = np.argsort(-confidence, kind="stable")
        v = (recency * inverse)[order]
        sums = np.cumsum(np.stack([v, v * wrong[order], v * v]), axis=1)
        at = np.searchsorted(-confidence[order], -seen, side="right")
        weight, errors, squares = np.concatenate([np.zeros((3, 1)), sums], axis=1)[:, at]
        counted = np.divide(errors, weight, out=np.zeros_like(errors), where=weight > 0.0)
        size = np.divide(weight**2, squares, out=np.zeros_like(weight), where=weight > 0.0)

        estimate = (size * counted + PRIOR_CASES * calibrated) / (size + PRIOR_CASES)
        last_of_ties = np.append(seen[1:] < seen[:-1], True)
        enough = np.arange(1, len(seen) + 1) >= FEWEST_CASES
        return seen[last_of_ties & enough], estimate[last_of_ties & enough]

    def _calibrate(self, confidence: Floats, wrong: Floats, recency: Floats) -> None:
        X = np.stack([np.ones(len(confidence)), -log_odds(confidence)], axis=1)
        precision = 1.0 / PRIOR_SPREAD**2
        b = self._calibration
        for _ in range(NEWTON_STEPS):
            p = _sigmoid(X @ b)
            slope = X.T @ (recency * (p - wrong)) + precision * (b - IDENTITY)
            curvature = (X * (recency * p * (1.0 - p))[:, None]).T @ X + np.diag(precision)
            step = np.linalg.solve(curvature, slope)
            b = b - np.clip(step, -LONGEST_STEP, LONGEST_STEP)
        self._calibration = b

    def state(self) -> dict[str, Any]:
        """The complete state, as plain numbers and arrays (copies)."""
        return {
            "error": self.error,
            "fractions": np.array(self.fractions),
            "half_life": self.half_life,
            "labelled": self._labelled.read().copy(),
            "seen": self._seen.read().copy(),
            "calibration": self._calibration.copy(),
            "thresholds": self._thresholds.copy(),
            "since": self._since,
        }

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> Controller:
        """The controller with this state, bit for bit."""
        made = cls(
            float(state["error"]),
            fractions=[float(f) for f in state["fractions"]],
            half_life=float(state["half_life"]),
        )
        for ring, rows in ((made._labelled, state["labelled"]), (made._seen, state["seen"])):
            ring.fill(np.asarray(rows, dtype=np.float64))
        made._calibration = np.array(state["calibration"], dtype=np.float64)
        made._thresholds = np.array(state["thresholds"], dtype=np.float64)
        made._since = int(state["since"])
        return made
