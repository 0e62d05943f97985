"""The desk: carries out, in one transaction, everything that was asked for together.

Requests that are refused change nothing. What is changed in memory (risk control, learners on duty)
is taken back if the transaction fails.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from sqlalchemy import Dialect, func, select

from quickstudy.api.options import resetting
from quickstudy.api.settings import Settings
from quickstudy.deploy.core import keys
from quickstudy.deploy.core.failures import OutOfServiceError
from quickstudy.deploy.core.records import written
from quickstudy.deploy.core.rows import RowCache
from quickstudy.deploy.core.tables import CASES, DERIVED, EARLY, KEYS, LEARNERS, VERSIONS, Row
from quickstudy.deploy.decisions import feedback, predict
from quickstudy.deploy.decisions.commands import (
    Challenge,
    Change,
    ChangeValue,
    Checkpoint,
    Create,
    CreateValue,
    Delete,
    EndRun,
    Expire,
    ExpireRun,
    GetReport,
    GetStateHash,
    MakeKey,
    PinCases,
    Predict,
    Promote,
    Quarantine,
    RecordClaim,
    RecordFeedback,
    Refitted,
    Refuse,
    ResolveDispute,
    Resume,
    RevokeKey,
    Rollback,
    SetLimits,
    SetPause,
    StartRun,
    TakeSnapshot,
    TakeStep,
    Unpin,
    VersionSpec,
)
from quickstudy.deploy.guardrails import enforce
from quickstudy.deploy.guardrails.autonomy import Autonomy, LevelTransition
from quickstudy.deploy.guardrails.limits import LimitState, PauseFile
from quickstudy.deploy.guardrails.risk import decode_decision, new_control
from quickstudy.deploy.hosting import quarantine
from quickstudy.deploy.hosting.learner import HostedLearner, OutOfService, VersionRoles
from quickstudy.deploy.hosting.updates import StoredVotes, Update
from quickstudy.deploy.recovery.replay import new_learner
from quickstudy.deploy.runs import handlers as run_handlers
from quickstudy.deploy.runs.hosted import HostedValue, HostedValues
from quickstudy.deploy.runs.state import ValueState
from quickstudy.deploy.versions import exam
from quickstudy.deploy.versions import handlers as version_handlers
from quickstudy.encode.values import plain_text
from quickstudy.errors import InputError, NotFoundError, SettingError
from quickstudy.log.events import Logged
from quickstudy.log.store import Transaction, events_at

EXPIRED_AT_ONCE = 500
MOST_PAYLOADS = 2000  # of the latest predictions and steps, kept for feedback and repeats
TALLY = ("cases", "acted", "labels", "waiting", "contested", "expired")


class Context:
    """Handles the writer's requests."""

    def __init__(
        self,
        secret: bytes,
        *,
        dialect: Dialect,
        start: Callable[[Row, int], HostedLearner],
        replay: Callable[[int], ValueState],
        roles_changed: Callable[[HostedLearner], None],
        pause_file: PauseFile,
    ) -> None:
        self.secret = secret
        self.rows = RowCache((*DERIVED, KEYS), dialect)
        self._payloads: dict[int, dict[str, Any]] = {}
        self.hosted_learners: dict[str, HostedLearner] = {}
        self.by_number: dict[int, HostedLearner] = {}
        self.out_of_service: dict[str, OutOfService] = {}
        self.hosted_values = HostedValues(replay, note=partial(quarantine.found_on_the_way, self))
        self.after: list[Callable[[Sequence[Logged]], None]] = []
        self._start_hosted = start
        self.roles_changed = roles_changed
        self.pause_file = pause_file
        self.rails: dict[int, tuple[str, str, LimitState]] = {}  # by what they were made of
        self._saved: dict[
            int, tuple[HostedLearner, dict[str, Any], Settings, int, VersionRoles]
        ] = {}
        self._learned_names: list[tuple[HostedLearner, str]] = []
        self._updates: dict[int, list[Update]] = {}
        self._hosted_before = (
            self.hosted_learners,
            self.by_number,
            self.out_of_service,
        )  # before it
        self._once_committed: list[Callable[[], None]] = []
        self._scored: set[str] = set()  # cases, in this transaction

    def register(self, hosted: HostedLearner) -> None:
        """Put a learner on duty."""
        self.hosted_learners[hosted.name] = self.by_number[hosted.number] = hosted

    def removed(self, hosted: HostedLearner) -> None:
        """A learner is off duty."""
        del self.hosted_learners[hosted.name], self.by_number[hosted.number]

    def hosted(self, name: str) -> HostedLearner:
        """The learner of a name.

        Raises:
            NotFoundError: there is none.
            InputError: it is a value learner.
            OutOfServiceError: it cannot be made from the log.
        """
        name = plain_text(name)
        if name not in self.hosted_learners:
            if name in self.out_of_service:
                raise OutOfServiceError(str(self.out_of_service[name].failed))
            self.hosted_values.refuse(name)
            known = (
                ", ".join(sorted([*self.hosted_learners, *self.hosted_values.by_name])[:10])
                or "none yet"
            )
            raise NotFoundError(f"there is no learner {name!r}; there are: {known}")
        return self.hosted_learners[name]

    def of_case(self, case: Row) -> HostedLearner | None:
        """The learner of a case; None: it was deleted.

        Raises:
            OutOfServiceError: it cannot be made from the log.
        """
        for out in self.out_of_service.values():
            if out.number == case["learner"]:
                raise OutOfServiceError(str(out.failed))
        return self.by_number.get(case["learner"])

    def hosted_value(self, name: str) -> HostedValue:
        """The value learner of a name.

        Raises:
            NotFoundError: there is none.
            InputError: it is a classifier.
        """
        name = plain_text(name)
        if name in self.hosted_learners or name in self.out_of_service:
            raise InputError(
                f"{name!r} is a classifier: it has predictions, not runs; call predict and "
                "feedback, or make a value learner with create_value"
            )
        return self.hosted_values.find(name)

    def anyone(self, name: str) -> HostedLearner | HostedValue | OutOfService:
        """The learner of a name, of either kind, in service or not.

        Raises:
            NotFoundError: there is none.
        """
        name = plain_text(name)
        found = self.hosted_values.by_name.get(name) or self.out_of_service.get(name)
        return found or self.hosted(name)

    def names(self) -> dict[int, str]:
        """Names of all learners on duty, by number."""
        everyone: list[HostedLearner | HostedValue | OutOfService] = list(self.by_number.values())
        everyone += [*self.hosted_values.by_name.values(), *self.out_of_service.values()]
        return {one.number: one.name for one in everyone}

    def handle(self, transaction: Transaction, requests: Sequence[Any]) -> list[Any]:
        """Results in order; the exception itself for a request that was refused."""
        self._clear()
        self._hosted_before = (
            dict(self.hosted_learners),
            dict(self.by_number),
            dict(self.out_of_service),
        )
        self.hosted_values.begin()
        self.transaction = transaction
        self.rows.begin(transaction.cursor)
        results = [self._one(request) for request in requests]
        self.rows.flush()
        return results

    def _one(self, request: Any) -> Any:
        try:
            return HANDLERS[type(request)](self, request)
        except (InputError, SettingError, OutOfServiceError) as error:
            return error

    def undo(self) -> None:
        """Nothing of the last `handle` happened."""
        for hosted, control, settings, epoch, roles in self._saved.values():
            hosted.control, hosted.settings = Autonomy.from_state(control), settings
            hosted.epoch, hosted.roles = epoch, roles
        self.hosted_learners, self.by_number, self.out_of_service = self._hosted_before
        self.hosted_values.undo()
        for hosted, label in self._learned_names:
            hosted.known.discard(label)
        self.rows.forget()
        self._payloads.clear()
        self._clear()

    def committed(self, transaction: Transaction) -> None:
        """What was logged is taught."""
        for number, updates in self._updates.items():
            trainer = self._hosted_before[1][number].trainer
            if trainer:
                trainer.give(updates)
        self.hosted_values.committed()
        acts = self._once_committed
        self._clear()
        for act in acts:
            act()
        self.rows.tidy()
        while len(self._payloads) > MOST_PAYLOADS:
            del self._payloads[next(iter(self._payloads))]
        for tell in list(self.after):
            tell(transaction.events)

    def _clear(self) -> None:
        self._saved, self._updates = {}, {}
        self._learned_names, self._once_committed = [], []
        self._scored = set()

    def log(
        self, type: str, learner: int, *, actor: str, subject: str, payload: dict[str, Any]
    ) -> Logged:
        """Put an event on record."""
        event = self.transaction.append(
            type, learner=learner, actor=actor, subject=subject, payload=payload
        )
        if type in ("predicted", "stepped"):
            self._payloads[event.seq] = payload
        return event

    def payload(self, seq: int) -> dict[str, Any]:
        """What the `predicted` or `stepped` event `seq` says."""
        if seq not in self._payloads:
            self._payloads[seq] = events_at(self.transaction.connection, [seq])[seq].read()
        return self._payloads[seq]

    def control(self, hosted: HostedLearner) -> Autonomy:
        """What a learner may do, to be changed in this transaction."""
        if hosted.number not in self._saved:
            state = hosted.control.state()
            self._saved[hosted.number] = (
                hosted,
                state,
                hosted.settings,
                hosted.epoch,
                hosted.roles,
            )
        return hosted.control

    def set_roles(self, hosted: HostedLearner, **roles: str) -> None:
        """Another version answers, or wants to; who looks after shadows is told once it is so."""
        self.control(hosted)  # saves them
        hosted.roles = replace(hosted.roles, **roles)
        self.once_committed(lambda: self.roles_changed(hosted))

    def learn(self, hosted: HostedLearner, update: Update | None) -> None:
        """Have a lesson learned once it is on disk."""
        if update is not None:
            self._updates.setdefault(hosted.number, []).append(update)
            label = None if update.label is None else written(update.label)
            if label is not None and label not in hosted.known:
                hosted.known.add(label)
                self._learned_names.append((hosted, label))

    def said(self, hosted: HostedLearner, case_id: str) -> StoredVotes | None:
        """What experts said of a case, if that is here and no label was scored by it yet."""
        if case_id in self._scored:
            return None
        self._scored.add(case_id)
        self.once_committed(partial(hosted.recent.drop, case_id))
        return hosted.recent.get(case_id)

    def once_committed(self, act: Callable[[], None]) -> None:
        """Have something done in memory once it is on disk."""
        self._once_committed.append(act)

    def count(self, hosted: HostedLearner | HostedValue, **changes: int) -> Row:
        """Change the tally of a learner; its row."""
        return self.count_of(hosted.number, **changes)

    def count_of(self, number: int, **changes: int) -> Row:
        """Change the tally of the learner of a number; its row."""
        row = self.rows.find(LEARNERS, number)
        assert row is not None
        tally = json.loads(row["tally"])
        for name, change in changes.items():  # an older store has no count of everything
            tally[name] = tally.get(name, 0) + change
        self.rows[LEARNERS].change((number,), tally=written(tally))
        return {**row, "tally": tally}

    def close(self, hosted: HostedLearner, case: Row, wrong: bool | None) -> bool:
        """Put the outcome of a decision on record, once; False if its promise is no more."""
        ruling, epoch = decode_decision(json.loads(case["decision"]))
        if epoch != hosted.epoch:
            return False
        self.control(hosted).record(ruling, wrong)
        self.note_steps(hosted)
        return True

    def note_steps(self, hosted: HostedLearner) -> None:
        """Put levels earned and lost on record."""
        for step in hosted.control.pop_level_changes():
            self.log("level_changed", hosted.number, actor="desk", subject="", payload=asdict(step))

    def reset_evidence(self, hosted: HostedLearner, settings: Settings, why: str) -> None:
        """A new promise: nothing is proved of it yet."""
        before = self.control(hosted)
        hosted.settings, hosted.epoch = settings, hosted.epoch + 1
        hosted.control = new_control(settings, hosted.epoch, before=before.level)
        self.rows.find(LEARNERS, hosted.number)
        self.rows[LEARNERS].change((hosted.number,), epoch=hosted.epoch)
        if hosted.control.level != before.level:
            step = LevelTransition(before.level, hosted.control.level, why)
            self.log("level_changed", hosted.number, actor="desk", subject="", payload=asdict(step))

    # what follows carries out one kind of request each

    def new_number(self, name: str) -> int:
        """The number of a new learner.

        Raises:
            InputError: the name is taken.
        """
        self.rows.flush()
        query = select(LEARNERS.c.id, LEARNERS.c.name, LEARNERS.c.deleted)
        learners = self.transaction.connection.execute(query).all()
        if any(row.name == name and not row.deleted for row in learners):
            raise InputError(f"there is a learner {name!r} already; choose another name")
        return max((row.id for row in learners), default=0) + 1

    def create(self, request: Create) -> None:
        number = self.new_number(request.name)
        new_control(request.settings, 0)  # these two refuse settings out of range
        learner = new_learner(request.settings)
        row = {
            "id": number,
            "name": request.name,
            "settings": written(asdict(request.settings)),
            "created": self.transaction.time,
            "epoch": 0,
            "deleted": 0,
            "tally": written(dict.fromkeys(TALLY, 0)),
        }
        self.rows.put(LEARNERS, row)
        event = self.log(
            "created",
            number,
            actor=request.actor,
            subject=request.name,
            payload=asdict(request.settings),
        )
        size = len(learner.packed())
        first = VersionSpec(learner.state_hash(), "first", event.seq, 0, size, "", simpler=False)
        version_handlers.first_version(self, number, first, seq=event.seq, actor=request.actor)
        made = {**row, "settings": request.settings, "roles": VersionRoles(first.id)}
        self._once_committed.append(lambda: self.register(self._start_hosted(made, event.seq)))

    def change(self, request: Change) -> HostedLearner:
        hosted = self.hosted(request.name)
        settings = replace(hosted.settings, **request.values)
        anew = any(getattr(settings, n) != getattr(hosted.settings, n) for n in resetting(Settings))
        new_control(settings, 0)  # refuses settings out of range
        payload = {"settings": asdict(settings), "epoch": hosted.epoch + anew}
        self.log(
            "changed", hosted.number, actor=request.actor, subject=hosted.name, payload=payload
        )
        if anew:
            self.reset_evidence(hosted, settings, "the promise was changed: it must be proved anew")
        control = self.control(hosted)
        control.bound(ceiling=settings.ceiling, approvals=settings.approvals)
        hosted.settings = settings
        self.note_steps(hosted)
        self.rows.find(LEARNERS, hosted.number)
        self.rows[LEARNERS].change((hosted.number,), settings=written(asdict(settings)))
        return hosted

    def delete(self, request: Delete) -> HostedLearner | HostedValue | OutOfService:
        hosted = self.anyone(request.name)
        self.rows.find(LEARNERS, hosted.number)
        self.rows[LEARNERS].change((hosted.number,), deleted=1)
        self.log("deleted", hosted.number, actor=request.actor, subject=hosted.name, payload={})
        if isinstance(hosted, HostedValue):
            self.hosted_values.drop(hosted)
        elif isinstance(hosted, OutOfService):
            del self.out_of_service[hosted.name]
        else:
            self.removed(hosted)
        return hosted

    def asked(self, request: RecordClaim) -> None:
        case = self.rows.find(CASES, request.case_id)
        if case and case["learner"] in self.by_number:
            hosted = self.by_number[case["learner"]]
            self.log(
                "asked",
                hosted.number,
                actor=request.holder,
                subject=request.case_id,
                payload={"holder": request.holder},
            )

    def expire(self, _: Expire) -> int:
        now = self.transaction.time
        query = select(CASES.c.id).where(CASES.c.expires <= now).limit(EXPIRED_AT_ONCE)
        if out := [one.number for one in self.out_of_service.values()]:
            query = query.where(CASES.c.learner.not_in(out))
        ids = self.transaction.connection.execute(query).scalars().all()
        for case_id in ids:
            case = self.rows.find(CASES, case_id)
            if case and case["expires"] is not None:
                self.expire_case(case)
        self._expire_early(now)
        return len(ids) + run_handlers.expire(self)

    def _expire_early(self, now: float) -> None:
        connection = self.transaction.connection
        for row in connection.execute(select(EARLY).where(EARLY.c.expires <= now)):
            self.log("expired", 0, actor="clock", subject=row.case_id, payload={"early": row.seq})
        connection.execute(EARLY.delete().where(EARLY.c.expires <= now))

    def expire_case(self, case: Row) -> None:
        """The time of a case is over: it counts as wrong, an audit also in the precision shown."""
        hosted = self.by_number.get(case["learner"])
        waits = case["status"] == "waiting"  # else it is contested, and stays so
        changed: dict[str, Any] = {"status": "expired"} if waits else {}
        counted = self.close(hosted, case, None) if hosted and case["decision"] else False
        if counted and case["audit"]:
            changed["wrong"] = 1
        self.rows[CASES].change((case["id"],), expires=None, decision=None, **changed)
        if hosted:
            payload = {"case": case["seq"], "counted": counted}
            self.log("expired", hosted.number, actor="clock", subject=case["id"], payload=payload)
            self.count(hosted, waiting=-int(waits), expired=int(waits))

    def refitted(self, request: Refitted) -> int:
        hosted, fitted = request.hosted, request.fitted
        if request.asof < self._last_switch(hosted):
            raise InputError("another version answers by now, with experts of its own")
        payload = {"asof": request.asof, "file": request.file, "count": fitted.count}
        payload["definition"] = hosted.definition
        event = self.log("refitted", hosted.number, actor="refits", subject="", payload=payload)
        self.learn(hosted, Update(event.seq, fitted=fitted))
        return event.seq

    def _last_switch(self, hosted: HostedLearner) -> int:
        """The event at which a version last took over, 0 if it is the first that answers."""
        self.rows.flush()
        query = select(func.max(VERSIONS.c.left)).where(VERSIONS.c.learner == hosted.number)
        return int(self.transaction.connection.execute(query).scalar_one())

    def checkpoint(self, request: Checkpoint) -> tuple[int, dict[str, Any], int, Settings]:
        hosted = request.hosted
        return self.transaction.head[0], hosted.control.state(), hosted.epoch, hosted.settings


HANDLERS: dict[type, Callable[[Context, Any], Any]] = {
    Create: Context.create,
    Change: Context.change,
    Delete: Context.delete,
    Predict: predict.predict,
    RecordFeedback: feedback.give,
    ResolveDispute: feedback.rule,
    RecordClaim: Context.asked,
    Expire: Context.expire,
    Refitted: Context.refitted,
    Quarantine: quarantine.quarantine,
    Checkpoint: Context.checkpoint,
    Challenge: version_handlers.challenge,
    Promote: version_handlers.promote,
    Rollback: version_handlers.rollback,
    Refuse: version_handlers.refuse,
    SetLimits: enforce.limit,
    SetPause: enforce.pause,
    Resume: enforce.resume,
    MakeKey: keys.make,
    RevokeKey: keys.revoke,
    PinCases: exam.pin,
    Unpin: exam.unpin,
    CreateValue: run_handlers.create,
    ChangeValue: run_handlers.change,
    StartRun: run_handlers.start,
    TakeStep: run_handlers.step,
    EndRun: run_handlers.end,
    ExpireRun: run_handlers.close,
    GetStateHash: run_handlers.look,
    GetReport: run_handlers.tell,
    TakeSnapshot: run_handlers.shoot,
}
