"""Decides the events of examples that a learner failed to learn."""

from __future__ import annotations

from typing import Any

from quickstudy.deploy.core.context import Context
from quickstudy.deploy.core.contract import SYSTEM, Decided, Draft
from quickstudy.deploy.hosting.commands import Quarantine
from quickstudy.deploy.hosting.quarantine import TYPE, Ledger, SetAside
from quickstudy.log.store import events_at


def quarantine(context: Context, command: Quarantine) -> Decided[int]:
    """Log that an event was set aside; returns the number of the new event.

    0: the learner is no longer in service, or the log says so already.
    """
    if command.number not in context.names():
        return 0
    return (yield from record_set_aside(context, command.number, command.set_aside))


def record_set_aside(context: Context, number: int, one: SetAside) -> Decided[int]:
    """Log that an event on disk was set aside, unless the log says so already."""
    connection = context.transaction.connection
    known = [found for _, found in Ledger.of(connection, number).marks]
    if any((found.seq, found.switch) == (one.seq, one.switch) for found in known):
        return 0
    event = events_at(connection, [one.seq])[one.seq]
    case = event.read().get("case")
    logged = yield quarantined(number, one, subject=event.subject, about=event.type, case=case)
    return logged.seq


def quarantined(
    number: int, one: SetAside, *, subject: str, about: str, case: int | None = None
) -> Draft:
    """The event of a quarantine; `about` is the type of the event that was set aside."""
    payload: dict[str, Any] = {
        "event": one.seq,
        "reason": one.reason,
        "switch": one.switch,
        "about": about,
    }
    if case:
        payload["case"] = case
    return Draft(TYPE, number, actor=SYSTEM, subject=subject, payload=payload)
