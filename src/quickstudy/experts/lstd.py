"""Least-squares temporal differences: values of states from trajectories, by additive sums.

For a trajectory of rows `x_1 .. x_T` with `x_{T+1} = 0` and traces
`z_t = sum_k<=t (discount trace)^(t-k) w_k x_k`:

    A = sum_t z_t (x_t - discount x_{t+1})'      b = sum_t z_t r_{t+1}

summed over trajectories; `r_{t+1}` is the reward that follows row t (the last one: the outcome).
The values are `x' theta` with `(A + R) theta = b`. With trace 1 this is Monte-Carlo regression of
the returns; with trace 0 each value is bootstrapped from the next one.

References:
    Bradtke & Barto (1996), Linear least-squares algorithms for temporal difference learning,
    Machine Learning 22. Boyan (2002), Technical update: least-squares TD learning, ML 49.
"""

from __future__ import annotations

import numpy as np
from scipy.linalg import lapack

from quickstudy.experts.base import State
from quickstudy.stats.moments import one_blas_thread
from quickstudy.types import Floats

EXACT = 128  # up to this many features the system is solved after every trajectory
PATIENCE = 50  # above: solved after each 2 % more trajectories, since a solution is cubic


class LSTD:
    """Linear values of `heads` rewards on rows of `dim` features.

    Parameters:
        dim: features of a row; the last one must be the constant 1, which is not shrunk.
        heads: number of rewards; each has values of its own.
        discount: in (0, 1], per step.
        trace: lambda, in [0, 1].
        ridge: R = ridge * I, or with `scaled` ridge * the variance of each feature.

    >>> chain = np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 1.0]])  # two states and the constant
    >>> lstd = LSTD(3, heads=1, ridge=1e-9)
    >>> for _ in range(3):
    ...     lstd.learn(chain, np.array([[0.0], [1.0]]))
    >>> lstd.predict(chain).round(6).ravel().tolist()
    [1.0, 1.0]
    """

    def __init__(
        self,
        dim: int,
        *,
        heads: int,
        discount: float = 1.0,
        trace: float = 0.0,
        ridge: float = 0.1,
        scaled: bool = False,
    ) -> None:
        self.discount, self.trace, self.ridge, self.scaled = discount, trace, ridge, scaled
        self._a = np.zeros((dim, dim))
        self._b = np.zeros((dim, heads))
        self._sums = np.zeros((2, dim))  # of the features and of their squares
        self._theta = np.zeros((dim, heads))
        self._counts = np.zeros(3)  # trajectories, those at the last solution, weight of rows

    @property
    def trajectories(self) -> int:
        """Number of trajectories learned."""
        return int(self._counts[0])

    @property
    def weights(self) -> Floats:
        """The latest solution, shape (dim, heads)."""
        return self._theta

    def predict(self, rows: Floats) -> Floats:
        """Values of `rows` (n, dim) by the latest solution, shape (n, heads)."""
        return np.asarray((rows[:, :, None] * self._theta).sum(1))

    def learn(self, rows: Floats, rewards: Floats, weights: Floats | None = None) -> None:
        """Learn a trajectory that ended.

        Args:
            rows: shape (T, dim), T >= 1.
            rewards: what follows each row, shape (T, heads).
            weights: of the rows, shape (T,), 1 by default. A weight may depend on what was known
                at its row, but not on later rows: else short trajectories would count more.
        """
        w = np.ones(len(rows)) if weights is None else weights
        with one_blas_thread():
            traces = self._traces(rows * w[:, None])
            after = np.vstack([rows[1:], np.zeros(rows.shape[1])])
            self._a += traces.T @ (rows - self.discount * after)
            self._b += traces.T @ rewards
        self._sums[0] += (w[:, None] * rows).sum(0)
        self._sums[1] += (w[:, None] * rows**2).sum(0)
        self._counts += (1.0, 0.0, w.sum())
        if self.due:
            self._solve()

    @property
    def due(self) -> bool:
        """Whether enough trajectories came since the last solution to solve again."""
        count, solved, _ = self._counts
        return bool(len(self._a) <= EXACT or count - solved >= max(1.0, count // PATIENCE))

    def _traces(self, rows: Floats) -> Floats:
        fade = self.discount * self.trace
        if fade == 0.0:
            return rows
        out = rows.copy()
        for t in range(1, len(rows)):
            out[t] += fade * out[t - 1]
        return out

    def _solve(self) -> None:
        penalty = np.full(len(self._a), self.ridge)
        if self.scaled:
            mean, square = self._sums / self._counts[2]
            penalty *= np.maximum(square - mean**2, 1e-4)
        penalty[-1] = 1e-9
        matrix = self._a + np.diag(penalty)
        with one_blas_thread():
            _, _, theta, failed = lapack.dgesv(matrix, self._b)
        if failed == 0 and np.isfinite(theta).all():  # else the previous solution stays
            self._theta = np.ascontiguousarray(theta)
        self._counts[1] = self._counts[0]

    def state(self) -> State:
        return {
            "a": self._a,
            "b": self._b,
            "sums": self._sums,
            "theta": self._theta,
            "counts": self._counts,
        }

    def restore(self, state: State) -> None:
        for name, array in state.items():
            setattr(self, f"_{name}", array.copy())
