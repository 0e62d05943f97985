"""`DecisionMethods`: predictions, feedback, and the labelling queue."""

from __future__ import annotations

import secrets
import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from typing import Any

from quickstudy.api.annotators import SourceReport
from quickstudy.api.checks import checked_name
from quickstudy.api.decisions import Answer, Ask, Case, Feedback, LearnerInfo, Receipt, Report
from quickstudy.deploy.core import queries as core_queries
from quickstudy.deploy.core.failures import answering
from quickstudy.deploy.core.methods import Methods, checked_limit
from quickstudy.deploy.core.tables import Row
from quickstudy.deploy.decisions import annotators, queries
from quickstudy.deploy.decisions import feedback as decision_feedback
from quickstudy.deploy.decisions.batch import checked_ids, feedback_of
from quickstudy.deploy.decisions.commands import (
    Predict,
    Predicted,
    RecordClaim,
    RecordFeedback,
    ResolveDispute,
)
from quickstudy.deploy.decisions.queue import CLAIMABLE, LONGEST_CLAIM, Leases
from quickstudy.deploy.hosting.learner import HostedLearner, OutOfService
from quickstudy.deploy.hosting.trainer import Trainer
from quickstudy.deploy.hosting.transaction import HostedLearners
from quickstudy.deploy.kind import KINDS
from quickstudy.encode.tables import rows_of
from quickstudy.encode.values import plain_scalar, plain_text
from quickstudy.errors import InputError, NotFoundError
from quickstudy.log.events import Logged
from quickstudy.types import Explanation, Input, Label

SET_ASIDE = "on disk, and set aside: learning it failed ({}), the learner is as it was before"


class DecisionMethods(Methods):
    """Methods of `Deployment` on decisions."""

    classifiers: HostedLearners

    def _hosted(self, name: str) -> HostedLearner:
        return self.classifiers.in_service(name, self.context)

    def predict(
        self, name: str, record: Input, *, id: str | None = None, actor: str | None = None
    ) -> Answer:
        """Answer one record; the answer is on disk before it is returned.

        With an `id` of your choice (not starting with "p_"), a repeated call gets the same answer.

        Raises:
            NotFoundError, RecordError, InputError, StoreError: nothing was changed.
        """
        ids = None if id is None else [id]
        return self.predict_many(name, [record], ids=ids, actor=actor)[0]

    def predict_many(
        self,
        name: str,
        records: Any,
        *,
        ids: Any = None,
        actor: str | None = None,
    ) -> list[Answer]:
        """Answers for up to `sizes.max_batch` records: a list, table or array (see `Classifier`).

        `ids`: one for each record, as in `predict`; None: the deployment makes the id.
        """
        return self.submit_predict(name, records, ids=ids, actor=actor).result()

    def submit_predict(
        self,
        name: str,
        records: Any,
        *,
        ids: Any = None,
        actor: str | None = None,
    ) -> Future[list[Answer]]:
        """Answers, computed in this thread; the future is done once they are on disk."""
        hosted = self._hosted(name)
        rows = rows_of(records, "records")
        self.sizes.batch("records", rows)
        names = checked_ids(ids, len(rows))
        plain = [self.sizes.record(record) for record in rows]
        with answering(name), hosted.replicas.reading_version() as (learner, version):
            predictions, seen = learner.predict_many(plain, as_is=True), hosted.learned
        items = [
            Predicted(record, id, prediction, seen, version)
            for record, id, prediction in zip(plain, names, predictions, strict=True)
        ]
        return self.writer.submit(Predict(hosted, items, self._actor(actor)))

    def feedback(
        self,
        prediction_id: str | None = None,
        *,
        learner: str | None = None,
        record: Input | None = None,
        label: Label | None = None,
        correct: bool | None = None,
        source: str | None = None,
        key: str | None = None,
        wait_learned: bool = False,
        actor: str | None = None,
    ) -> Receipt:
        """Give feedback on a prediction, or teach a record; on disk before it returns.

        Each call that teaches a record counts, unless it repeats a `key`.

        Raises:
            InputError, LabelError, RecordError, NotFoundError, StoreError: nothing was changed.
        """
        if key is None and prediction_id is None:
            key = secrets.token_hex(16)
        item = Feedback(prediction_id, learner, record, label, correct, source, key)
        return self.feedback_many([item], wait_learned=wait_learned, actor=actor)[0]

    def feedback_many(
        self,
        items: Any,
        *,
        learner: str | None = None,
        labels: Any = None,
        wait_learned: bool = False,
        actor: str | None = None,
    ) -> list[Receipt]:
        """Give up to `sizes.max_batch` feedbacks; all of them are logged, or none.

        Args:
            items: a list of `Feedback`, or of dicts or a table with its fields by name; with
                `learner` and `labels` a batch of records to teach (a list, a table, an array).
            learner: the learner that learns the records.
            labels: the label of each record.
        """
        given = feedback_of(items, learner=learner, labels=labels)
        return self.submit_feedback(given, wait_learned=wait_learned, actor=actor).result()

    def submit_feedback(
        self, items: Sequence[Feedback], *, wait_learned: bool = False, actor: str | None = None
    ) -> Future[list[Receipt]]:
        """Receipts; the future is done once all is on disk, or, with `wait_learned`, learned."""
        self.sizes.batch("feedback", items)
        checked = [self._checked(item) for item in items]
        future: Future[list[Receipt]] = self.writer.submit(
            RecordFeedback(checked, self._actor(actor))
        )
        return when_learned(future, self.classifiers) if wait_learned else future

    def _checked(self, item: Feedback) -> Feedback:
        item = decision_feedback.check(item)
        if item.label is not None:
            self.sizes.label(item.label)
        if item.record is None:
            return item
        record = self.sizes.record(item.record)
        name = str(item.learner)
        with self._hosted(name).replicas.reading() as learner, answering(name):
            learner.check(record)
        return replace(item, record=record)

    def rule(
        self,
        prediction_id: str,
        label: Label,
        *,
        source: str | None = None,
        actor: str | None = None,
    ) -> Receipt:
        """Resolve the dispute about a contested input by a label.

        Raises:
            NotFoundError, InputError: there is no such prediction, or it is not contested.
        """
        actor = self._actor(actor)
        source = checked_name("source", source) if source is not None else actor
        case_id = checked_name("prediction_id", prediction_id)
        request = ResolveDispute(case_id, self.sizes.label(label), source, actor)
        receipt: Receipt = self.writer.submit(request).result()
        return receipt

    # the labelling queue

    def asks(self, name: str, *, limit: int = 50) -> list[Ask]:
        """Cases that wait for a label, the most useful ones first."""
        hosted = self._hosted(name)
        with self.store.reading() as connection:
            return queries.asks(connection, hosted.number, name, limit=checked_limit(limit))

    def held(self, name: str, *, limit: int = 50) -> list[Ask]:
        """Answers that are held until a person approves, oldest first."""
        hosted = self._hosted(name)
        with self.store.reading() as connection:
            return queries.held(connection, hosted.number, name, limit=checked_limit(limit))

    def _begin_claims(self) -> None:
        self._claims = Leases()
        self.context.listeners.append(self._forget_claims)

    def claim(
        self, name: str, *, holder: str, id: str | None = None, seconds: float = 120.0
    ) -> Ask | None:
        """The case to ask `holder` next; nobody else gets it for `seconds`.

        With `id`, claim that case even if it already has a label. None if somebody else holds the
        case, or no case waits.
        """
        hosted = self._hosted(name)
        holder = checked_name("holder", holder)
        id = None if id is None else checked_name("id", id)
        if not 0.0 < seconds <= LONGEST_CLAIM:
            raise InputError(f"seconds is {seconds}; it must be above 0, at most {LONGEST_CLAIM:g}")
        row = self._claimed(hosted, holder, id, seconds)
        if row is None:
            return None
        with self.store.reading() as connection:
            ask = queries.asks_of(connection, [row], name)[0]
        self.writer.submit(RecordClaim(ask.id, holder)).result()
        return ask

    def _claimed(
        self, hosted: HostedLearner, holder: str, id: str | None, seconds: float
    ) -> Row | None:
        """The row of the claimed case, read after the claim was acquired."""
        while True:
            with self.store.reading() as connection:
                if id is not None:
                    row = queries.case_row(connection, id)
                    if row["learner"] != hosted.number:
                        raise NotFoundError(f"prediction {id!r} is not one of {hosted.name!r}")
                    return row if self._claims.acquire_one(id, holder, seconds) else None
                limit = CLAIMABLE + self._claims.held
                waiting = queries.waiting_ids(connection, hosted.number, limit=limit)
            chosen = self._claims.acquire(waiting, holder, seconds)
            if chosen is None:
                return None
            with self.store.reading() as connection:
                row = queries.case_row(connection, chosen)
            if row["status"] == "waiting":
                return row
            self._claims.forget(chosen)  # the case got its label in between

    def release(self, prediction_id: str, *, holder: str) -> None:
        """Give a case back unanswered; this holder gets it again only after all others."""
        self._claims.release(plain_text(prediction_id), plain_text(holder))

    def _forget_claims(self, events: Sequence[Logged]) -> None:
        for event in events:
            if event.type in ("feedback", "expired"):
                self._claims.forget(event.subject)

    # queries

    def history(self, prediction_id: str) -> Case:
        """A prediction with all its events.

        Raises:
            NotFoundError: there is no prediction with that id.
        """
        with self.store.reading() as connection:
            row = queries.case_row(connection, prediction_id)
            return queries.history(connection, row, core_queries.names(connection))

    def explain(self, prediction_id: str) -> Explanation:
        """An explanation of the learner's present answer for the record of a prediction.

        Raises:
            NotFoundError, NotReadyError: there is no such prediction, or nothing was learned yet.
        """
        case = self.history(prediction_id)
        hosted = self._hosted(case.learner)
        with answering(case.learner):
            with hosted.replicas.reading() as learner:
                copy = learner.copy()  # explaining takes long, and the trainer must not wait for it
            return copy.explain(case.record)

    def cases(
        self,
        name: str,
        *,
        text: str = "",
        decision: str | None = None,
        status: str | None = None,
        label: Label | None = None,
        before: int | None = None,
        limit: int = 50,
    ) -> list[Case]:
        """Predictions, newest first; to get the next page, pass the last seq as `before`."""
        hosted = self._hosted(name)
        if label is not None and not hosted.has_label(plain_scalar(label)):
            label = self.sizes.label(label)
        with self.store.reading() as connection:
            return queries.cases(
                connection,
                hosted.number,
                name,
                text=text,
                decision=decision,
                status=status,
                label=label,
                before=before,
                limit=checked_limit(limit),
            )

    def report(self, name: str) -> Report:
        """A summary of a learner's performance."""
        hosted = self._hosted(name)
        with hosted.replicas.reading() as learner:
            experts = learner.experts if learner.examples else ()
        with self.store.reading() as connection:
            tally = core_queries.tally(connection, hosted.number)
            share, low, high, audits = queries.precision(connection, hosted.number)
            policies, alarms, attempt = queries.policies(hosted.committed.autonomy())
            return Report(
                learner=self._decider_info(hosted, tally),
                cases=tally["cases"],
                acted=tally["acted"],
                labels_used=tally["labels"],
                share_handled=queries.share_handled(connection, hosted.number),
                precision=share if audits else None,
                precision_low=low if audits else None,
                precision_high=high if audits else None,
                audits=audits,
                waiting=tally["waiting"],
                contested=tally["contested"],
                expired=tally["expired"],
                lag=self.lag(name),
                policies=policies,
                alarms=alarms,
                attempt=attempt,
                curve=queries.curve(connection, hosted.number),
                sources=queries.sources(connection, hosted.number),
                experts=experts,
                seq=self.store.head[0],
                quarantined=core_queries.quarantined(connection, hosted.number),
                unfamiliar=tally.get("unfamiliar", 0),
                form=queries.form_notice(tally),
            )

    def _decider(self, hosted: HostedLearner | OutOfService) -> LearnerInfo:
        with self.store.reading() as connection:
            return self._decider_info(hosted, core_queries.tally(connection, hosted.number))

    def _decider_info(
        self, hosted: HostedLearner | OutOfService, tally: dict[str, Any]
    ) -> LearnerInfo:
        examples, labels, why = 0, tuple[Label, ...](), ""
        if isinstance(hosted, OutOfService):
            settings, why = hosted.settings, str(hosted.failed)
        else:
            settings = hosted.committed.settings
            with hosted.replicas.reading() as learner:
                examples, labels = learner.examples, learner.labels
        kind = KINDS.of_settings(settings)
        info: LearnerInfo = kind.info(
            kind=kind.name,
            name=hosted.name,
            settings=settings,
            created=hosted.created,
            examples=examples,
            labels=labels,
            quarantined=tally.get("quarantined", 0),
            out_of_service=why,
        )
        return info

    def lag(self, name: str) -> int:
        """Number of feedbacks that are logged and not yet learned."""
        trainer = self._hosted(name).trainer
        return trainer.lag if trainer else 0

    def sources(self, name: str) -> list[SourceReport]:
        """Sources with their labels and agreement, those with the most labels first."""
        hosted = self._hosted(name)
        with self.store.reading() as connection:
            return annotators.sources(connection, hosted.number, hosted.committed.settings.trusted)


def when_learned(future: Future[Any], learners: HostedLearners) -> Future[Any]:
    """A future that is done once the feedback that `future` is about is learned."""
    learned: Future[Any] = Future()

    def logged(done: Future[Any]) -> None:
        if error := done.exception():
            learned.set_exception(error)
            return
        receipts = done.result()
        last = max(receipt.seq for receipt in receipts)
        by_name = learners.by_name
        names = {r.learner for r in receipts if r.learner in by_name}
        trainers = [trainer for name in names if (trainer := by_name[name].trainer)]
        result = partial(_with_reasons, receipts, trainers)
        _when_all([trainer.after(last) for trainer in trainers], learned, result)

    future.add_done_callback(logged)
    return learned


def _with_reasons(receipts: list[Receipt], trainers: list[Trainer]) -> list[Receipt]:
    """The receipts, marked where the example was set aside."""
    reasons = {seq: reason for trainer in trainers for seq, reason in dict(trainer.reasons).items()}
    return [
        replace(one, quarantined=reason, message=SET_ASIDE.format(reason)) if reason else one
        for one, reason in [(one, reasons.get(one.seq, "")) for one in receipts]
    ]


def _when_all(futures: list[Future[None]], then: Future[Any], result: Callable[[], Any]) -> None:
    """Complete `then` with the value of `result()` once all futures are done."""
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
