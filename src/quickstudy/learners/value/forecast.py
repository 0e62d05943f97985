"""The forecast of a run's end: experts, pooled around the base rate, with intervals."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from quickstudy.encode.record import RecordEncoder
from quickstudy.learners.value.experts import BEGINNERS, EXPERTS, PRIOR, ValueExperts
from quickstudy.learners.value.intervals import Intervals
from quickstudy.learners.value.stacking import Stack
from quickstudy.learners.value.step_features import StepFeatures
from quickstudy.learners.value.trajectory import MOST_ROWS, Episode, returns_of
from quickstudy.types import Floats

PRIOR_RUNS = 10.0  # runs that an even chance counts for in the base rate
SUREST = 0.005  # no success probability is closer to 0 or 1 than this
LOOPS = EXPERTS.index("loops")


@dataclass(frozen=True)
class Forecast:
    """Success probability, return with its interval, and the votes of the experts (experts, 2)."""

    success: float
    value: float
    low: float
    high: float
    votes: Floats


class Forecaster:
    """Forecasts how a run ends after each step, and learns from runs that ended.

    Args:
        encoder: reads the inputs of steps.
        settings: of the value function: discount, trace, budget_mb, outcome_range, loops, seed.
    """

    def __init__(self, encoder: RecordEncoder, settings: dict[str, Any]) -> None:
        self._settings = settings
        self.features = StepFeatures(encoder, seed=settings["seed"])
        self.experts = ValueExperts(
            self.features,
            discount=settings["discount"],
            trace=settings["trace"],
            budget_mb=settings["budget_mb"],
        )
        self._stacks = [Stack(PRIOR, odds=odds, beginners=BEGINNERS) for odds in (True, False)]
        self.intervals = Intervals()
        self._sums = np.zeros(3)  # runs, successes, returns from the start
        low, high = settings["outcome_range"]
        self._range = np.array([low, high], dtype=float)  # of returns so far
        self.graded = settings["discount"] < 1.0 or (low, high) != (0.0, 1.0)
        """Whether returns are more than successes."""

    @property
    def runs(self) -> int:
        """Number of runs learned."""
        return int(self._sums[0])

    @property
    def weights(self) -> Floats:
        """Weights of the experts in the success probability, shape (experts,)."""
        weights = self._stacks[0].weights.copy()
        weights[LOOPS] *= self._settings["loops"]
        return weights

    @property
    def base(self) -> Floats:
        """Base rate of success and mean return, both smoothed to the middle of their range."""
        runs, won, total = self._sums
        low, high = self._settings["outcome_range"]
        middle = PRIOR_RUNS * np.array([0.5, 0.5 * (low + high)])
        return np.asarray((np.array([won, total]) + middle) / (runs + PRIOR_RUNS))

    def success_at_start(self, episode: Episode) -> float:
        """Success probability before the first step: it depends on the task alone."""
        base = self.base
        votes = np.tile(base, (len(EXPERTS), 1))
        votes[0] = self.experts.of_task(episode, base)
        return self._pooled(votes, base)[0]

    def forecast(self, episode: Episode) -> Forecast:
        """The forecast after the latest step; votes are recorded in the episode for `learn`."""
        base = self.base
        votes = self.experts.predict(episode, base)
        if not self._settings["loops"]:
            votes[LOOPS] = base
        success, value = self._pooled(votes, base)
        if len(episode.votes) < MOST_ROWS:
            episode.votes.append(np.vstack([votes, base]))
            episode.pooled.append(np.array([success, value]))
        width = self.intervals.width(episode.steps)
        low, high = self._range.tolist()
        return Forecast(success, value, max(value - width, low), min(value + width, high), votes)

    def _pooled(self, votes: Floats, base: Floats) -> tuple[float, float]:
        """Success probability and return, pooled from the votes (experts, 2)."""
        success, value = (
            float(stack.predict(votes[None, :, head], base[None, head])[0])
            for head, stack in enumerate(self._stacks)
        )
        success = min(max(success, SUREST), 1.0 - SUREST)
        value = min(max(value, self._range[0]), self._range[1]) if self.graded else success
        return success, float(value)

    def learn(self, episode: Episode, outcome: float, won: bool) -> None:
        """Learn a run of at least one step that ended."""
        returns = returns_of(episode.rewards, outcome, self._settings["discount"])
        self.graded |= bool(outcome != won or any(episode.rewards))
        rows = len(episode.progress)
        votes = np.array(episode.votes)
        observed = returns[:rows]
        targets: tuple[float | Floats, ...] = (float(won), observed)
        for head, (stack, target) in enumerate(zip(self._stacks, targets, strict=True)):
            stack.learn(votes[:, :-1, head], votes[:, -1, head], target)
        self.intervals.learn(np.array(episode.pooled)[:, 1], observed, episode.steps)
        rewards = np.zeros((rows, 2))  # after each remembered step: success, return
        rewards[:-1, 1] = episode.rewards[1:rows]
        rewards[-1] = float(won), observed[-1]
        low, high = self._range
        self._range = np.array([min(low, observed.min()), max(high, observed.max())])
        self._sums += (1.0, float(won), returns[0])
        ended = np.array([float(won), returns[0]])
        self.experts.learn(episode, episode.trajectory(rewards), ended)

    def state(self) -> dict[str, Any]:
        return {
            "panel": self.experts.state(),
            "stacks": [stack.state() for stack in self._stacks],
            "spread": self.intervals.state(),
            "sums": self._sums,
            "reach": self._range,
        }

    def restore(self, state: dict[str, Any], *, graded: bool) -> None:
        self.experts.restore(state["panel"])
        for stack, saved in zip(self._stacks, state["stacks"], strict=True):
            stack.restore(saved)
        self.intervals.restore(state["spread"])
        self._sums, self._range, self.graded = state["sums"], state["reach"], graded
