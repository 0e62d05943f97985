"""`Context`: the state of a store that handlers read, as of the command that is carried out."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from sqlalchemy import Dialect, func, select

from quickstudy.deploy.core.contract import Hosted, Participant
from quickstudy.deploy.core.rows import Rows
from quickstudy.deploy.core.tables import DERIVED, LEARNERS
from quickstudy.encode.values import plain_text
from quickstudy.errors import InputError, NotFoundError
from quickstudy.log.events import Logged
from quickstudy.log.store import Transaction, events_at

MOST_PAYLOADS = 2000  # of the latest predictions and steps, kept for feedback and repeats
KEPT_PAYLOADS = ("predicted", "stepped")
P = TypeVar("P")


class Context:
    """Rows, earlier events and learners in memory. Handlers read it; the dispatcher changes it.

    Args:
        secret: the store's secret, for digests.
        dialect: the SQL dialect of its database.
        parts: what handlers look up by class: participants, and other services.
    """

    def __init__(self, secret: bytes, *, dialect: Dialect, parts: Sequence[Any]) -> None:
        self.secret = secret
        self.rows = Rows(DERIVED, dialect, secret=secret, payload_of=self.payload)
        self.listeners: list[Callable[[Sequence[Logged]], None]] = []
        self._payloads: dict[int, dict[str, Any]] = {}
        self._parts = {type(part): part for part in parts}
        self.participants: list[Participant] = [p for p in parts if hasattr(p, "begin_command")]
        self.transaction: Transaction

    def of(self, part: type[P]) -> P:
        """The part that is an instance of a class."""
        found: P = self._parts[part]
        return found

    @property
    def now(self) -> float:
        """The time of the transaction, in seconds since 1970."""
        return self.transaction.time

    @property
    def next_seq(self) -> int:
        """The number of the event that is logged next."""
        return self.transaction.head[0] + 1

    def payload(self, seq: int) -> dict[str, Any]:
        """The payload of the `predicted` or `stepped` event `seq`."""
        if seq not in self._payloads:
            self._payloads[seq] = events_at(self.transaction.connection, [seq])[seq].read()
        return self._payloads[seq]

    def keep_payload(self, event: Logged, payload: dict[str, Any]) -> None:
        """Keep the payload of an event that feedback and repeats are likely to ask for."""
        if event.type in KEPT_PAYLOADS:
            self._payloads[event.seq] = payload

    def drop_payloads(self, *, after: int = 0, keep: int = 0) -> None:
        """Forget the payloads of events above a number, and the oldest beyond `keep`."""
        if after:
            self._payloads = {seq: p for seq, p in self._payloads.items() if seq <= after}
        while len(self._payloads) > keep:
            del self._payloads[next(iter(self._payloads))]

    def find(self, name: str) -> Hosted:
        """The learner of a name, of any kind, in service or not.

        Raises:
            NotFoundError: there is none.
        """
        name = plain_text(name)
        for participant in self.participants:
            if found := participant.find(name):
                return found
        known = ", ".join(sorted(self.names().values())[:10]) or "none yet"
        raise NotFoundError(f"there is no learner {name!r:.140}; there are: {known}")

    def check_protocol(self, name: str, wanted: Participant) -> None:
        """Check that no learner of another protocol has this name.

        Raises:
            InputError: one has; the message says which method to call instead.
            NotFoundError: there is no learner of that name.
        """
        found = self.find(name)
        for participant in self.participants:
            if participant is not wanted and participant.find(found.name):
                raise InputError(participant.misused(found.name))

    def names(self) -> dict[int, str]:
        """Names of all learners, by number."""
        return {one.number: one.name for part in self.participants for one in part.everyone()}

    def new_number(self, name: str) -> int:
        """The number of a new learner.

        Raises:
            InputError: the name is taken.
        """
        taken = select(LEARNERS.c.id).where(LEARNERS.c.name == name, LEARNERS.c.deleted == 0)
        if self.rows.scalars(LEARNERS, taken):
            raise InputError(f"there is a learner {name!r} already; choose another name")
        return (self.rows.scalars(LEARNERS, select(func.max(LEARNERS.c.id)))[0] or 0) + 1
