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

from quickstudy.api.decisions import Settings
from quickstudy.deploy.core import keys
from quickstudy.deploy.core.failures import OutOfServiceError
from quickstudy.deploy.core.records import written
from quickstudy.deploy.core.rows import Book
from quickstudy.deploy.core.settings import PROMISE
from quickstudy.deploy.core.tables import CASES, DERIVED, EARLY, KEYS, LEARNERS, VERSIONS, Row
from quickstudy.deploy.decisions import feedback, predict
from quickstudy.deploy.decisions.commands import (
    Asked,
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
    Give,
    Look,
    Made,
    MakeKey,
    PinCases,
    Predict,
    Promote,
    Quarantine,
    Refitted,
    Refuse,
    Resume,
    RevokeKey,
    Rollback,
    Rule,
    SetLimits,
    SetPause,
    Shoot,
    StartRun,
    TakeStep,
    Tell,
    Unpin,
)
from quickstudy.deploy.guardrails import enforce
from quickstudy.deploy.guardrails.autonomy import Autonomy, Step
from quickstudy.deploy.guardrails.limits import Guardrails, PauseFile
from quickstudy.deploy.guardrails.risk import new_control, read_ruling
from quickstudy.deploy.hosting import quarantine
from quickstudy.deploy.hosting.learner import Duty, OutOfService, Roles
from quickstudy.deploy.hosting.updates import Lesson, Said
from quickstudy.deploy.recovery.replay import new_learner
from quickstudy.deploy.runs import handlers as run_handlers
from quickstudy.deploy.runs.hosted import Roll, Watch
from quickstudy.deploy.runs.state import CourseFold
from quickstudy.deploy.versions import exam
from quickstudy.deploy.versions import handlers as version_handlers
from quickstudy.encode.values import plain_text
from quickstudy.errors import InputError, NotFoundError, SettingError
from quickstudy.log.events import Logged
from quickstudy.log.store import Transaction, events_at

EXPIRED_AT_ONCE = 500
MOST_PAYLOADS = 2000  # of the latest predictions and steps, kept for feedback and repeats
TALLY = ("cases", "acted", "labels", "waiting", "contested", "expired")


class Desk:
    """Handles the writer's requests."""

    def __init__(
        self,
        secret: bytes,
        *,
        dialect: Dialect,
        hire: Callable[[Row, int], Duty],
        refold: Callable[[int], CourseFold],
        roles_changed: Callable[[Duty], None],
        pause_file: PauseFile,
    ) -> None:
        self.secret = secret
        self.book = Book((*DERIVED, KEYS), dialect)
        self._payloads: dict[int, dict[str, Any]] = {}
        self.duties: dict[str, Duty] = {}
        self.by_number: dict[int, Duty] = {}
        self.out_of_service: dict[str, OutOfService] = {}
        self.watches = Roll(refold, note=partial(quarantine.found_on_the_way, self))
        self.after: list[Callable[[Sequence[Logged]], None]] = []
        self._hire = hire
        self.roles_changed = roles_changed
        self.pause_file = pause_file
        self.rails: dict[int, tuple[str, str, Guardrails]] = {}  # by what they were made of
        self._saved: dict[int, tuple[Duty, dict[str, Any], Settings, int, Roles]] = {}
        self._learned_names: list[tuple[Duty, str]] = []
        self._lessons: dict[int, list[Lesson]] = {}
        self._on_duty = (self.duties, self.by_number, self.out_of_service)  # before it
        self._once_committed: list[Callable[[], None]] = []
        self._scored: set[str] = set()  # cases, in this transaction

    def take_over(self, duty: Duty) -> None:
        """Put a learner on duty."""
        self.duties[duty.name] = self.by_number[duty.number] = duty

    def dismissed(self, duty: Duty) -> None:
        """A learner is off duty."""
        del self.duties[duty.name], self.by_number[duty.number]

    def duty(self, name: str) -> Duty:
        """The learner of a name.

        Raises:
            NotFoundError: there is none.
            InputError: it is a value learner.
            OutOfServiceError: it cannot be made from the log.
        """
        name = plain_text(name)
        if name not in self.duties:
            if name in self.out_of_service:
                raise OutOfServiceError(str(self.out_of_service[name].failed))
            self.watches.refuse(name)
            known = ", ".join(sorted([*self.duties, *self.watches.by_name])[:10]) or "none yet"
            raise NotFoundError(f"there is no learner {name!r}; there are: {known}")
        return self.duties[name]

    def of_case(self, case: Row) -> Duty | None:
        """The learner of a case; None: it was deleted.

        Raises:
            OutOfServiceError: it cannot be made from the log.
        """
        for out in self.out_of_service.values():
            if out.number == case["learner"]:
                raise OutOfServiceError(str(out.failed))
        return self.by_number.get(case["learner"])

    def watch(self, name: str) -> Watch:
        """The value learner of a name.

        Raises:
            NotFoundError: there is none.
            InputError: it is a classifier.
        """
        name = plain_text(name)
        if name in self.duties or name in self.out_of_service:
            raise InputError(
                f"{name!r} is a classifier: it has predictions, not runs; call predict and "
                "feedback, or make a value learner with create_value"
            )
        return self.watches.find(name)

    def anyone(self, name: str) -> Duty | Watch | OutOfService:
        """The learner of a name, of either kind, in service or not.

        Raises:
            NotFoundError: there is none.
        """
        name = plain_text(name)
        found = self.watches.by_name.get(name) or self.out_of_service.get(name)
        return found or self.duty(name)

    def names(self) -> dict[int, str]:
        """Names of all learners on duty, by number."""
        everyone: list[Duty | Watch | OutOfService] = list(self.by_number.values())
        everyone += [*self.watches.by_name.values(), *self.out_of_service.values()]
        return {one.number: one.name for one in everyone}

    def handle(self, transaction: Transaction, requests: Sequence[Any]) -> list[Any]:
        """Results in order; the exception itself for a request that was refused."""
        self._clear()
        self._on_duty = dict(self.duties), dict(self.by_number), dict(self.out_of_service)
        self.watches.begin()
        self.transaction = transaction
        self.book.begin(transaction.cursor)
        results = [self._one(request) for request in requests]
        self.book.flush()
        return results

    def _one(self, request: Any) -> Any:
        try:
            return HANDLERS[type(request)](self, request)
        except (InputError, SettingError, OutOfServiceError) as error:
            return error

    def undo(self) -> None:
        """Nothing of the last `handle` happened."""
        for duty, control, settings, epoch, roles in self._saved.values():
            duty.control, duty.settings = Autonomy.from_state(control), settings
            duty.epoch, duty.roles = epoch, roles
        self.duties, self.by_number, self.out_of_service = self._on_duty
        self.watches.undo()
        for duty, label in self._learned_names:
            duty.known.discard(label)
        self.book.forget()
        self._payloads.clear()
        self._clear()

    def committed(self, transaction: Transaction) -> None:
        """What was logged is taught."""
        for number, lessons in self._lessons.items():
            worker = self._on_duty[1][number].worker
            if worker:
                worker.give(lessons)
        self.watches.committed()
        acts = self._once_committed
        self._clear()
        for act in acts:
            act()
        self.book.tidy()
        while len(self._payloads) > MOST_PAYLOADS:
            del self._payloads[next(iter(self._payloads))]
        for tell in list(self.after):
            tell(transaction.events)

    def _clear(self) -> None:
        self._saved, self._lessons = {}, {}
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

    def control(self, duty: Duty) -> Autonomy:
        """What a learner may do, to be changed in this transaction."""
        if duty.number not in self._saved:
            state = duty.control.state()
            self._saved[duty.number] = (duty, state, duty.settings, duty.epoch, duty.roles)
        return duty.control

    def set_roles(self, duty: Duty, **roles: str) -> None:
        """Another version answers, or wants to; who looks after shadows is told once it is so."""
        self.control(duty)  # saves them
        duty.roles = replace(duty.roles, **roles)
        self.once_committed(lambda: self.roles_changed(duty))

    def learn(self, duty: Duty, lesson: Lesson | None) -> None:
        """Have a lesson learned once it is on disk."""
        if lesson is not None:
            self._lessons.setdefault(duty.number, []).append(lesson)
            label = None if lesson.label is None else written(lesson.label)
            if label is not None and label not in duty.known:
                duty.known.add(label)
                self._learned_names.append((duty, label))

    def said(self, duty: Duty, case_id: str) -> Said | None:
        """What experts said of a case, if that is here and no label was scored by it yet."""
        if case_id in self._scored:
            return None
        self._scored.add(case_id)
        self.once_committed(partial(duty.recent.drop, case_id))
        return duty.recent.get(case_id)

    def once_committed(self, act: Callable[[], None]) -> None:
        """Have something done in memory once it is on disk."""
        self._once_committed.append(act)

    def count(self, duty: Duty | Watch, **changes: int) -> Row:
        """Change the tally of a learner; its row."""
        return self.count_of(duty.number, **changes)

    def count_of(self, number: int, **changes: int) -> Row:
        """Change the tally of the learner of a number; its row."""
        row = self.book.find(LEARNERS, number)
        assert row is not None
        tally = json.loads(row["tally"])
        for name, change in changes.items():  # an older store has no count of everything
            tally[name] = tally.get(name, 0) + change
        self.book[LEARNERS].change((number,), tally=written(tally))
        return {**row, "tally": tally}

    def close(self, duty: Duty, case: Row, wrong: bool | None) -> bool:
        """Put the outcome of a decision on record, once; False if its promise is no more."""
        ruling, epoch = read_ruling(json.loads(case["decision"]))
        if epoch != duty.epoch:
            return False
        self.control(duty).record(ruling, wrong)
        self.note_steps(duty)
        return True

    def note_steps(self, duty: Duty) -> None:
        """Put levels earned and lost on record."""
        for step in duty.control.taken_steps():
            self.log("level_changed", duty.number, actor="desk", subject="", payload=asdict(step))

    def prove_anew(self, duty: Duty, settings: Settings, why: str) -> None:
        """A new promise: nothing is proved of it yet."""
        before = self.control(duty)
        duty.settings, duty.epoch = settings, duty.epoch + 1
        duty.control = new_control(settings, duty.epoch, before=before.level)
        self.book.find(LEARNERS, duty.number)
        self.book[LEARNERS].change((duty.number,), epoch=duty.epoch)
        if duty.control.level != before.level:
            step = Step(before.level, duty.control.level, why)
            self.log("level_changed", duty.number, actor="desk", subject="", payload=asdict(step))

    # what follows carries out one kind of request each

    def new_number(self, name: str) -> int:
        """The number of a new learner.

        Raises:
            InputError: the name is taken.
        """
        self.book.flush()
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
        self.book.put(LEARNERS, row)
        event = self.log(
            "created",
            number,
            actor=request.actor,
            subject=request.name,
            payload=asdict(request.settings),
        )
        size = len(learner.packed())
        first = Made(learner.state_hash(), "first", event.seq, 0, size, "", simpler=False)
        version_handlers.first_version(self, number, first, seq=event.seq, actor=request.actor)
        made = {**row, "settings": request.settings, "roles": Roles(first.id)}
        self._once_committed.append(lambda: self.take_over(self._hire(made, event.seq)))

    def change(self, request: Change) -> Duty:
        duty = self.duty(request.name)
        settings = replace(duty.settings, **request.values)
        anew = any(getattr(settings, n) != getattr(duty.settings, n) for n in PROMISE)
        new_control(settings, 0)  # refuses settings out of range
        payload = {"settings": asdict(settings), "epoch": duty.epoch + anew}
        self.log("changed", duty.number, actor=request.actor, subject=duty.name, payload=payload)
        if anew:
            self.prove_anew(duty, settings, "the promise was changed: it must be proved anew")
        control = self.control(duty)
        control.bound(ceiling=settings.ceiling, approvals=settings.approvals)
        duty.settings = settings
        self.note_steps(duty)
        self.book.find(LEARNERS, duty.number)
        self.book[LEARNERS].change((duty.number,), settings=written(asdict(settings)))
        return duty

    def delete(self, request: Delete) -> Duty | Watch | OutOfService:
        duty = self.anyone(request.name)
        self.book.find(LEARNERS, duty.number)
        self.book[LEARNERS].change((duty.number,), deleted=1)
        self.log("deleted", duty.number, actor=request.actor, subject=duty.name, payload={})
        if isinstance(duty, Watch):
            self.watches.drop(duty)
        elif isinstance(duty, OutOfService):
            del self.out_of_service[duty.name]
        else:
            self.dismissed(duty)
        return duty

    def asked(self, request: Asked) -> None:
        case = self.book.find(CASES, request.case_id)
        if case and case["learner"] in self.by_number:
            duty = self.by_number[case["learner"]]
            self.log(
                "asked",
                duty.number,
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
            case = self.book.find(CASES, case_id)
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
        duty = self.by_number.get(case["learner"])
        waits = case["status"] == "waiting"  # else it is contested, and stays so
        changed: dict[str, Any] = {"status": "expired"} if waits else {}
        counted = self.close(duty, case, None) if duty and case["decision"] else False
        if counted and case["audit"]:
            changed["wrong"] = 1
        self.book[CASES].change((case["id"],), expires=None, decision=None, **changed)
        if duty:
            payload = {"case": case["seq"], "counted": counted}
            self.log("expired", duty.number, actor="clock", subject=case["id"], payload=payload)
            self.count(duty, waiting=-int(waits), expired=int(waits))

    def refitted(self, request: Refitted) -> int:
        duty, fitted = request.duty, request.fitted
        if request.asof < self._last_switch(duty):
            raise InputError("another version answers by now, with experts of its own")
        payload = {"asof": request.asof, "file": request.file, "count": fitted.count}
        payload["definition"] = duty.definition
        event = self.log("refitted", duty.number, actor="refits", subject="", payload=payload)
        self.learn(duty, Lesson(event.seq, fitted=fitted))
        return event.seq

    def _last_switch(self, duty: Duty) -> int:
        """The event at which a version last took over, 0 if it is the first that answers."""
        self.book.flush()
        query = select(func.max(VERSIONS.c.left)).where(VERSIONS.c.learner == duty.number)
        return int(self.transaction.connection.execute(query).scalar_one())

    def checkpoint(self, request: Checkpoint) -> tuple[int, dict[str, Any], int, Settings]:
        duty = request.duty
        return self.transaction.head[0], duty.control.state(), duty.epoch, duty.settings


HANDLERS: dict[type, Callable[[Desk, Any], Any]] = {
    Create: Desk.create,
    Change: Desk.change,
    Delete: Desk.delete,
    Predict: predict.predict,
    Give: feedback.give,
    Rule: feedback.rule,
    Asked: Desk.asked,
    Expire: Desk.expire,
    Refitted: Desk.refitted,
    Quarantine: quarantine.quarantine,
    Checkpoint: Desk.checkpoint,
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
    Look: run_handlers.look,
    Tell: run_handlers.tell,
    Shoot: run_handlers.shoot,
}
