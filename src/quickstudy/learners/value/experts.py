"""The experts of a value function: each predicts a success probability and a return for a step."""

from __future__ import annotations

from typing import Any

import numpy as np

from quickstudy.experts.episodes import MOST_STEPS, Episodes, Tasks
from quickstudy.experts.lstd import LSTD
from quickstudy.learners.value.loops import LoopRecord, short_name
from quickstudy.learners.value.stacking import step_weights
from quickstudy.learners.value.step_features import RENEWED, StepFeatures
from quickstudy.learners.value.trajectory import PROGRESS, Episode, Trajectory
from quickstudy.types import Floats

EXPERTS = ("task", "lstd", "state", "returns", "course", "nearest", "loops")
PRIOR = np.array([0.6, 0.6, 0.4, 0.1, 0.25, 0.05, 0.25])  # prior mean of their weights
BEGINNERS = np.array([name != "task" for name in EXPERTS])  # improve with runs of any task
EPISODES_SHARE = 0.5  # of the budget at most, for remembered episodes
MOST_EPISODES = 256
HEADS = 2  # success, return


class ValueLSTD:
    """LSTD with two heads: success, which is never discounted, and the return."""

    def __init__(self, dim: int, *, discount: float, **settings: Any) -> None:
        if discount == 1.0:
            self.parts = [LSTD(dim, heads=HEADS, **settings)]
        else:
            self.parts = [LSTD(dim, heads=1, discount=g, **settings) for g in (1.0, discount)]

    def predict(self, rows: Floats) -> Floats:
        """Success and return at each row, shape (n, 2)."""
        return np.concatenate([part.predict(rows) for part in self.parts], axis=1)

    def learn(self, rows: Floats, rewards: Floats, weights: Floats) -> None:
        for at, part in enumerate(self.parts):
            columns = rewards if len(self.parts) == 1 else rewards[:, at : at + 1]
            part.learn(rows, columns, weights)

    def state(self) -> list[Any]:
        return [part.state() for part in self.parts]

    def restore(self, state: list[Any]) -> None:
        for part, saved in zip(self.parts, state, strict=True):
            part.restore(saved)


class ValueExperts:
    """All experts of a value function, and the runs to learn again until features are frozen."""

    def __init__(
        self, features: StepFeatures, *, discount: float, trace: float, budget_mb: float
    ) -> None:
        self.features = features
        self.discount, self.trace, self.budget_mb = discount, trace, budget_mb
        self.tasks = Tasks()
        self.loops = LoopRecord()
        self.progress = ValueLSTD(
            PROGRESS + 1, discount=discount, trace=1.0, ridge=10.0, scaled=True
        )
        self.kept: list[tuple[Trajectory, Floats]] = []  # until the features are frozen
        self._start_with_features()

    def _start_with_features(self) -> None:
        """Create, empty, the experts whose shapes depend on the features."""
        dim, position = self.features.dim, self.features.position_dim
        self.lstd = ValueLSTD(dim, discount=self.discount, trace=self.trace, ridge=0.1)
        state = self.features.state_dim
        self.state_alone = ValueLSTD(state, discount=self.discount, trace=self.trace, ridge=0.1)
        self.returns = ValueLSTD(dim, discount=self.discount, trace=1.0, ridge=0.5)
        room = EPISODES_SHARE * self.budget_mb * 2**20 / (MOST_STEPS * position * 4)
        self.episodes = Episodes(size=int(np.clip(room, 20, MOST_EPISODES)), dim=position)

    def predict(self, episode: Episode, base: Floats) -> Floats:
        """Votes of the experts after the latest step of a run, shape (experts, 2)."""
        votes = dict.fromkeys(EXPERTS, base)
        votes["task"] = self.of_task(episode, base)
        if episode.history.exact:
            shift = self.loops.success_rate(episode.history.worst, base[0]) - base[0]
            votes["loops"] = base + shift
        if self.runs:
            progress = episode.latest_progress
            numbers, dense = episode.so_far()
            row, state, position = self.features.of_latest(numbers, dense, episode.mean, progress)
            votes["lstd"] = self.lstd.predict(row)[0]
            if self.features.state_dim > 1:
                votes["state"] = self.state_alone.predict(state)[0]
            votes["returns"] = self.returns.predict(row)[0]
            votes["course"] = self.progress.predict(np.append(progress, 1.0)[None])[0]
            votes["nearest"] = self.episodes.predict(position[0], episode.steps - 1, base)
        return np.array([votes[name] for name in EXPERTS])

    @property
    def runs(self) -> int:
        """Number of runs learned."""
        return self.progress.parts[0].trajectories

    def of_task(self, episode: Episode, base: Floats) -> Floats:
        """Success rate and mean return of the task of a run, smoothed to the base rate."""
        return base if episode.task is None else self.tasks.predict(short_name(episode.task), base)

    def learn(self, episode: Episode, steps: Trajectory, ended: Floats) -> None:
        """Learn a run that ended with this success and return (2,)."""
        if episode.task is not None:
            self.tasks.learn(short_name(episode.task), ended)
        self.loops.learn(episode.history.worst, bool(ended[0]))
        progress = np.hstack([steps.progress, np.ones((len(steps), 1))])
        self.progress.learn(progress, steps.rewards, step_weights(len(steps)))
        if self.runs > RENEWED[-1]:
            self._learn_features(steps, ended)
            return
        self.kept.append((steps, ended))
        if self.runs in RENEWED and self.features.renew([kept for kept, _ in self.kept]):
            self._start_with_features()
            for earlier in self.kept:
                self._learn_features(*earlier)
        else:
            self._learn_features(steps, ended)
        if self.runs == RENEWED[-1]:
            self.kept = []

    def _learn_features(self, steps: Trajectory, ended: Floats) -> None:
        rows, states, positions = self.features.of_trajectory(steps)
        self.lstd.learn(rows, steps.rewards, np.ones(len(steps)))
        if self.features.state_dim > 1:
            self.state_alone.learn(states, steps.rewards, np.ones(len(steps)))
        self.returns.learn(rows, steps.rewards, step_weights(len(steps)))
        self.episodes.learn(positions, ended)

    def state(self) -> dict[str, Any]:
        return {
            "rows": self.features.state(),
            "tasks": list(self.tasks.sums.items()),
            "loops": self.loops.counts,
            "course": self.progress.state(),
            "lstd": self.lstd.state(),
            "state_alone": self.state_alone.state(),
            "returns": self.returns.state(),
            "episodes": self.episodes.state(),
            "kept": [{**steps.state(), "ended": ended} for steps, ended in self.kept],
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.features.restore(state["rows"])
        self._start_with_features()
        self.progress.restore(state["course"])
        for name in ("lstd", "state_alone", "returns", "episodes"):
            getattr(self, name).restore(state[name])
        self.tasks.sums = {task: list(sums) for task, sums in state["tasks"]}
        self.loops.counts = {name: list(counts) for name, counts in state["loops"].items()}
        self.kept = [(Trajectory.from_state(kept), kept["ended"].copy()) for kept in state["kept"]]
