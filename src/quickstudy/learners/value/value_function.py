"""`ValueFunction`: how a course of many steps will end, said at every step."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Self

import numpy as np

from quickstudy import snapshot
from quickstudy.encode.parsing import Parsed
from quickstudy.encode.record import RecordEncoder
from quickstudy.encode.room import room_for
from quickstudy.encode.values import plain_action, plain_input, plain_text
from quickstudy.errors import InputError, NotFoundError
from quickstudy.learners.base import Kept, atomic
from quickstudy.learners.value.advice import advise, checked_costs, told_to_stop, with_loop
from quickstudy.learners.value.experts import BEGINNERS, EXPERTS, PRIOR, ValueExperts
from quickstudy.learners.value.intervals import Intervals
from quickstudy.learners.value.loops import described, spelled
from quickstudy.learners.value.run import Run
from quickstudy.learners.value.settings import LARGEST, check_text, checked_number, plain_settings
from quickstudy.learners.value.stacking import Stack
from quickstudy.learners.value.step_features import StepFeatures
from quickstudy.learners.value.stopping import StopRule
from quickstudy.learners.value.trajectory import MOST_ROWS, Episode, returns_of
from quickstudy.types import Costs, Estimate, Floats, Input

BASE_DOUBT = 10.0  # runs that an even chance counts for in the base rate
SUREST = 0.005  # no success probability is nearer to 0 or 1
LOOPS = EXPERTS.index("loops")
NUMBERS_PER_MB = 4  # columns of plain values of a step: all steps of many runs are held at once


class ValueFunction(Kept):
    """Learns from runs that ended how a run that is under way will end.

    A run is a course of steps towards a task; each step has an input (a record, a text or a
    vector), and may have an action, an error and a reward. When a run ends, its outcome is learned
    at once. Many runs may be open at a time, and end in any order.

    Seven experts are pooled around the base rate by how well each predicted so far: least-squares
    temporal differences on the run so far and on its present state alone, Monte-Carlo regression on
    the run and on the signs of its course, the memory of tasks and of the nearest runs, and the
    record of loops.

    Safe for threads: each call is atomic, of the learner and of its runs, so runs of many threads
    may be open at once, and nothing that they bring is lost.

    Args:
        success: a run succeeds if its outcome is at least this (`end` may say otherwise).
        discount: in (0, 1], of a reward by step.
        outcome_range: least and largest outcome.
        costs: what steps, failures and questions cost, for the advice.
        stop_error: q in (0, 1): at most this share of stopped runs would have succeeded.
        alpha: in (0, 1), the chance of ever stopping by a rule that errs more.
        audit: share, in (0, 1], of runs to be stopped that are left alone, to know how they end.
        loops: whether repeats are looked for.
        most_open: runs that may be open; the oldest expires when there is one more.
        trace: lambda of the temporal differences, in [0, 1].
        budget_mb: memory, in MiB, at least 16; half of it remembers the nearest runs.
        schema: field name -> type, as for `Classifier`.
        seed: seeds every random choice; same seed and same calls give the same bits.

    Raises:
        SettingError: a setting is out of its range.

    >>> v = ValueFunction()
    >>> for i in range(40):  # whoever pays first gets the goods
    ...     run = v.start()
    ...     _ = run.step({"paid": i % 2 == 0, "stock": i % 5})
    ...     run.end(float(i % 2 == 0))
    >>> run = v.start()
    >>> run.step({"paid": True, "stock": 3}).success_probability > 0.9
    True

    References:
        Sutton & Barto (2018), Reinforcement Learning, 2nd ed., chapters 6, 9.8 and 12.
    """

    _NOUN = ("value", "value function")

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
        low, high = given["outcome_range"]
        budget_mb, seed, discount = given["budget_mb"], given["seed"], given["discount"]
        self.settings: dict[str, Any] = {
            "success": float(given["success"]),
            "discount": float(discount),
            "outcome_range": [float(low), float(high)],
            "audit": float(given["audit"]),
            "alpha": float(given["alpha"]),
            "loops": bool(loops),
            "trace": float(given["trace"]),
            "budget_mb": budget_mb,
            "seed": seed,
        }
        self.costs = checked_costs(costs)
        self.most_open = given["most_open"]
        room = replace(room_for(budget_mb), numbers=int(NUMBERS_PER_MB * budget_mb))
        self._rows = StepFeatures(RecordEncoder(schema, room=room), seed=seed)
        trace = given["trace"]
        self._panel = ValueExperts(self._rows, discount=discount, trace=trace, budget_mb=budget_mb)
        self._stacks = [Stack(PRIOR, odds=odds, beginners=BEGINNERS) for odds in (True, False)]
        self._spread = Intervals()
        self._stop = StopRule(
            given["stop_error"], alpha=given["alpha"], audit=given["audit"], seed=seed
        )
        self._open: dict[str, Episode] = {}
        self._sums = np.zeros(3)  # runs, successes, returns from the start
        self._reach = np.array([low, high], dtype=float)  # of returns so far
        self._graded = discount < 1.0 or (low, high) != (0.0, 1.0)  # more than successes
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
        return int(self._sums[0])

    @property
    @atomic
    def tasks(self) -> int:
        """Number of tasks that are remembered."""
        return len(self._panel.tasks.sums)

    @property
    @atomic
    def experts(self) -> tuple[tuple[str, float], ...]:
        """Experts with their weights in success probabilities (they need not add up to 1)."""
        weights = self._stacks[0].weights.copy()
        weights[LOOPS] *= self.settings["loops"]
        return tuple(zip(EXPERTS, weights.tolist(), strict=True))

    @property
    @atomic
    def stopping(self) -> dict[str, Any]:
        """How the stop certificate stands: level, log_evidence, log_bar, error, thresholds (of
        the failure probability), audit_rate, alarms."""
        return self._stop.report()

    @property
    @atomic
    def size_bytes(self) -> int:
        """Bytes of all arrays of the state."""
        return sum(array.nbytes for array in self._state()[0].values())

    def start(self, task: str | None = None, *, id: str | None = None, as_is: bool = False) -> Run:
        """Begin a run.

        Args:
            task: what it is about, if the same task comes up again and again.
            id: a name of one's own; else it is numbered.
            as_is: both are plain, as a log keeps them: take them so.

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
        course = Episode(task, number=self._started)
        self._started += 1
        course.success = course.start = self._before(course)
        self._open[id] = course
        return Run(self, id, task)

    def _free(self) -> str:
        numbers = itertools.count(self._started)
        return next(name for n in numbers if (name := f"r{n}") not in self._open)

    @atomic
    def run(self, id: str) -> Run:
        """The open run of an id.

        Raises:
            NotFoundError: there is none.
        """
        id = plain_text(id)
        return Run(self, id, self._course(id).task)

    def _course(self, id: str) -> Episode:
        """The open run of a plain id.

        Raises:
            NotFoundError: there is none.
        """
        if id not in self._open:
            raise NotFoundError(f"there is no open run {id!r}; start it first")
        return self._open[id]

    def check(self, x: Input | None, action: Any = None) -> None:
        """Whether a step could be made of this.

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
        return self._rows.parse(x, action)

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
        """Add a step to the run of that id, and say how the run will end.

        Args:
            run: id of an open run.
            x: what the step brought: a record, a text or a vector; without it the action's text.
            action: what was done, as in `search("x")`, or any JSON value; repeats of it are loops.
            error: whether the step failed.
            reward: what came with it.
            as_is: all of it is plain, as a log keeps it: take it so.

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
        course = self._course(run)
        parsed = self._parsed(x, action)
        raw = self._rows.raw(parsed)
        token = spelled(x if action is None else action) if self.settings["loops"] else None
        found = course.add(raw, token, action=action, error=failed)
        p, value, said = self._said(course)
        if len(course.said) < MOST_ROWS:
            course.said.append(np.vstack([said, self._base]))
            course.pooled.append(np.array([p, value]))
        course.rewards.append(reward)
        self.steps += 1
        credit, course.success = p - course.success, p
        loop = described(found, self._panel.record, float(self._base[0])) if found else None
        left = self._spread.steps_left(course.steps)
        width = self._spread.width(course.steps)
        advice, why = advise(self.costs, value=value, success=p, steps_left=left, worth=self._worth)
        stop = self._stop.step(course.number, p)
        if stop:
            advice, why = "stop", told_to_stop(self._stop.error)
        low, high = self._reach.tolist()
        return Estimate(
            run=run,
            step=course.steps,
            value=value,
            low=max(value - width, low),
            high=min(value + width, high),
            success_probability=p,
            credit=credit,
            loop=loop,
            advice=advice,
            stop=stop,
            steps_left=left,
            why=with_loop(why, loop),
            votes=tuple(zip(EXPERTS, np.clip(said[:, 0], 0.0, 1.0).tolist(), strict=True)),
        )

    def _said(self, course: Episode) -> tuple[float, float, Floats]:
        """Success probability, value, and what each expert says after the latest step."""
        said = self._panel.say(course, self._base)
        if not self.settings["loops"]:
            said[LOOPS] = self._base
        return *self._pooled(said), said

    @atomic
    def end(self, run: str, outcome: float, *, success: bool | None = None) -> None:
        """The run of that id is over: learn from it at once.

        Nothing is learned of a run that was told to stop by certificate: it ended as was said. So,
        once there is one, hopeless runs are learned as rarely as they are audited.

        Args:
            run: id of an open run.
            outcome: what came of it, in `outcome_range`; True is 1.0.
            success: whether it succeeded; by default, whether the outcome is at least `success`.

        Raises:
            NotFoundError, InputError: nothing was changed.
        """
        run = run if run in self._open else plain_text(run)
        course = self._course(run)
        low, high = self.settings["outcome_range"]
        outcome = checked_number("outcome", outcome, low, high)
        won = outcome >= self.settings["success"] if success is None else bool(success)
        del self._open[run]
        stopped = self._stop.close(course.number, won)
        if course.steps and not stopped:
            self._learn(course, outcome, won)

    def _learn(self, course: Episode, outcome: float, won: bool) -> None:
        returns = returns_of(course.rewards, outcome, self.settings["discount"])
        self._graded |= bool(outcome != won or any(course.rewards))
        rows = len(course.signs)
        said = np.array(course.said)
        came = returns[:rows]
        truths: tuple[float | Floats, ...] = (float(won), came)
        for head, (stack, truth) in enumerate(zip(self._stacks, truths, strict=True)):
            stack.learn(said[:, :-1, head], said[:, -1, head], truth)
        spoken = np.array(course.pooled)[:, 1]
        self._spread.learn(spoken, came, course.steps)
        follows = np.zeros((rows, 2))  # after each remembered step: success, return
        follows[:-1, 1] = course.rewards[1:rows]
        follows[-1] = float(won), came[-1]
        self._reach = np.array([min(self._reach[0], came.min()), max(self._reach[1], came.max())])
        self._sums += (1.0, float(won), returns[0])
        ended = np.array([float(won), returns[0]])
        self._panel.learn(course, course.ended(follows), ended)

    @atomic
    def expire(self, run: str) -> None:
        """The end of the run of that id will never be known: nothing is learned of it.

        A run that was stopped is closed so, too.

        Raises:
            NotFoundError: no run of that id is open.
        """
        run = run if run in self._open else plain_text(run)
        course = self._course(run)
        del self._open[run]
        self._stop.close(course.number, None)

    @atomic
    def change(
        self,
        *,
        costs: Costs | Mapping[str, float | None] | None = None,
        stop_error: float | None = None,
        most_open: int | None = None,
    ) -> None:
        """Change settings; what is None stays. Another `stop_error` has to be proved anew.

        Raises:
            SettingError: one is out of its range; nothing was changed.
        """
        checked = self.costs if costs is None else checked_costs(costs)
        told = {"stop_error": stop_error, "most_open": most_open}
        given = plain_settings(**{name: value for name, value in told.items() if value is not None})
        self.costs = checked
        self.most_open = given.get("most_open", self.most_open)
        if given.get("stop_error", self._stop.error) != self._stop.error:
            self._stop = self._stop.anew(given["stop_error"])

    @property
    def _base(self) -> Floats:
        """Base rate of success, and mean return, both drawn to the middle."""
        runs, won, total = self._sums
        low, high = self.settings["outcome_range"]
        middle = BASE_DOUBT * np.array([0.5, 0.5 * (low + high)])
        return np.asarray((np.array([won, total]) + middle) / (runs + BASE_DOUBT))

    @property
    def _worth(self) -> float:
        return float(max(self.settings["outcome_range"][1], self.settings["success"]))

    def _before(self, course: Episode) -> float:
        """Success probability before the first step: by the task alone."""
        said = np.tile(self._base, (len(EXPERTS), 1))
        said[0] = self._panel.of_task(course, self._base)
        return self._pooled(said)[0]

    def _pooled(self, said: Floats) -> tuple[float, float]:
        """Success probability and return of what experts said (experts, 2)."""
        base = self._base
        p, value = (
            float(stack.predict(said[None, :, head], base[None, head])[0])
            for head, stack in enumerate(self._stacks)
        )
        p = min(max(p, SUREST), 1.0 - SUREST)
        value = min(max(value, self._reach[0]), self._reach[1]) if self._graded else p
        return p, float(value)

    def _state(self) -> tuple[snapshot.Arrays, dict[str, Any]]:
        return snapshot.flattened(
            {
                "kind": "value",
                "settings": self.settings,
                "costs": [self.costs.step, self.costs.failure, self.costs.ask, self.costs.help],
                "most_open": self.most_open,
                "panel": self._panel.state(),
                "stacks": [stack.state() for stack in self._stacks],
                "spread": self._spread.state(),
                "stop": self._stop.state(),
                "open": [[id, course.state()] for id, course in self._open.items()],
                "counts": [self._started, self.steps, self._graded],
                "sums": self._sums,
                "reach": self._reach,
            }
        )

    @classmethod
    def from_state(cls, arrays: snapshot.Arrays, plain: dict[str, Any]) -> Self:
        """The learner that gave this state; the arrays are copied."""
        held = {name: array.copy() for name, array in arrays.items()}
        state = snapshot.nested(held, plain)
        made = cls(**{**state["settings"], "outcome_range": state["settings"]["outcome_range"]})
        made.costs, made.most_open = Costs(*state["costs"]), state["most_open"]
        made._panel.restore(state["panel"])
        for stack, its in zip(made._stacks, state["stacks"], strict=True):
            stack.restore(its)
        made._spread.restore(state["spread"])
        made._stop = StopRule.from_state(state["stop"])
        made._open = {id: Episode.from_state(course) for id, course in state["open"]}
        made._started, made.steps, made._graded = state["counts"]
        made._sums, made._reach = state["sums"], state["reach"]
        return made


def _plain_step(x: Any, action: Any) -> tuple[Input | None, str | None]:
    """Input and action of a step as plain values."""
    return None if x is None else plain_input(x), plain_action(action)
