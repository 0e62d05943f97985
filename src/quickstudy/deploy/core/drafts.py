"""What handlers decide: events that are not logged yet."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, TypeVar

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
