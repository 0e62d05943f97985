"""`RunMethods`: value learners, and runs that start, take steps, and end."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from concurrent.futures import Future
from contextlib import suppress
from typing import Any, Unpack

from quickstudy.api.checks import checked_figure, checked_flag, checked_learner, checked_name
from quickstudy.api.options import checked, takes_settings
from quickstudy.api.runs import RunInfo, RunReport, ValueInfo, ValueReport
from quickstudy.api.settings import ValueOptions, ValueSettings
from quickstudy.api.sizes import Sizes
from quickstudy.deploy.core import queries
from quickstudy.deploy.core.methods import Methods, checked_limit
from quickstudy.deploy.core.tables import Row
from quickstudy.deploy.runs import queries as run_queries
from quickstudy.deploy.runs import snapshots
from quickstudy.deploy.runs.commands import (
    CreateValue,
    EndRun,
    ExpireRun,
    GetReport,
    GetStateHash,
    StartRun,
    TakeSnapshot,
    TakeStep,
)
from quickstudy.deploy.runs.handlers import checked_run
from quickstudy.deploy.runs.hosted import HostedValue, HostedValues, ReplayNeededError
from quickstudy.deploy.runs.state import value_rows
from quickstudy.encode.actions import plain_action
from quickstudy.errors import InputError, ModelFileError, StoreError
from quickstudy.learners.value.settings import LARGEST
from quickstudy.log.store import LogError
from quickstudy.types import Estimate, Input

EVENTS_BETWEEN = 1_000  # snapshots of a value learner: events replayed after a failed transaction
BYTES_AN_EVENT = 20_000  # of a snapshot; writing them costs as much as replaying an event
log = logging.getLogger("quickstudy")


class RunMethods(Methods):
    """Methods of `Deployment` on value learners and their runs.

    >>> import tempfile, quickstudy
    >>> folder = tempfile.TemporaryDirectory()
    >>> d = quickstudy.open(folder.name + "/work.db")
    >>> _ = d.create_value("agents", costs={"step": 0.01})
    >>> for outcome in (1.0, 0.0, 1.0):
    ...     run = d.start("agents", task="A0")
    ...     estimate = d.step("agents", run.id, action="search(card)")
    ...     done = d.end("agents", run.id, outcome)
    >>> estimate.step, done.status, d.end("agents", run.id, 1.0).repeated
    (1, 'ended', True)
    >>> [(run.outcome, run.steps) for run in d.runs("agents")]
    [(1.0, 1), (0.0, 1), (1.0, 1)]
    >>> d.close(); folder.cleanup()
    """

    values: HostedValues

    def _hosted_value(self, name: str) -> HostedValue:
        return self.values.named(name, self.context)

    @takes_settings(ValueSettings)
    def create_value(
        self, name: str, *, actor: str | None = None, **settings: Unpack[ValueOptions]
    ) -> ValueInfo:
        """Create a value learner.

        Raises:
            InputError, SettingError: the name is taken or not valid, or a setting is out of range.
        """
        made = ValueSettings(**checked(ValueSettings, {"seed": None, **settings}))
        request = CreateValue(checked_learner(name), made, self._actor(actor))
        self.writer.submit(request).result()
        return self._value(self._hosted_value(name))

    def start(
        self,
        name: str,
        *,
        task: str | None = None,
        id: str | None = None,
        actor: str | None = None,
    ) -> RunInfo:
        """Start a run; on disk before it returns.

        With an `id` of your choice (not starting with "r_"), a repeated call with the same task
        returns the same run, until it has a step.

        Raises:
            NotFoundError, InputError: no such learner, the id is taken, or too many runs are open.
        """
        self._hosted_value(name)
        task = None if task is None else self.sizes.action("task", task)
        run = None if id is None else checked_run(id)
        info: RunInfo = self.writer.submit(StartRun(name, task, run, self._actor(actor))).result()
        return info

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
        actor: str | None = None,
    ) -> Estimate:
        """Add one step to a run; returns the estimate after it, which is on disk.

        Args:
            x: input of the step; None: the text of the action.
            action: the action, as text or any JSON value.
            number: of this step, from 1. A repeated call with it gets the same estimate.

        Raises:
            NotFoundError: there is no such learner or run.
            RecordError, InputError, StoreError: nothing was changed.
        """
        given = {"x": x, "action": action, "error": error, "reward": reward}
        return self.submit_step(name, run, given, number=number, actor=actor).result()

    def submit_step(
        self,
        name: str,
        run: str,
        given: Mapping[str, Any],
        *,
        number: int | None = None,
        actor: str | None = None,
    ) -> Future[Estimate]:
        """An estimate; the future is done once it is on disk. `given`: x, action, error, reward."""
        self._hosted_value(name)
        checked = _step(self.sizes, **given)
        if number is not None and (isinstance(number, bool) or not isinstance(number, int)):
            raise InputError(f"number is {number!r:.60}; it must be a whole number from 1")
        if number is not None and number < 1:
            raise InputError(f"number is {number}; steps are counted from 1")
        request = TakeStep(name, checked_name("run", run), checked, number, self._actor(actor))
        return self.writer.submit(request)

    def end(
        self,
        name: str,
        run: str,
        outcome: float,
        *,
        success: bool | None = None,
        source: str | None = None,
        actor: str | None = None,
    ) -> RunInfo:
        """Log the end of a run; on disk, and learned, before it returns.

        A repeated call changes nothing. The end of an expired run is logged as "late", not learned.

        Raises:
            NotFoundError: there is no such learner or run.
            InputError: the outcome is not valid, or another outcome is on record.
        """
        self._hosted_value(name)
        number = checked_figure("outcome", outcome, LARGEST)
        success = None if success is None else checked_flag("success", success)
        who = self._actor(actor)
        by = who if source is None else checked_name("source", source)
        request = EndRun(name, checked_name("run", run), number, success, by, who)
        info: RunInfo = self.writer.submit(request).result()
        return info

    def expire(self, name: str, run: str, *, actor: str | None = None) -> RunInfo:
        """Close a run whose outcome will stay unknown, such as one that was stopped.

        It is on disk before it returns; no outcome is learned. A repeated call changes nothing. A
        later end of the run is logged as "late", not learned.

        Raises:
            NotFoundError: there is no such learner or run.
            InputError: the run has ended.
        """
        self._hosted_value(name)
        request = ExpireRun(name, checked_name("run", run), self._actor(actor))
        info: RunInfo = self.writer.submit(request).result()
        return info

    def runs(self, name: str, *, status: str | None = None, limit: int = 50) -> list[RunInfo]:
        """Runs, newest first; with the status "live" by success probability, lowest first.

        Raises:
            InputError: the status is not live, ended, expired or late.
        """
        hosted_value = self._hosted_value(name)
        with self.store.reading() as connection:
            return run_queries.runs(
                connection,
                hosted_value.number,
                hosted_value.name,
                status=status,
                limit=checked_limit(limit),
            )

    def run(self, name: str, run: str) -> RunReport:
        """A run with all its steps, and the estimate after each.

        Raises:
            NotFoundError: there is no such learner or run.
        """
        hosted_value = self._hosted_value(name)
        with self.store.reading() as connection:
            return run_queries.run(connection, hosted_value.number, hosted_value.name, run)

    def value(self, name: str) -> ValueReport:
        """A summary of a value learner's performance.

        Raises:
            NotFoundError: there is no value learner of that name.
        """
        hosted_value = self._hosted_value(name)
        stopping, experts = self.writer.submit(GetReport(hosted_value)).result()
        with self.store.reading() as connection:
            tally = queries.tally(connection, hosted_value.number)
            quarantined = queries.quarantined(connection, hosted_value.number)
        counts = {name: tally[name] for name in ("expired", "late", "successes", "stopped")}
        return ValueReport(
            learner=_value_info(hosted_value, tally),
            live=tally["open"],
            ended=tally["runs"],
            stopping=run_queries.stop_report(stopping),
            experts=tuple((name, float(weight)) for name, weight in experts),
            seq=self.store.head[0],
            quarantined=quarantined,
            **counts,
        )

    def _restore_values(self) -> None:
        """Restore the hosted value learners from the log, before the writer starts."""
        with self.store.reading() as connection:
            rows = value_rows(connection)
        for row in rows:
            self.values.register(self._restored(row))

    def _restored(self, row: Row) -> HostedValue:
        """A value learner restored from the log, or, if that fails, out of service.

        Raises:
            LogError: the log itself cannot be read.
        """
        about = row["id"], row["name"], row["created"]
        try:
            snapshots.sweep(self.store, row["id"])
            return HostedValue(*about, snapshots.recover(self.store, row["id"]))
        except LogError:
            raise
        except Exception as error:
            hosted_value = HostedValue(*about, None, settings=row["settings"])
            hosted_value.fail(error)
            return hosted_value

    def _value_state(self, hosted_value: HostedValue) -> tuple[int, str]:
        """The last event of a value learner, and the digest of its state."""
        state: tuple[int, str] = self.writer.submit(GetStateHash(hosted_value)).result()
        return state

    def _value_states(self) -> dict[int, tuple[int, str]]:
        """Last event and digest of each value learner in service, by number."""
        states = {}
        for hosted_value in list(self.values.by_name.values()):
            with suppress(ReplayNeededError):
                states[hosted_value.number] = self._value_state(hosted_value)
        return states

    def _maintain_values(self) -> None:
        for hosted_value in list(self.values.by_name.values()):
            if hosted_value.unsaved >= max(EVENTS_BETWEEN, hosted_value.bytes // BYTES_AN_EVENT):
                self._save_value(hosted_value)

    def _save_values(self) -> None:
        for hosted_value in list(self.values.by_name.values()):
            self._save_value(hosted_value)

    def _save_value(self, hosted_value: HostedValue) -> None:
        """Write a snapshot; if that fails, the next attempt is after as many events."""
        try:
            taken = self.writer.submit(TakeSnapshot(hosted_value)).result()
            if taken is not None:
                path = snapshots.write(self.store, hosted_value.number, taken)
                hosted_value.saved, hosted_value.bytes = taken.replayed, path.stat().st_size
                hosted_value.events_saved = taken.events
        except ReplayNeededError:  # the reason is logged already
            return
        except (OSError, StoreError, ModelFileError, MemoryError) as error:
            log.warning("no snapshot of learner %s was written: %s", hosted_value.name, error)

    def _value(self, hosted_value: HostedValue) -> ValueInfo:
        with self.store.reading() as connection:
            return _value_info(hosted_value, queries.tally(connection, hosted_value.number))


def _value_info(hosted_value: HostedValue, tally: dict[str, Any]) -> ValueInfo:
    return ValueInfo(
        name=hosted_value.name,
        settings=hosted_value.settings,
        created=hosted_value.created,
        runs=tally["runs"],
        steps=tally["steps"],
        open=tally["open"],
        quarantined=tally.get("quarantined", 0),
        out_of_service=str(hosted_value.failed or ""),
    )


def _step(
    sizes: Sizes,
    *,
    x: Input | None = None,
    action: Any = None,
    error: Any = False,
    reward: Any = 0.0,
) -> dict[str, Any]:
    """Input, action, error and reward of a step, as the log holds them."""
    action = plain_action(action)
    if x is None and action is None:
        raise InputError("x and action are both missing; give one of them, or both")
    return {
        "input": None if x is None else sizes.record(x),
        "action": None if action is None else sizes.action("action", action),
        "error": checked_flag("error", error),
        "reward": checked_figure("reward", reward, LARGEST),
    }
