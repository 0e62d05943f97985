"""Snapshots of value learners, and how one is recovered: by the newest that is whole, and the log.

Its state is taken in the writer's thread, so that it is of one moment, and packed and written
elsewhere.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from quickstudy import snapshot
from quickstudy.api.settings import ValueSettings
from quickstudy.deploy.recovery import snapshots
from quickstudy.deploy.recovery.files import folder_of
from quickstudy.deploy.recovery.recover import check_not_outdated, clear, newest
from quickstudy.deploy.recovery.replay import whole_or_without
from quickstudy.deploy.runs.state import ValueState, advance, replay
from quickstudy.errors import ModelFileError, StoreError
from quickstudy.learners.value.value_function import ValueFunction
from quickstudy.log.failpoints import failpoint
from quickstudy.log.store import Store
from quickstudy.stats.moments import one_blas_thread


@dataclass(frozen=True, slots=True)
class ValueSnapshot:
    """A value learner as it was after event `replayed`, the `events`-th since the store opened."""

    state: tuple[snapshot.Arrays, dict[str, Any]]
    settings: ValueSettings
    replayed: int
    events: int


def take(state: ValueState, events: int) -> ValueSnapshot:
    """Take the state of a learner; in the thread that changes it."""
    return ValueSnapshot(state.learner.state(), state.settings, state.replayed, events)


def write(store: Store, number: int, shot: ValueSnapshot) -> Path:
    """Write a snapshot, and remove those that it makes superfluous.

    Raises:
        OSError, StoreError, ModelFileError: it cannot be written, or not be read back.
    """
    folder = folder_of(store.folder, number)
    snapshot.make_folder(folder)
    packed = snapshot.pack(*shot.state)
    plain = {
        "kind": "value",
        "settings": asdict(shot.settings),
        "learned": shot.replayed,
        "decided": shot.replayed,
        "hash": ValueFunction.unpacked(packed).state_hash(),
        "link": store.link_at(shot.replayed).hex(),
    }
    path = folder / f"snapshot-{shot.replayed:012d}-{shot.replayed:012d}.safetensors"
    content = snapshot.pack({"learner": np.frombuffer(packed, np.uint8)}, plain)
    failpoint("snapshot-written")
    snapshot.write_whole(path, content)
    failpoint("snapshot-renamed")
    snapshots.tidy(folder)
    return path


def read(path: Path, link_at: Callable[[int], bytes]) -> ValueState:
    """The fold that was kept; `link_at` tells the links of the log it is for.

    Raises:
        ModelFileError: the file is damaged.
        StoreError: it belongs to another log.
    """
    arrays, plain = snapshot.read_snapshot(path)
    try:
        fold = _fold(arrays, plain)
        if link_at(fold.replayed).hex() != plain["link"]:
            raise StoreError(f"{path} was not made from this log")
        return fold
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} lacks a part of a value learner ({error})") from error


def _fold(arrays: snapshot.Arrays, plain: dict[str, Any]) -> ValueState:
    learner = ValueFunction.unpacked(arrays["learner"].tobytes())
    if learner.state_hash() != plain["hash"]:
        raise ModelFileError("the snapshot's state is not what its hash says")
    return ValueState(learner, ValueSettings.from_plain(plain["settings"]), plain["learned"])


@one_blas_thread()  # a learner that is read works out again what it does not keep
def recover(store: Store, number: int, *, upto: int | None = None) -> ValueState:
    """Where value learner `number` stands, now or after event `upto`.

    Events that raise when they are learned, and were not set aside, are left out; see
    `ValueState.set_aside`.

    Raises:
        StoreError: the log is damaged.
    """

    def from_snapshot(path: Path, without: bool) -> ValueState | None:
        fold = read(path, store.link_at)
        if upto is not None and fold.replayed > upto:
            return None
        with store.reading() as connection:
            at = fold.replayed
            check_not_outdated(connection, number, path, learned=at, known=at)
            advance(fold, connection, number, strict=False, upto=upto, without=without)
        return fold

    def go_on(path: Path) -> ValueState | None:
        return whole_or_without(partial(from_snapshot, path))

    def from_log(without: bool) -> ValueState:
        return replay(store, number, strict=False, upto=upto, without=without)

    folder = folder_of(store.folder, number)
    return newest(folder, go_on) or whole_or_without(from_log)


def sweep(store: Store, number: int) -> None:
    """Remove what a crash cut short, and snapshots of another log."""
    clear(store, number, read=read)
