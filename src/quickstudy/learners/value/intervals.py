"""Conformal prediction intervals of returns by step, and the expected number of further steps.

The half width at a step is a quantile of the absolute errors of the latest runs at steps of about
the same number, so it is valid however good the experts are. The quantile is adapted to the
observed coverage, so that nine in ten intervals cover in the long run even while the experts
improve or the runs change.

References:
    Papadopoulos et al. (2002), Inductive confidence machines for regression, ECML.
    Gibbs & Candes (2021), Adaptive conformal inference under distribution shift, NeurIPS 34.
"""

from __future__ import annotations

import numpy as np

from quickstudy.experts.base import State
from quickstudy.types import Floats

COVERED = 0.9
BUCKETS = 10  # steps 1, 2-3, 4-7, ..., from 512 on
MISSED = 1.0 - COVERED
RATE = 0.02  # step size of the adaptation of the quantile, per run
HELD = 200  # latest errors of each bucket: at most two of a run
LEAST_HELD = 20  # errors below which a quantile of 0.9 is not known
LENGTHS = 500  # latest runs whose lengths are kept


def bucket(step: int) -> int:
    """The bucket of a step; steps are counted from 1.

    >>> [bucket(step) for step in (1, 2, 3, 4, 15, 16, 10**6)]
    [0, 1, 1, 2, 3, 4, 9]
    """
    return min(step.bit_length() - 1, BUCKETS - 1)


class Intervals:
    """Half widths of intervals by step, and the expected number of further steps."""

    def __init__(self) -> None:
        self._missed = np.zeros((BUCKETS, HELD))
        self._held = np.zeros(BUCKETS, np.int64)
        self._left_out = np.full(BUCKETS, MISSED)  # adapted so that a tenth is missed
        self._lengths = np.zeros(LENGTHS)
        self._runs = np.zeros(1, np.int64)

    def width(self, step: int) -> float:
        """Half width that covers nine in ten; infinite until 20 errors are known."""
        for b in (bucket(step), *reversed(range(bucket(step)))):
            held = int(min(self._held[b], HELD))
            if held >= LEAST_HELD:
                rank = min(int(np.ceil((1.0 - self._left_out[b]) * (held + 1))), held) - 1
                return float(np.partition(self._missed[b, :held], rank)[rank])
        return np.inf

    def learn(self, predicted: Floats, observed: Floats, length: int) -> None:
        """Learn a run of `length` steps: returns predicted and observed at its first T steps."""
        missed = np.abs(observed - predicted)
        buckets = [bucket(step + 1) for step in range(len(predicted))]
        for b in sorted(set(buckets)):
            steps = [at for at, its in enumerate(buckets) if its == b]
            width = self.width(steps[0] + 1)
            if np.isfinite(width):
                share = float(np.mean(missed[steps] > width))
                moved = self._left_out[b] + RATE * (MISSED - share)
                self._left_out[b] = np.clip(moved, 0.2 * MISSED, 3.0 * MISSED)
            for at in sorted({steps[0], steps[len(steps) // 2]}):
                self._missed[b, self._held[b] % HELD] = missed[at]
                self._held[b] += 1
        self._lengths[self._runs[0] % LENGTHS] = length
        self._runs += 1

    def steps_left(self, step: int) -> float:
        """Mean number of further steps of runs that were this long, smoothed to 1 by one run."""
        lengths = self._lengths[: int(min(self._runs[0], LENGTHS))]
        longer = lengths[lengths >= step]
        return float(((longer - step).sum() + 1.0) / (len(longer) + 1.0))

    def state(self) -> State:
        return {
            "missed": self._missed,
            "held": self._held,
            "left_out": self._left_out,
            "lengths": self._lengths,
            "runs": self._runs,
        }

    def restore(self, state: State) -> None:
        for name, array in state.items():
            setattr(self, f"_{name}", array.copy())
