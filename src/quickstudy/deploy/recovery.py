"""Recovery: a learner as the log says it is, by its last whole snapshot and the tail of the log."""

from __future__ import annotations

import logging

from quickstudy.deploy import snapshots
from quickstudy.deploy.fold import Fold, Progress, advance, folder_of, replay
from quickstudy.errors import ModelFileError, StoreError
from quickstudy.log.store import Store

log = logging.getLogger("quickstudy")


def recover(
    store: Store, number: int, *, upto: int | None = None, progress: Progress = None
) -> Fold:
    """Where learner `number` stands, now or after event `upto`.

    A snapshot that is damaged, or of another log, is passed over, with a warning, for the one
    before, or for the whole log.

    Raises:
        StoreError: the log is damaged.
    """
    folder = folder_of(store.folder, number)
    for path in reversed(snapshots.found(folder)):
        try:
            fold = snapshots.read(path, store.link_at)
            if upto is not None and max(fold.learned, fold.decided) > upto:
                continue
            with store.reading() as connection:
                advance(fold, connection, number, folder=folder, upto=upto, progress=progress)
        except (ModelFileError, StoreError) as error:
            log.warning("%s; going back to what was before it", error)
            continue
        return fold
    return replay(store, number, upto=upto, progress=progress)


def clear(store: Store, number: int) -> None:
    """Remove what a crash cut short, and snapshots of another log: they must not come back."""
    folder = folder_of(store.folder, number)
    snapshots.sweep(folder)
    for path in snapshots.found(folder):
        try:
            if not snapshots.fits(path, store.link_at):
                snapshots.read(path, store.link_at)  # is it damaged, or indeed of another log?
        except ModelFileError:
            continue  # damaged: the doctor says so until there are newer ones
        except StoreError as error:
            log.warning("%s; it is removed", error)
            path.unlink(missing_ok=True)
