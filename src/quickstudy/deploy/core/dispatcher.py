"""`Dispatcher`: carries out a group of commands in one transaction.

A handler is `decide(context, command)`: it reads, checks, and yields events; it changes nothing.
The dispatcher logs each event, has the projections write its rows, and applies it to the learners
in memory. A command that is refused is rolled back as a whole: its events, its rows, and its
changes in memory. If the transaction fails, all its commands are rolled back.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Mapping, Sequence
from typing import Any

from quickstudy.deploy.core.context import MOST_PAYLOADS, Context
from quickstudy.deploy.core.contract import Decided, Draft, RefusedError
from quickstudy.deploy.core.failures import OutOfServiceError
from quickstudy.deploy.core.rows import Rows
from quickstudy.errors import InputError, SettingError
from quickstudy.log.events import Logged
from quickstudy.log.store import Transaction

Handler = Callable[[Context, Any], Any]
Project = Callable[[Rows, Logged, dict[str, Any]], None]
REFUSALS = (InputError, SettingError, OutOfServiceError)


class Dispatcher:
    """Handles the commands that the writer receives.

    Args:
        context: the state that handlers read.
        handlers: the handler of each class of commands.
        project: writes the rows of an event.
    """

    def __init__(
        self, context: Context, *, handlers: Mapping[type, Handler], project: Project
    ) -> None:
        self.context = context
        self._handlers = handlers
        self._project = project

    def handle(self, transaction: Transaction, commands: Sequence[Any]) -> list[Any]:
        """Results in order; the exception itself for a command that was refused."""
        context = self.context
        context.transaction = transaction
        context.rows.begin(transaction.connection, transaction.cursor)
        for participant in context.participants:
            participant.begin()
        results = [self._carry_out(command) for command in commands]
        context.rows.flush()
        return results

    def _carry_out(self, command: Any) -> Any:
        context, transaction = self.context, self.context.transaction
        events = len(transaction.events)
        context.rows.begin_command()
        for participant in context.participants:
            participant.begin_command()
        try:
            return self._decide(command)
        except RefusedError as refused:
            return refused.error
        except REFUSALS as error:
            transaction.truncate(events)
            context.drop_payloads(after=transaction.head[0], keep=2 * MOST_PAYLOADS)
            context.rows.rollback_command()
            for participant in context.participants:
                participant.rollback_command(transaction.events)
            return error

    def _decide(self, command: Any) -> Any:
        decided = self._handlers[type(command)](self.context, command)
        return self._run(decided) if isinstance(decided, Generator) else decided

    def _run(self, decided: Decided[Any]) -> Any:
        """Log the events that a handler yields; returns the handler's result."""
        try:
            draft = next(decided)
            while True:
                try:
                    payload = self._prepared(draft)
                except Exception as error:  # of a learner: the handler decides what follows
                    draft = decided.throw(error)
                else:
                    draft = decided.send(self._log(draft, payload))
        except StopIteration as end:
            return end.value

    def _prepared(self, draft: Draft) -> dict[str, Any]:
        payload = draft.payload
        for participant in self.context.participants:
            if more := participant.prepare(draft, self.context.transaction.events):
                payload = payload | more
        return payload

    def _log(self, draft: Draft, payload: dict[str, Any]) -> Logged:
        """Log an event, apply it in memory, write its rows, and log the events that follow."""
        context = self.context
        event = context.transaction.append(
            draft.type,
            learner=draft.learner,
            actor=draft.actor,
            subject=draft.subject,
            payload=payload,
        )
        context.keep_payload(event, payload)
        follow: list[Draft] = []
        for participant in context.participants:
            follow += participant.apply(event, payload, draft)
        self._project(context.rows, event, payload)
        for one in follow:
            self._log(one, one.payload)
        return event

    def undo(self) -> None:
        """Undo all of the last `handle`."""
        for participant in self.context.participants:
            participant.undo()
        self.context.rows.clear()
        self.context.drop_payloads()

    def committed(self, transaction: Transaction) -> None:
        """The transaction is on disk: tell participants and listeners."""
        for participant in self.context.participants:
            participant.committed()
        self.context.rows.evict()
        self.context.drop_payloads(keep=MOST_PAYLOADS)
        for listener in list(self.context.listeners):
            listener(transaction.events)
