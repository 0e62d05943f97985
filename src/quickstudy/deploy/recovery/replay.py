"""Replay: reconstructs a learner and its risk control from the log (event sourcing).

Recovery replays the tail of the log onto a snapshot; a full replay starts from nothing, and repeats
the background jobs, so that it depends on no file but the store.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection

from quickstudy.api.settings import Settings
from quickstudy.deploy.core.failures import LearningError
from quickstudy.deploy.guardrails.autonomy import Autonomy
from quickstudy.deploy.guardrails.risk import (
    SWITCHES,
    apply_to_risk,
    check_decision,
    new_control,
    state_of,
)
from quickstudy.deploy.hosting.quarantine import Ledger, SetAside
from quickstudy.deploy.hosting.refit_process import artifact_name, unpack_fitted
from quickstudy.deploy.hosting.replicas import LeftRightReplicas
from quickstudy.deploy.hosting.updates import Update, apply_without_failures
from quickstudy.deploy.kind import new_learner, settings_from_plain
from quickstudy.deploy.recovery import lineage
from quickstudy.deploy.recovery.files import folder_of
from quickstudy.deploy.recovery.lineage import BaseState, as_champion
from quickstudy.errors import ModelFileError, NotFoundError
from quickstudy.learners.base import DEFINITION
from quickstudy.learners.classifier.refits import Fitted
from quickstudy.learners.decider import Decider
from quickstudy.log.events import Logged
from quickstudy.log.store import Store, read_events
from quickstudy.snapshot import digest
from quickstudy.stats.moments import one_blas_thread

Progress = Any  # Callable[[int], None], called with the sequence number now and then
log = logging.getLogger("quickstudy")
F = TypeVar("F")


def state_hash(learner: str, control: Autonomy, epoch: int) -> str:
    """Digest of all that answers depend on: the learner, by its hash, and risk control."""
    arrays, plain = state_of(control)
    return digest(arrays, {"learner": learner, "control": plain, "epoch": epoch})


@dataclass
class ReplayState:
    """The state of a learner: updates up to event `learned`, risk control up to event `decided`.

    `set_aside`: events that could not be learned in this replay, and of which the log does not
    say so yet.
    """

    learner: Decider
    control: Autonomy
    epoch: int
    settings: Settings
    learned: int
    decided: int
    set_aside: list[SetAside] = field(default_factory=list)
    replicas: LeftRightReplicas | None = None  # if updates that raise are left out

    @classmethod
    def new(cls, settings: Settings, seq: int) -> ReplayState:
        """The state at the event that created the learner."""
        return cls(new_learner(settings), new_control(settings, 0), 0, settings, seq, seq)

    def decide(self, event: Logged, payload: dict[str, Any], about: dict[str, Any]) -> None:
        """Apply an event to risk control; `about` is the payload of the prediction it is about.

        Raises:
            StoreError: a prediction is decided otherwise than it was logged.
        """
        if event.type == "predicted":
            check_decision(self, event, payload)
        apply_to_risk(self, event, payload, about)
        self.decided = event.seq

    def learn(self, updates: Sequence[Update]) -> None:
        """Apply updates to the learner.

        Raises:
            LearningError: one of them raised, and none may be left out.
        """
        if not updates:
            return
        if self.replicas is None:
            lineage.learn(self.learner, updates)
        else:
            failed = apply_without_failures(self.replicas, updates)
            self.set_aside += [SetAside.of(update.seq, error) for update, error in failed]
            self.learner = self.replicas.back
        self.learned = updates[-1].seq

    def replace(self, learner: Decider, seq: int) -> None:
        """Replace the learner by another one, at event `seq`."""
        self.learner, self.learned = learner, seq
        if self.replicas is not None:
            self.replicas = LeftRightReplicas(learner, "")

    @property
    def hash(self) -> str:
        return state_hash(self.learner.state_hash(), self.control, self.epoch)


@dataclass
class JobArtifacts:
    """Results of background jobs in a replay, computed again at the events they are based on."""

    refits: set[int]
    consolidations: set[int]
    asofs: set[int]  # of both, not made yet
    fitted: dict[int, Fitted] = field(default_factory=dict)
    bases: dict[tuple[str, Any], BaseState] = field(default_factory=dict)

    @classmethod
    def of(cls, connection: Connection, number: int) -> JobArtifacts:
        """For a learner's log."""
        types = ["refitted", "consolidated"]
        made = [(e.type, e.read()) for e in read_events(connection, learner=number, types=types)]
        refits = {payload["asof"] for type, payload in made if type == "refitted"}
        others = {payload["asof"] for _, payload in made if payload.get("kind") == "consolidated"}
        return cls(refits, others, refits | others)

    def due(self, seq: int) -> bool:
        """Whether a job started from the learner as it is before event `seq`."""
        return any(asof < seq for asof in self.asofs)

    def make(self, learner: Decider, seq: int) -> None:
        """Repeat these jobs on the learner, whose state is that before event `seq`."""
        for asof in sorted(asof for asof in self.asofs if asof < seq):
            self.asofs.remove(asof)
            if asof in self.refits:
                self.fitted[asof] = learner.copy().fit_due()
            if asof in self.consolidations:
                champion = learner.copy()
                champion.consolidate()
                self.bases["version", champion.state_hash()] = BaseState(champion.packed(), asof)


@one_blas_thread()  # the same bits as in the trainer's thread
def advance(
    fold: ReplayState,
    connection: Connection,
    number: int,
    *,
    folder: Path,
    anew: bool = False,
    upto: int | None = None,
    progress: Progress = None,
    without: bool = False,
) -> None:
    """Replay the events of a learner after its present state, all or those up to `upto`.

    `folder` has the results of background jobs. With `anew` the jobs are repeated, and compared
    with the log; only imported models are read. Events that were set aside are skipped; `without`:
    also updates that raise now, which takes twice as long.

    Raises:
        LearningError: an update raises, and was not set aside.
    """
    after = min(fold.learned, fold.decided)
    made = JobArtifacts.of(connection, number) if anew else None
    ledger = Ledger.of(connection, number)
    skipped = ledger.of_champion
    if without:
        fold.replicas = LeftRightReplicas(fold.learner, "")
    for group in lineage.told(connection, number, after=after, upto=upto):
        updates: list[Update] = []
        for event, payload, about in group:
            if made and made.due(event.seq):
                fold.learn(updates)
                updates = []
                made.make(fold.learner, event.seq)
            if event.seq > fold.decided:
                fold.decide(event, payload, about)
            if event.seq > fold.learned and event.seq not in skipped:
                update = lineage.champion_update(event, payload, about)
                updates += [update] if update else []
                if event.type == "refitted":
                    late = ledger.late(payload["asof"] + 1)
                    fitted = _fitted(event, payload, folder, made, late=late)
                    updates.append(Update(event.seq, fitted=fitted))
                if event.type in SWITCHES:
                    fold.learn(updates)
                    updates = []
                    _switch(fold, connection, number, event.seq, payload, folder, made)
        fold.learn(updates)
        if progress:
            progress(group[-1][0].seq)


def _switch(
    fold: ReplayState,
    connection: Connection,
    number: int,
    seq: int,
    payload: dict[str, Any],
    folder: Path,
    made: JobArtifacts | None,
) -> None:
    """Replace the learner by the version that answers from event `seq` on."""
    leaving = fold.learner.packed()
    if made:
        made.bases["leaving", seq] = BaseState(leaving, seq)
    else:
        lineage.keep(lineage.leaving_file(folder, connection, seq), leaving)
    came = lineage.coming_file(folder, connection, seq)
    if not made and came.exists():
        learner = lineage.read_base(came, seq).learner()
    else:
        base = switch_base(connection, payload, folder, made)
        if fold.replicas is None:
            learner = lineage.build(connection, number, base, seq)
        else:
            learner, failed = lineage.build_without(connection, number, base, seq)
            fold.set_aside += failed
        if not made and not fold.set_aside:  # else it is written once the log says so
            lineage.keep(came, learner.packed())
    fold.replace(as_champion(learner), seq)


def switch_base(
    connection: Connection, payload: dict[str, Any], folder: Path, made: JobArtifacts | None
) -> BaseState:
    """The base of a version that takes over: as it was made, or as it stopped answering."""
    if payload["base"] == "leaving":
        at = payload["at"]
        if made:
            return made.bases["leaving", at]
        return lineage.read_base(lineage.leaving_file(folder, connection, at), at)
    version = payload["version"]
    if made and ("version", version) in made.bases:
        return made.bases["version", version]
    return lineage.read_version(folder, version, payload["at"])


def _fitted(
    event: Logged, payload: dict[str, Any], folder: Path, made: JobArtifacts | None, *, late: bool
) -> Fitted:
    """Refitted experts; `late`: their learner may have learned an event that was set aside later.

    Experts of an older definition of learning are refitted under the present one.
    """
    fitted = made.fitted[payload["asof"]] if made else None
    if fitted is not None and payload.get("definition", 1) != DEFINITION:
        return fitted
    if fitted is None or (late and artifact_name(fitted, payload["asof"]) != payload["file"]):
        try:
            content = (folder / payload["file"]).read_bytes()
        except OSError as error:
            raise ModelFileError(f"refitted experts of event {event.seq} are gone") from error
        fitted = unpack_fitted(content, name=payload["file"])
    if artifact_name(fitted, payload["asof"]) != payload["file"]:
        raise ModelFileError(f"event {event.seq}: {payload['file']} holds other refitted experts")
    return fitted


@one_blas_thread()
def replay(
    store: Store,
    number: int,
    *,
    upto: int | None = None,
    progress: Progress = None,
    without: bool = False,
) -> ReplayState:
    """The state of learner `number`, replayed from its first event to the last or to `upto`.

    Raises:
        NotFoundError: there is no such learner.
        StoreError, ModelFileError: the log is damaged, or its replay differs from the log.
        LearningError: an update raises, was not set aside, and `without` is false.
    """
    with store.reading() as connection:
        created = next(read_events(connection, learner=number, types=["created"], limit=1), None)
        if created is None:
            raise NotFoundError(f"there is no learner number {number}")
        fold = ReplayState.new(settings_from_plain(created.read()), created.seq)
        folder = folder_of(store.folder, number)
        advance(
            fold,
            connection,
            number,
            folder=folder,
            anew=True,
            upto=upto,
            progress=progress,
            without=without,
        )
    return fold


def whole_or_without(make: Callable[[bool], F]) -> F:
    """The result of `make(False)`, or, if an update raises, of `make(True)`, which skips it."""
    try:
        return make(False)
    except LearningError as error:
        log.warning("%s; it is worked out without what raises", error)
        return make(True)
