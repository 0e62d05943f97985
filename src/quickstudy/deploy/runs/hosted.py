"""Value learners on duty, as the desk sees them: who is there, and where each stands."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Sequence

from quickstudy.api.runs import ValueSettings
from quickstudy.deploy.core.failures import OutOfServiceError, reason_of
from quickstudy.deploy.hosting.quarantine import TYPE, SetAside, set_aside_of
from quickstudy.deploy.runs.state import FOLDED, CourseFold
from quickstudy.errors import InputError, ModelFileError, NotFoundError, StoreError
from quickstudy.log.events import Logged

AGAIN_SECONDS = 60.0  # until a learner that could not be made from the log is tried again
log = logging.getLogger("quickstudy")
Note = Callable[[int, SetAside], int]


class NotFoldedError(OutOfServiceError):
    """A value learner has to be made anew from the log, and that does not work just now."""


class Watch:
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
        fold: CourseFold | None,
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
        self.failed: NotFoldedError | None = None  # why it cannot be made anew
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
        self.failed = NotFoldedError(
            f"{told} ({reason_of(error)}); the other learners go on: run `quickstudy doctor`"
        )
        log.error("%s", self.failed)

    def check_in_service(self) -> None:
        """Raises `NotFoldedError` for a while after it could not be made."""
        if self.failed is not None and time.monotonic() < self._again:
            raise NotFoldedError(str(self.failed))

    def shot(self) -> None:
        """It was packed for a snapshot."""
        self.unsaved = 0


class Roll:
    """The value learners on duty.

    Args:
        refold: makes one anew, by its number, as of the last event on disk.
        note: puts on record, in the transaction under way, that the learner of a number set an
            event aside; gives the number of the event that says so.
    """

    def __init__(
        self, refold: Callable[[int], CourseFold], note: Note = lambda number, one: 0
    ) -> None:
        self.by_name: dict[str, Watch] = {}
        self._refold = refold
        self._note = note
        self._before = self.by_name
        self._touched: dict[int, tuple[Watch, int]] = {}  # with how many events

    def take_over(self, watch: Watch) -> None:
        """Put a learner on duty."""
        self.by_name[watch.name] = watch

    def drop(self, watch: Watch) -> None:
        """Take a learner off duty."""
        self.by_name = {n: other for n, other in self.by_name.items() if other is not watch}

    def find(self, name: str) -> Watch:
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

    def fold(self, watch: Watch) -> CourseFold:
        """Where a learner stands, to be changed in this transaction; before anything else is.

        Raises:
            NotFoldedError: it has to be made anew, and that does not work.
        """
        if watch.fold is None:
            watch.check_in_service()
            try:
                watch.fold = self._refold(watch.number)
            except (StoreError, ModelFileError) as error:  # perhaps of the disk: soon again
                watch.failed = NotFoldedError(f"{watch.name} cannot be read again: {error}")
                raise watch.failed from error
            except Exception as error:
                watch.fail(error)
                raise NotFoldedError(str(watch.failed)) from error
            watch.failed = None
        self._touched.setdefault(watch.number, (watch, 0))
        if watch.fold.set_aside:
            found, watch.fold.set_aside = watch.fold.set_aside, []
            for one in found:
                self.folded(watch, self._note(watch.number, one))
        return watch.fold

    def restored(self, watch: Watch, events: Sequence[Logged]) -> CourseFold:
        """A learner as it was before something raised half-way; `events`: of this transaction.

        Raises:
            NotFoldedError: it cannot be made.
        """
        watch.fold = None
        fold = self.fold(watch)
        ours = [event for event in events if event.learner == watch.number]
        skipped = {set_aside_of(event).seq for event in ours if event.type == TYPE}
        try:
            for event in ours:
                if event.type in FOLDED and event.seq > fold.folded:
                    fold.take(event, event.read(), skip=event.seq in skipped)
        except Exception as error:
            watch.fail(error)
            raise NotFoldedError(str(watch.failed)) from error
        if ours:
            fold.folded = max(fold.folded, ours[-1].seq)
        return fold

    def folded(self, watch: Watch, seq: int) -> None:
        """A learner went past event `seq`, in this transaction."""
        assert watch.fold is not None
        watch.fold.folded = seq
        self._touched[watch.number] = (watch, self._touched[watch.number][1] + 1)

    def begin(self) -> None:
        """A transaction begins."""
        self._before, self._touched = dict(self.by_name), {}

    def undo(self) -> None:
        """It failed: who was changed in it has to be made anew."""
        for watch, _ in self._touched.values():
            watch.fold = None
        self.by_name, self._touched = self._before, {}

    def committed(self) -> None:
        """It is on disk."""
        for watch, events in self._touched.values():
            watch.committed(events)
        self._touched = {}
