"""`PromotionMethods`: versions, gate and exam."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import func, select

from quickstudy.api.versions import (
    Bound,
    Condition,
    Diff,
    Difference,
    Exam,
    GateReport,
    Group,
    Pin,
    Version,
)
from quickstudy.deploy.core.methods import Methods, checked_limit, checked_reason
from quickstudy.deploy.core.tables import Row
from quickstudy.deploy.hosting.learner import HostedLearner
from quickstudy.deploy.kind import settings_from_plain
from quickstudy.deploy.promotion import manager
from quickstudy.deploy.promotion.manager import PromotionManager
from quickstudy.deploy.recovery.files import folder_of
from quickstudy.deploy.versions import exam_queries
from quickstudy.deploy.versions import registry as of_versions
from quickstudy.deploy.versions.commands import PinCases, PinSpec, Refuse, Rollback, Unpin
from quickstudy.errors import InputError, NotFoundError
from quickstudy.learners.decider import Decider
from quickstudy.log.store import EVENTS, read_events
from quickstudy.types import Input, Label


class PromotionMethods(Methods):
    """Methods of `Deployment` on versions, the gate and the exam."""

    promotion: PromotionManager
    _hosted: Callable[[str], HostedLearner]

    def versions(self, name: str) -> list[Version]:
        """All versions of a learner, newest first."""
        hosted = self._hosted(name)
        with self.store.reading() as connection:
            return of_versions.versions(connection, hosted.number, name)

    def version_at(self, name: str, time: float) -> Version:
        """The version that answered at a time, in seconds since 1970.

        Raises:
            NotFoundError: the learner did not exist yet.
        """
        hosted = self._hosted(name)
        with self.store.reading() as connection:
            return of_versions.version_at(connection, hosted.number, name, time)

    def challenge(
        self,
        name: str,
        *,
        model: str | Path | bytes | None = None,
        reason: str = "",
        actor: str | None = None,
    ) -> Version:
        """Put a challenger into shadow: the consolidated champion, or a saved model.

        Consolidation chooses a new feature map and refits the slow experts, in another process.

        Raises:
            InputError: there is a challenger already, or nothing was learned yet.
            FileNotFoundError, ModelFileError: the model cannot be read.
            StoreError: the process that consolidates failed.
        """
        hosted, who = self._hosted(name), self._actor(actor)
        reason = checked_reason(reason) or ("consolidated by hand" if model is None else "imported")
        if rival := hosted.roles.challenger:
            raise InputError(f"{rival[:12]} challenges already: withdraw it first, or wait for it")
        if model is None:
            return self.promotion.consolidate(hosted, reason, who).result()
        packed = model if isinstance(model, bytes) else Path(model).read_bytes()
        return self.promotion.imported(hosted, packed, reason, who)

    def withdraw(self, name: str, *, reason: str = "", actor: str | None = None) -> None:
        """Take the challenger out of shadow.

        Raises:
            NotFoundError: there is none.
        """
        hosted = self._hosted(name)
        version = _challenger(hosted)
        why = checked_reason(reason) or "withdrawn"
        request = Refuse(hosted, version, gate=False, reason=why, actor=self._actor(actor))
        self.writer.submit(request).result()

    def gate(self, name: str) -> GateReport | None:
        """The report on the challenger, or on a champion in probation; None without either."""
        hosted = self._hosted(name)
        manager = self.promotion
        if version := hosted.roles.challenger:
            report = manager.lately_judged(hosted, version)
        elif version := hosted.roles.previous:
            report = manager.shadows.report(hosted, version) or {}
            if report.get("purpose") != "probation" or report["verdict"] == "kept":
                return None
        else:
            return None
        return _gate_report(report, behind=self._behind(hosted, report["at"]))

    def _behind(self, hosted: HostedLearner, seq: int) -> int:
        later = (EVENTS.c.learner == hosted.number) & (EVENTS.c.seq > seq)
        with self.store.reading() as connection:
            return int(connection.execute(select(func.count()).where(later)).scalar_one())

    def promote(
        self,
        name: str,
        *,
        override: Sequence[str] = (),
        reason: str = "",
        actor: str | None = None,
    ) -> Version:
        """Make the challenger the champion. Conditions that do not hold must be named.

        After an override, or if the challenger was imported, its autonomy evidence is reset.

        Raises:
            NotFoundError: there is no challenger.
            InputError: a condition does not hold, and is not named in `override`.
        """
        hosted = self._hosted(name)
        report = self.promotion.judge(hosted, _challenger(hosted))
        known = {condition["name"] for condition in report["conditions"]}
        failing = [c["name"] for c in report["conditions"] if not c["holds"]]
        if unknown := [given for given in override if given not in known]:
            raise InputError(
                f"override names {unknown[0]!r:.60}; the conditions are {', '.join(sorted(known))}"
            )
        if missing := [condition for condition in failing if condition not in override]:
            raise InputError(
                f"the gate is not passed: {', '.join(missing)}; to promote it all the same, name "
                "these in override"
            )
        why = checked_reason(reason) or manager.passed(report)
        overridden = [condition for condition in failing if condition in override]
        return self.promotion.promote(hosted, report, overridden, why, self._actor(actor))

    def rollback(self, name: str, *, reason: str = "", actor: str | None = None) -> Version:
        """Make the previous version the champion again; it has learned all labels since.

        Its autonomy evidence is reset.

        Raises:
            InputError: there is no previous version.
        """
        hosted = self._hosted(name)
        why = checked_reason(reason) or "rolled back by hand"
        request = Rollback(hosted, "", reason=why, actor=self._actor(actor))
        version: Version = self.writer.submit(request).result()
        return version

    def diff(self, name: str, before: str, after: str, *, limit: int = 50) -> Diff:
        """Compare two versions, as they were made, on the exam and on the latest 500 labelled cases
        after both; ids may be shortened to six characters.

        Raises:
            NotFoundError, InputError: there is no such version.
        """
        hosted = self._hosted(name)
        checked_limit(limit)
        with self.store.reading() as connection:
            rows = [of_versions.find_row(connection, hosted.number, id) for id in (before, after)]
            asof = max(row["asof"] for row in rows)
            most = of_versions.MOST_CASES
            cases = of_versions.labelled_after(connection, hosted.number, asof, most)
            pins = exam_queries.pins(connection, hosted.number)
        old, new = [(row["id"], self._version(hosted, row)) for row in rows]
        return of_versions.diff(old, new, cases, pins, limit=limit)

    def _version(self, hosted: HostedLearner, row: Row) -> Decider:
        with self.store.reading() as connection:
            created = next(
                read_events(connection, learner=hosted.number, types=["created"], limit=1)
            )
        folder = folder_of(self.store.folder, hosted.number)
        return of_versions.learner_of(row, settings_from_plain(created.read()), folder)

    def pin(
        self,
        name: str,
        *,
        prediction_id: str | None = None,
        record: Input | None = None,
        label: Label,
        bound: Bound = "must",
        source: str | None = None,
        actor: str | None = None,
    ) -> Pin:
        """Pin a case, a prediction or a record, with the label that it must or should get.

        Raises:
            NotFoundError, InputError: there is no such prediction, or it cannot be pinned.
        """
        item = PinSpec(label, record, prediction_id, bound, source)
        pinned: list[Pin] = self.writer.submit(
            PinCases(name, [item], self._actor(actor), self.sizes)
        ).result()
        return pinned[0]

    def pin_many(
        self,
        name: str,
        rows: Sequence[tuple[Input, Label, Bound]],
        *,
        actor: str | None = None,
    ) -> int:
        """Pin up to `sizes.max_batch` records, all or none of them; returns their number."""
        items = [PinSpec(label, record, None, bound) for record, label, bound in rows]
        self.sizes.batch("pins", items)
        request = PinCases(name, items, self._actor(actor), self.sizes)
        return len(self.writer.submit(request).result())

    def unpin(self, name: str, id: str, *, actor: str | None = None) -> None:
        """Remove a case from the exam.

        Raises:
            NotFoundError: there is no such pin.
        """
        self.writer.submit(Unpin(name, id, self._actor(actor))).result()

    def exam(self, name: str, *, version: str | None = None) -> Exam:
        """The exam result of the champion now, of the challenger, or of any version as it was made.

        Raises:
            NotFoundError, InputError: there is no such version.
        """
        hosted = self._hosted(name)
        pins, _ = self.promotion.pins(hosted)
        records = [pin.record for pin in pins]
        with self.store.reading() as connection:
            wanted = version if version is not None else hosted.roles.champion
            row = of_versions.find_row(connection, hosted.number, wanted)
        if row["id"] == hosted.roles.champion:
            answers = manager.champions_answers(hosted, records)
        elif row["id"] == hosted.roles.challenger:
            judged = self.promotion.judge(hosted, row["id"])
            pins, answers = judged["pins"], judged["answers"]
        else:
            answers = of_versions.predict_tolerant(self._version(hosted, row), records)
        return exam_queries.sit(pins, answers, row["id"])


def _challenger(hosted: HostedLearner) -> str:
    if not hosted.roles.challenger:
        raise NotFoundError(f"nothing challenges the champion of {hosted.name!r}")
    return hosted.roles.challenger


def _gate_report(report: dict[str, Any], *, behind: int) -> GateReport:
    return GateReport(
        version=report["version"],
        purpose=report["purpose"],
        cases=report["cases"],
        labelled=report["labelled"],
        gain=report["gain"],
        log_evidence=report["log_evidence"],
        log_bar=report["log_bar"],
        log_evidence_margin=report["log_evidence_margin"],
        conditions=tuple(Condition(**condition) for condition in report["conditions"]),
        groups=tuple(Group(**group) for group in report["groups"]),
        baselines=tuple((name, gain) for name, gain in report["baselines"]),
        differences=tuple(Difference(**one) for one in report["differences"]),
        behind=behind,
    )
