"""Episodic memory of runs: outcomes by task, and outcomes of the nearest runs.

`Tasks` keeps the success rate and mean return of each task; `Episodes` keeps the positions of the
latest runs at each step, and predicts from the runs that were nearest at the same step.

Reference:
    Blundell et al. (2016), Model-free episodic control, arXiv:1606.04460, section 3.
"""

from __future__ import annotations

import numpy as np

from quickstudy.experts.base import State
from quickstudy.types import Floats

MOST_TASKS = 20_000
TASK_PRIOR = 1.0  # runs that the base rate counts for in the rate of a task
MOST_STEPS = 32  # first steps of a run whose positions are kept
WIDTH = 0.1  # of the kernel, in squared distances of unit vectors
NEAREST_PRIOR = 1.0  # runs that the base rate counts for among the nearest runs


class Tasks:
    """Successes and returns by task; beyond 20,000 tasks the least recent one is dropped.

    >>> tasks = Tasks()
    >>> tasks.learn("A0", np.array([1.0, 1.0]))
    >>> tasks.predict("A0", np.array([0.5, 0.5])).tolist()
    [0.75, 0.75]
    """

    def __init__(self) -> None:
        self.sums: dict[str, list[float]] = {}  # runs, successes, returns

    def predict(self, task: str, base: Floats) -> Floats:
        """Success rate and mean return of a task, smoothed to `base` (2,)."""
        runs, *sums = self.sums.get(task, (0.0, 0.0, 0.0))
        return np.asarray((np.array(sums) + TASK_PRIOR * base) / (runs + TASK_PRIOR))

    def learn(self, task: str, ended: Floats) -> None:
        """Learn that a run of the task ended with this success and return (2,)."""
        runs, *sums = self.sums.pop(task, (0.0, 0.0, 0.0))
        self.sums[task] = [runs + 1.0, *(np.array(sums) + ended).tolist()]
        if len(self.sums) > MOST_TASKS:
            del self.sums[next(iter(self.sums))]


class Episodes:
    """The latest `size` runs, as positions of `dim` numbers at their first 32 steps.

    >>> episodes = Episodes(size=2, dim=1)
    >>> episodes.learn(np.array([[0.0], [1.0]]), np.array([1.0, 1.0]))
    >>> episodes.predict(np.array([0.0]), 0, np.array([0.0, 0.0])).round(2).tolist()
    [0.5, 0.5]
    """

    def __init__(self, *, size: int, dim: int) -> None:
        self._rows = np.zeros((size, MOST_STEPS, dim), np.float32)
        self._lengths = np.zeros(size, np.int64)
        self._ended = np.zeros((size, 2))
        self._count = np.zeros(1, np.int64)

    def predict(self, row: Floats, step: int, base: Floats) -> Floats:
        """Mean outcome of runs near `row` (dim,) at a step, counted from 0; smoothed to `base`."""
        held = int(min(self._count[0], len(self._rows)))
        if held == 0:
            return base
        at = np.minimum(min(step, MOST_STEPS - 1), self._lengths[:held] - 1)
        gap = self._rows[np.arange(held), at] - row
        near = np.exp(-(gap**2).sum(1, dtype=np.float64) / WIDTH)
        sums = (near[:, None] * self._ended[:held]).sum(0)
        return np.asarray((sums + NEAREST_PRIOR * base) / (near.sum() + NEAREST_PRIOR))

    def learn(self, rows: Floats, ended: Floats) -> None:
        """Learn a run that ended: positions (T, dim), its success and return (2,)."""
        slot = int(self._count[0] % len(self._rows))
        length = min(len(rows), MOST_STEPS)
        self._rows[slot, :length] = rows[:length]
        self._lengths[slot], self._ended[slot] = length, ended
        self._count += 1

    def state(self) -> State:
        held = int(min(self._count[0], len(self._rows)))
        return {
            "rows": self._rows[:held],
            "lengths": self._lengths[:held],
            "ended": self._ended[:held],
            "count": self._count,
        }

    def restore(self, state: State) -> None:
        held = len(state["lengths"])
        self._rows[:held] = state["rows"]
        self._lengths[:held], self._ended[:held] = state["lengths"], state["ended"]
        self._count = state["count"].copy()
