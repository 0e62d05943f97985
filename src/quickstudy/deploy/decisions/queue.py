"""Claims: who has which waiting case before them, so that no two people get the same one."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from quickstudy.api.checks import checked_name
from quickstudy.api.decisions import Ask
from quickstudy.deploy.core.methods import ReadMethods
from quickstudy.deploy.core.tables import Row
from quickstudy.deploy.decisions import queries
from quickstudy.deploy.decisions.commands import RecordClaim
from quickstudy.deploy.hosting.learner import HostedLearner
from quickstudy.encode.values import plain_text
from quickstudy.errors import InputError, NotFoundError
from quickstudy.log.events import Logged

if TYPE_CHECKING:
    from quickstudy.log.writer import Writer

CLAIMABLE = 200  # waiting cases among which people are given theirs
LONGEST_CLAIM = 86_400.0  # seconds
MOST_HOLDERS = 1000  # whose skipped cases are remembered
MOST_SKIPPED = 1000  # cases, by one holder


@dataclass
class _Claim:
    holder: str
    until: float


class Leases:
    """Kept in memory: a claim is over within minutes, and after a restart all cases are free."""

    def __init__(self) -> None:
        self._held: dict[str, _Claim] = {}
        self._skipped: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def held(self) -> int:
        """How many cases somebody holds."""
        return len(self._held)

    def take(self, case_ids: Sequence[str], holder: str, seconds: float) -> str | None:
        """Claim the first of these cases that nobody else holds, those skipped by `holder` last."""
        with self._lock:
            free = self._free(case_ids, holder)
            skipped = self._skipped.get(holder, OrderedDict())
            if free and all(i in skipped for i in free):
                free.sort(key=list(skipped).index)  # the one skipped longest ago
                chosen: str | None = free[0]
            else:
                chosen = next((i for i in free if i not in skipped), None)
            if chosen is not None:
                self._held[chosen] = _Claim(holder, time.monotonic() + seconds)
                skipped.pop(chosen, None)
            return chosen

    def take_one(self, case_id: str, holder: str, seconds: float) -> bool:
        """Claim this case, unless somebody else holds it."""
        with self._lock:
            if not self._free([case_id], holder):
                return False
            self._held[case_id] = _Claim(holder, time.monotonic() + seconds)
            return True

    def _free(self, case_ids: Sequence[str], holder: str) -> list[str]:
        now = time.monotonic()
        self._held = {i: c for i, c in self._held.items() if c.until > now}
        return [i for i in case_ids if i not in self._held or self._held[i].holder == holder]

    def release(self, case_id: str, holder: str) -> None:
        """Give a case back; it comes back to this holder after all others."""
        with self._lock:
            if case_id not in self._held or self._held[case_id].holder != holder:
                return
            del self._held[case_id]
            skipped = self._skipped.setdefault(holder, OrderedDict())
            skipped[case_id] = None
            self._skipped.move_to_end(holder)
            if len(skipped) > MOST_SKIPPED:
                skipped.popitem(last=False)
            if len(self._skipped) > MOST_HOLDERS:
                self._skipped.popitem(last=False)

    def forget(self, case_id: str) -> None:
        """The case is no longer waiting."""
        with self._lock:
            self._held.pop(case_id, None)
            for skipped in self._skipped.values():
                skipped.pop(case_id, None)


class Handout(ReadMethods):
    """The part of `Deployment` by which people take cases to label."""

    writer: Writer

    def _begin_claims(self) -> None:
        self._claims = Leases()
        self.context.after.append(self._forget_claims)

    def claim(
        self, name: str, *, holder: str, id: str | None = None, seconds: float = 120.0
    ) -> Ask | None:
        """The case to ask `holder` next, that nobody else is given for some seconds.

        With `id` that case, be it waiting or not (to think again about what one said); None if
        somebody else has it, or nothing waits.
        """
        hosted = self.context.hosted(name)
        holder = checked_name("holder", holder)
        id = None if id is None else checked_name("id", id)
        if not 0.0 < seconds <= LONGEST_CLAIM:
            raise InputError(f"seconds is {seconds}; it must be above 0, at most {LONGEST_CLAIM:g}")
        row = self._claimed(hosted, holder, id, seconds)
        if row is None:
            return None
        with self.store.reading() as connection:
            ask = queries.asks_of(connection, [row], name)[0]
        self.writer.submit(RecordClaim(ask.id, holder)).result()
        return ask

    def _claimed(
        self, hosted: HostedLearner, holder: str, id: str | None, seconds: float
    ) -> Row | None:
        """The row of the case that was claimed, as it is once nobody else can have it."""
        while True:
            with self.store.reading() as connection:
                if id is not None:
                    row = queries.case_row(connection, id)
                    if row["learner"] != hosted.number:
                        raise NotFoundError(f"prediction {id!r} is not one of {hosted.name!r}")
                    return row if self._claims.take_one(id, holder, seconds) else None
                limit = CLAIMABLE + self._claims.held
                waiting = queries.waiting_ids(connection, hosted.number, limit=limit)
            chosen = self._claims.take(waiting, holder, seconds)
            if chosen is None:
                return None
            with self.store.reading() as connection:
                row = queries.case_row(connection, chosen)
            if row["status"] == "waiting":
                return row
            self._claims.forget(chosen)  # it got its label in between

    def release(self, prediction_id: str, *, holder: str) -> None:
        """Give a case back unanswered; this holder gets it again only after all others."""
        self._claims.release(plain_text(prediction_id), plain_text(holder))

    def _forget_claims(self, events: Sequence[Logged]) -> None:
        for event in events:
            if event.type in ("feedback", "expired"):
                self._claims.forget(event.subject)
