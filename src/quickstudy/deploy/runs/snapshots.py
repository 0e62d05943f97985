"""Snapshots of value learners, and recovery from the newest valid snapshot and the log.

The state is copied in the writer's thread, so that it is consistent, and packed and written in
another thread.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from quickstudy import snapshot
from quickstudy.api.settings import ValueSettings
from quickstudy.deploy.recovery import snapshots
from quickstudy.deploy.recovery.files import folder_of
from quickstudy.deploy.recovery.recover import check_not_outdated, clear, from_newest
from quickstudy.deploy.runs.state import ValueState, advance, replay
from quickstudy.errors import ModelFileError
from quickstudy.learners.value.value_function import ValueFunction
from quickstudy.log.store import Store
from quickstudy.stats.moments import one_blas_thread


@dataclass(frozen=True, slots=True)
class ValueSnapshot:
    """The state of a value learner after event `replayed`, the `events`-th since the opening."""

    state: tuple[snapshot.Arrays, dict[str, Any]]
    settings: ValueSettings
    replayed: int
    events: int


def take(state: ValueState, events: int) -> ValueSnapshot:
    """Copy the state of a learner; in the thread that changes it."""
    return ValueSnapshot(state.learner.state(), state.settings, state.replayed, events)


def write(store: Store, number: int, taken: ValueSnapshot) -> Path:
    """Write a snapshot, and remove those that it makes superfluous.

    Raises:
        OSError, StoreError, ModelFileError: it cannot be written or read back.
    """
    packed = snapshot.pack(*taken.state)
    plain = {
        "kind": "value",
        "settings": asdict(taken.settings),
        "learned": taken.replayed,
        "decided": taken.replayed,
        "hash": ValueFunction.unpacked(packed).state_hash(),
        "link": store.link_at(taken.replayed).hex(),
    }
    arrays = {"learner": np.frombuffer(packed, np.uint8)}
    return snapshots.write_state(folder_of(store.folder, number), arrays, plain)


def read(path: Path, link_at: Callable[[int], bytes]) -> ValueState:
    """The state in a snapshot; `link_at` gives the chain hashes of the log.

    Raises:
        ModelFileError: the file is damaged.
        StoreError: it belongs to another log.
    """
    return snapshots.read_state(path, link_at, _state_of, "a value learner")


def _state_of(arrays: snapshot.Arrays, plain: dict[str, Any]) -> ValueState:
    learner = ValueFunction.unpacked(arrays["learner"].tobytes())
    if learner.state_hash() != plain["hash"]:
        raise ModelFileError("the snapshot's state is not what its hash says")
    return ValueState(learner, ValueSettings.from_plain(plain["settings"]), plain["learned"])


@one_blas_thread()  # a learner recomputes on reading what its file does not hold
def recover(store: Store, number: int, *, upto: int | None = None) -> ValueState:
    """The state of value learner `number`, now or after event `upto`.

    Events that raise when they are learned, and were not set aside, are skipped; see
    `ValueState.set_aside`.

    Raises:
        StoreError: the log is damaged.
    """

    def from_snapshot(path: Path, without: bool) -> ValueState | None:
        state = read(path, store.link_at)
        if upto is not None and state.replayed > upto:
            return None
        with store.reading() as connection:
            at = state.replayed
            check_not_outdated(connection, number, path, learned=at, known=at)
            advance(state, connection, number, strict=False, upto=upto, without=without)
        return state

    def from_log(without: bool) -> ValueState:
        return replay(store, number, strict=False, upto=upto, without=without)

    return from_newest(folder_of(store.folder, number), from_snapshot, from_log)


def sweep(store: Store, number: int) -> None:
    """Remove incomplete files after a crash, and snapshots of another log."""
    clear(store, number, read=read)
