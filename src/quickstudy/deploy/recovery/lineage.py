"""Lineages: the state of a version is its base and every update that the log has after the base.

The champion's lineage is learned by its trainer, which sends refits to a child process. All other
lineages refit inline, so each is a function of its base and the log alone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from sqlalchemy import Connection

from quickstudy import snapshot
from quickstudy.deploy.core.failures import LearningError
from quickstudy.deploy.hosting.quarantine import Ledger, SetAside
from quickstudy.deploy.hosting.replicas import LeftRightReplicas
from quickstudy.deploy.hosting.updates import (
    LABELS,
    Update,
    apply_without_failures,
    own_update,
    teach,
    update_of,
)
from quickstudy.deploy.kind import hash_in, unpacked
from quickstudy.errors import ModelFileError
from quickstudy.learners.decider import Decider
from quickstudy.log.events import Logged
from quickstudy.log.store import events_at, read_events
from quickstudy.stats.moments import one_blas_thread

FREE_MAP_UNTIL = 2000
"""Number of examples up to which a learner chooses its feature map by itself; after that a new map
has to pass the gate."""

PREFETCH = 500  # events whose records are read at once
Told = tuple[Logged, dict[str, Any], dict[str, Any]]  # event, its payload, payload of its case


@dataclass(frozen=True, slots=True)
class BaseState:
    """The start of a lineage: a packed learner, and the last event that it has learned."""

    packed: bytes
    at: int

    def learner(self) -> Decider:
        """The learner, ready to learn the events after `at`."""
        learner: Decider = unpacked(self.packed)
        learner.freeze_map(FREE_MAP_UNTIL)
        return learner


def as_champion(learner: Decider) -> Decider:
    """A champion: others refit its slow experts, and make its later feature maps."""
    learner.defer_refits()
    learner.freeze_map(FREE_MAP_UNTIL)
    return learner


def version_file(folder: Path, version: str) -> Path:
    """The file of the learner that a version starts from."""
    return folder / f"version-{version}.safetensors"


def leaving_file(folder: Path, connection: Connection, seq: int) -> Path:
    """The file of the champion that stopped answering at event `seq`, as it was then."""
    return folder / f"leaving-{_place(connection, seq)}.safetensors"


def coming_file(folder: Path, connection: Connection, seq: int) -> Path:
    """The file of the champion that started answering at event `seq`, as it was then."""
    return folder / f"coming-{_place(connection, seq)}.safetensors"


def _place(connection: Connection, seq: int) -> str:
    """A name for an event of this log; its chain hash differs in another log."""
    return f"{seq:012d}-{events_at(connection, [seq])[seq].link.hex()[:16]}"


def read_base(path: Path, at: int) -> BaseState:
    """Read a base; raises `ModelFileError` if there is no file."""
    try:
        return BaseState(path.read_bytes(), at)
    except OSError as error:
        raise ModelFileError(f"{path.name} is gone ({error})") from error


def read_version(folder: Path, version: str, asof: int) -> BaseState:
    """The base of a version.

    Raises:
        ModelFileError: its file is missing, or holds another version.
    """
    base = read_base(version_file(folder, version), asof)
    if hash_in(base.packed) != version:
        raise ModelFileError(f"{version_file(folder, version).name} holds another version")
    return base


def keep(path: Path, packed: bytes) -> None:
    """Write a base, unless its file exists."""
    if not path.exists():
        snapshot.make_folder(path.parent)
        snapshot.write_whole(path, packed)


def drop_after(folder: Path, seq: int) -> None:
    """Remove champions that came or left after event `seq`: a replay rebuilds them."""
    for pattern in ("coming-*", "leaving-*"):
        for path in folder.glob(pattern):
            if int(path.name.split("-")[1]) > seq:
                path.unlink(missing_ok=True)


def told(
    connection: Connection,
    number: int,
    *,
    after: int,
    upto: int | None = None,
    limit: int | None = None,
) -> Iterator[list[Told]]:
    """The events of a learner with the payloads of their cases, some hundred at a time."""
    events_after = read_events(connection, after=after, learner=number, upto=upto, limit=limit)
    for events in groups(events_after):
        payloads = [event.read() for event in events]
        cases = events_at(connection, [p["case"] for p in payloads if p.get("case")])
        yield [
            (event, payload, cases[payload["case"]].read() if payload.get("case") else payload)
            for event, payload in zip(events, payloads, strict=True)
        ]


def groups(events: Iterable[Logged]) -> Iterator[list[Logged]]:
    """Events, some hundred at a time."""
    group: list[Logged] = []
    for event in events:
        group.append(event)
        if len(group) == PREFETCH:
            yield group
            group = []
    if group:
        yield group


def label_update(event: Logged, payload: dict[str, Any], about: dict[str, Any]) -> Update | None:
    """The update of every lineage but the champion's: without the votes of its experts."""
    update = champion_update(event, payload, about)
    return replace(update, said=None) if update else None


def champion_update(event: Logged, payload: dict[str, Any], about: dict[str, Any]) -> Update | None:
    """The update of the champion from an event with a label."""
    if event.type in LABELS:
        return update_of(event.seq, payload, about.get("record"))
    return own_update(event)


def build(connection: Connection, number: int, base: BaseState, upto: int) -> Decider:
    """The learner of a lineage as of event `upto`, without events that were set aside before.

    Raises:
        LearningError: an update raises, and was not set aside.
    """
    learner = base.learner()
    for updates in _updates(connection, number, base, upto):
        learn(learner, updates)
    return learner


@one_blas_thread()
def build_without(
    connection: Connection, number: int, base: BaseState, switch: int
) -> tuple[Decider, list[SetAside]]:
    """The learner of a lineage as of event `switch`, without updates that raise; and these updates.

    It takes twice the time of `build`, and the memory of two learners.

    Raises:
        LearningError: too many updates in a row raise.
    """
    replicas = LeftRightReplicas(base.learner(), "")
    failed = []
    for updates in _updates(connection, number, base, switch):
        for update, error in apply_without_failures(replicas, updates):
            failed.append(SetAside.of(update.seq, error, switch=switch))
    return replicas.back, failed


def _updates(
    connection: Connection, number: int, base: BaseState, upto: int
) -> Iterator[list[Update]]:
    """The updates of a lineage after its base, in order, some hundred at a time."""
    skipped = Ledger.of(connection, number).of_line(upto)
    for group in told(connection, number, after=base.at, upto=upto):
        updates = [label_update(*one) for one in group]
        yield [update for update in updates if update and update.seq not in skipped]


def learn(learner: Decider, updates: Sequence[Update]) -> None:
    """Apply updates to a learner without a second copy.

    Raises:
        LearningError: an update raised; the learner must not be used any more.
    """
    try:
        teach(learner, updates)
    except Exception as error:
        first, last = updates[0].seq, updates[-1].seq
        told = f"learning events {first} to {last} raises {type(error).__name__}: {error}"
        raise LearningError(told) from error
