"""`ValueFunction`: predicts, after each step, the outcome of an agent run."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np

from quickstudy import snapshot
from quickstudy.encode.actions import plain_action
from quickstudy.encode.inputs import plain_input
from quickstudy.encode.parsing import Parsed
from quickstudy.encode.record import RecordEncoder
from quickstudy.encode.room import room_for
from quickstudy.encode.values import plain_text
from quickstudy.errors import InputError, NotFoundError
from quickstudy.learners.base import Saved, atomic
from quickstudy.learners.value.advice import advise, checked_costs, told_to_stop, with_loop
from quickstudy.learners.value.experts import EXPERTS
from quickstudy.learners.value.forecast import Forecast, Forecaster
from quickstudy.learners.value.loops import step_text, with_rate
from quickstudy.learners.value.run import Run
from quickstudy.learners.value.settings import LARGEST, check_text, checked_number, plain_settings
from quickstudy.learners.value.stopping import StopRule
from quickstudy.learners.value.trajectory import Episode
from quickstudy.types import Costs, Estimate, Input, Loop

NUMBERS_PER_MB = 4  # columns of plain values of a step: all steps of many runs are held at once


class ValueFunction(Saved):
    """Learns from runs that ended how an open run will end.

    A run is a sequence of steps towards a task; each step has an input (a record, a text or a
    vector), and may have an action, an error and a reward. When a run ends, its outcome is learned
    at once. Many runs may be open at a time, and end in any order.

    Seven experts are pooled around the base rate by how well each predicted so far: least-squares
    temporal differences on the run so far and on its present state alone, Monte-Carlo regression on
    the run and on its progress features, the memory of tasks and of the nearest runs, and the
    success rates after loops.

    Safe for threads: each call is atomic, of the learner and of its runs, so several threads may
    have runs open at once, and no step is lost.

    Args:
        success: a run succeeds if its outcome is at least this (`end` can override it).
        discount: in (0, 1], of a reward by step.
        outcome_range: least and largest outcome.
        costs: costs of steps, failures and questions, for the advice.
        stop_error: q in (0, 1): at most this share of stopped runs would have succeeded.
        alpha: in (0, 1), the chance of ever stopping by a rule whose error is larger than q.
        audit: share, in (0, 1], of the runs to be stopped that continue, to know their end.
        loops: whether repeated steps are looked for.
        most_open: runs that may be open; if one more starts, the oldest expires.
        trace: lambda of the temporal differences, in [0, 1].
        budget_mb: memory, in MiB, at least 16; half of it remembers the nearest runs.
        schema: field name -> type, as for `Classifier`.
        seed: seeds every random choice; same seed and same calls give the same bits.

    Raises:
        SettingError: a setting is out of its range.

    >>> v = ValueFunction()
    >>> for i in range(40):  # runs that start with a payment succeed
    ...     run = v.start()
    ...     _ = run.step({"paid": i % 2 == 0, "stock": i % 5})
    ...     run.end(float(i % 2 == 0))
    >>> run = v.start()
    >>> run.step({"paid": True, "stock": 3}).success_probability > 0.9
    True

    References:
        Sutton & Barto (2018), Reinforcement Learning, 2nd ed., chapters 6, 9.8 and 12.
    """

    _kind = "value"
    _noun = "value function"

    def __init__(
        self,
        *,
        success: float = 1.0,
        discount: float = 1.0,
        outcome_range: tuple[float, float] = (0.0, 1.0),
        costs: Costs | Mapping[str, float | None] | None = None,
        stop_error: float = 0.05,
        alpha: float = 0.05,
        audit: float = 0.1,
        loops: bool = True,
        most_open: int = 1000,
        trace: float = 0.0,
        budget_mb: float = 64,
        schema: Mapping[str, str] | None = None,
        seed: int = 0,
    ) -> None:
        super().__init__()
        given = plain_settings(
            success=success,
            discount=discount,
            outcome_range=outcome_range,
            stop_error=stop_error,
            alpha=alpha,
            audit=audit,
            most_open=most_open,
            trace=trace,
            budget_mb=budget_mb,
            seed=seed,
        )
        self.settings: dict[str, Any] = {
            **{name: float(given[name]) for name in ("success", "discount", "audit", "alpha")},
            "outcome_range": [float(end) for end in given["outcome_range"]],
            "loops": bool(loops),
            "trace": float(given["trace"]),
            "budget_mb": given["budget_mb"],
            "seed": given["seed"],
        }
        self.costs = checked_costs(costs)
        self.most_open = given["most_open"]
        room = room_for(given["budget_mb"])
        room = replace(room, numbers=int(NUMBERS_PER_MB * given["budget_mb"]))
        self._forecaster = Forecaster(RecordEncoder(schema, room=room), self.settings)
        self._stop = StopRule(
            given["stop_error"], alpha=given["alpha"], audit=given["audit"], seed=given["seed"]
        )
        self._open: dict[str, Episode] = {}
        self._started = self.steps = 0

    @property
    @atomic
    def open(self) -> tuple[str, ...]:
        """Ids of the open runs, oldest first."""
        return tuple(self._open)

    @property
    @atomic
    def runs(self) -> int:
        """Number of runs that ended and were learned."""
        return self._forecaster.runs

    @property
    @atomic
    def tasks(self) -> int:
        """Number of tasks that are remembered."""
        return len(self._forecaster.experts.tasks.sums)

    @property
    @atomic
    def experts(self) -> tuple[tuple[str, float], ...]:
        """Experts with their weights in success probabilities (they need not add up to 1)."""
        return tuple(zip(EXPERTS, self._forecaster.weights.tolist(), strict=True))

    @property
    @atomic
    def stopping(self) -> dict[str, Any]:
        """State of the stop certificate: level, log_evidence, log_bar, error, thresholds (of the
        failure probability), audit_rate, alarms, unknown."""
        return self._stop.report()

    @property
    @atomic
    def size_bytes(self) -> int:
        """Bytes of all arrays of the state."""
        return sum(array.nbytes for array in self._state()[0].values())

    def start(self, task: str | None = None, *, id: str | None = None, as_is: bool = False) -> Run:
        """Start a run.

        Args:
            task: name of the task, if the same task occurs in several runs.
            id: id of the run; by default the learner numbers it.
            as_is: both are plain values (see `encode.values`), as a log keeps them.

        Raises:
            InputError: a run of that id is open; nothing was changed.
        """
        if not as_is:
            id, task = plain_text(id), plain_text(task)
        for name, text in (("id", id), ("task", task)):
            if text is not None:
                check_text(name, text)
        return self._start(task, id)

    @atomic
    def _start(self, task: str | None, id: str | None) -> Run:
        id = self._free() if id is None else id
        if id in self._open:
            raise InputError(f"id {id!r} is that of an open run; choose another one")
        while len(self._open) >= self.most_open:
            self.expire(next(iter(self._open)))
        episode = Episode(task, number=self._started)
        self._started += 1
        episode.success = episode.success_at_start = self._forecaster.success_at_start(episode)
        self._open[id] = episode
        return Run(self, id, task)

    def _free(self) -> str:
        numbers = itertools.count(self._started)
        return next(name for n in numbers if (name := f"r{n}") not in self._open)

    @atomic
    def run(self, id: str) -> Run:
        """A handle on the open run of that id.

        Raises:
            NotFoundError: no run of that id is open.
        """
        id = plain_text(id)
        return Run(self, id, self._episode(id).task)

    def _episode(self, id: str) -> Episode:
        """The open run of a plain id.

        Raises:
            NotFoundError: no run of that id is open.
        """
        if id not in self._open:
            raise NotFoundError(f"there is no open run {id!r}; start it first")
        return self._open[id]

    def check(self, x: Input | None, action: Any = None) -> None:
        """Check that this could be a step.

        Raises:
            InputError, RecordError: it could not; the message names the field.
        """
        self._check(*_plain_step(x, action))

    @atomic
    def _check(self, x: Input | None, action: str | None) -> None:
        self._parsed(x, action)

    def _parsed(self, x: Input | None, action: str | None) -> Parsed:
        if action is not None:
            check_text("action", action)
        return self._forecaster.features.parse(x, action)

    def step(
        self,
        run: str,
        x: Input | None = None,
        *,
        action: Any = None,
        error: bool = False,
        reward: float = 0.0,
        as_is: bool = False,
    ) -> Estimate:
        """Add a step to the run of that id and estimate how the run will end.

        Args:
            run: id of an open run.
            x: the observation: a record, a text or a vector; by default the action's text.
            action: what the agent did, as `search("x")`, or any JSON value; repeats are loops.
            error: whether the step failed.
            reward: reward of this step.
            as_is: run, x and action are plain values (see `encode.values`), as a log keeps them.

        Raises:
            NotFoundError, InputError, RecordError: nothing was changed.
        """
        if not as_is:
            run = plain_text(run)
            x, action = _plain_step(x, action)
        reward = checked_number("reward", reward, -LARGEST, LARGEST)
        return self._step(run, x, action, failed=bool(error), reward=reward)

    @atomic
    def _step(
        self, run: str, x: Input | None, action: str | None, *, failed: bool, reward: float
    ) -> Estimate:
        episode = self._episode(run)
        parsed = self._parsed(x, action)
        raw = self._forecaster.features.raw(parsed)
        token = step_text(x if action is None else action) if self.settings["loops"] else None
        base = float(self._forecaster.base[0])
        found = episode.add(raw, token, action=action, error=failed)
        forecast = self._forecaster.forecast(episode)
        episode.rewards.append(reward)
        self.steps += 1
        loop = with_rate(found, self._forecaster.experts.loops, base) if found else None
        return self._estimate(run, episode, forecast, loop)

    def _estimate(
        self, run: str, episode: Episode, forecast: Forecast, loop: Loop | None
    ) -> Estimate:
        """The public estimate of a forecast, with advice; updates the episode and the stop rule."""
        credit, episode.success = forecast.success - episode.success, forecast.success
        left = self._forecaster.intervals.steps_left(episode.steps)
        worth = float(max(self.settings["outcome_range"][1], self.settings["success"]))
        advice, why = advise(
            self.costs,
            value=forecast.value,
            success=forecast.success,
            steps_left=left,
            worth=worth,
        )
        stop = self._stop.step(episode.number, forecast.success)
        if stop:
            advice, why = "stop", told_to_stop(self._stop.error)
        votes = np.clip(forecast.votes[:, 0], 0.0, 1.0).tolist()
        return Estimate(
            run=run,
            step=episode.steps,
            value=forecast.value,
            low=forecast.low,
            high=forecast.high,
            success_probability=forecast.success,
            credit=credit,
            loop=loop,
            advice=advice,
            stop=stop,
            steps_left=left,
            why=with_loop(why, loop),
            votes=tuple(zip(EXPERTS, votes, strict=True)),
        )

    @atomic
    def end(self, run: str, outcome: float, *, success: bool | None = None) -> None:
        """End the run of that id and learn from it at once.

        A run that was told to stop by certificate is not learned, because it ended as predicted. So
        once a certificate holds, hopeless runs are learned only as often as they are audited.

        Args:
            run: id of an open run.
            outcome: a number in `outcome_range`; True is 1.0.
            success: whether it succeeded; by default, whether the outcome is at least `success`.

        Raises:
            NotFoundError, InputError: nothing was changed.
        """
        run = run if run in self._open else plain_text(run)
        episode = self._episode(run)
        low, high = self.settings["outcome_range"]
        outcome = checked_number("outcome", outcome, low, high)
        won = outcome >= self.settings["success"] if success is None else bool(success)
        del self._open[run]
        stopped = self._stop.close(episode.number, won)
        if episode.steps and not stopped:
            self._forecaster.learn(episode, outcome, won)

    @atomic
    def expire(self, run: str) -> None:
        """Close the run of that id without learning, because its end will never be known.

        A run that was stopped is also closed in this way.

        Raises:
            NotFoundError: no run of that id is open.
        """
        run = run if run in self._open else plain_text(run)
        episode = self._episode(run)
        del self._open[run]
        self._stop.close(episode.number, None)

    @atomic
    def change(
        self,
        *,
        costs: Costs | Mapping[str, float | None] | None = None,
        stop_error: float | None = None,
        most_open: int | None = None,
    ) -> None:
        """Change settings; None leaves a setting as it is.

        A changed `stop_error` resets the evidence of the stop certificate.

        Raises:
            SettingError: a setting is out of its range; nothing was changed.
        """
        checked = self.costs if costs is None else checked_costs(costs)
        changes = {"stop_error": stop_error, "most_open": most_open}
        given = plain_settings(**{name: v for name, v in changes.items() if v is not None})
        self.costs = checked
        self.most_open = given.get("most_open", self.most_open)
        if given.get("stop_error", self._stop.error) != self._stop.error:
            self._stop = self._stop.reset(given["stop_error"])

    def _state(self) -> tuple[snapshot.Arrays, dict[str, Any]]:
        return snapshot.flattened(
            {
                "kind": self._kind,
                "settings": self.settings,
                "costs": [self.costs.step, self.costs.failure, self.costs.ask, self.costs.help],
                "most_open": self.most_open,
                **self._forecaster.state(),
                "stop": self._stop.state(),
                "open": [[id, episode.state()] for id, episode in self._open.items()],
                "counts": [self._started, self.steps, self._forecaster.graded],
            }
        )

    @classmethod
    def from_state(cls, arrays: snapshot.Arrays, plain: dict[str, Any]) -> Self:
        """The learner with this state; the arrays are copied."""
        copies = {name: array.copy() for name, array in arrays.items()}
        state = snapshot.nested(copies, plain)
        made = cls(**state["settings"])
        made.costs, made.most_open = Costs(*state["costs"]), state["most_open"]
        made._started, made.steps, graded = state["counts"]
        made._forecaster.restore(state, graded=graded)
        made._stop = StopRule.from_state(state["stop"])
        made._open = {id: Episode.from_state(saved) for id, saved in state["open"]}
        return made


def _plain_step(x: Any, action: Any) -> tuple[Input | None, str | None]:
    """Input and action of a step as plain values."""
    return None if x is None else plain_input(x), plain_action(action)
