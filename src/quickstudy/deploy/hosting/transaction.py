"""`HostedLearners`: the hosted learners that make decisions, as participant of transactions."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import asdict, replace
from functools import partial
from typing import Any

from quickstudy.deploy.core.context import Context
from quickstudy.deploy.core.contract import SYSTEM, Draft, Hosted
from quickstudy.deploy.core.failures import OutOfServiceError
from quickstudy.deploy.core.records import decode, encode
from quickstudy.deploy.core.tables import Row
from quickstudy.deploy.guardrails.risk import SWITCHES, apply_to_risk
from quickstudy.deploy.hosting.learner import HostedLearner, OutOfService, VersionRoles
from quickstudy.deploy.hosting.updates import LABELS, StoredVotes, Update, own_update, update_of
from quickstudy.deploy.kind import KINDS, kind_of, settings_from_plain
from quickstudy.encode.values import plain_text
from quickstudy.errors import InputError, NotFoundError
from quickstudy.log.events import Logged

Registry = tuple[dict[str, HostedLearner], dict[int, HostedLearner], dict[str, OutOfService]]


class HostedLearners:
    """All hosted learners that make decisions: a participant of transactions.

    Args:
        start: makes the learner of a new row, created at an event.
        roles_changed: called after the commit of an event that changes champion or challenger.
        payload_of: the payload of an earlier event.
    """

    def __init__(
        self,
        *,
        start: Callable[[Row, int], HostedLearner],
        roles_changed: Callable[[HostedLearner], None],
    ) -> None:
        self._start = start
        self.roles_changed = roles_changed
        self.payload_of: Callable[[int], dict[str, Any]]
        self.by_name: dict[str, HostedLearner] = {}
        self.by_number: dict[int, HostedLearner] = {}
        self.out_of_service: dict[str, OutOfService] = {}
        self.begin()

    # the registry

    def register(self, hosted: HostedLearner) -> None:
        """Add a learner that is in service."""
        self.by_name = {**self.by_name, hosted.name: hosted}
        self.by_number = {**self.by_number, hosted.number: hosted}

    def remove(self, hosted: HostedLearner) -> None:
        """Remove a learner that is no longer in service."""
        self.by_name = {n: one for n, one in self.by_name.items() if one is not hosted}
        self.by_number = {n: one for n, one in self.by_number.items() if one is not hosted}

    def put_out_of_service(self, out: OutOfService) -> None:
        """Add a learner that cannot be rebuilt from the log."""
        self.out_of_service = {**self.out_of_service, out.name: out}

    def find(self, name: str) -> Hosted | None:
        """The learner of a name, in service or not."""
        return self.by_name.get(name) or self.out_of_service.get(name)

    def everyone(self) -> Sequence[Hosted]:
        """All of these learners, in service or not."""
        return [*self.by_number.values(), *self.out_of_service.values()]

    def misused(self, name: str) -> str:
        """The error message if a learner that makes decisions is used for runs."""
        found = self.find(name)
        assert found is not None
        return (
            f"{name!r} is a {kind_of(found).noun}: it has predictions, not runs; call predict and "
            "feedback, or make a value learner with create_value"
        )

    def in_service(self, name: str, context: Context) -> HostedLearner:
        """The learner of a name.

        Raises:
            NotFoundError: there is none.
            InputError: it has runs, not predictions.
            OutOfServiceError: it cannot be rebuilt from the log.
        """
        name = plain_text(name)
        if name not in self.by_name:
            if name in self.out_of_service:
                raise OutOfServiceError(str(self.out_of_service[name].failed))
            context.check_protocol(name, self)
            raise NotFoundError(f"there is no learner {name!r:.140}")
        return self.by_name[name]

    def check_hosted(self, hosted: HostedLearner) -> None:
        """Check that a learner is still in service.

        Raises:
            InputError: it was deleted.
        """
        if self.by_name.get(hosted.name) is not hosted:
            raise InputError(f"learner {hosted.name!r} was deleted meanwhile")

    def of_case(self, case: Row) -> HostedLearner | None:
        """The learner of a case; None: it was deleted.

        Raises:
            OutOfServiceError: it cannot be rebuilt from the log.
        """
        for out in self.out_of_service.values():
            if out.number == case["learner"]:
                raise OutOfServiceError(str(out.failed))
        return self.by_number.get(case["learner"])

    def counts(self, case: Row) -> bool:
        """Whether the outcome of a case is still due under the present guarantee."""
        hosted = self.by_number.get(case["learner"])
        if hosted is None or case["decision"] is None:
            return False
        epoch: int = decode(case["decision"])["epoch"]
        return epoch == hosted.epoch

    def votes_of(self, hosted: HostedLearner, case_id: str) -> StoredVotes | None:
        """The experts' votes at the prediction; None if a label was scored by them already."""
        return None if case_id in self._scored else hosted.votes.get(case_id)

    # the transaction

    def begin(self) -> None:
        """A transaction begins."""
        self._registry: Registry = (self.by_name, self.by_number, self.out_of_service)
        self._changed: dict[int, HostedLearner] = {}
        self._updates: list[tuple[HostedLearner, Update]] = []
        self._new_labels: list[tuple[HostedLearner, str]] = []
        self._once_committed: list[Callable[[], None]] = []
        self._scored: list[str] = []  # cases whose votes a label used
        self.begin_command()

    def begin_command(self) -> None:
        """A command begins."""
        self._registry_at_command: Registry = (self.by_name, self.by_number, self.out_of_service)
        self._marks = (
            len(self._updates),
            len(self._new_labels),
            len(self._once_committed),
            len(self._scored),
        )
        self._touched: set[int] = set()

    def prepare(self, draft: Draft, earlier: Sequence[Logged]) -> dict[str, Any]:
        """Nothing: these learners predict before the transaction."""
        return {}

    def apply(self, event: Logged, payload: dict[str, Any], draft: Draft) -> Sequence[Draft]:
        """Apply an event to its learner; returns the changes of level that follow."""
        if event.type == "created" and KINDS.of_plain(payload).protocol == "decisions":
            self._once_committed.append(partial(self._create, event, payload))
        if event.type == "deleted":
            self._delete(event)
        hosted = self.by_number.get(event.learner)
        if hosted is None:
            return []
        about = self.payload_of(payload["case"]) if payload.get("case") else payload
        self._touched.add(hosted.number)
        self._changed[hosted.number] = hosted
        changes = apply_to_risk(hosted, event, payload, about)
        self._apply_roles(hosted, event, payload)
        self._learn(hosted, event, about, draft)
        if event.type == "predicted":
            self._once_committed.append(partial(hosted.votes.add, event.subject, draft.memo))
        return [
            Draft("level_changed", hosted.number, actor=SYSTEM, payload=asdict(change))
            for change in changes
        ]

    def _create(self, event: Logged, payload: dict[str, Any]) -> None:
        row = {
            "id": event.learner,
            "name": event.subject,
            "settings": settings_from_plain(payload),
            "created": event.time,
            "roles": VersionRoles(payload["version"]["id"]),
        }
        self.register(self._start(row, event.seq))

    def _delete(self, event: Logged) -> None:
        if hosted := self.by_number.get(event.learner):
            self.remove(hosted)
        gone = {n: out for n, out in self.out_of_service.items() if out.number != event.learner}
        self.out_of_service = gone

    def _apply_roles(self, hosted: HostedLearner, event: Logged, payload: dict[str, Any]) -> None:
        before = hosted.roles
        if event.type == "challenged":
            hosted.roles = replace(before, challenger=event.subject)
        elif event.type in ("refused", "withdrawn"):
            hosted.roles = replace(before, challenger="")
        elif event.type == "promoted":
            hosted.roles = VersionRoles(event.subject, previous=before.champion)
        elif event.type == "rolled_back":
            hosted.roles = replace(before, champion=event.subject, previous=before.champion)
        if hosted.roles != before:
            self._once_committed.append(lambda: self.roles_changed(hosted))

    def _learn(
        self, hosted: HostedLearner, event: Logged, about: dict[str, Any], draft: Draft
    ) -> None:
        """Queue the update of an event for the trainer, to be learned after the commit."""
        update = None
        if event.type in LABELS:
            payload = event.read()  # learn from the logged bytes, as a replay does
            record = payload["record"] if "record" in payload else about.get("record")
            update = update_of(event.seq, payload, record)
            if update and payload.get("case") and payload["learn"] == "label":
                self._scored.append(event.subject)
                self._once_committed.append(partial(hosted.votes.drop, event.subject))
        elif event.type == "refitted":
            update = Update(event.seq, fitted=draft.memo)
        elif event.type in SWITCHES:
            update = Update(event.seq, switch=draft.payload)
        else:
            update = own_update(event)
        if update is None:
            return
        self._updates.append((hosted, update))
        label = None if update.label is None else encode(update.label)
        if label is not None and label not in hosted.labels:
            hosted.labels.add(label)
            self._new_labels.append((hosted, label))

    def rollback_command(self, earlier: Sequence[Logged]) -> None:
        """Rebuild what the command changed from the start of the transaction and its events."""
        self.by_name, self.by_number, self.out_of_service = self._registry_at_command
        updates, labels, acts, scored = self._marks
        for hosted, label in self._new_labels[labels:]:
            hosted.labels.discard(label)
        del self._updates[updates:], self._new_labels[labels:]
        del self._once_committed[acts:], self._scored[scored:]
        for number in self._touched:
            hosted = self._changed[number]
            hosted.revert()
            for event in earlier:
                if event.learner == number:
                    payload = event.read()
                    case = payload.get("case")
                    about = self.payload_of(case) if case else payload
                    apply_to_risk(hosted, event, payload, about)
                    acts = len(self._once_committed)
                    self._apply_roles(hosted, event, payload)
                    del self._once_committed[acts:]  # these callbacks are registered already
        self._touched = set()

    def undo(self) -> None:
        """Undo the transaction."""
        self.by_name, self.by_number, self.out_of_service = self._registry
        for hosted in self._changed.values():
            hosted.revert()
        for hosted, label in self._new_labels:
            hosted.labels.discard(label)
        self.begin()

    def committed(self) -> None:
        """The transaction is on disk: pass its updates to the trainers."""
        before = self._registry[1]
        together: dict[int, list[Update]] = {}
        for hosted, update in self._updates:
            together.setdefault(hosted.number, []).append(update)
        for number, updates in together.items():
            trainer = before[number].trainer
            if trainer:
                trainer.enqueue(updates)
        for hosted in self._changed.values():
            hosted.commit()
        acts = self._once_committed
        self.begin()
        for act in acts:
            act()
