"""`GuardrailMethods`: autonomy, limits and pauses."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Protocol

from sqlalchemy import select

from quickstudy.api.guardrails import AutonomyReport, LevelChange, Limits, LimitsReport, Pause
from quickstudy.deploy.core import queries
from quickstudy.deploy.core.methods import Methods, checked_reason
from quickstudy.deploy.core.records import decode
from quickstudy.deploy.core.tables import LIMITS
from quickstudy.deploy.guardrails import enforce
from quickstudy.deploy.guardrails.autonomy import Autonomy, report_of
from quickstudy.deploy.guardrails.commands import Resume, SetLimits, SetPause
from quickstudy.deploy.guardrails.limits import (
    LimitState,
    PauseFile,
    checked_limits,
    decode_limits,
)

HISTORY = 50  # changes of level, and hits of limits, that are shown


class Committed(Protocol):
    """The state of a learner after the last transaction."""

    def autonomy(self) -> Autonomy:
        """Risk control after that transaction."""


class Governed(Protocol):
    """A learner under risk control."""

    number: int
    name: str

    @property
    def committed(self) -> Committed:
        """The state after the last transaction."""


class GuardrailMethods(Methods):
    """Methods of `Deployment` on autonomy, limits and pauses."""

    _hosted: Callable[[str], Governed]

    def autonomy(self, name: str) -> AutonomyReport:
        """A learner's level of autonomy, its evidence, and what the next level takes."""
        hosted = self._hosted(name)
        with self.store.reading() as connection:
            changes = [
                LevelChange(event.seq, event.time, **event.read())
                for event in queries.latest(connection, hosted.number, "level_changed", HISTORY)
            ]
        return report_of(hosted.committed.autonomy(), learner=name, history=changes)

    def limits(self, name: str) -> LimitsReport:
        """A learner's limits with usage, pauses, and the latest hits."""
        hosted = self._hosted(name)
        with self.store.reading() as connection:
            query = select(LIMITS).where(LIMITS.c.learner == hosted.number)
            rows = queries.rows_of(connection, LIMITS, query)
            hits = queries.latest(connection, hosted.number, "limited", HISTORY)
        limits = decode_limits(rows[0]["limits"]) if rows else Limits()
        state = LimitState(limits, decode(rows[0]["usage"]) if rows else {})
        now = time.time()
        return LimitsReport(
            learner=name,
            limits=limits,
            pauses=tuple(pause for pause in self.pauses() if pause.scope in ("", name)),
            acted_last_minute=state.acted_last_minute(now),
            spent_today=state.spent_today(now),
            hits=tuple((event.seq, event.time, event.read()["limit"]) for event in hits),
        )

    def limit(self, name: str, limits: Limits, *, actor: str | None = None) -> LimitsReport:
        """Replace the limits of a learner, from the next answer on.

        Raises:
            SettingError: one of them cannot be read; names it.
        """
        self._hosted(name)
        request = SetLimits(name, checked_limits(limits), self._actor(actor))
        self.writer.submit(request).result()
        return self.limits(name)

    def pause(self, name: str | None = None, *, reason: str = "", actor: str | None = None) -> None:
        """Pause one learner or all from the next answer on: every answer becomes "ask"."""
        self.writer.submit(SetPause(name, checked_reason(reason), self._actor(actor))).result()

    def resume(self, name: str | None = None, *, actor: str | None = None) -> None:
        """End a pause of one learner, or the pause of all.

        Raises:
            InputError: the file PAUSE pauses all learners; remove the file.
        """
        self.writer.submit(Resume(name, self._actor(actor))).result()

    def pauses(self) -> list[Pause]:
        """All pauses in force."""
        names = {enforce.EVERYBODY: ""} | self.context.names()
        with self.store.reading() as connection:
            query = select(LIMITS).where(LIMITS.c.pause.is_not(None)).order_by(LIMITS.c.learner)
            rows = queries.rows_of(connection, LIMITS, query)
        found = [enforce.pause_of(row, names[r]) for row in rows if (r := row["learner"]) in names]
        by_file = self.context.of(PauseFile).pause()
        return [*([by_file] if by_file else []), *(pause for pause in found if pause)]
