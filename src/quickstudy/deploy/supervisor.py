"""`Supervisor`: starts and stops trainers, has experts refitted, and writes snapshots."""

from __future__ import annotations

import logging
import threading
import time
from functools import partial

from quickstudy import snapshot
from quickstudy.deploy.core.failures import out_of_service, reason_of
from quickstudy.deploy.core.tables import Row
from quickstudy.deploy.guardrails.autonomy import Autonomy
from quickstudy.deploy.hosting.commands import Checkpoint, Quarantine, Refitted
from quickstudy.deploy.hosting.learner import HostedLearner, OutOfService
from quickstudy.deploy.hosting.quarantine import SetAside
from quickstudy.deploy.hosting.refit_process import REFIT, artifact_name, unpack_fitted
from quickstudy.deploy.hosting.refit_queue import RefitQueue
from quickstudy.deploy.hosting.trainer import Trainer
from quickstudy.deploy.hosting.transaction import HostedLearners
from quickstudy.deploy.hosting.updates import Update
from quickstudy.deploy.promotion.manager import PromotionManager
from quickstudy.deploy.recovery import lineage, snapshots
from quickstudy.deploy.recovery.files import folder_of
from quickstudy.deploy.recovery.recover import clear, recover
from quickstudy.deploy.recovery.replay import ReplayState
from quickstudy.deploy.versions.registry import largest
from quickstudy.errors import InputError, ModelFileError, StoreError
from quickstudy.learners.classifier.classifier import Classifier
from quickstudy.log.failpoints import reach
from quickstudy.log.store import LogError, Store
from quickstudy.log.writer import Writer
from quickstudy.stats.moments import one_blas_thread

EVENTS_BETWEEN = 5_000  # snapshots of a learner: what a start has to fold, within a second or two
RETRY_SECONDS = 60.0  # after a refit or a snapshot went wrong
MARK_PAUSES = (0.1, 1.0, 5.0)  # seconds, while it cannot be written that an event was set aside
log = logging.getLogger("quickstudy")


class Supervisor:
    """Works for all learners of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._refits = RefitQueue()
        self.promotion = PromotionManager(store, self._refits, lambda: self.writer)
        self._writer: Writer | None = None
        self._begun = threading.Event()

    def attach(self, writer: Writer) -> None:
        """From now on what is worked out can be logged."""
        self._writer = writer
        self._begun.set()

    @property
    def writer(self) -> Writer:
        self._begun.wait()
        assert self._writer is not None
        return self._writer

    def start(self, row: Row, seq: int) -> HostedLearner:
        """A new learner, made at event `seq`."""
        return self._start(row, ReplayState.new(row["settings"], seq))

    def restore(self, row: Row) -> HostedLearner:
        """A learner from the log."""
        clear(self._store, row["id"])
        hosted = self._start(row, recover(self._store, row["id"]))
        with self._store.reading() as connection:
            hosted.made_at = largest(connection, hosted.number)
        return hosted

    @one_blas_thread()  # the twin that is made here must have the bits of its original
    def _start(self, row: Row, fold: ReplayState) -> HostedLearner:
        hosted = HostedLearner(
            row["id"],
            row["name"],
            fold.settings,
            epoch=fold.epoch,
            control=fold.control,
            roles=row["roles"],
        )
        hosted.created = row["created"]
        hosted.saved = min(fold.learned, fold.decided)
        hosted.trainer = Trainer(
            fold.learner,
            version=hosted.roles.champion,
            seq=fold.learned,
            name=hosted.name,
            learned=lambda w: self._after(hosted, w),
            successor=partial(self._succeed, hosted),
            set_aside=partial(self._set_aside, hosted),
        )
        hosted.set_aside = fold.set_aside
        hosted.add_labels(fold.learner.labels)
        return hosted

    def restore_all(self, rows: list[Row], learners: HostedLearners) -> None:
        """All learners of rows; one that cannot be made from the log is out of service.

        Raises:
            LogError: the log itself cannot be read.
        """
        for row in rows:
            try:
                learners.register(self.restore(row))
            except LogError:
                raise
            except Exception as error:
                self._put_out(learners, row, error)

    def record_set_aside(self, learners: HostedLearners) -> None:
        """Put on record what learners did not learn on the way back; before they are used.

        One of which that cannot be written is out of service.
        """
        for hosted in [one for one in learners.by_number.values() if one.set_aside]:
            try:
                for one in hosted.set_aside:
                    self._record(hosted, one)
            except StoreError as error:
                learners.remove(hosted)
                self.stop(hosted)
                self._put_out(learners, hosted, error)
                continue
            first = min(one.seq for one in hosted.set_aside)  # champions since then had learned it
            lineage.drop_after(folder_of(self._store.folder, hosted.number), first)
            hosted.set_aside = []

    def _put_out(
        self, learners: HostedLearners, one: HostedLearner | Row, error: Exception
    ) -> None:
        row = one if isinstance(one, dict) else vars(one) | {"id": one.number}
        failed = out_of_service(row["name"], error)
        log.error("%s", failed)
        out = OutOfService(row["id"], row["name"], row["settings"], row["created"], failed)
        learners.put_out_of_service(out)

    def _record(self, hosted: HostedLearner, one: SetAside) -> None:
        log.warning("learner %s set aside %s", hosted.name, one)
        self.writer.submit(Quarantine(hosted.number, one)).result()

    def _set_aside(self, hosted: HostedLearner, one: SetAside) -> None:
        """Put on record that a lesson raised; in the worker's thread.

        Raises:
            StoreError: that cannot be written.
        """
        for pause in MARK_PAUSES:
            try:
                self._record(hosted, one)
                break
            except StoreError:  # a full disk, say
                time.sleep(pause)
        else:
            self._record(hosted, one)
        if one.seq == hosted.refit_event:  # refitted experts that do not fit in
            hosted.refit_not_before = time.monotonic() + RETRY_SECONDS

    def stop(self, hosted: HostedLearner) -> None:
        """The learner is off duty."""
        self.promotion.dropped(hosted)
        if hosted.trainer:
            hosted.trainer.close()

    def _after(self, hosted: HostedLearner, trainer: Trainer) -> None:
        """After a round of lessons, in the worker's thread."""
        try:
            self._maintain(hosted, trainer)
        except Exception as error:  # no room to pack it, say: what is learned is learned
            log.warning("learner %s is not looked after now: %s", hosted.name, reason_of(error))
            hosted.refitting = False
            hosted.refit_not_before = hosted.consolidate_not_before = (
                time.monotonic() + RETRY_SECONDS
            )

    def _maintain(self, hosted: HostedLearner, trainer: Trainer) -> None:
        if hosted.refit_event is not None and trainer.seq >= hosted.refit_event:
            hosted.refitting, hosted.refit_event = False, None
        now = time.monotonic()
        if (
            trainer.replicas.back.refit_due
            and not hosted.refitting
            and now >= hosted.refit_not_before
        ):
            hosted.refitting = True
            packed, asof = trainer.replicas.back.packed(), trainer.seq
            done = partial(self._refitted, hosted, asof)
            self._refits.submit(REFIT, packed, done)
        self.promotion.consolidate_if_due(hosted)
        self._save_if_due(hosted)

    def _refitted(self, hosted: HostedLearner, asof: int, content: bytes | None) -> None:
        """The child is done with a learner, or failed; in the refits' thread."""
        if content is None and self._refits.closed:  # due again after the next start
            return
        try:
            if content is None:
                raise OSError("the process that refits ended early")
            folder = folder_of(self._store.folder, hosted.number)
            snapshot.make_folder(folder)
            fitted = unpack_fitted(content)
            name = artifact_name(fitted, asof)
            snapshot.write_whole(folder / name, content)
            reach("artifact-written")
            request = Refitted(hosted, asof, fitted, name)
            reach("before-refit-event")
            hosted.refit_event = self.writer.submit(request).result()
            if trainer := hosted.trainer:  # which may have learned it before its number was heard
                trainer.run_between(partial(self._after, hosted, trainer))
        except (OSError, InputError, StoreError, ModelFileError) as error:
            log.warning("learner %s was not refitted: %s", hosted.name, error)
            hosted.refit_not_before = time.monotonic() + RETRY_SECONDS
            hosted.refitting = False

    def _succeed(self, hosted: HostedLearner, update: Update, leaving: Classifier) -> Classifier:
        """The learner that takes over at a switch; in the worker's thread."""
        assert update.switch is not None
        coming = self.promotion.handed_over(hosted, update.seq, update.switch, leaving.packed())
        hosted.add_labels(coming.labels)
        hosted.saved = update.seq - EVENTS_BETWEEN  # a start should not have to find the way again
        return coming

    def _save_if_due(self, hosted: HostedLearner) -> None:
        if self._store.head[0] - hosted.saved >= EVENTS_BETWEEN:
            self._save(hosted)

    def maintain(self, hosted: HostedLearner) -> None:
        """Now and then, for learners that only answer: their risk control needs snapshots too."""
        if self._store.head[0] - hosted.saved >= 2 * EVENTS_BETWEEN and hosted.trainer:
            hosted.trainer.run_between(lambda: self._save_if_due(hosted))

    def _save(self, hosted: HostedLearner) -> None:
        """Write a snapshot; in the worker's thread."""
        try:
            fold = self._fold(hosted)
            link = self._store.link_at(max(fold.learned, fold.decided))
            snapshots.write(folder_of(self._store.folder, hosted.number), fold, link)
            hosted.saved = min(fold.learned, fold.decided)
        except (OSError, StoreError, MemoryError) as error:
            log.warning("no snapshot of learner %s was written: %s", hosted.name, error)
            hosted.saved = self._store.head[0]  # try again after as many events

    def _fold(self, hosted: HostedLearner) -> ReplayState:
        """Where a learner stands; in the worker's thread, which must not teach until it is used."""
        trainer = hosted.trainer
        assert trainer is not None
        told = self.writer.submit(Checkpoint(hosted)).result()
        decided, control, epoch, settings = told
        learned = trainer.learned_up_to(decided)
        control = Autonomy.from_state(control)
        return ReplayState(trainer.replicas.back, control, epoch, settings, learned, decided)

    def hash(self, hosted: HostedLearner) -> str:
        """Digest of a learner and its risk control, all that is logged being learned."""
        assert hosted.trainer is not None
        self.flush(hosted, 600.0)
        digest: str = hosted.trainer.run_between(lambda: self._fold(hosted).hash).result()
        return digest

    def flush(self, hosted: HostedLearner, timeout: float) -> None:
        """Wait until all that is logged is learned.

        Raises:
            StoreError: it takes longer, or learning has stopped.
        """
        assert hosted.trainer is not None
        try:
            hosted.trainer.after(self._store.head[0]).result(timeout)
        except TimeoutError:
            lag = hosted.trainer.lag
            raise StoreError(f"{hosted.name} has {lag} lessons yet to learn; wait longer") from None

    def close(self, hosted_learners: list[HostedLearner]) -> None:
        """Learn what is logged, write snapshots, and stop."""
        self._refits.close()
        self.promotion.close()
        for hosted in hosted_learners:
            trainer = hosted.trainer
            assert trainer is not None
            try:
                trainer.after(self._store.head[0]).result()
                trainer.run_between(partial(self._save, hosted)).result()
            except Exception as error:  # it stopped before: the log has all that it did not learn
                log.warning("learner %s was closed without a snapshot: %s", hosted.name, error)
            finally:
                trainer.close()
