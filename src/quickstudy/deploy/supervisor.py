"""The staff: workers that teach learners, refits in the child process, snapshots now and then."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any

from quickstudy import snapshot
from quickstudy.api.decisions import Receipt
from quickstudy.deploy.core.context import Desk
from quickstudy.deploy.core.failures import out_of_service, reason_of
from quickstudy.deploy.core.tables import Row
from quickstudy.deploy.decisions.commands import Checkpoint, Quarantine, Refitted
from quickstudy.deploy.guardrails.autonomy import Autonomy
from quickstudy.deploy.hosting.learner import Duty, OutOfService
from quickstudy.deploy.hosting.quarantine import SetAside
from quickstudy.deploy.hosting.refit_process import REFIT, artifact_name, unpack_fitted
from quickstudy.deploy.hosting.refit_queue import Refits
from quickstudy.deploy.hosting.trainer import Worker
from quickstudy.deploy.hosting.updates import Lesson
from quickstudy.deploy.promotion.manager import Contests
from quickstudy.deploy.recovery import lineage, snapshots
from quickstudy.deploy.recovery.recover import clear, recover
from quickstudy.deploy.recovery.replay import Fold, folder_of
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
SET_ASIDE = "on disk, and set aside: learning it failed ({}), the learner is as it was before"
log = logging.getLogger("quickstudy")


class Staff:
    """Works for all learners of a store."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._refits = Refits()
        self.contests = Contests(store, self._refits, lambda: self.writer)
        self._writer: Writer | None = None
        self._begun = threading.Event()

    def begin(self, writer: Writer) -> None:
        """From now on what is worked out can be logged."""
        self._writer = writer
        self._begun.set()

    @property
    def writer(self) -> Writer:
        self._begun.wait()
        assert self._writer is not None
        return self._writer

    def hire(self, row: Row, seq: int) -> Duty:
        """A new learner, made at event `seq`."""
        return self._start(row, Fold.new(row["settings"], seq))

    def recall(self, row: Row) -> Duty:
        """A learner from the log."""
        clear(self._store, row["id"])
        duty = self._start(row, recover(self._store, row["id"]))
        with self._store.reading() as connection:
            duty.made_at = largest(connection, duty.number)
        return duty

    @one_blas_thread()  # the twin that is made here must have the bits of its original
    def _start(self, row: Row, fold: Fold) -> Duty:
        duty = Duty(
            row["id"],
            row["name"],
            fold.settings,
            epoch=fold.epoch,
            control=fold.control,
            roles=row["roles"],
        )
        duty.created = row["created"]
        duty.saved = min(fold.learned, fold.decided)
        duty.worker = Worker(
            fold.learner,
            version=duty.roles.champion,
            seq=fold.learned,
            name=duty.name,
            learned=lambda w: self._after(duty, w),
            successor=partial(self._succeed, duty),
            set_aside=partial(self._set_aside, duty),
        )
        duty.set_aside = fold.set_aside
        duty.meet(fold.learner.labels)
        return duty

    def recall_all(self, rows: list[Row], desk: Desk) -> None:
        """All learners of rows; one that cannot be made from the log is out of service.

        Raises:
            LogError: the log itself cannot be read.
        """
        for row in rows:
            try:
                desk.take_over(self.recall(row))
            except LogError:
                raise
            except Exception as error:
                self._put_out(desk, row, error)

    def record_set_aside(self, desk: Desk) -> None:
        """Put on record what learners did not learn on the way back; before they are used.

        One of which that cannot be written is out of service.
        """
        for duty in [duty for duty in desk.duties.values() if duty.set_aside]:
            try:
                for one in duty.set_aside:
                    self._record(duty, one)
            except StoreError as error:
                desk.dismissed(duty)
                self.dismiss(duty)
                self._put_out(desk, duty, error)
                continue
            first = min(one.seq for one in duty.set_aside)  # champions since then had learned it
            lineage.drop_after(folder_of(self._store.folder, duty.number), first)
            duty.set_aside = []

    def _put_out(self, desk: Desk, one: Duty | Row, error: Exception) -> None:
        row = one if isinstance(one, dict) else vars(one) | {"id": one.number}
        failed = out_of_service(row["name"], error)
        log.error("%s", failed)
        out = OutOfService(row["id"], row["name"], row["settings"], row["created"], failed)
        desk.out_of_service[out.name] = out

    def _record(self, duty: Duty, one: SetAside) -> None:
        log.warning("learner %s set aside %s", duty.name, one)
        self.writer.submit(Quarantine(duty.number, one)).result()

    def _set_aside(self, duty: Duty, one: SetAside) -> None:
        """Put on record that a lesson raised; in the worker's thread.

        Raises:
            StoreError: that cannot be written.
        """
        for pause in MARK_PAUSES:
            try:
                self._record(duty, one)
                break
            except StoreError:  # a full disk, say
                time.sleep(pause)
        else:
            self._record(duty, one)
        if one.seq == duty.refit_event:  # refitted experts that do not fit in
            duty.refit_again = time.monotonic() + RETRY_SECONDS

    def dismiss(self, duty: Duty) -> None:
        """The learner is off duty."""
        self.contests.dropped(duty)
        if duty.worker:
            duty.worker.close()

    def _after(self, duty: Duty, worker: Worker) -> None:
        """After a round of lessons, in the worker's thread."""
        try:
            self._maintain(duty, worker)
        except Exception as error:  # no room to pack it, say: what is learned is learned
            log.warning("learner %s is not looked after now: %s", duty.name, reason_of(error))
            duty.refitting = False
            duty.refit_again = duty.consolidate_again = time.monotonic() + RETRY_SECONDS

    def _maintain(self, duty: Duty, worker: Worker) -> None:
        if duty.refit_event is not None and worker.seq >= duty.refit_event:
            duty.refitting, duty.refit_event = False, None
        now = time.monotonic()
        if worker.twins.resting.refit_due and not duty.refitting and now >= duty.refit_again:
            duty.refitting = True
            packed, asof = worker.twins.resting.packed(), worker.seq
            done = partial(self._refitted, duty, asof)
            self._refits.submit(REFIT, packed, done)
        self.contests.consolidate_if_due(duty)
        self._save_if_due(duty)

    def _refitted(self, duty: Duty, asof: int, content: bytes | None) -> None:
        """The child is done with a learner, or failed; in the refits' thread."""
        if content is None and self._refits.closed:  # due again after the next start
            return
        try:
            if content is None:
                raise OSError("the process that refits ended early")
            folder = folder_of(self._store.folder, duty.number)
            snapshot.make_folder(folder)
            fitted = unpack_fitted(content)
            name = artifact_name(fitted, asof)
            snapshot.write_whole(folder / name, content)
            reach("artifact-written")
            request = Refitted(duty, asof, fitted, name)
            reach("before-refit-event")
            duty.refit_event = self.writer.submit(request).result()
        except (OSError, InputError, StoreError, ModelFileError) as error:
            log.warning("learner %s was not refitted: %s", duty.name, error)
            duty.refit_again = time.monotonic() + RETRY_SECONDS
            duty.refitting = False

    def _succeed(self, duty: Duty, lesson: Lesson, leaving: Classifier) -> Classifier:
        """The learner that takes over at a switch; in the worker's thread."""
        assert lesson.switch is not None
        coming = self.contests.handed_over(duty, lesson.seq, lesson.switch, leaving.packed())
        duty.meet(coming.labels)
        duty.saved = lesson.seq - EVENTS_BETWEEN  # a start should not have to find the way again
        return coming

    def _save_if_due(self, duty: Duty) -> None:
        if self._store.head[0] - duty.saved >= EVENTS_BETWEEN:
            self._save(duty)

    def look_after(self, duty: Duty) -> None:
        """Now and then, for learners that only answer: their risk control needs snapshots too."""
        if self._store.head[0] - duty.saved >= 2 * EVENTS_BETWEEN and duty.worker:
            duty.worker.errand(lambda: self._save_if_due(duty))

    def _save(self, duty: Duty) -> None:
        """Write a snapshot; in the worker's thread."""
        try:
            fold = self._fold(duty)
            link = self._store.link_at(max(fold.learned, fold.decided))
            snapshots.write(folder_of(self._store.folder, duty.number), fold, link)
            duty.saved = min(fold.learned, fold.decided)
        except (OSError, StoreError, MemoryError) as error:
            log.warning("no snapshot of learner %s was written: %s", duty.name, error)
            duty.saved = self._store.head[0]  # try again after as many events

    def _fold(self, duty: Duty) -> Fold:
        """Where a learner stands; in the worker's thread, which must not teach until it is used."""
        worker = duty.worker
        assert worker is not None
        told = self.writer.submit(Checkpoint(duty)).result()
        decided, control, epoch, settings = told
        learned = worker.learned_up_to(decided)
        control = Autonomy.from_state(control)
        return Fold(worker.twins.resting, control, epoch, settings, learned, decided)

    def hash(self, duty: Duty) -> str:
        """Digest of a learner and its risk control, all that is logged being learned."""
        assert duty.worker is not None
        self.flush(duty, 600.0)
        digest: str = duty.worker.errand(lambda: self._fold(duty).hash).result()
        return digest

    def flush(self, duty: Duty, timeout: float) -> None:
        """Wait until all that is logged is learned.

        Raises:
            StoreError: it takes longer, or learning has stopped.
        """
        assert duty.worker is not None
        try:
            duty.worker.after(self._store.head[0]).result(timeout)
        except TimeoutError:
            lag = duty.worker.lag
            raise StoreError(f"{duty.name} has {lag} lessons yet to learn; wait longer") from None

    def rest(self, duties: list[Duty]) -> None:
        """Learn what is logged, write snapshots, and stop."""
        self._refits.close()
        self.contests.close()
        for duty in duties:
            worker = duty.worker
            assert worker is not None
            try:
                worker.after(self._store.head[0]).result()
                worker.errand(partial(self._save, duty)).result()
            except Exception as error:  # it stopped before: the log has all that it did not learn
                log.warning("learner %s was closed without a snapshot: %s", duty.name, error)
            finally:
                worker.close()

    def when_learned(self, future: Future[Any], desk: Desk) -> Future[Any]:
        """A future that is done once the feedback that `future` is about is learned."""
        learned: Future[Any] = Future()

        def logged(done: Future[Any]) -> None:
            if error := done.exception():
                learned.set_exception(error)
                return
            receipts = done.result()
            last = max(receipt.seq for receipt in receipts)
            duties = dict(desk.duties)
            names = {r.learner for r in receipts if r.learner in duties}
            workers = [worker for name in names if (worker := duties[name].worker)]
            told = partial(_with_reasons, receipts, workers)
            _when_all([worker.after(last) for worker in workers], learned, told)

        future.add_done_callback(logged)
        return learned


def _with_reasons(receipts: list[Receipt], workers: list[Worker]) -> list[Receipt]:
    """Receipts that say so where the example was set aside."""
    reasons = {seq: reason for worker in workers for seq, reason in dict(worker.reasons).items()}
    return [
        replace(one, quarantined=reason, message=SET_ASIDE.format(reason)) if reason else one
        for one, reason in [(one, reasons.get(one.seq, "")) for one in receipts]
    ]


def _when_all(futures: list[Future[None]], then: Future[Any], result: Callable[[], Any]) -> None:
    """Finish `then` with what `result` gives once all futures are done."""
    left = len(futures)
    lock = threading.Lock()

    def one(done: Future[None]) -> None:
        nonlocal left
        with lock:
            left -= 1
            last = left == 0
        error = done.exception()
        if error and not then.done():
            then.set_exception(error)
        elif last and not then.done():
            then.set_result(result())

    if not futures:
        then.set_result(result())
    for future in futures:
        future.add_done_callback(one)
