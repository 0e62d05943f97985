"""Value learners on duty, as the desk sees them: who is there, and where each stands."""

from __future__ import annotations

from collections.abc import Callable

from quickstudy.deploy.coursefold import CourseFold
from quickstudy.errors import InputError, ModelFileError, NotFoundError, StoreError


class NotFoldedError(StoreError):
    """A value learner has to be made anew from the log, and that does not work just now."""


class Watch:
    """One value learner on duty.

    `fold` belongs to the writer's thread. It is None after a transaction failed in which it was
    changed: it may have gone further than the log, and is made anew before it is used again.
    `settings` are those that are on disk.
    """

    def __init__(self, number: int, name: str, created: float, fold: CourseFold) -> None:
        self.number = number
        self.name = name
        self.created = created
        self.fold: CourseFold | None = fold
        self.settings = fold.settings
        self.saved = 0  # event up to which a snapshot holds everything
        self.unsaved = 0  # events since
        self.bytes = 0  # of that snapshot
        self.failed: StoreError | None = None  # why it cannot be made anew

    def committed(self, events: int) -> None:
        """So many of its events are on disk."""
        assert self.fold is not None
        self.settings = self.fold.settings
        self.unsaved += events

    def shot(self) -> None:
        """It was packed for a snapshot."""
        self.unsaved = 0


class Roll:
    """The value learners on duty.

    Args:
        refold: makes one anew, by its number, as of the last event on disk.
    """

    def __init__(self, refold: Callable[[int], CourseFold]) -> None:
        self.by_name: dict[str, Watch] = {}
        self._refold = refold
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
            try:
                watch.fold = self._refold(watch.number)
            except (StoreError, ModelFileError) as error:
                watch.failed = NotFoldedError(f"{watch.name} cannot be read again: {error}")
                raise watch.failed from error
            watch.failed = None
        self._touched.setdefault(watch.number, (watch, 0))
        return watch.fold

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
