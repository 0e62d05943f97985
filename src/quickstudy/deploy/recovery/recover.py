"""Recovery: the state of a learner from its newest valid snapshot and the tail of the log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection

from quickstudy.deploy.hosting.quarantine import Ledger
from quickstudy.deploy.recovery import snapshots
from quickstudy.deploy.recovery.files import folder_of
from quickstudy.deploy.recovery.replay import (
    Progress,
    ReplayState,
    advance,
    replay,
    whole_or_without,
)
from quickstudy.errors import ModelFileError, StoreError
from quickstudy.log.store import Store
from quickstudy.stats.moments import one_blas_thread

log = logging.getLogger("quickstudy")
F = TypeVar("F")


def from_newest(
    folder: Path,
    from_snapshot: Callable[[Path, bool], F | None],
    from_log: Callable[[bool], F],
) -> F:
    """The state from the newest snapshot that can be used, or, if there is none, from the log.

    A snapshot that is damaged, is of another log, or cannot be continued is skipped with a warning,
    and the one before it is tried; None from `from_snapshot` skips it silently. Each is tried as in
    `whole_or_without`.
    """
    for path in reversed(snapshots.found(folder)):
        try:
            fold = whole_or_without(partial(from_snapshot, path))
        except Exception as error:  # too little memory, too
            what = error if isinstance(error, ModelFileError | StoreError) else f"{path}: {error!r}"
            log.warning("%s; going back to what was before it", what)
            continue
        if fold is not None:
            return fold
    return whole_or_without(from_log)


@one_blas_thread()  # a learner recomputes on reading what its file does not hold
def recover(
    store: Store, number: int, *, upto: int | None = None, progress: Progress = None
) -> ReplayState:
    """The state of learner `number`, now or after event `upto`.

    Events that raise when they are learned, and were not set aside, are skipped; see
    `ReplayState.set_aside`.

    Raises:
        StoreError: the log is damaged.
    """
    folder = folder_of(store.folder, number)

    def from_snapshot(path: Path, without: bool) -> ReplayState | None:
        fold = snapshots.read(path, store.link_at)
        known = max(fold.learned, fold.decided)
        if upto is not None and known > upto:
            return None
        with store.reading() as connection:
            check_not_outdated(connection, number, path, learned=fold.learned, known=known)
            advance(
                fold,
                connection,
                number,
                folder=folder,
                upto=upto,
                progress=progress,
                without=without,
            )
        return fold

    def from_log(without: bool) -> ReplayState:
        return replay(store, number, upto=upto, progress=progress, without=without)

    return from_newest(folder, from_snapshot, from_log)


def check_not_outdated(
    connection: Connection, number: int, path: Path, *, learned: int, known: int
) -> None:
    """Check that a snapshot has learned no event that was set aside after it was made.

    Raises:
        StoreError: it has learned one.
    """
    if Ledger.of(connection, number).outdates(learned=learned, known=known):
        raise StoreError(f"{path} has learned an event that was set aside later")


def clear(
    store: Store,
    number: int,
    *,
    read: Callable[[Path, Callable[[int], bytes]], Any] = snapshots.read,
) -> None:
    """Remove incomplete files after a crash, and snapshots of another log.

    `read` reads a snapshot of this kind of learner.
    """
    folder = folder_of(store.folder, number)
    snapshots.sweep(folder)
    for path in snapshots.found(folder):
        try:
            if not snapshots.fits(path, store.link_at):
                read(path, store.link_at)  # tells a damaged snapshot from one of another log
        except ModelFileError:
            continue  # damaged: the doctor reports it until there are newer ones
        except StoreError as error:
            log.warning("%s; it is removed", error)
            path.unlink(missing_ok=True)
