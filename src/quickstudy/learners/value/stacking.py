"""The pool of a value function: what experts say, weighed by how well they have predicted.

Around a base b, with links f (log-odds for probabilities, the identity for returns):

    f(stacked) = f(b) + sum_e theta_e c_e (f(said_e) - f(b)),     theta_e >= 0

with a Gaussian prior on theta and one Newton step for each run that ended, on what experts said at
the time, later steps counting less: a long run is hardly more than one witness. Evidence ages,
n/(n + 1) of it is kept after run n, because experts were beginners in the first runs; for these,
c_e = n/(n + 30), else 1. An expert that knows nothing says the base, and then does not count.

The stack is slow to believe, as it must be where runs are hard to foretell. So it is one member of
a mixture by likelihood, beside each expert: where one of them is plainly right, a dozen runs or two
are enough.

References:
    Wolpert (1992), Stacked generalization, Neural Networks 5. Ranjan & Gneiting (2010), Combining
    probability forecasts, JRSS-B 72, on why an average of calibrated forecasts must be sharpened.
    Herbster & Warmuth (1998), Tracking the best expert, Machine Learning 32.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quickstudy.experts.base import State
from quickstudy.stats.moments import one_blas_thread
from quickstudy.types import Floats

LEAST = 0.03  # no expert is heard by the stack saying less, or more than 1 - this
LEAST_ALONE = 0.01  # and by the mixture
AGEING = 1.0  # run n counts about n to this power: experts become better than they were
HALF_TRUSTED = 30.0  # runs
NOISE_KEPT = 0.99  # of what is known of the noise of returns, a run
EVEN_STEPS = 8.0  # up to here steps count about the same
PRECISION = 40.0  # of the prior: as much as some 150 runs tell
STACK_SHARE = 0.95  # of the mixture, at first
SHARE = 0.002  # of the mixture that goes back to what it was at first, a run


def step_weights(steps: int) -> Floats:
    """Weights of the steps of a run: they add up to one at about fourteen, to two at fifty.

    The weight of a step follows from its number alone. Were it 1/T, runs that fail early would
    count more than long ones that stood at the same place.
    """
    return 1.0 / (EVEN_STEPS + np.arange(1.0, steps + 1.0))


class Stack:
    """Weights `theta` over `prior.shape[0]` experts.

    Parameters:
        prior: weights at first, shape (E,).
        odds: whether experts give probabilities; else numbers of any size.
        beginners: which experts are to be trusted more with every run, shape (E,).

    >>> stack = Stack(np.array([0.5, 0.5]), odds=True, beginners=np.array([True, True]))
    >>> for _ in range(10):  # the first expert knows, the second does not
    ...     stack.learn(np.array([[0.9, 0.5]]), np.array([0.5]), 1.0)
    ...     stack.learn(np.array([[0.1, 0.5]]), np.array([0.5]), 0.0)
    >>> bool(stack.predict(np.array([[0.9, 0.5]]), np.array([0.5]))[0] > 0.85)
    True
    """

    def __init__(self, prior: Floats, *, odds: bool, beginners: NDArray[np.bool_]) -> None:
        self.odds = odds
        self.beginners = beginners
        self._prior = prior
        self._theta = prior.copy()
        self._seen = np.zeros((len(prior), len(prior)))
        self._noise = np.array([1e-3, 1.0])  # of returns: summed squares, and their number
        self._runs = np.zeros(2)  # number, and sum of the weights of their steps
        alone = (1.0 - STACK_SHARE) / len(prior)
        self._at_first = np.array([STACK_SHARE, *[alone] * len(prior)])
        self._mixture = self._at_first.copy()

    @property
    def weights(self) -> Floats:
        """Weight of each expert, shape (E,): in the stack, and beside it in the mixture."""
        return np.asarray(self._mixture[0] * self._theta + self._mixture[1:])

    def predict(self, said: Floats, base: Floats) -> Floats:
        """Pooled values of what experts said (n, E) around the base at the time (n,)."""
        rows, offset = self._rows(said, base)
        z = offset + rows @ self._theta
        return np.asarray(self._members(z, said) @ self._mixture)

    def learn(self, said: Floats, base: Floats, came: Floats | float) -> None:
        """A run ended: what was said at its steps (T, E), the base then (T,), and what came."""
        rows, offset = self._rows(said, base)
        z = offset + rows @ self._theta
        weights = self._weigh(len(z))
        gap = (_sigmoid(z) if self.odds else z) - came
        curve = _sigmoid(z) * _sigmoid(-z) if self.odds else np.ones(len(z))
        if not self.odds:
            self._noise = NOISE_KEPT * self._noise + (weights @ gap**2, weights.sum())
            weights = weights * (self._noise[1] / self._noise[0])
        self._mix(self._members(z, said), weights, came)
        runs = self._runs[0] - 1.0
        self._move(rows, weights * gap, weights * curve, kept=runs / (runs + AGEING))

    def _weigh(self, steps: int) -> Floats:
        """Weights of the steps of a run: those of a usual run add up to one."""
        raw = step_weights(steps)
        self._runs += (1.0, raw.sum())
        return np.asarray(raw * (self._runs[0] / self._runs[1]))

    def _move(self, rows: Floats, slopes: Floats, curves: Floats, *, kept: float) -> None:
        """One Newton step of theta."""
        with one_blas_thread():
            self._seen *= kept
            self._seen += rows.T @ (rows * curves[:, None])
            pull = PRECISION * (1.0 - kept) * (self._theta - self._prior)
            precise = self._seen + PRECISION * np.eye(len(self._theta))
            step = np.linalg.solve(precise, rows.T @ slopes + pull)
        self._theta = np.maximum(self._theta - step, 0.0)

    def _mix(self, members: Floats, weights: Floats, came: Floats | float) -> None:
        """Weigh the members (T, E + 1) by how likely they made what came."""
        if self.odds:
            loss = -np.log(members if came else 1.0 - members)
        else:
            loss = 0.5 * (members - np.reshape(came, (-1, 1))) ** 2
        told = np.log(self._mixture) - weights @ loss
        share = np.exp(told - told.max())
        self._mixture = (1.0 - SHARE) * share / share.sum() + SHARE * self._at_first

    def _members(self, z: Floats, said: Floats) -> Floats:
        """What the stack and each expert say, shape (n, E + 1)."""
        stacked = _sigmoid(z) if self.odds else z
        members = np.column_stack([stacked, said])
        return np.clip(members, LEAST_ALONE, 1.0 - LEAST_ALONE) if self.odds else members

    def _rows(self, said: Floats, base: Floats) -> tuple[Floats, Floats]:
        if self.odds:
            said, base = _log_odds(said), _log_odds(base)
        runs = float(self._runs[0])
        trust = np.where(self.beginners, runs / (runs + HALF_TRUSTED), 1.0)
        return (said - base[:, None]) * trust, base

    def state(self) -> State:
        return {
            "theta": self._theta,
            "seen": self._seen,
            "noise": self._noise,
            "runs": self._runs,
            "mixture": self._mixture,
        }

    def restore(self, state: State) -> None:
        for name, array in state.items():
            setattr(self, f"_{name}", array.copy())


def _log_odds(p: Floats) -> Floats:
    p = np.clip(p, LEAST, 1.0 - LEAST)
    return np.asarray(np.log(p / (1.0 - p)))


def _sigmoid(z: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-z)))
