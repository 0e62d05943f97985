"""Snapshots of hosted learners: states on disk, so that a start need not read the whole log."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any, TypeVar

from quickstudy import snapshot
from quickstudy.deploy.guardrails.risk import control_from, state_of
from quickstudy.deploy.kind import KINDS, settings_from_plain, settings_to_plain
from quickstudy.deploy.recovery.lineage import as_champion
from quickstudy.deploy.recovery.replay import ReplayState, state_hash
from quickstudy.errors import ModelFileError, StoreError
from quickstudy.log.failpoints import failpoint

KEPT = 2  # snapshots of a learner; the older one is used if the newer is damaged
CONTROL = "control"  # prefix of the names of risk control's arrays
T = TypeVar("T")


def write(folder: Path, fold: ReplayState, link: bytes) -> Path:
    """Write a snapshot, and remove those that it makes superfluous.

    `link` is the chain hash of the last event of the state: it identifies the log.
    """
    control_arrays, control = state_of(fold.control)
    arrays = {f"{CONTROL}{path}": array for path, array in control_arrays.items()}
    learner_arrays, learner = fold.learner.state()
    arrays |= {f"learner/{name}": array for name, array in learner_arrays.items()}
    plain = {
        "kind": "duty",
        "learner": learner,
        "control": control,
        "epoch": fold.epoch,
        "settings": settings_to_plain(fold.settings),
        "learned": fold.learned,
        "decided": fold.decided,
        "hash": fold.hash,
        "link": link.hex(),
    }
    return write_state(folder, arrays, plain)


def write_state(folder: Path, arrays: snapshot.Arrays, plain: dict[str, Any]) -> Path:
    """Write a state as a snapshot, and remove those that it makes superfluous.

    `plain` holds the numbers of the last events `learned` and `decided`, which make its name.
    """
    snapshot.make_folder(folder)
    path = folder / f"snapshot-{plain['learned']:012d}-{plain['decided']:012d}.safetensors"
    content = snapshot.pack(arrays, plain)
    failpoint("snapshot-written")
    snapshot.write_whole(path, content)
    failpoint("snapshot-renamed")
    tidy(folder)
    return path


def tidy(folder: Path) -> None:
    """Remove snapshots, and refitted experts, that newer ones make superfluous."""
    for path in found(folder)[:-KEPT]:
        path.unlink(missing_ok=True)
    oldest = _number(found(folder)[0])
    refits = sorted(folder.glob("refit-*"))
    for path, after in pairwise(refits):
        if _number(after) <= oldest:  # a job starts only when the one before is in effect
            path.unlink(missing_ok=True)


def sweep(folder: Path) -> None:
    """Remove incomplete files after a crash; to be called before any write."""
    for path in folder.glob(".*.safetensors.*"):
        path.unlink(missing_ok=True)


def _number(path: Path) -> int:
    """The last learned event of a file, from its name."""
    return int(path.name.split("-")[1])


def found(folder: Path) -> list[Path]:
    """Snapshots of a learner, oldest first."""
    return sorted(folder.glob("snapshot-*.safetensors"))


def read(path: Path, link_at: Callable[[int], bytes]) -> ReplayState:
    """The state in a snapshot; `link_at` gives the chain hashes of the log.

    Raises:
        ModelFileError: the file is damaged.
        StoreError: it belongs to another log.
    """
    return read_state(path, link_at, _fold, "a hosted learner")


def read_state(
    path: Path,
    link_at: Callable[[int], bytes],
    state_from: Callable[[snapshot.Arrays, dict[str, Any]], T],
    what: str,
) -> T:
    """The state in a snapshot of `what`, as `state_from` makes it of the file's content.

    Raises:
        ModelFileError: the file is damaged.
        StoreError: it belongs to another log.
    """
    arrays, plain = snapshot.read_snapshot(path)
    try:
        state = state_from(arrays, plain)
        if not _fits(plain, link_at):
            raise StoreError(f"{path} was not made from this log")
        return state
    except (KeyError, TypeError, ValueError) as error:
        raise ModelFileError(f"{path} lacks a part of {what} ({error})") from error


def fits(path: Path, link_at: Callable[[int], bytes]) -> bool:
    """Whether a snapshot says that it was made from this log: quick, as it reads no arrays.

    Raises:
        ModelFileError: it cannot be read.
    """
    try:
        return _fits(snapshot.read_plain(path), link_at)
    except (KeyError, TypeError, AttributeError) as error:
        raise ModelFileError(f"{path} lacks a part of a hosted learner ({error})") from error


def _fits(plain: dict[str, Any], link_at: Callable[[int], bytes]) -> bool:
    link: str = plain["link"]
    return link_at(max(plain["learned"], plain["decided"])).hex() == link


def _fold(arrays: snapshot.Arrays, plain: dict[str, Any]) -> ReplayState:
    settings = settings_from_plain(plain["settings"])
    taught = {n.removeprefix("learner/"): a for n, a in arrays.items() if n.startswith("learner/")}
    kind = KINDS.of_settings(settings)
    learner = as_champion(kind.learner_class.from_state(taught, plain["learner"]))
    control = control_from(
        {n.removeprefix(CONTROL): a for n, a in arrays.items() if n.startswith(CONTROL)},
        plain["control"],
    )
    epoch, learned, decided = plain["epoch"], plain["learned"], plain["decided"]
    fold = ReplayState(learner, control, epoch, settings, learned, decided)
    learned_hash = kind.learner_class.hash_of(taught, plain["learner"])
    if state_hash(learned_hash, control, epoch) != plain["hash"]:
        raise ModelFileError("the snapshot's state is not what its hash says")
    return fold
