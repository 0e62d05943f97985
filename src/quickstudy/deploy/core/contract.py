"""What handlers yield, and who takes part in the transaction that carries it out."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from quickstudy.log.events import Logged

SYSTEM = "system"  # the actor of what follows from a command by itself
EXPIRY = "expiry"  # the actor of what happens because time has passed
REFIT = "refit"  # the actor of background jobs


@dataclass(frozen=True, slots=True)
class Draft:
    """An event as a handler decides it; the log gives it a number and a time.

    Attributes:
        type: of the event.
        learner: number of the learner, 0 for none.
        actor: who asked for it.
        subject: what it is about: the id of a case, a run, a version, a key.
        payload: JSON values.
        memo: what the learner in memory needs of it and the log does not keep.
        unlearned: it is put on record, and the learner does not learn it.
    """

    type: str
    learner: int
    actor: str
    subject: str = ""
    payload: dict[str, Any] = field(default_factory=dict)
    memo: Any = None
    unlearned: bool = False


R = TypeVar("R")
Decided = Generator[Draft, Logged, R]
"""A handler yields drafts, gets each back as it is logged, and returns what its caller is told."""


@dataclass(frozen=True, slots=True)
class Refused:
    """A result that is an error for the caller, while the events of the command stay on record."""

    error: Exception


class Hosted(Protocol):
    """A learner in a deployment, of any kind, in service or not."""

    number: int
    name: str


class Participant(Protocol):
    """Learners in memory that events change: all of a transaction, or nothing.

    `prepare` is called before an event is logged and may complete its payload with what only the
    learner can say; `apply` is called once the event has its number. Both may raise: then the
    command that they belong to is rolled back.
    """

    def find(self, name: str) -> Hosted | None:
        """The learner of a name, in service or not, if it is one of these."""

    def everyone(self) -> Sequence[Hosted]:
        """All of these learners."""

    def misused(self, name: str) -> str:
        """What to say where one of these is used as a learner of another protocol."""

    def begin(self) -> None:
        """A transaction begins."""

    def begin_command(self) -> None:
        """A command begins."""

    def prepare(self, draft: Draft, earlier: Sequence[Logged]) -> dict[str, Any]:
        """What an event brings that only the learner can say; `earlier`: of this transaction."""

    def apply(self, event: Logged, payload: dict[str, Any], draft: Draft) -> Sequence[Draft]:
        """Change what is in memory by an event; the events that follow from it."""

    def rollback_command(self, earlier: Sequence[Logged]) -> None:
        """The command is refused; `earlier`: the events of the transaction that stay."""

    def undo(self) -> None:
        """The transaction failed."""

    def committed(self) -> None:
        """The transaction is on disk."""
