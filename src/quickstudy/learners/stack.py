"""The pool of a value function: what experts say, weighed by how well they have predicted.

Around a base b, with links f (log-odds for probabilities, the identity for returns):

    f(pooled) = f(b) + sum_e theta_e c_e (f(said_e) - f(b)),     theta_e >= 0

with a Gaussian prior on theta and one Newton step for each run that ended, on what experts said at
the time, later steps counting less: a long run is hardly more than one witness. Evidence ages,
n/(n + 1) of it is kept after run n, because experts were beginners in the first runs; for these,
c_e = n/(n + 30), else 1. An expert that knows nothing says the base, and then does not count.

References:
    Wolpert (1992), Stacked generalization, Neural Networks 5. Ranjan & Gneiting (2010), Combining
    probability forecasts, JRSS-B 72, on why an average of calibrated forecasts must be sharpened.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from quickstudy.memory.expert import State
from quickstudy.stats.moments import one_blas_thread
from quickstudy.types import Floats

LEAST = 0.03  # no expert is heard saying less, or more than 1 - this
AGEING = 1.0  # run n counts about n to this power: experts become better than they were
NOISE_KEPT = 0.99  # of what is known of the noise of returns, a run
HALF_TRUSTED = 30.0  # runs
EVEN_STEPS = 8.0  # up to here steps count about the same
PRECISION = 40.0  # of the prior: as much as some 150 runs tell


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
    >>> for _ in range(200):  # the first expert knows, the second does not
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
        self._runs = np.zeros(1)

    @property
    def weights(self) -> Floats:
        """The weights, shape (E,)."""
        return self._theta

    def predict(self, said: Floats, base: Floats) -> Floats:
        """Pooled values of what experts said (n, E) around the base at the time (n,)."""
        rows, offset = self._rows(said, base)
        return _sigmoid(offset + rows @ self._theta) if self.odds else offset + rows @ self._theta

    def learn(self, said: Floats, base: Floats, came: Floats | float) -> None:
        """A run ended: what was said at its steps (T, E), the base then (T,), and what came."""
        rows, offset = self._rows(said, base)
        z = offset + rows @ self._theta
        gap = (_sigmoid(z) if self.odds else z) - came
        curve = _sigmoid(z) * _sigmoid(-z) if self.odds else np.ones(len(z))
        scale = step_weights(len(z))
        kept = float(self._runs[0] / (self._runs[0] + AGEING))
        self._runs += 1.0
        if not self.odds:
            self._noise = NOISE_KEPT * self._noise + (scale @ gap**2, scale.sum())
            scale = scale * (self._noise[1] / self._noise[0])
        with one_blas_thread():
            self._seen *= kept
            self._seen += rows.T @ (rows * (scale * curve)[:, None])
            pull = PRECISION * (1.0 - kept) * (self._theta - self._prior)
            slope = rows.T @ (scale * gap) + pull
            precise = self._seen + PRECISION * np.eye(len(self._theta))
            step = np.linalg.solve(precise, slope)
        self._theta = np.maximum(self._theta - step, 0.0)

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
        }

    def restore(self, state: State) -> None:
        for name, array in state.items():
            setattr(self, f"_{name}", array.copy())


def _log_odds(p: Floats) -> Floats:
    p = np.clip(p, LEAST, 1.0 - LEAST)
    return np.asarray(np.log(p / (1.0 - p)))


def _sigmoid(z: Floats) -> Floats:
    return np.asarray(1.0 / (1.0 + np.exp(-z)))
