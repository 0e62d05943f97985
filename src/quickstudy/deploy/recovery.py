"""Recovery: a learner as the log says it is, by its last whole snapshot and the tail of the log."""

from __future__ import annotations

import logging
from typing import Any

from sqlalchemy import Connection

from quickstudy.deploy import snapshots
from quickstudy.deploy.fold import Fold, Progress, advance, replay
from quickstudy.errors import ModelFileError
from quickstudy.log.store import Store, read_events

log = logging.getLogger("quickstudy")


def recover(store: Store, number: int, *, progress: Progress = None) -> Fold:
    """Where learner `number` stands.

    A damaged snapshot is passed over, with a warning, for the one before, or for the whole log.

    Raises:
        StoreError: the log is damaged.
    """
    folder = snapshots.folder_of(store.folder, number)
    for path in reversed(snapshots.found(folder)):
        try:
            fold = snapshots.read(path)
            with store.reading() as connection:
                _check_known(connection, fold, path)
                advance(fold, connection, number, artifacts=folder, progress=progress)
        except ModelFileError as error:
            log.warning("%s; going back to what was before it", error)
            continue
        return fold
    return replay(store, number, progress=progress)


def _check_known(connection: Connection, fold: Fold, path: Any) -> None:
    """A snapshot that is ahead of the log belongs to another store."""
    last = max(fold.learned, fold.decided)
    if next(read_events(connection, after=last - 1, limit=1), None) is None:
        raise ModelFileError(f"{path} knows events that the log does not have")
