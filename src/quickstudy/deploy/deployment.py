"""`Deployment`: hosted learners in one store. Synchronous and safe to use from many threads."""

from __future__ import annotations

import secrets
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Self, Unpack, overload

from quickstudy.api.admin import Event, Finding, Key
from quickstudy.api.checks import checked_learner, checked_name
from quickstudy.api.decisions import LearnerInfo
from quickstudy.api.options import changes, checked, takes_settings
from quickstudy.api.runs import ValueInfo
from quickstudy.api.settings import DEFAULT_KIND, Options, Settings
from quickstudy.api.sizes import Sizes
from quickstudy.deploy.core import queries as core_queries
from quickstudy.deploy.core.commands import Delete, Expire, MakeKey, RevokeKey
from quickstudy.deploy.core.context import Context
from quickstudy.deploy.core.contract import Hosted
from quickstudy.deploy.core.dispatcher import Dispatcher
from quickstudy.deploy.core.keys import KeyRing, all_keys, new_key
from quickstudy.deploy.core.queries import learner_rows
from quickstudy.deploy.decisions.commands import (
    Change,
    Create,
)
from quickstudy.deploy.decisions.methods import DecisionMethods
from quickstudy.deploy.guardrails.limits import PauseFile
from quickstudy.deploy.guardrails.methods import GuardrailMethods
from quickstudy.deploy.handlers import HANDLERS
from quickstudy.deploy.hosting.learner import HostedLearner, OutOfService
from quickstudy.deploy.hosting.transaction import HostedLearners
from quickstudy.deploy.kind import KINDS, ProtocolName, kind_of
from quickstudy.deploy.migration import open_store
from quickstudy.deploy.projection import project
from quickstudy.deploy.promotion.methods import PromotionMethods
from quickstudy.deploy.runs.commands import ChangeValue, CreateValue
from quickstudy.deploy.runs.hosted import HostedValues
from quickstudy.deploy.runs.methods import RunMethods
from quickstudy.deploy.runs.snapshots import recover as recover_value
from quickstudy.deploy.supervisor import Supervisor
from quickstudy.deploy.versions.registry import roles_of
from quickstudy.errors import StoreError
from quickstudy.log.events import Logged
from quickstudy.log.writer import Writer
from quickstudy.stats.moments import one_blas_thread

TICK_SECONDS = 1.0  # between checks for cases whose wait time is over


@dataclass(frozen=True)
class _Part:
    """What one protocol of learners does with a learner, given its host."""

    create: Callable[[str, Any, str], Any]
    change: Callable[[str, dict[str, Any], str], Any]
    info: Callable[[Any], Any]
    state_hash: Callable[[Any], str]
    stop: Callable[[Any], None]


class Deployment(DecisionMethods, GuardrailMethods, PromotionMethods, RunMethods):
    """Hosted learners: predictions with ids, feedback that counts exactly once.

    Every accepted call is on disk before it returns. One process at a time may have a store open;
    others use it through `quickstudy serve`.

    Parameters:
        path: of the store, created if missing; its folder `<path>.d` holds snapshots.
        actor: the caller's name, for the log.
        sizes: largest inputs that are accepted.

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
        self.store = open_store(path)
        try:
            secret = self.store.meta("secret", lambda: secrets.token_bytes(32))
            self.supervisor = Supervisor(self.store)
            dialect = self.store.engine.dialect
            self.promotion = self.supervisor.promotion
            self.classifiers = HostedLearners(
                start=self.supervisor.start, roles_changed=self.promotion.shadows.changed
            )
            self.values = HostedValues(partial(recover_value, self.store))
            parts = (self.classifiers, self.values, PauseFile(self.store.folder))
            self.context = Context(secret, dialect=dialect, parts=parts)
            self.classifiers.payload_of = self.context.payload
            self._keys = KeyRing()
            with self.store.reading() as connection:
                rows = [
                    {**row, "roles": roles_of(connection, row["id"])}
                    for row in learner_rows(connection)
                ]
                self._keys.refresh(all_keys(connection))
            self.supervisor.restore_all(rows, self.classifiers)
            self._restore_values()
        except BaseException:
            for hosted in self.classifiers.by_name.values() if hasattr(self, "context") else ():
                self.supervisor.stop(hosted)
            self.store.close()
            raise
        self._begin_claims()
        self._stop = threading.Event()
        self._closing = threading.Lock()
        self._keys_change = threading.Lock()
        handlers = dict(HANDLERS)
        for kind in KINDS:
            handlers |= kind.handlers
        dispatcher = Dispatcher(self.context, handlers=handlers, project=project)
        self.writer = Writer(self.store, dispatcher, within=one_blas_thread)
        self.supervisor.attach(self.writer)
        self.supervisor.record_set_aside(self.classifiers)
        for hosted in self.classifiers.by_name.values():
            if hosted.roles.challenger or hosted.roles.previous:
                self.promotion.shadows.changed(hosted)
        self._clock = threading.Thread(target=self._tick, name="quickstudy-clock", daemon=True)
        self._clock.start()

    def __repr__(self) -> str:
        names = ", ".join(sorted(self.context.names().values())) or "none"
        return f"<Deployment {self.store.path}, learners: {names}>"

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @overload
    def create(
        self, name: str, *, actor: str | None = None, **settings: Unpack[Options]
    ) -> LearnerInfo: ...
    @overload
    def create(self, name: str, *, kind: str, actor: str | None = None, **settings: Any) -> Any: ...
    @takes_settings(Settings)
    def create(
        self, name: str, *, kind: str = DEFAULT_KIND, actor: str | None = None, **settings: Any
    ) -> Any:
        """Create a learner.

        Raises:
            InputError, SettingError: the name is taken or none, there is no such kind, or a setting
                is out of its range.
        """
        found = KINDS.named(kind)
        made = found.settings(**checked(found.settings, {"seed": None, **settings}))
        command = self._parts[found.protocol].create
        self.writer.submit(command(checked_learner(name), made, self._actor(actor))).result()
        return self.learner(name)

    def change(
        self, name: str, *, actor: str | None = None, **settings: Any
    ) -> LearnerInfo | ValueInfo:
        """Change settings: those that the settings of its kind mark "free" or "resets".

        A setting that "resets" clears the autonomy evidence: the learner asks until it has enough.

        Raises:
            NotFoundError, SettingError: there is no such learner, or a setting is out of range.
        """
        kind = kind_of(self.context.find(name))
        given = changes(kind.settings, settings)
        command = self._parts[kind.protocol].change
        self.writer.submit(command(name, given, self._actor(actor))).result()
        return self.learner(name)

    def delete(self, name: str, *, actor: str | None = None) -> None:
        """Take a learner out of service. Its events stay in the log; its name is free again."""
        gone = self.writer.submit(Delete(name, self._actor(actor))).result()
        self._part_of(gone).stop(gone)

    def listen(self, callback: Callable[[Sequence[Event]], None]) -> Callable[[], None]:
        """Call `callback` with every event after its commit, in the writer's thread; returns a
        function that ends this."""

        def tell(events: Sequence[Logged]) -> None:
            names = self.context.names()
            callback([core_queries.event_of(event, names) for event in events])

        self.context.listeners.append(tell)
        return lambda: self.context.listeners.remove(tell)

    def create_key(
        self,
        name: str,
        role: str,
        learners: Sequence[str] | None = None,
        *,
        actor: str | None = None,
    ) -> tuple[Key, str]:
        """A new API key and its secret, which is not stored."""
        row, secret = new_key(name, role, None if learners is None else tuple(learners))
        self.writer.submit(MakeKey(row, self._actor(actor))).result()
        return self._refresh_keys()[row["id"]], secret

    def keys(self) -> list[Key]:
        """All keys, without their secrets."""
        return self._keys.keys()

    def revoke_key(self, id: str, *, actor: str | None = None) -> None:
        """Revoke a key, from the next request on."""
        self.writer.submit(RevokeKey(id, self._actor(actor))).result()
        self._refresh_keys()

    def find_key(self, secret: str) -> Key | None:
        """The key of a secret; None if there is none or it was revoked."""
        return self._keys.find(secret)

    def is_slow_key(self, secret: str) -> bool:
        """Whether `find_key` takes some 40 ms: the first time for a key of an older store."""
        return self._keys.is_slow(secret)

    def _refresh_keys(self) -> dict[str, Key]:
        with self._keys_change, self.store.reading() as connection:
            self._keys.refresh(all_keys(connection))
            return {key.id: key for key in self.keys()}

    def backup(self, path: str | Path) -> None:
        """Write a consistent copy of the store, with its snapshots, to `path`."""
        self.store.backup(Path(path))

    def doctor(self) -> list[Finding]:
        """Check that log, tables and learners agree."""
        from quickstudy.deploy.doctor import check

        self.flush()
        return check(self.store, live=self._value_states())

    def flush(self, timeout: float = 60.0) -> None:
        """Wait until all that is logged is learned."""
        ends = time.monotonic() + timeout
        for hosted in list(self.classifiers.by_name.values()):
            self.supervisor.flush(hosted, max(0.0, ends - time.monotonic()))

    def state_hash(self, name: str) -> str:
        """Digest of a learner and its risk control, after all logged feedback was learned."""
        hosted = self.context.find(name)
        return self._part_of(hosted).state_hash(hosted)

    def _tick(self) -> None:
        while not self._stop.wait(TICK_SECONDS):
            try:
                while self.writer.submit(Expire()).result() and not self._stop.is_set():
                    pass
                for hosted in list(self.classifiers.by_name.values()):
                    self.supervisor.maintain(hosted)
                self._maintain_values()
            except StoreError:  # a full disk, say: tried again at the next tick
                continue

    def close(self) -> None:
        """Learn all logged feedback, write snapshots, and close the store."""
        with self._closing:
            if not self._stop.is_set():
                self._stop.set()
                self._clock.join()
                try:
                    self.supervisor.close(list(self.classifiers.by_name.values()))
                    self._save_values()
                finally:
                    self.writer.close()
                    self.store.close()

    def learners(self) -> list[LearnerInfo | ValueInfo]:
        """All hosted learners by name: classifiers and value learners."""
        return [self.learner(name) for name in sorted(self.context.names().values())]

    def learner(self, name: str) -> LearnerInfo | ValueInfo:
        """One learner, of whichever kind.

        Raises:
            NotFoundError: there is no learner of that name.
        """
        hosted = self.context.find(name)
        info: LearnerInfo | ValueInfo = self._part_of(hosted).info(hosted)
        return info

    @property
    def _parts(self) -> dict[ProtocolName, _Part]:
        """What the protocols of learners do with one."""
        return {
            "decisions": _Part(
                create=Create,
                change=Change,
                info=self._decider,
                state_hash=lambda hosted: self.supervisor.hash(self._hosted(hosted.name)),
                stop=self._stop_decider,
            ),
            "runs": _Part(
                create=CreateValue,
                change=ChangeValue,
                info=self._value,
                state_hash=lambda hosted: self._value_state(hosted)[1],
                stop=lambda hosted: None,
            ),
        }

    def _stop_decider(self, hosted: HostedLearner | OutOfService) -> None:
        if isinstance(hosted, HostedLearner):
            self.supervisor.stop(hosted)

    def _part_of(self, hosted: Hosted) -> _Part:
        return self._parts[kind_of(hosted).protocol]

    def faults(self) -> list[str]:
        """The failures that keep learners from learning; empty if there are none."""
        trainers = [
            (hosted.name, hosted.trainer) for hosted in list(self.classifiers.by_name.values())
        ]
        found = [f"{name}: {w.failed}" for name, w in trainers if w is not None and w.failed]
        found += [str(out.failed) for out in list(self.classifiers.out_of_service.values())]
        hosted_values = list(self.values.by_name.values())
        return found + [
            str(hosted_value.failed) for hosted_value in hosted_values if hosted_value.failed
        ]
