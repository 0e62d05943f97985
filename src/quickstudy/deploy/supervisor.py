"""`Supervisor`: starts and stops trainers, requests refits, and writes snapshots."""

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
from quickstudy.learners.decider import Decider
from quickstudy.log.failpoints import failpoint
from quickstudy.log.store import LogError, Store
from quickstudy.log.writer import Writer
from quickstudy.stats.moments import one_blas_thread

EVENTS_BETWEEN = 5_000  # snapshots of a learner: a start replays so many within a second or two
RETRY_SECONDS = 60.0  # after a failed refit or snapshot
MARK_PAUSES = (0.1, 1.0, 5.0)  # seconds between attempts to log that an event was set aside
log = logging.getLogger("quickstudy")


class Supervisor:
    """Supervises the trainers of all learners of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._refits = RefitQueue()
        self.promotion = PromotionManager(store, self._refits, lambda: self.writer)
        self._writer: Writer | None = None
        self._begun = threading.Event()

    def attach(self, writer: Writer) -> None:
        """Set the writer, through which results of background work are logged."""
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
        """A learner restored from the log."""
        clear(self._store, row["id"])
        hosted = self._start(row, recover(self._store, row["id"]))
        with self._store.reading() as connection:
            hosted.made_at = largest(connection, hosted.number)
        return hosted

    @one_blas_thread()  # the replica that is made here must equal the original bit for bit
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
        """Restore all learners; one that cannot be rebuilt from the log is out of service.

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
        """Log events that learners set aside in recovery, before they are used.

        A learner for which this cannot be written is out of service.
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
            first = min(one.seq for one in hosted.set_aside)  # later champions learned it
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
        """Log that an update raised; in the trainer's thread.

        Raises:
            StoreError: it cannot be written.
        """
        for pause in MARK_PAUSES:
            try:
                self._record(hosted, one)
                break
            except StoreError:  # a full disk, say
                time.sleep(pause)
        else:
            self._record(hosted, one)
        if one.seq == hosted.refit_event:  # refitted experts that cannot be installed
            hosted.refit_not_before = time.monotonic() + RETRY_SECONDS

    def stop(self, hosted: HostedLearner) -> None:
        """Stop the trainer of a learner that is out of service."""
        self.promotion.dropped(hosted)
        if hosted.trainer:
            hosted.trainer.close()

    def _after(self, hosted: HostedLearner, trainer: Trainer) -> None:
        """Maintain a learner after a batch of updates; in the trainer's thread."""
        try:
            self._maintain(hosted, trainer)
        except Exception as error:  # too little memory to pack it, say: the updates are learned
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
        """Handle the result of a refit, None if it failed; in the thread of the refit queue."""
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
            failpoint("artifact-written")
            request = Refitted(hosted, asof, fitted, name)
            failpoint("before-refit-event")
            hosted.refit_event = self.writer.submit(request).result()
            if trainer := hosted.trainer:  # which may have learned it before its number was heard
                trainer.run_between(partial(self._after, hosted, trainer))
        except (OSError, InputError, StoreError, ModelFileError) as error:
            log.warning("learner %s was not refitted: %s", hosted.name, error)
            hosted.refit_not_before = time.monotonic() + RETRY_SECONDS
            hosted.refitting = False

    def _succeed(self, hosted: HostedLearner, update: Update, leaving: Decider) -> Decider:
        """The learner that takes over at a switch; in the trainer's thread."""
        assert update.switch is not None
        coming = self.promotion.handed_over(hosted, update.seq, update.switch, leaving.packed())
        hosted.add_labels(coming.labels)
        hosted.saved = update.seq - EVENTS_BETWEEN  # a snapshot is due: a start need not replay it
        return coming

    def _save_if_due(self, hosted: HostedLearner) -> None:
        if self._store.head[0] - hosted.saved >= EVENTS_BETWEEN:
            self._save(hosted)

    def maintain(self, hosted: HostedLearner) -> None:
        """Write a snapshot if one is due: learners that only answer change risk control too."""
        if self._store.head[0] - hosted.saved >= 2 * EVENTS_BETWEEN and hosted.trainer:
            hosted.trainer.run_between(lambda: self._save_if_due(hosted))

    def _save(self, hosted: HostedLearner) -> None:
        """Write a snapshot; in the trainer's thread."""
        try:
            fold = self._fold(hosted)
            link = self._store.link_at(max(fold.learned, fold.decided))
            snapshots.write(folder_of(self._store.folder, hosted.number), fold, link)
            hosted.saved = min(fold.learned, fold.decided)
        except (OSError, StoreError, MemoryError) as error:
            log.warning("no snapshot of learner %s was written: %s", hosted.name, error)
            hosted.saved = self._store.head[0]  # try again after as many events

    def _fold(self, hosted: HostedLearner) -> ReplayState:
        """The state of a learner, until the next update; in the trainer's thread."""
        trainer = hosted.trainer
        assert trainer is not None
        told = self.writer.submit(Checkpoint(hosted)).result()
        decided, control, epoch, settings = told
        learned = trainer.learned_up_to(decided)
        control = Autonomy.from_state(control)
        return ReplayState(trainer.replicas.back, control, epoch, settings, learned, decided)

    def hash(self, hosted: HostedLearner) -> str:
        """Digest of a learner and its risk control, after all logged feedback was learned."""
        assert hosted.trainer is not None
        self.flush(hosted, 600.0)
        digest: str = hosted.trainer.run_between(lambda: self._fold(hosted).hash).result()
        return digest

    def flush(self, hosted: HostedLearner, timeout: float) -> None:
        """Wait until all logged feedback is learned.

        Raises:
            StoreError: it takes longer than `timeout`, or learning has stopped.
        """
        assert hosted.trainer is not None
        try:
            hosted.trainer.after(self._store.head[0]).result(timeout)
        except TimeoutError:
            lag = hosted.trainer.lag
            raise StoreError(f"{hosted.name} has {lag} updates yet to learn; wait longer") from None

    def close(self, hosted_learners: list[HostedLearner]) -> None:
        """Learn all logged feedback, write snapshots, and stop."""
        self._refits.close()
        self.promotion.close()
        for hosted in hosted_learners:
            trainer = hosted.trainer
            assert trainer is not None
            try:
                trainer.after(self._store.head[0]).result()
                trainer.run_between(partial(self._save, hosted)).result()
            except Exception as error:  # learning had stopped: the log holds what was not learned
                log.warning("learner %s was closed without a snapshot: %s", hosted.name, error)
            finally:
                trainer.close()
