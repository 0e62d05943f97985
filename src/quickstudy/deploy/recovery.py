"""Recovery: a learner as the log says it is, by its last whole snapshot and the tail of the log."""

from __future__ import annotations

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

from quickstudy.deploy import snapshots
from quickstudy.deploy.fold import Fold, Progress, advance, folder_of, replay
from quickstudy.errors import ModelFileError, StoreError
from quickstudy.log.store import Store
from quickstudy.stats.moments import one_blas_thread

log = logging.getLogger("quickstudy")
F = TypeVar("F")


def newest(folder: Path, go_on: Callable[[Path], F | None]) -> F | None:
    """What `go_on` makes of the newest snapshot of which it makes something.

    One that is damaged, or of another log, is passed over, with a warning, for the one before.
    """
    for path in reversed(snapshots.found(folder)):
        try:
            fold = go_on(path)
        except (ModelFileError, StoreError) as error:
            log.warning("%s; going back to what was before it", error)
            continue
        if fold is not None:
            return fold
    return None


@one_blas_thread()  # a learner that is read works out again what it does not keep
def recover(
    store: Store, number: int, *, upto: int | None = None, progress: Progress = None
) -> Fold:
    """Where learner `number` stands, now or after event `upto`.

    Raises:
        StoreError: the log is damaged.
    """
    folder = folder_of(store.folder, number)

    def go_on(path: Path) -> Fold | None:
        fold = snapshots.read(path, store.link_at)
        if upto is not None and max(fold.learned, fold.decided) > upto:
            return None
        with store.reading() as connection:
            advance(fold, connection, number, folder=folder, upto=upto, progress=progress)
        return fold

    return newest(folder, go_on) or replay(store, number, upto=upto, progress=progress)


def clear(
    store: Store,
    number: int,
    *,
    read: Callable[[Path, Callable[[int], bytes]], Any] = snapshots.read,
) -> None:
    """Remove what a crash cut short, and snapshots of another log: they must not come back.

    `read` is what reads snapshots of this kind of learner.
    """
    folder = folder_of(store.folder, number)
    snapshots.sweep(folder)
    for path in snapshots.found(folder):
        try:
            if not snapshots.fits(path, store.link_at):
                read(path, store.link_at)  # is it damaged, or indeed of another log?
        except ModelFileError:
            continue  # damaged: the doctor says so until there are newer ones
        except StoreError as error:
            log.warning("%s; it is removed", error)
            path.unlink(missing_ok=True)
