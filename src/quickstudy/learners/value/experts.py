"""The experts of a value function: each says a success probability and a return for a step."""

from __future__ import annotations

from typing import Any

import numpy as np

from quickstudy.experts.episodes import MOST_STEPS, Episodes, Tasks
from quickstudy.experts.lstd import LSTD
from quickstudy.learners.value.loops import LoopRecord, named
from quickstudy.learners.value.stacking import step_weights
from quickstudy.learners.value.step_features import RENEWED, StepFeatures
from quickstudy.learners.value.trajectory import SIGNS, Episode, Steps
from quickstudy.types import Floats

EXPERTS = ("task", "lstd", "state", "returns", "course", "nearest", "loops")
PRIOR = np.array([0.6, 0.6, 0.4, 0.1, 0.25, 0.05, 0.25])  # of their weights
BEGINNERS = np.array([name != "task" for name in EXPERTS])  # need runs of any task to be right
EPISODES_SHARE = 0.5  # of the budget at most, for remembered episodes
MOST_EPISODES = 256
HEADS = 2  # success, return


class Valued:
    """LSTD of success, which is never discounted, and of the return."""

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
        for part, its in zip(self.parts, state, strict=True):
            part.restore(its)


class ValueExperts:
    """All experts, and the runs they need until the features are frozen."""

    def __init__(
        self, rows: StepFeatures, *, discount: float, trace: float, budget_mb: float
    ) -> None:
        self.rows = rows
        self.discount, self.trace, self.budget_mb = discount, trace, budget_mb
        self.tasks = Tasks()
        self.record = LoopRecord()
        self.course = Valued(SIGNS + 1, discount=discount, trace=1.0, ridge=10.0, scaled=True)
        self.kept: list[tuple[Steps, Floats]] = []  # until the features are frozen
        self._make()

    def _make(self) -> None:
        """Experts whose shapes follow from the features, empty."""
        dim, place = self.rows.dim, self.rows.place_dim
        self.lstd = Valued(dim, discount=self.discount, trace=self.trace, ridge=0.1)
        state = self.rows.state_dim
        self.state_alone = Valued(state, discount=self.discount, trace=self.trace, ridge=0.1)
        self.returns = Valued(dim, discount=self.discount, trace=1.0, ridge=0.5)
        room = EPISODES_SHARE * self.budget_mb * 2**20 / (MOST_STEPS * place * 4)
        self.episodes = Episodes(size=int(np.clip(room, 20, MOST_EPISODES)), dim=place)

    def say(self, course: Episode, base: Floats) -> Floats:
        """What each expert says after the latest step of a run, shape (experts, 2)."""
        said = dict.fromkeys(EXPERTS, base)
        said["task"] = self.of_task(course, base)
        if course.trail.exact:
            shift = self.record.outlook(course.trail.worst, base[0]) - base[0]
            said["loops"] = base + shift
        if self.runs:
            numbers, now = course.so_far()
            row, state, place = self.rows.of_latest(numbers, now, course.mean, course.now)
            said["lstd"] = self.lstd.predict(row)[0]
            if self.rows.state_dim > 1:
                said["state"] = self.state_alone.predict(state)[0]
            said["returns"] = self.returns.predict(row)[0]
            said["course"] = self.course.predict(np.append(course.now, 1.0)[None])[0]
            said["nearest"] = self.episodes.predict(place[0], course.steps - 1, base)
        return np.array([said[name] for name in EXPERTS])

    @property
    def runs(self) -> int:
        """Runs learned."""
        return self.course.parts[0].courses

    def of_task(self, course: Episode, base: Floats) -> Floats:
        """Success rate and mean return of the task of a run, drawn to the base."""
        return base if course.task is None else self.tasks.predict(named(course.task), base)

    def learn(self, course: Episode, steps: Steps, ended: Floats) -> None:
        """A run ended, with this success and return (2,)."""
        if course.task is not None:
            self.tasks.learn(named(course.task), ended)
        self.record.learn(course.trail.worst, bool(ended[0]))
        signs = np.hstack([steps.signs, np.ones((len(steps), 1))])
        self.course.learn(signs, steps.rewards, step_weights(len(steps)))
        if self.runs > RENEWED[-1]:
            self._learn_rows(steps, ended)
            return
        self.kept.append((steps, ended))
        if self.runs in RENEWED and self.rows.renew([kept for kept, _ in self.kept]):
            self._make()
            for earlier in self.kept:
                self._learn_rows(*earlier)
        else:
            self._learn_rows(steps, ended)
        if self.runs == RENEWED[-1]:
            self.kept = []

    def _learn_rows(self, steps: Steps, ended: Floats) -> None:
        rows, states, places = self.rows.of_run(steps)
        self.lstd.learn(rows, steps.rewards, np.ones(len(steps)))
        if self.rows.state_dim > 1:
            self.state_alone.learn(states, steps.rewards, np.ones(len(steps)))
        self.returns.learn(rows, steps.rewards, step_weights(len(steps)))
        self.episodes.learn(places, ended)

    def state(self) -> dict[str, Any]:
        return {
            "rows": self.rows.state(),
            "tasks": list(self.tasks.sums.items()),
            "loops": self.record.counts,
            "course": self.course.state(),
            "lstd": self.lstd.state(),
            "state_alone": self.state_alone.state(),
            "returns": self.returns.state(),
            "episodes": self.episodes.state(),
            "kept": [{**vars(steps), "ended": ended} for steps, ended in self.kept],
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.rows.restore(state["rows"])
        self._make()
        for name in ("course", "lstd", "state_alone", "returns", "episodes"):
            getattr(self, name).restore(state[name])
        self.tasks.sums = {task: list(sums) for task, sums in state["tasks"]}
        self.record.counts = {name: list(counts) for name, counts in state["loops"].items()}
        self.kept = [
            (Steps(**{k: a.copy() for k, a in kept.items() if k != "ended"}), kept["ended"].copy())
            for kept in state["kept"]
        ]
