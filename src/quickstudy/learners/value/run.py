"""`Run`: a handle on one open run, for the code that carries the run out."""

from __future__ import annotations

from typing import Any, Protocol

from quickstudy.types import Estimate, Input


class RunLearner(Protocol):
    """The methods of a `ValueFunction` that a `Run` calls, each with the id of the run."""

    def step(
        self,
        run: str,
        x: Input | None = None,
        *,
        action: Any = None,
        error: bool = False,
        reward: float = 0.0,
    ) -> Estimate: ...
    def end(self, run: str, outcome: float, *, success: bool | None = None) -> None: ...
    def expire(self, run: str) -> None: ...


class Run:
    """An open run; made by `ValueFunction.start`."""

    def __init__(self, learner: RunLearner, id: str, task: str | None) -> None:
        self._learner = learner
        self.id = id
        self.task = task

    def __repr__(self) -> str:
        return f"<Run {self.id!r}, task {self.task!r}>"

    def step(
        self,
        x: Input | None = None,
        *,
        action: Any = None,
        error: bool = False,
        reward: float = 0.0,
    ) -> Estimate:
        """Add a step and estimate how the run will end; see `ValueFunction.step`."""
        return self._learner.step(self.id, x, action=action, error=error, reward=reward)

    def end(self, outcome: float, *, success: bool | None = None) -> None:
        """End the run and learn from it; see `ValueFunction.end`."""
        self._learner.end(self.id, outcome, success=success)

    def expire(self) -> None:
        """Close the run without learning: its end stays unknown; see `ValueFunction.expire`."""
        self._learner.expire(self.id)
