"""`Runs`: the client's methods on value learners: start, step, end and read runs."""

from __future__ import annotations

from typing import Any, Unpack

from quickstudy.api.checks import plain_record
from quickstudy.api.codec import load, load_all, path_of
from quickstudy.api.options import sent, takes_settings, without_null
from quickstudy.api.runs import RunInfo, RunReport, ValueInfo, ValueReport
from quickstudy.api.settings import ValueOptions, ValueSettings
from quickstudy.client.resource import Resource
from quickstudy.encode.actions import plain_action
from quickstudy.encode.values import plain_flag, plain_number, plain_text
from quickstudy.types import Estimate, Input


class Runs(Resource):
    """Methods on value learners and their runs, documented in `Deployment`."""

    @takes_settings(ValueSettings)
    def create_value(self, name: str, **settings: Unpack[ValueOptions]) -> ValueInfo:
        """Create a value learner; see `Deployment.create_value`."""
        body = {"kind": "value", "name": name, **sent(ValueSettings, settings)}
        return load(ValueInfo, self._send("POST", "/v1/learners", body))

    def value(self, name: str) -> ValueReport:
        """A summary of a value learner's performance, and whether it may stop runs."""
        return load(ValueReport, self._get(path_of("learners", name, "value")))

    def start(self, name: str, *, task: str | None = None, id: str | None = None) -> RunInfo:
        """Start a run; retried if it has an `id`."""
        body = {"task": plain_text(task), "id": plain_text(id)}
        path = path_of("learners", name, "runs")
        return load(RunInfo, self._send("POST", path, without_null(body), again=id is not None))

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
        """Add a step; retried if it has a `number`."""
        body = {
            "input": None if x is None else plain_record(x),
            "action": plain_action(action),
            "error": plain_flag(error),
            "reward": plain_number(reward),
            "number": number,
        }
        path = path_of("learners", name, "runs", run, "steps")
        return load(
            Estimate, self._send("POST", path, without_null(body), again=number is not None)
        )

    def end(
        self,
        name: str,
        run: str,
        outcome: float,
        *,
        success: bool | None = None,
        source: str | None = None,
    ) -> RunInfo:
        """Log the end of a run; retried, as it counts once."""
        body = {
            "outcome": plain_number(outcome),
            "success": plain_flag(success),
            "source": plain_text(source),
        }
        path = path_of("learners", name, "runs", run, "end")
        return load(RunInfo, self._send("POST", path, without_null(body), again=True))

    def expire(self, name: str, run: str) -> RunInfo:
        """Close a run whose outcome will stay unknown; retried."""
        path = path_of("learners", name, "runs", run, "expire")
        return load(RunInfo, self._send("POST", path, again=True))

    def runs(self, name: str, *, status: str | None = None, limit: int = 50) -> list[RunInfo]:
        """Runs of a learner, newest first, without their steps."""
        found = self._get(path_of("learners", name, "runs"), status=status, limit=limit)
        return load_all(RunInfo, found["runs"])

    def run(self, name: str, run: str) -> RunReport:
        """A run with all its steps."""
        return load(RunReport, self._get(path_of("learners", name, "runs", run)))
