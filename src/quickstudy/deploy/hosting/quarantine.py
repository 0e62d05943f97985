"""Quarantine: an event that a learner fails to learn is set aside, and every replay skips it.

The log holds an event `quarantined` for it, and the log decides. The lineage of the champion skips
every event that was set aside. The lineage of another version, which takes over at event s, skips
events that were set aside before s, and events that were set aside while that lineage was built; so
each lineage is a function of its base and the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sqlalchemy import Connection

from quickstudy.deploy.core.failures import reason_of
from quickstudy.log.store import read_events

if TYPE_CHECKING:
    from quickstudy.log.events import Logged

TYPE = "quarantined"


@dataclass(frozen=True, slots=True)
class SetAside:
    """An event that was not learned, and why.

    Attributes:
        seq: number of the event; 0: it was refused, and is not in the log.
        switch: event of the switch for which a version's lineage was built; 0: the champion
            failed.
    """

    seq: int
    reason: str
    switch: int = 0

    @classmethod
    def of(cls, seq: int, error: BaseException, *, switch: int = 0) -> SetAside:
        """Event `seq`, set aside because of an error."""
        return cls(seq, reason_of(error), switch)

    def __str__(self) -> str:
        return f"event {self.seq:,}: {self.reason}"


class Ledger:
    """The events that one learner set aside, each with its `quarantined` event, in order.

    >>> ledger = Ledger([(9, SetAside(4, "MemoryError"))])
    >>> sorted(ledger.of_champion), sorted(ledger.of_line(8)), sorted(ledger.of_line(10))
    ([4], [], [4])
    >>> ledger.late(6), ledger.outdates(learned=5, known=7), ledger.outdates(learned=5, known=9)
    (True, True, False)
    """

    def __init__(self, marks: Sequence[tuple[int, SetAside]] = ()) -> None:
        self.marks = list(marks)

    @classmethod
    def of(cls, connection: Connection, number: int) -> Ledger:
        """The ledger of learner `number`, from the log."""
        found = read_events(connection, learner=number, types=[TYPE])
        marks = [(event.seq, set_aside_of(event)) for event in found]
        return cls([(at, one) for at, one in marks if one.seq])

    @property
    def of_champion(self) -> frozenset[int]:
        """Events that the champion's lineage skips."""
        return frozenset(one.seq for _, one in self.marks if not one.switch)

    def of_line(self, switch: int) -> frozenset[int]:
        """Events that the lineage of the version that takes over at event `switch` skips."""
        return frozenset(one.seq for at, one in self.marks if at < switch or one.switch == switch)

    def late(self, seq: int) -> bool:
        """Whether an event before `seq` was set aside only after `seq`, so it had been learned."""
        return any(one.seq < seq < at for at, one in self.marks)

    def outdates(self, *, learned: int, known: int) -> bool:
        """Whether a state up to `learned`, from a log up to `known`, has learned an event that was
        set aside later."""
        return any((one.switch or one.seq) <= learned and at > known for at, one in self.marks)


def set_aside_of(event: Logged) -> SetAside:
    """The content of an event `quarantined`; with seq 0 once its payload was forgotten."""
    payload = event.read()
    return SetAside(payload.get("event", 0), payload.get("reason", ""), payload.get("switch", 0))
