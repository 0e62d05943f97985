"""The contract of handlers: the events they yield, and the participants of a transaction."""

from __future__ import annotations

from collections.abc import Generator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol, TypeVar

from quickstudy.log.events import Logged

SYSTEM = "system"  # the actor of events that follow from a command
EXPIRY = "expiry"  # the actor of events that happen because time has passed
REFIT = "refit"  # the actor of background jobs


@dataclass(frozen=True, slots=True)
class Draft:
    """An event as a handler decides it; the log gives it a number and a time.

    Attributes:
        type: of the event.
        learner: number of the learner, 0 for none.
        actor: who asked for the event.
        subject: id of the case, run, version or key that the event is about.
        payload: JSON values.
        memo: values that the learner in memory needs and the log does not keep.
        unlearned: the event is logged, and the learner does not learn from it.
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
"""A handler yields drafts, receives each as the logged event, and returns its caller's result."""


class RefusedError(Exception):
    """The command ends in an error for the caller, while its events stay in the log."""

    def __init__(self, error: Exception) -> None:
        super().__init__(str(error))
        self.error = error


class Hosted(Protocol):
    """A learner in a deployment, of any kind, in service or not."""

    number: int
    name: str
    settings: Any


class Participant(Protocol):
    """Learners in memory, changed by all events of a transaction or by none.

    `prepare` is called before an event is logged and may add values to its payload that only the
    learner can compute; `apply` is called once the event has its number. If either raises, the
    command of the event is rolled back.
    """

    def find(self, name: str) -> Hosted | None:
        """The learner of a name, in service or not; None if this participant has none."""

    def everyone(self) -> Sequence[Hosted]:
        """All of these learners."""

    def misused(self, name: str) -> str:
        """The error message for a call that belongs to another protocol."""

    def begin(self) -> None:
        """A transaction begins."""

    def begin_command(self) -> None:
        """A command begins."""

    def prepare(self, draft: Draft, earlier: Sequence[Logged]) -> dict[str, Any]:
        """Values for the payload that only the learner can compute; `earlier`: events so far."""

    def apply(self, event: Logged, payload: dict[str, Any], draft: Draft) -> Sequence[Draft]:
        """Apply an event to the learners in memory; returns the events that follow from it."""

    def rollback_command(self, earlier: Sequence[Logged]) -> None:
        """Undo a command that was refused; `earlier`: the events of the transaction that stay."""

    def undo(self) -> None:
        """The transaction failed: undo all of it."""

    def committed(self) -> None:
        """The transaction is on disk."""
