"""The pool of a value function: the experts' votes, weighted by how well each has predicted.

Around a base rate b, with link f (log-odds for probabilities, identity for returns):

    f(stacked) = f(b) + sum_e theta_e c_e (f(vote_e) - f(b)),     theta_e >= 0

with a Gaussian prior on theta and one Newton step for each run that ended, on the votes at the time
of the steps. Later steps have smaller weights, because the steps of a run are dependent. Evidence
ages, n/(n + 1) of it is kept after run n, because the experts improve; those that need runs to
improve have c_e = n/(n + 30), the others c_e = 1. An expert without information votes the base rate
and so has no effect.

The stack learns slowly, which is right where runs are hard to predict. So it is one member of a
Bayesian mixture with the single experts: if one of these predicts well, about a dozen runs are
enough to follow it.

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

LEAST = 0.03  # the stack clips votes to [LEAST, 1 - LEAST]
LEAST_ALONE = 0.01  # the mixture clips its members to [LEAST_ALONE, 1 - LEAST_ALONE]
AGEING = 1.0  # run n has a weight of about n to this power: experts improve
HALF_TRUSTED = 30.0  # runs after which c_e of a beginner is 1/2
NOISE_KEPT = 0.99  # factor per run on the estimate of the noise of returns
EVEN_STEPS = 8.0  # the first steps, up to about this many, have similar weights
PRECISION = 40.0  # of the prior: worth about 150 runs
STACK_SHARE = 0.95  # weight of the stack in the mixture, at first
SHARE = 0.002  # share of the mixture that returns to its first weights, per run


def step_weights(steps: int) -> Floats:
    """Weights of the steps of a run; they add up to 1 for about 14 steps, to 2 for 50.

    A weight depends on the number of the step alone. With 1/T a run that fails early would count
    more than a long one in the same state.
    """
    return 1.0 / (EVEN_STEPS + np.arange(1.0, steps + 1.0))


class Stack:
    """Weights `theta` over `prior.shape[0]` experts.

    Parameters:
        prior: first weights, shape (E,).
        odds: whether votes are probabilities; else they are real numbers.
        beginners: which experts improve with every run, shape (E,).

    >>> stack = Stack(np.array([0.5, 0.5]), odds=True, beginners=np.array([True, True]))
    >>> for _ in range(10):  # the first expert is right, the second has no information
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
        """Weight of each expert, shape (E,): in the stack plus in the mixture."""
        return np.asarray(self._mixture[0] * self._theta + self._mixture[1:])

    def predict(self, votes: Floats, base: Floats) -> Floats:
        """Pooled values of votes (n, E) around the base rate at the time (n,)."""
        rows, offset = self._rows(votes, base)
        z = offset + rows @ self._theta
        return np.asarray(self._members(z, votes) @ self._mixture)

    def learn(self, votes: Floats, base: Floats, target: Floats | float) -> None:
        """Learn a run that ended.

        Args:
            votes: of the experts at its steps, shape (T, E).
            base: the base rate at its steps, shape (T,).
            target: its success, or the return after each step, shape (T,).
        """
        rows, offset = self._rows(votes, base)
        z = offset + rows @ self._theta
        weights = self._weigh(len(z))
        gap = (_sigmoid(z) if self.odds else z) - target
        curve = _sigmoid(z) * _sigmoid(-z) if self.odds else np.ones(len(z))
        if not self.odds:
            self._noise = NOISE_KEPT * self._noise + (weights @ gap**2, weights.sum())
            weights = weights * (self._noise[1] / self._noise[0])
        self._mix(self._members(z, votes), weights, target)
        runs = self._runs[0] - 1.0
        self._move(rows, weights * gap, weights * curve, kept=runs / (runs + AGEING))

    def _weigh(self, steps: int) -> Floats:
        """Weights of the steps of a run; those of a run of average length add up to 1."""
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

    def _mix(self, members: Floats, weights: Floats, target: Floats | float) -> None:
        """Weight the members (T, E + 1) by the likelihood that they gave the target."""
        if self.odds:
            loss = -np.log(members if target else 1.0 - members)
        else:
            loss = 0.5 * (members - np.reshape(target, (-1, 1))) ** 2
        log_weights = np.log(self._mixture) - weights @ loss
        share = np.exp(log_weights - log_weights.max())
        self._mixture = (1.0 - SHARE) * share / share.sum() + SHARE * self._at_first

    def _members(self, z: Floats, votes: Floats) -> Floats:
        """Predictions of the stack and of each expert, shape (n, E + 1)."""
        stacked = _sigmoid(z) if self.odds else z
        members = np.column_stack([stacked, votes])
        return np.clip(members, LEAST_ALONE, 1.0 - LEAST_ALONE) if self.odds else members

    def _rows(self, votes: Floats, base: Floats) -> tuple[Floats, Floats]:
        if self.odds:
            votes, base = _log_odds(votes), _log_odds(base)
        runs = float(self._runs[0])
        trust = np.where(self.beginners, runs / (runs + HALF_TRUSTED), 1.0)
        return (votes - base[:, None]) * trust, base

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
