"""`HostedValues`: the hosted value learners, as participant of transactions."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict
from functools import partial
from typing import Any

from quickstudy.api.settings import ValueSettings
from quickstudy.deploy.core.context import Context
from quickstudy.deploy.core.contract import Draft, Hosted
from quickstudy.deploy.core.failures import OutOfServiceError, reason_of
from quickstudy.deploy.hosting.quarantine import TYPE, set_aside_of
from quickstudy.deploy.kind import KINDS, kind_of, settings_from_plain
from quickstudy.deploy.runs.state import STATE_EVENTS, ValueState
from quickstudy.encode.values import plain_text
from quickstudy.errors import (
    ModelFileError,
    NotFoundError,
    QuickstudyError,
    StoreError,
)
from quickstudy.log.events import Logged

AGAIN_SECONDS = 60.0  # until the next attempt to rebuild a learner from the log
log = logging.getLogger("quickstudy")


class ReplayNeededError(OutOfServiceError):
    """A value learner has to be replayed from the log, and the replay fails at present."""


class HostedValue:
    """One hosted value learner.

    Only the writer's thread uses `state`. It is None after a failed command or transaction that
    changed it: it may be ahead of the log, and is replayed before it is used again. `settings` are
    those on disk.

    Args:
        state: None: it could not be rebuilt from the log.
        settings: the settings in the tables, if there is no state.
    """

    def __init__(
        self,
        number: int,
        name: str,
        created: float,
        state: ValueState | None,
        *,
        settings: ValueSettings | None = None,
    ) -> None:
        self.number = number
        self.name = name
        self.created = created
        self.state = state
        found = state.settings if state else settings
        assert found is not None
        self.settings = found
        self.saved = 0  # event up to which a snapshot is complete
        self.events = 0  # of this learner since the store was opened
        self.events_saved = 0  # of these, events in the last snapshot
        self.bytes = 0  # of that snapshot
        self.failed: ReplayNeededError | None = None  # why it cannot be replayed
        self._again = 0.0  # earliest next attempt, by the monotonic clock

    @property
    def unsaved(self) -> int:
        """Events since the last snapshot."""
        return self.events - self.events_saved

    def committed(self, events: int) -> None:
        """Count events of this learner that are on disk."""
        if self.state is not None:
            self.settings = self.state.settings
        self.events += events

    def fail(self, error: BaseException) -> None:
        """Put the learner out of service for some time: it cannot be rebuilt or changed."""
        self.state, self._again = None, time.monotonic() + AGAIN_SECONDS
        what = f"learner {self.name!r} is out of service, as it cannot be made from the log"
        self.failed = ReplayNeededError(
            f"{what} ({reason_of(error)}); the other learners go on: run `quickstudy doctor`"
        )
        log.error("%s", self.failed)

    def check_in_service(self) -> None:
        """Raise `ReplayNeededError` for some time after a failed rebuild."""
        if self.failed is not None and time.monotonic() < self._again:
            raise ReplayNeededError(str(self.failed))


class HostedValues:
    """All hosted value learners: a participant of transactions.

    Args:
        replay: rebuilds a learner from the log, by its number, as of the last event on disk.
    """

    def __init__(self, replay: Callable[[int], ValueState]) -> None:
        self.by_name: dict[str, HostedValue] = {}
        self._replay = replay
        self.begin()

    # the registry

    def register(self, hosted: HostedValue) -> None:
        """Add a learner."""
        self.by_name = {**self.by_name, hosted.name: hosted}

    def find(self, name: str) -> Hosted | None:
        """The learner of a name, in service or not."""
        return self.by_name.get(name)

    def everyone(self) -> Sequence[Hosted]:
        """All of these learners, in service or not."""
        return list(self.by_name.values())

    def misused(self, name: str) -> str:
        """The error message if a value learner is used for predictions."""
        noun = kind_of(self.by_name[name]).noun
        return (
            f"{name!r} is a {noun}: it has runs, not predictions; call start, step, end, "
            "runs or run"
        )

    def named(self, name: str, context: Context) -> HostedValue:
        """The value learner of a name, in service or not.

        Raises:
            NotFoundError: there is none.
            InputError: it has predictions, not runs.
        """
        name = plain_text(name)
        if name not in self.by_name:
            context.check_protocol(name, self)
            raise NotFoundError(f"there is no value learner {name!r:.140}")
        return self.by_name[name]

    def _of_number(self, number: int) -> HostedValue | None:
        return next((one for one in self.by_name.values() if one.number == number), None)

    # the state

    def state_of(self, hosted: HostedValue, earlier: Sequence[Logged]) -> ValueState:
        """The state of a learner after the events of this transaction, `earlier`.

        Raises:
            ReplayNeededError: it has to be replayed from the log, and the replay fails.
        """
        if hosted.state is not None:
            return hosted.state
        hosted.check_in_service()
        try:
            state = self._replay(hosted.number)
            _take(state, [event for event in earlier if event.learner == hosted.number])
        except (StoreError, ModelFileError) as error:  # perhaps of the disk: retry at the next call
            hosted.failed = ReplayNeededError(f"{hosted.name} cannot be read again: {error}")
            raise hosted.failed from error
        except Exception as error:
            hosted.fail(error)
            raise ReplayNeededError(str(hosted.failed)) from error
        hosted.failed, hosted.state = None, state
        return state

    # the transaction

    def begin(self) -> None:
        """A transaction begins."""
        self._before = self.by_name
        self._touched: dict[int, tuple[HostedValue, int]] = {}  # with their numbers of events
        self._once_committed: list[Callable[[], None]] = []
        self.begin_command()

    def begin_command(self) -> None:
        """A command begins."""
        self._at_command = self.by_name, dict(self._touched), len(self._once_committed)
        self._changed: list[HostedValue] = []

    def prepare(self, draft: Draft, earlier: Sequence[Logged]) -> dict[str, Any]:
        """Apply an event to its learner before it is logged.

        The estimate of a step becomes part of its payload.

        Raises:
            InputError, SettingError: the event is refused; nothing was changed.
            Exception: the learner failed; it is replayed before it is used again.
        """
        hosted = self._of_number(draft.learner)
        if hosted is None or draft.type not in STATE_EVENTS:
            return {}
        if draft.unlearned:
            hosted.state = None  # replayed without the event
            return {}
        state = self.state_of(hosted, earlier)
        self._changed.append(hosted)
        try:
            estimate = state.take_in(draft.type, draft.subject, draft.payload)
        except QuickstudyError:
            raise
        except Exception:
            hosted.state = None
            raise
        return {} if estimate is None else {"estimate": asdict(estimate)}

    def apply(self, event: Logged, payload: dict[str, Any], draft: Draft) -> Sequence[Draft]:
        """Record the number of an event; no event follows from it."""
        if event.type == "created" and KINDS.of_plain(payload).protocol == "runs":
            self._once_committed.append(partial(self._create, event, payload))
        hosted = self._of_number(event.learner)
        if hosted is None:
            return ()
        if event.type == "deleted":
            self.by_name = {n: one for n, one in self.by_name.items() if one is not hosted}
            return ()
        _, count = self._touched.get(hosted.number, (hosted, 0))
        self._touched[hosted.number] = (hosted, count + 1)
        if hosted.state is not None:
            hosted.state.replayed = event.seq
            if event.type == TYPE:
                self._changed.append(hosted)
                found = set_aside_of(event).seq
                left = [one for one in hosted.state.set_aside if one.seq != found]
                hosted.state.set_aside = left
        return ()

    def _create(self, event: Logged, payload: dict[str, Any]) -> None:
        state = ValueState.new(settings_from_plain(payload), event.seq)
        self.register(HostedValue(event.learner, event.subject, event.time, state))

    def rollback_command(self, earlier: Sequence[Logged]) -> None:
        """Drop the states that a refused command changed; they are replayed before use."""
        self.by_name, self._touched, acts = self._at_command
        del self._once_committed[acts:]
        for hosted in self._changed:
            hosted.state = None
        self._changed = []

    def undo(self) -> None:
        """Drop the states that a failed transaction changed; they are replayed before use."""
        for hosted in [*self._changed, *(one for one, _ in self._touched.values())]:
            hosted.state = None
        self.by_name = self._before
        self.begin()

    def committed(self) -> None:
        """The transaction is on disk: count its events."""
        for hosted, events in self._touched.values():
            hosted.committed(events)
        acts = self._once_committed
        self.begin()
        for act in acts:
            act()


def _take(state: ValueState, events: Sequence[Logged]) -> None:
    """Apply the events of a transaction that is not on disk yet."""
    skipped = {set_aside_of(event).seq for event in events if event.type == TYPE}
    for event in events:
        if event.type in STATE_EVENTS and event.seq > state.replayed:
            state.take(event, event.read(), skip=event.seq in skipped)
    if events:
        state.replayed = max(state.replayed, events[-1].seq)
