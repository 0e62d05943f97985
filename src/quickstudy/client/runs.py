"""The client's methods for value learners: start, step and end runs, and look at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from quickstudy.api.codec import load, load_all, outgoing, path_of
from quickstudy.api.runs import RunInfo, RunReport, ValueInfo, ValueReport
from quickstudy.client.resource import Resource
from quickstudy.deploy.core.records import plain_record
from quickstudy.encode.actions import plain_action
from quickstudy.encode.values import plain_flag, plain_number, plain_text
from quickstudy.types import Costs, Estimate, Input


class Runs(Resource):
    """Methods on value learners and their runs, documented in `Deployment`."""

    def create_value(
        self,
        name: str,
        *,
        success: float = 1.0,
        discount: float = 1.0,
        outcome_range: tuple[float, float] = (0.0, 1.0),
        costs: Costs | Mapping[str, float | None] | None = None,
        stop_error: float = 0.05,
        alpha: float = 0.05,
        audit: float = 0.1,
        loops: bool = True,
        wait_seconds: float = 86_400.0,
        most_open: int = 1000,
        budget_mb: float = 64.0,
        schema: Mapping[str, str] | None = None,
        seed: int | None = None,
    ) -> ValueInfo:
        """Make a value learner; see `Deployment.create_value`."""
        given = {
            "success": success,
            "discount": discount,
            "outcome_range": outcome_range,
            "costs": costs,
            "stop_error": stop_error,
            "alpha": alpha,
            "audit": audit,
            "loops": loops,
            "wait_seconds": wait_seconds,
            "most_open": most_open,
            "budget_mb": budget_mb,
            "schema": schema,
            "seed": seed,
        }
        made = self._send("POST", "/v1/learners", {"kind": "value", "name": name, **plain(given)})
        return load(ValueInfo, made)

    def value(self, name: str) -> ValueReport:
        """How a value learner does, and whether it may stop runs."""
        return load(ValueReport, self._get(path_of("learners", name, "value")))

    def start(self, name: str, *, task: str | None = None, id: str | None = None) -> RunInfo:
        """Start a run; sent again where an `id` of one's own makes that safe."""
        body = {"task": plain_text(task), "id": plain_text(id)}
        path = path_of("learners", name, "runs")
        return load(RunInfo, self._send("POST", path, _given(body), again=id is not None))

    def step(
        self,
        name: str,
        run: str,
        x: Input | None = None,
        *,
        action: Any = None,
        error: bool = False,
        reward: float = 0.0,
        number: int | None = None,
    ) -> Estimate:
        """Add a step; sent again where its `number` makes that safe."""
        body = {
            "input": None if x is None else plain_record(x),
            "action": plain_action(action),
            "error": plain_flag(error),
            "reward": plain_number(reward),
            "number": number,
        }
        path = path_of("learners", name, "runs", run, "steps")
        return load(Estimate, self._send("POST", path, _given(body), again=number is not None))

    def end(
        self,
        name: str,
        run: str,
        outcome: float,
        *,
        success: bool | None = None,
        source: str | None = None,
    ) -> RunInfo:
        """Say how a run ended; sent again until it arrives, as it counts once."""
        body = {
            "outcome": plain_number(outcome),
            "success": plain_flag(success),
            "source": plain_text(source),
        }
        path = path_of("learners", name, "runs", run, "end")
        return load(RunInfo, self._send("POST", path, _given(body), again=True))

    def expire(self, name: str, run: str) -> RunInfo:
        """Say that nobody will know how a run ends; sent again until it arrives."""
        path = path_of("learners", name, "runs", run, "expire")
        return load(RunInfo, self._send("POST", path, again=True))

    def runs(self, name: str, *, status: str | None = None, limit: int = 50) -> list[RunInfo]:
        """Runs of a learner, the latest first, without their steps."""
        found = self._get(path_of("learners", name, "runs"), status=status, limit=limit)
        return load_all(RunInfo, found["runs"])

    def run(self, name: str, run: str) -> RunReport:
        """A run with all its steps."""
        return load(RunReport, self._get(path_of("learners", name, "runs", run)))


def plain(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a value learner as JSON can hold them.

    >>> plain({"costs": Costs(step=0.5), "seed": None})
    {'costs': {'step': 0.5, 'failure': 0.0, 'help': 1.0}}
    """
    found = {n: asdict(v) if isinstance(v, Costs) else v for n, v in settings.items()}
    if isinstance(found.get("costs"), Mapping):
        found["costs"] = _given(found["costs"])
    return {name: outgoing(value) for name, value in _given(found).items()}


def _given(body: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in body.items() if value is not None}
