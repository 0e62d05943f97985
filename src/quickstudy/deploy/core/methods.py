"""`Methods`: the base of the mixins of `Deployment`."""

from __future__ import annotations

from quickstudy.api.admin import Event
from quickstudy.api.checks import checked_name
from quickstudy.api.sizes import Sizes
from quickstudy.deploy.core import queries
from quickstudy.deploy.core.context import Context
from quickstudy.errors import InputError
from quickstudy.log.store import Store, read_events
from quickstudy.log.writer import Writer

MOST_AT_ONCE = 1000  # rows in one call
MOST_REASON = 500  # characters


class Methods:
    """A store with its context and its writer.

    Attributes:
        actor: who acts, unless a call names an actor.
        sizes: largest inputs.
    """

    store: Store
    context: Context
    writer: Writer
    sizes: Sizes
    actor: str

    def _actor(self, actor: str | None) -> str:
        return self.actor if actor is None else checked_name("actor", actor)

    def events(self, after: int = 0, limit: int = 1000, learner: str | None = None) -> list[Event]:
        """Events with a sequence number above `after`, in order."""
        number = None if learner is None else self.context.find(learner).number
        with self.store.reading() as connection:
            names = queries.names(connection)
            found = read_events(connection, after=after, learner=number, limit=checked_limit(limit))
            return [queries.event_of(event, names) for event in found]


def checked_limit(limit: int) -> int:
    """The limit, checked to be 1 to 1,000."""
    if not 0 < limit <= MOST_AT_ONCE:
        raise InputError(f"limit is {limit}; it must be 1 to {MOST_AT_ONCE}")
    return limit


def checked_reason(text: str) -> str:
    """A person's reason, checked.

    Raises:
        InputError: it is too long, or not printable.
    """
    if len(text) > MOST_REASON or not (text.isprintable() or "\n" in text):
        raise InputError(f"reason must be at most {MOST_REASON} printable characters")
    return text
