"""`Run`: a run under way, as the code that runs it holds it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from quickstudy.types import Estimate, Input

if TYPE_CHECKING:
    from quickstudy.learners.value.value_function import ValueFunction


class Run:
    """A run under way; made by `ValueFunction.start`."""

    def __init__(self, learner: ValueFunction, id: str, task: str | None) -> None:
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
        """Add a step, and say how the run will end; see `ValueFunction.step`."""
        return self._learner.step(self.id, x, action=action, error=error, reward=reward)

    def end(self, outcome: float, *, success: bool | None = None) -> None:
        """The run is over: learn from it; see `ValueFunction.end`."""
        self._learner.end(self.id, outcome, success=success)

    def expire(self) -> None:
        """The end of the run will never be known; see `ValueFunction.expire`."""
        self._learner.expire(self.id)
