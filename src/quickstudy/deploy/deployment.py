"""`Deployment`: learners on duty in one store. Synchronous and safe to use from many threads."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, Self, Unpack

from quickstudy.api.admin import Event, Finding, Key
from quickstudy.api.checks import checked_name
from quickstudy.api.decisions import Answer, Feedback, LearnerInfo, Receipt
from quickstudy.api.options import changes, checked, takes_settings
from quickstudy.api.runs import ValueInfo
from quickstudy.api.settings import Options, Settings
from quickstudy.api.sizes import Sizes
from quickstudy.deploy.core.context import Context
from quickstudy.deploy.core.failures import answering
from quickstudy.deploy.core.keys import KeyRing, all_keys, new_key
from quickstudy.deploy.decisions import feedback as decision_feedback
from quickstudy.deploy.decisions import queries
from quickstudy.deploy.decisions.batch import checked_ids, feedback_of
from quickstudy.deploy.decisions.commands import (
    Change,
    Create,
    Delete,
    Expire,
    MakeKey,
    Predict,
    Predicted,
    RecordFeedback,
    ResolveDispute,
    RevokeKey,
)
from quickstudy.deploy.decisions.queue import Handout
from quickstudy.deploy.guardrails.limits import PauseFile
from quickstudy.deploy.hosting.learner import HostedLearner
from quickstudy.deploy.promotion.methods import PromotionMethods
from quickstudy.deploy.recovery.replay import learner_rows
from quickstudy.deploy.runs.hosted import HostedValue
from quickstudy.deploy.runs.methods import RunMethods, checked_learner
from quickstudy.deploy.runs.snapshots import recover as recover_value
from quickstudy.deploy.supervisor import Supervisor
from quickstudy.deploy.versions.registry import roles_of
from quickstudy.encode.tables import rows_of
from quickstudy.errors import InputError, StoreError
from quickstudy.log.events import Logged
from quickstudy.log.store import Store
from quickstudy.log.writer import Writer
from quickstudy.stats.moments import one_blas_thread
from quickstudy.types import Input, Label

TICK_SECONDS = 1.0  # between looks for cases whose time is over


class Deployment(Handout, PromotionMethods, RunMethods):
    """Learners on duty: predictions with ids, feedback that counts exactly once.

    Everything it says yes to is on disk before it says so. One process at a time may have a store
    open; others talk to it through `quickstudy serve`.

    Parameters:
        path: of the store, made if it is not there; its folder `<path>.d` holds snapshots.
        actor: who is doing this, for the log.
        sizes: largest inputs that it takes in.

    Raises:
        StoreError: the store is open elsewhere, damaged, or of a newer schema.

    >>> import tempfile, quickstudy
    >>> folder = tempfile.TemporaryDirectory()
    >>> d = quickstudy.open(folder.name + "/work.db")
    >>> _ = d.create("tickets", target=0.9)
    >>> answer = d.predict("tickets", "where is my card")
    >>> answer.label, answer.decision
    (None, 'ask')
    >>> d.feedback(answer.id, label="card_arrival").status
    'accepted'
    >>> d.feedback(answer.id, label="card_arrival").status
    'repeated'
    >>> d.flush()
    >>> d.predict("tickets", "where is my card").label
    'card_arrival'
    >>> d.close(); folder.cleanup()
    """

    def __init__(
        self, path: str | Path, *, actor: str = "local", sizes: Sizes | None = None
    ) -> None:
        self.actor = checked_name("actor", actor)
        self.sizes = Sizes() if sizes is None else sizes
        self.store = Store(path)
        try:
            secret = self.store.meta("secret", lambda: secrets.token_bytes(32))
            self.supervisor = Supervisor(self.store)
            dialect = self.store.engine.dialect
            self.context = Context(
                secret,
                dialect=dialect,
                start=self.supervisor.start,
                replay=partial(recover_value, self.store),
                roles_changed=self.supervisor.promotion.shadows.changed,
                pause_file=PauseFile(self.store.folder),
            )
            self._keys = KeyRing()
            with self.store.reading() as connection:
                rows = [
                    {**row, "roles": roles_of(connection, row["id"])}
                    for row in learner_rows(connection)
                ]
                self._keys.refresh(all_keys(connection))
            self.supervisor.restore_all(rows, self.context)
            self._recall_values()
        except BaseException:
            for hosted in self.context.hosted_learners.values() if hasattr(self, "desk") else ():
                self.supervisor.dismiss(hosted)
            self.store.close()
            raise
        self._begin_claims()
        self._stop = threading.Event()
        self._closing = threading.Lock()
        self._keys_change = threading.Lock()
        self.writer = Writer(self.store, self.context, within=one_blas_thread)
        self.supervisor.begin(self.writer)
        self.supervisor.record_set_aside(self.context)
        for hosted in self.context.hosted_learners.values():
            if hosted.roles.challenger or hosted.roles.previous:
                self.supervisor.promotion.shadows.changed(hosted)
        self._clock = threading.Thread(target=self._tick, name="quickstudy-clock", daemon=True)
        self._clock.start()

    def __repr__(self) -> str:
        names = ", ".join(sorted(self.context.names().values())) or "none"
        return f"<Deployment {self.store.path}, learners: {names}>"

    def _actor(self, actor: str | None) -> str:
        return self.actor if actor is None else checked_name("actor", actor)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # learners

    @takes_settings(Settings)
    def create(
        self, name: str, *, actor: str | None = None, **settings: Unpack[Options]
    ) -> LearnerInfo:
        """Put a new learner on duty.

        Raises:
            InputError, SettingError: the name is taken or none, or a setting is out of its range.
        """
        made = Settings(**checked(Settings, {"seed": None, **settings}))
        request = Create(checked_learner(name), made, self._actor(actor))
        self.writer.submit(request).result()
        return self._classifier(self.context.hosted(name))

    def change(
        self, name: str, *, actor: str | None = None, **settings: Any
    ) -> LearnerInfo | ValueInfo:
        """Change settings: those that `Settings`, or `ValueSettings`, marks "free" or "resets".

        Where it "resets", the evidence for acting alone is reset: it asks until there is enough.

        Raises:
            NotFoundError, SettingError: there is no such learner, or a setting is out of range.
        """
        if isinstance(self.context.anyone(name), HostedValue):
            return self._change_value(name, settings, actor)
        given = changes(Settings, settings)
        self.writer.submit(Change(name, given, self._actor(actor))).result()
        return self.learner(name)

    def delete(self, name: str, *, actor: str | None = None) -> None:
        """Take a learner off duty. Its events stay in the log; its name is free again."""
        gone = self.writer.submit(Delete(name, self._actor(actor))).result()
        if isinstance(gone, HostedLearner):
            self.supervisor.dismiss(gone)

    # predictions and feedback

    def predict(
        self, name: str, record: Input, *, id: str | None = None, actor: str | None = None
    ) -> Answer:
        """Answer for one record, on disk before it is returned.

        `id`, if you choose one (not starting with "p_"), makes asking again safe: the same answer.

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

        `ids`: one for each, as in `predict`; None where we choose it.
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
        """Answers that are done once they are on disk; they are computed in this thread."""
        hosted = self.context.hosted(name)
        rows = rows_of(records, "records")
        self.sizes.batch("records", rows)
        names = checked_ids(ids, len(rows))
        plain = [self.sizes.record(record) for record in rows]
        with answering(name), hosted.replicas.reading() as learner:
            said = learner.predict_many(plain, as_is=True)
            seen, version = hosted.learned, hosted.replicas.version
        items = [
            Predicted(x, i, p, seen, version) for x, i, p in zip(plain, names, said, strict=True)
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
        """Say what is right about a prediction, or teach a record; on disk before it returns.

        Each call that teaches a record counts, unless you give its `key` again.

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
        """Up to `sizes.max_batch` feedbacks, all or none of which is taken in.

        Args:
            items: a list of `Feedback`, or of dicts or a table with its fields by name; with
                `learner` and `labels` a batch of records to teach (a list, a table, an array).
            learner: who is taught the records.
            labels: the label of each record.
        """
        given = feedback_of(items, learner=learner, labels=labels)
        return self.submit_feedback(given, wait_learned=wait_learned, actor=actor).result()

    def submit_feedback(
        self, items: Sequence[Feedback], *, wait_learned: bool = False, actor: str | None = None
    ) -> Future[list[Receipt]]:
        """Receipts that are there once all is on disk, or, with `wait_learned`, learned."""
        self.sizes.batch("feedback", items)
        checked = [self._checked(item) for item in items]
        future: Future[list[Receipt]] = self.writer.submit(
            RecordFeedback(checked, self._actor(actor))
        )
        return self.supervisor.when_learned(future, self.context) if wait_learned else future

    def _checked(self, item: Feedback) -> Feedback:
        item = decision_feedback.check(item)
        if item.label is not None:
            self.sizes.label(item.label)
        if item.record is None:
            return item
        record = self.sizes.record(item.record)
        name = str(item.learner)
        with self.context.hosted(name).replicas.reading() as learner, answering(name):
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
        """End the dispute about a contested input: this is its label.

        Raises:
            NotFoundError, InputError: there is no such prediction, or it is not contested.
        """
        actor = self._actor(actor)
        source = checked_name("source", source) if source is not None else actor
        case_id = checked_name("prediction_id", prediction_id)
        request = ResolveDispute(case_id, self.sizes.label(label), source, actor)
        receipt: Receipt = self.writer.submit(request).result()
        return receipt

    def listen(self, callback: Callable[[Sequence[Event]], None]) -> Callable[[], None]:
        """Have every event told after its commit, in the writer's thread; returns the way out."""

        def tell(events: Sequence[Logged]) -> None:
            names = self.context.names()
            callback([queries.event_of(event, names) for event in events])

        self.context.after.append(tell)
        return lambda: self.context.after.remove(tell)

    # keys and care

    def create_key(
        self,
        name: str,
        role: str,
        learners: Sequence[str] | None = None,
        *,
        actor: str | None = None,
    ) -> tuple[Key, str]:
        """A new API key and its secret, which is kept nowhere."""
        row, secret = new_key(name, role, None if learners is None else tuple(learners))
        self.writer.submit(MakeKey(row, self._actor(actor))).result()
        return self._refresh_keys()[row["id"]], secret

    def keys(self) -> list[Key]:
        """All keys, without their secrets."""
        return self._keys.keys()

    def revoke_key(self, id: str, *, actor: str | None = None) -> None:
        """Make a key worthless, from the next request on."""
        self.writer.submit(RevokeKey(id, self._actor(actor))).result()
        self._refresh_keys()

    def find_key(self, secret: str) -> Key | None:
        """The key of a secret, unless there is none or it was revoked."""
        return self._keys.find(secret)

    def _refresh_keys(self) -> dict[str, Key]:
        with self._keys_change, self.store.reading() as connection:
            self._keys.refresh(all_keys(connection))
            return {key.id: key for key in self.keys()}

    def backup(self, path: str | Path) -> None:
        """A copy of the store at `path`, whole as of now, with its snapshots."""
        target = Path(path)
        if target.exists():
            raise InputError(f"{target} is there already; a backup overwrites nothing")
        self.store.backup(target)

    def doctor(self) -> list[Finding]:
        """Check log, tables and learners against each other."""
        from quickstudy.deploy.doctor import check

        self.flush()
        return check(self.store, live=self._value_states())

    def flush(self, timeout: float = 60.0) -> None:
        """Wait until all that is logged is learned."""
        ends = time.monotonic() + timeout
        for hosted in list(self.context.hosted_learners.values()):
            self.supervisor.flush(hosted, max(0.0, ends - time.monotonic()))

    def state_hash(self, name: str) -> str:
        """Digest of a learner, and of its risk control, after all that is logged was learned."""
        one = self.context.anyone(name)
        if isinstance(one, HostedValue):
            return self._value_state(one)[1]
        return self.supervisor.hash(self.context.hosted(name))

    def _tick(self) -> None:
        while not self._stop.wait(TICK_SECONDS):
            try:
                while self.writer.submit(Expire()).result() and not self._stop.is_set():
                    pass
                for hosted in list(self.context.hosted_learners.values()):
                    self.supervisor.look_after(hosted)
                self._look_after_values()
            except StoreError:  # a full disk, say: the next tick tries again
                continue

    def close(self) -> None:
        """Learn what is logged, write snapshots, let go of the store."""
        with self._closing:
            if not self._stop.is_set():
                self._stop.set()
                self._clock.join()
                try:
                    self.supervisor.rest(list(self.context.hosted_learners.values()))
                    self._save_values()
                finally:
                    self.writer.close()
                    self.store.close()
