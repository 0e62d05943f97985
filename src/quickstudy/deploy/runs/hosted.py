"""`HostedValues`: the hosted value learners, as the events of a transaction change them."""

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

AGAIN_SECONDS = 60.0  # until a learner that could not be made from the log is tried again
log = logging.getLogger("quickstudy")


class ReplayNeededError(OutOfServiceError):
    """A value learner has to be replayed from the log, and that does not work just now."""


class HostedValue:
    """One hosted value learner.

    `state` belongs to the writer's thread. It is None after a command or a transaction failed in
    which it was changed: it may have gone further than the log, and is replayed before it is used
    again. `settings` are those that are on disk.

    Args:
        state: None: it could not be made from the log.
        settings: as the tables have them, where there is no state.
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
        self.saved = 0  # event up to which a snapshot holds everything
        self.events = 0  # of this learner since the store was opened
        self.events_saved = 0  # of these, that the last snapshot holds
        self.bytes = 0  # of that snapshot
        self.failed: ReplayNeededError | None = None  # why it cannot be replayed
        self._again = 0.0  # not before, by the monotonic clock

    @property
    def unsaved(self) -> int:
        """Events since the last snapshot."""
        return self.events - self.events_saved

    def committed(self, events: int) -> None:
        """So many of its events are on disk."""
        if self.state is not None:
            self.settings = self.state.settings
        self.events += events

    def fail(self, error: BaseException) -> None:
        """It cannot be made from the log, or changed; after a while that is tried again."""
        self.state, self._again = None, time.monotonic() + AGAIN_SECONDS
        told = f"learner {self.name!r} is out of service, as it cannot be made from the log"
        self.failed = ReplayNeededError(
            f"{told} ({reason_of(error)}); the other learners go on: run `quickstudy doctor`"
        )
        log.error("%s", self.failed)

    def check_in_service(self) -> None:
        """Raises `ReplayNeededError` for a while after it could not be made."""
        if self.failed is not None and time.monotonic() < self._again:
            raise ReplayNeededError(str(self.failed))


class HostedValues:
    """All hosted value learners: a participant of transactions.

    Args:
        replay: makes one from the log, by its number, as of the last event on disk.
    """

    def __init__(self, replay: Callable[[int], ValueState]) -> None:
        self.by_name: dict[str, HostedValue] = {}
        self._replay = replay
        self.begin()

    # who is there

    def register(self, hosted: HostedValue) -> None:
        """A learner is in service."""
        self.by_name = {**self.by_name, hosted.name: hosted}

    def find(self, name: str) -> Hosted | None:
        """The learner of a name, in service or not."""
        return self.by_name.get(name)

    def everyone(self) -> Sequence[Hosted]:
        """All of them, in service or not."""
        return list(self.by_name.values())

    def misused(self, name: str) -> str:
        """What to say where one of these is used for predictions."""
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
        """Where a learner stands after the events of this transaction, `earlier`.

        Raises:
            ReplayNeededError: it has to be replayed from the log, and that does not work.
        """
        if hosted.state is not None:
            return hosted.state
        hosted.check_in_service()
        try:
            state = self._replay(hosted.number)
            _take(state, [event for event in earlier if event.learner == hosted.number])
        except (StoreError, ModelFileError) as error:  # perhaps of the disk: soon again
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
        self._touched: dict[int, tuple[HostedValue, int]] = {}  # with how many events
        self._once_committed: list[Callable[[], None]] = []
        self.begin_command()

    def begin_command(self) -> None:
        """A command begins."""
        self._at_command = self.by_name, dict(self._touched), len(self._once_committed)
        self._changed: list[HostedValue] = []

    def prepare(self, draft: Draft, earlier: Sequence[Logged]) -> dict[str, Any]:
        """Have the learner take in what an event says, before it is logged.

        Of a step, the estimate is part of what is logged.

        Raises:
            InputError, SettingError: it cannot be taken in; nothing was changed.
            Exception: the learner failed; it is replayed before it is used again.
        """
        hosted = self._of_number(draft.learner)
        if hosted is None or draft.type not in STATE_EVENTS:
            return {}
        if draft.unlearned:
            hosted.state = None  # replayed without it
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
        """An event has its number; nothing follows from it."""
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
        """The command is refused: learners that it changed are replayed before they are used."""
        self.by_name, self._touched, acts = self._at_command
        del self._once_committed[acts:]
        for hosted in self._changed:
            hosted.state = None
        self._changed = []

    def undo(self) -> None:
        """The transaction failed: learners that it changed are replayed before they are used."""
        for hosted in [*self._changed, *(one for one, _ in self._touched.values())]:
            hosted.state = None
        self.by_name = self._before
        self.begin()

    def committed(self) -> None:
        """It is on disk."""
        for hosted, events in self._touched.values():
            hosted.committed(events)
        acts = self._once_committed
        self.begin()
        for act in acts:
            act()


def _take(state: ValueState, events: Sequence[Logged]) -> None:
    """Go past events of a transaction that is not on disk."""
    skipped = {set_aside_of(event).seq for event in events if event.type == TYPE}
    for event in events:
        if event.type in STATE_EVENTS and event.seq > state.replayed:
            state.take(event, event.read(), skip=event.seq in skipped)
    if events:
        state.replayed = max(state.replayed, events[-1].seq)
