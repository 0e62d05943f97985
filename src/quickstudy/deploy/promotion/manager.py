"""`PromotionManager`: makes challengers, follows them, and promotes or refuses by the gate."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from functools import partial
from pathlib import Path
from typing import Any

from quickstudy.api.versions import Condition, Pin, Version
from quickstudy.deploy.core.failures import LearningError
from quickstudy.deploy.hosting.commands import Quarantine
from quickstudy.deploy.hosting.learner import HostedLearner
from quickstudy.deploy.hosting.refit_process import CONSOLIDATE
from quickstudy.deploy.hosting.refit_queue import RefitQueue
from quickstudy.deploy.kind import kind_of
from quickstudy.deploy.promotion.shadow_supervisor import ANSWER_SECONDS, Report, ShadowSupervisor
from quickstudy.deploy.recovery import lineage
from quickstudy.deploy.recovery.files import folder_of
from quickstudy.deploy.recovery.lineage import BaseState, as_champion
from quickstudy.deploy.recovery.replay import replay, switch_base, whole_or_without
from quickstudy.deploy.versions import exam_queries
from quickstudy.deploy.versions.commands import Challenge, Promote, Refuse, Rollback, VersionSpec
from quickstudy.deploy.versions.registry import answers_of, labelled_after, version_rows
from quickstudy.errors import InputError, ModelFileError, StoreError
from quickstudy.learners.decider import Decider
from quickstudy.log.store import Store
from quickstudy.log.writer import Writer
from quickstudy.types import Label, same_label

GROWTH = 1.5  # of the examples, from one consolidation to the next
NO_LARGER = 1.05  # times the champion's size: up to it a challenger counts as not larger
MOST_LABELLED = 5_000  # cases after which a challenger that was not promoted is refused
RETRY_SECONDS = 60.0  # after a failed consolidation or exam
HANDOVER_SECONDS = 30.0  # wait for the process of shadows; then the successor is built here
FRESH_SECONDS = 3.0  # age up to which a cached evaluation is shown
RECORDS_AT_ONCE = 32  # that the champion answers without a break: some 5 ms
VIEW_SECONDS = 10.0  # that a viewer waits for an evaluation
CHECKED = 20  # latest records that an imported model has to accept
MOST_REASON = 300  # characters
MOST_KEPT = 3  # files of former champions, of each of the two sorts
GATE = "gate"  # the actor of automatic promotions, refusals and rollbacks
log = logging.getLogger("quickstudy")


class PromotionManager:
    """Manages the versions of all learners of a store, and their shadows."""

    def __init__(self, store: Store, refits: RefitQueue, writer: Callable[[], Writer]) -> None:
        self._store = store
        self._refits = refits
        self._writer = writer
        self._judged: dict[tuple[int, str], float] = {}  # earliest next exam
        self._made: set[Future[Version]] = set()  # consolidations under way
        self._viewing = threading.Lock()
        self._latest: dict[tuple[int, str], tuple[float, Report]] = {}
        self.shadows = ShadowSupervisor(store, self._on_report)

    def _folder(self, hosted: HostedLearner) -> Path:
        return folder_of(self._store.folder, hosted.number)

    def consolidate_if_due(self, hosted: HostedLearner) -> None:
        """Make a challenger once the champion has grown so far that a new map may be better."""
        learner = hosted.replicas.back
        busy = hosted.consolidating or hosted.roles.challenger or not hosted.settings.consolidate
        grown = learner.examples >= GROWTH * max(hosted.made_at, lineage.FREE_MAP_UNTIL)
        if (
            not busy
            and grown
            and learner.map_due
            and time.monotonic() >= hosted.consolidate_not_before
        ):
            self._consolidate(hosted, "the examples have grown", GATE, Future())

    def consolidate(self, hosted: HostedLearner, reason: str, actor: str) -> Future[Version]:
        """Make a challenger from the champion; the future is done once it is in shadow."""
        assert hosted.trainer is not None
        future: Future[Version] = Future()
        begin = partial(self._consolidate, hosted, reason, actor, future)
        hosted.trainer.run_between(begin).add_done_callback(lambda done: _fail_with(done, future))
        return future

    def _consolidate(
        self, hosted: HostedLearner, reason: str, actor: str, future: Future[Version]
    ) -> None:
        """Send a copy of the champion to the child process; in the trainer's thread."""
        kind = kind_of(hosted)
        if not kind.versions:
            raise InputError(f"{hosted.name!r} is a {kind.noun}, which makes no versions of itself")
        learner, asof, parent = hosted.replicas.back, hosted.learned, hosted.replicas.version
        if not learner.examples:
            raise InputError(f"learner {hosted.name!r} has learned nothing yet")
        packed = learner.packed()
        hosted.consolidating = True
        self._made.add(future)

        def done(content: bytes | None) -> None:
            try:
                if content is None:
                    raise StoreError("the process that consolidates ended early: try again")
                simpler = len(content) <= NO_LARGER * len(packed)
                about = {"kind": "consolidated", "asof": asof, "parent": parent, "simpler": simpler}
                future.set_result(self.enlist(hosted, content, about, reason, actor))
            except Exception as error:
                log.warning("learner %s was not consolidated: %s", hosted.name, error)
                hosted.consolidate_not_before = time.monotonic() + RETRY_SECONDS
                future.set_exception(error)
            finally:
                self._made.discard(future)
                hosted.consolidating = False

        self._refits.submit(CONSOLIDATE, packed, done)

    def enlist(
        self, hosted: HostedLearner, packed: bytes, about: dict[str, Any], reason: str, actor: str
    ) -> Version:
        """Put a version into shadow.

        Raises:
            ModelFileError, InputError: it is not a model, or there is a challenger already.
        """
        learner = kind_of(hosted).learner_class.unpacked(packed)
        id = learner.state_hash()
        folder = self._folder(hosted)
        lineage.keep(lineage.version_file(folder, id), packed)
        made = VersionSpec(id=id, examples=learner.examples, size=len(packed), **about)
        version: Version = self._writer().submit(Challenge(hosted, made, reason, actor)).result()
        hosted.made_at = max(hosted.made_at, made.examples)
        return version

    def imported(self, hosted: HostedLearner, packed: bytes, reason: str, actor: str) -> Version:
        """Put an imported model into shadow; it learns from the present event on."""
        assert hosted.trainer is not None
        self._check_records(hosted, kind_of(hosted).learner_class.unpacked(packed))
        champion = hosted.trainer.run_between(lambda: len(hosted.replicas.back.packed())).result()
        about = {
            "kind": "imported",
            "asof": self._store.head[0],
            "parent": "",
            "simpler": len(packed) <= NO_LARGER * champion,
        }
        return self.enlist(hosted, packed, about, reason, actor)

    def _check_records(self, hosted: HostedLearner, learner: Decider) -> None:
        """Check that a model accepts the latest records of a learner."""
        with self._store.reading() as connection:
            cases = labelled_after(connection, hosted.number, 0, CHECKED)
        try:
            answers_of(learner, [record for _, record, _ in cases])
        except InputError as error:
            raise InputError(
                f"the model cannot read the records of {hosted.name!r}: {error}"
            ) from None

    def handed_over(
        self, hosted: HostedLearner, seq: int, switch: dict[str, Any], leaving: bytes
    ) -> Decider:
        """The champion from event `seq` on, from its shadow; in the trainer's thread."""
        folder = self._folder(hosted)
        with self._store.reading() as connection:
            left = lineage.leaving_file(folder, connection, seq)
            came = lineage.coming_file(folder, connection, seq)
        _keep_if_possible(left, leaving)
        ends = time.monotonic() + HANDOVER_SECONDS
        while not came.exists() and time.monotonic() < ends and self.shadows.alive:
            if not self.shadows.follows(hosted, switch):  # the shadow has not begun, or failed
                break
            time.sleep(0.02)
        if came.exists():
            packed = lineage.read_base(came, seq).packed
        else:
            packed = self._worked_out(hosted, seq, switch).packed()
            _keep_if_possible(came, packed)
        self._tidy(hosted)
        return as_champion(BaseState(packed, seq).learner())

    def _worked_out(self, hosted: HostedLearner, seq: int, switch: dict[str, Any]) -> Decider:
        """The champion from event `seq` on, built from its base where no shadow hands it over."""
        folder = self._folder(hosted)
        try:
            with self._store.reading() as connection:
                base = switch_base(connection, switch, folder, None)
                try:
                    return lineage.build(connection, hosted.number, base, seq)
                except LearningError:
                    learner, failed = lineage.build_without(connection, hosted.number, base, seq)
        except ModelFileError as error:
            log.warning("%s; learner %s is worked out from the log", error, hosted.name)
            state = whole_or_without(
                lambda without: replay(self._store, hosted.number, upto=seq, without=without)
            )
            learner, failed = state.learner, state.set_aside
        for one in failed:
            log.warning("learner %s set aside %s", hosted.name, one)
            self._writer().submit(Quarantine(hosted.number, one)).result()
        return learner

    def _tidy(self, hosted: HostedLearner) -> None:
        """Remove files of former champions; if one is needed again, a replay rebuilds it."""
        folder = self._folder(hosted)
        with self._store.reading() as connection:
            rows = version_rows(connection, hosted.number)
            needed = {row["reference"] for row in rows if row["role"] in ("champion", "challenger")}
            kept = {
                lineage.leaving_file(folder, connection, seq)
                for row in rows
                if (seq := row["left"]) and (row["role"] == "previous" or row["id"] in needed)
            }
        for pattern in ("coming-*", "leaving-*"):
            for path in sorted(folder.glob(pattern))[:-MOST_KEPT]:
                if path not in kept:
                    path.unlink(missing_ok=True)

    def pins(self, hosted: HostedLearner) -> tuple[list[Pin], tuple[int, int]]:
        """The pins of a learner's exam, and its revision."""
        with self._store.reading() as connection, connection.begin():
            pins = exam_queries.pins(connection, hosted.number)
            return pins, exam_queries.revision(connection, hosted.number)

    def judge(
        self, hosted: HostedLearner, version: str, *, seconds: float = ANSWER_SECONDS
    ) -> Report:
        """Evaluate a challenger with the exam; the report has `pins`, `revision` and `answers`.

        Raises:
            StoreError: its shadow does not answer in time.
        """
        pins, revision = self.pins(hosted)
        answers = champions_answers(hosted, [pin.record for pin in pins])
        asked = [
            {
                "id": pin.id,
                "record": pin.record,
                "label": pin.label,
                "bound": pin.bound,
                "before": same_label(answer, pin.label),
            }
            for pin, answer in zip(pins, answers, strict=True)
        ]
        report = self.shadows.judge(hosted, version, asked, seconds=seconds)
        report |= {"pins": pins, "revision": revision}
        self._latest[hosted.number, version] = (time.monotonic(), report)
        return report

    def lately_judged(self, hosted: HostedLearner, version: str) -> Report:
        """The evaluation of a challenger, at most some seconds old; shared by all viewers.

        Raises:
            StoreError: there is no evaluation yet.
        """
        with self._viewing:
            then, report = self._latest.get((hosted.number, version), (-math.inf, {}))
            if time.monotonic() < then + FRESH_SECONDS:
                return report
            try:
                return self.judge(hosted, version, seconds=VIEW_SECONDS)
            except StoreError:
                if not report:
                    raise
                self._latest[hosted.number, version] = (time.monotonic(), report)
                return report

    def _on_report(self, hosted: HostedLearner, report: Report) -> None:
        """Act on the report of a shadow; in the thread of shadows."""
        try:
            if "failed" in report:
                self._fails(hosted, report)
            elif report["purpose"] == "challenge":
                self._challenger_reports(hosted, report)
            elif report["purpose"] == "probation" and report["verdict"] == "roll back":
                self._roll_back(hosted, report)
        except (InputError, StoreError) as error:
            log.warning("the gate of learner %s: %s", hosted.name, error)

    def _challenger_reports(self, hosted: HostedLearner, report: Report) -> None:
        version = report["version"]
        ripe = report["labelled"] >= MOST_LABELLED
        if hosted.roles.challenger != version or not (ripe or self._to_be_judged(hosted, report)):
            return
        report = self.judge(hosted, version)
        failing = [c["name"] for c in report["conditions"] if not c["holds"]]
        if not failing:
            self.promote(hosted, report, (), passed(report), GATE)
        elif ripe:
            reason = f"after {report['labelled']:,} labelled cases: {', '.join(failing)}"
            request = Refuse(hosted, version, gate=True, reason=reason, actor=GATE)
            self._writer().submit(request).result()

    def _to_be_judged(self, hosted: HostedLearner, report: Report) -> bool:
        """Whether all conditions but the exam hold, and no exam failed within RETRY_SECONDS."""
        place = (hosted.number, report["version"])
        passed_so_far = all(condition["holds"] for condition in report["conditions"])
        if not passed_so_far or time.monotonic() < self._judged.get(place, 0.0):
            return False
        self._judged[place] = time.monotonic() + RETRY_SECONDS
        return True

    def _fails(self, hosted: HostedLearner, report: Report) -> None:
        """Refuse a challenger that cannot follow the log."""
        if hosted.roles.challenger == report["version"]:
            reason = f"it cannot follow the log: {report['failed']}"[:MOST_REASON]
            request = Refuse(hosted, report["version"], gate=True, reason=reason, actor=GATE)
            self._writer().submit(request).result()

    def _roll_back(self, hosted: HostedLearner, report: Report) -> None:
        if hosted.roles.previous == report["version"]:
            gain = f"{100 * report['gain']:.1f} points"
            reason = f"it errs {gain} less than its successor on {report['labelled']:,} cases"
            version = report["version"]
            request = Rollback(hosted, version, reason=reason, actor=GATE, by_gate=True)
            self._writer().submit(request).result()

    def promote(
        self,
        hosted: HostedLearner,
        report: Report,
        override: Sequence[str],
        reason: str,
        actor: str,
    ) -> Version:
        """Make the challenger the champion, on the basis of a report."""
        request = Promote(
            hosted,
            report["version"],
            conditions=[Condition(**condition) for condition in report["conditions"]],
            override=override,
            better=report["route"] == "better",
            exam=report["revision"],
            reason=reason,
            actor=actor,
        )
        version: Version = self._writer().submit(request).result()
        return version

    def dropped(self, hosted: HostedLearner) -> None:
        """Stop following the versions of a learner that is out of service."""
        self.shadows.dropped(hosted)

    def close(self) -> None:
        """End the shadows, and fail the consolidations under way."""
        self.shadows.close()
        for future in list(self._made):
            future.set_exception(StoreError("the store was closed before it was consolidated"))


def champions_answers(hosted: HostedLearner, records: Sequence[Any]) -> list[Label | None]:
    """The champion's labels for records, a few at a time, so that predictions can interleave."""
    answers: list[Label | None] = []
    for at in range(0, len(records), RECORDS_AT_ONCE):
        with hosted.replicas.reading() as learner:
            answers += answers_of(learner, records[at : at + RECORDS_AT_ONCE])
    return answers


def _keep_if_possible(path: Path, packed: bytes) -> None:
    """Write a champion to disk; if that fails, a slow replay can rebuild it."""
    try:
        lineage.keep(path, packed)
    except OSError as error:
        log.warning("%s was not written: %s", path.name, error)


def _fail_with(done: Future[Any], future: Future[Any]) -> None:
    if error := done.exception():
        future.set_exception(error)


def passed(report: Report) -> str:
    """The reason of a promotion, in words."""
    better = next(c["detail"] for c in report["conditions"] if c["name"] == "better")
    return f"it passed the gate: {better}"
