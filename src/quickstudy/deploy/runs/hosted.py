"""Value learners on duty, as the desk sees them: who is there, and where each stands."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from quickstudy.api.settings import ValueSettings
from quickstudy.deploy.core.failures import OutOfServiceError, reason_of
from quickstudy.deploy.hosting.quarantine import TYPE, SetAside, set_aside_of
from quickstudy.deploy.runs.state import STATE_EVENTS, ValueState
from quickstudy.errors import InputError, ModelFileError, NotFoundError, StoreError
from quickstudy.log.events import Logged

AGAIN_SECONDS = 60.0  # until a learner that could not be made from the log is tried again
log = logging.getLogger("quickstudy")
Note = Callable[[int, SetAside], int]


class ReplayNeededError(OutOfServiceError):
    """A value learner has to be made anew from the log, and that does not work just now."""


class HostedValue:
    """One value learner on duty.

    `fold` belongs to the writer's thread. It is None after a transaction failed in which it was
    changed: it may have gone further than the log, and is made anew before it is used again.
    `settings` are those that are on disk.

    Args:
        fold: None: it could not be made from the log.
        settings: as the tables have them, where there is no fold.
    """

    def __init__(
        self,
        number: int,
        name: str,
        created: float,
        fold: ValueState | None,
        *,
        settings: ValueSettings | None = None,
    ) -> None:
        self.number = number
        self.name = name
        self.created = created
        self.fold = fold
        found = fold.settings if fold else settings
        assert found is not None
        self.settings = found
        self.saved = 0  # event up to which a snapshot holds everything
        self.unsaved = 0  # events since
        self.bytes = 0  # of that snapshot
        self.failed: ReplayNeededError | None = None  # why it cannot be made anew
        self._again = 0.0  # not before, by the monotonic clock

    def committed(self, events: int) -> None:
        """So many of its events are on disk."""
        assert self.fold is not None
        self.settings = self.fold.settings
        self.unsaved += events

    def fail(self, error: BaseException) -> None:
        """It cannot be made from the log, or changed; after a while that is tried again."""
        self.fold, self._again = None, time.monotonic() + AGAIN_SECONDS
        told = f"learner {self.name!r} is out of service, as it cannot be made from the log"
        self.failed = ReplayNeededError(
            f"{told} ({reason_of(error)}); the other learners go on: run `quickstudy doctor`"
        )
        log.error("%s", self.failed)

    def check_in_service(self) -> None:
        """Raises `ReplayNeededError` for a while after it could not be made."""
        if self.failed is not None and time.monotonic() < self._again:
            raise ReplayNeededError(str(self.failed))

    def shot(self) -> None:
        """It was packed for a snapshot."""
        self.unsaved = 0


class HostedValues:
    """The value learners on duty.

    Args:
        refold: makes one anew, by its number, as of the last event on disk.
        note: puts on record, in the transaction under way, that the learner of a number set an
            event aside; gives the number of the event that says so.
    """

    def __init__(
        self, replay: Callable[[int], ValueState], note: Note = lambda number, one: 0
    ) -> None:
        self.by_name: dict[str, HostedValue] = {}
        self._replay = replay
        self._note = note
        self._before = self.by_name
        self._touched: dict[int, tuple[HostedValue, int]] = {}  # with how many events

    def register(self, hosted_value: HostedValue) -> None:
        """Put a learner on duty."""
        self.by_name[hosted_value.name] = hosted_value

    def drop(self, hosted_value: HostedValue) -> None:
        """Take a learner off duty."""
        self.by_name = {n: other for n, other in self.by_name.items() if other is not hosted_value}

    def find(self, name: str) -> HostedValue:
        """The value learner of a name.

        Raises:
            NotFoundError: there is none.
        """
        if name not in self.by_name:
            known = ", ".join(sorted(self.by_name)[:10]) or "none yet"
            raise NotFoundError(f"there is no value learner {name!r:.140}; there are: {known}")
        return self.by_name[name]

    def refuse(self, name: str) -> None:
        """Say what to call instead, if a classifier is looked for and this is none.

        Raises:
            InputError: it is a value learner.
        """
        if name in self.by_name:
            raise InputError(
                f"{name!r} is a value learner: it has runs, not predictions; call start, step, "
                "end, runs or run"
            )

    def fold(self, hosted_value: HostedValue) -> ValueState:
        """Where a learner stands, to be changed in this transaction; before anything else is.

        Raises:
            NotFoldedError: it has to be made anew, and that does not work.
        """
        if hosted_value.fold is None:
            hosted_value.check_in_service()
            try:
                hosted_value.fold = self._replay(hosted_value.number)
            except (StoreError, ModelFileError) as error:  # perhaps of the disk: soon again
                hosted_value.failed = ReplayNeededError(
                    f"{hosted_value.name} cannot be read again: {error}"
                )
                raise hosted_value.failed from error
            except Exception as error:
                hosted_value.fail(error)
                raise ReplayNeededError(str(hosted_value.failed)) from error
            hosted_value.failed = None
        self._touched.setdefault(hosted_value.number, (hosted_value, 0))
        if hosted_value.fold.set_aside:
            found, hosted_value.fold.set_aside = hosted_value.fold.set_aside, []
            for one in found:
                self.folded(hosted_value, self._note(hosted_value.number, one))
        return hosted_value.fold

    def restored(self, hosted_value: HostedValue, events: Sequence[Logged]) -> ValueState:
        """A learner as it was before something raised half-way; `events`: of this transaction.

        Raises:
            NotFoldedError: it cannot be made.
        """
        hosted_value.fold = None
        fold = self.fold(hosted_value)
        ours = [event for event in events if event.learner == hosted_value.number]
        skipped = {set_aside_of(event).seq for event in ours if event.type == TYPE}
        try:
            for event in ours:
                if event.type in STATE_EVENTS and event.seq > fold.folded:
                    fold.take(event, event.read(), skip=event.seq in skipped)
        except Exception as error:
            hosted_value.fail(error)
            raise ReplayNeededError(str(hosted_value.failed)) from error
        if ours:
            fold.folded = max(fold.folded, ours[-1].seq)
        return fold

    def folded(self, hosted_value: HostedValue, seq: int) -> None:
        """A learner went past event `seq`, in this transaction."""
        assert hosted_value.fold is not None
        hosted_value.fold.folded = seq
        self._touched[hosted_value.number] = (
            hosted_value,
            self._touched[hosted_value.number][1] + 1,
        )

    def begin(self) -> None:
        """A transaction begins."""
        self._before, self._touched = dict(self.by_name), {}

    def undo(self) -> None:
        """It failed: who was changed in it has to be made anew."""
        for hosted_value, _ in self._touched.values():
            hosted_value.fold = None
        self.by_name, self._touched = self._before, {}

    def committed(self) -> None:
        """It is on disk."""
        for hosted_value, events in self._touched.values():
            hosted_value.committed(events)
        self._touched = {}
