"""What takes part in a transaction with state in memory, and what the context knows of learners."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

from quickstudy.deploy.core.drafts import Draft
from quickstudy.log.events import Logged


class Hosted(Protocol):
    """A learner in a deployment, of any kind, in service or not."""

    number: int
    name: str
    settings: Any


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
