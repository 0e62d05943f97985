"""The fold of a value learner: what it is, as the log says it must be.

Every change of it is an event that holds all arguments, so the events alone lead to its state, bit
for bit; on duty it is taken through the same doors, in the writer's thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from sqlalchemy import Connection

from quickstudy.deploy.courses import ValueSettings
from quickstudy.deploy.coursesettings import KIND, read_value_settings
from quickstudy.deploy.fold import rows_on_duty
from quickstudy.deploy.tables import Row
from quickstudy.errors import InputError, NotFoundError, StoreError
from quickstudy.learners.value import ValueFunction
from quickstudy.log.events import Logged
from quickstudy.log.store import Store, read_events
from quickstudy.stats.moments import one_blas_thread
from quickstudy.types import Estimate, Loop

FOLDED = ("changed", "run_started", "stepped", "run_ended", "expired")
PROGRESS = 500  # events between two words of progress
log = logging.getLogger("quickstudy")


def new_value(settings: ValueSettings) -> ValueFunction:
    """The learner that a deployment starts with.

    Raises:
        SettingError: a setting is out of range.
    """
    return ValueFunction(
        success=settings.success,
        discount=settings.discount,
        outcome_range=settings.outcome_range,
        costs=settings.costs,
        stop_error=settings.stop_error,
        alpha=settings.alpha,
        audit=settings.audit,
        loops=settings.loops,
        most_open=settings.most_open,
        budget_mb=settings.budget_mb,
        schema=settings.schema or None,
        seed=settings.seed,
    )


@dataclass
class CourseFold:
    """A value learner after event `folded`, which is one of its own."""

    learner: ValueFunction
    settings: ValueSettings
    folded: int

    @classmethod
    def new(cls, settings: ValueSettings, seq: int) -> CourseFold:
        """At the event that created it."""
        return cls(new_value(settings), settings, seq)

    def change(self, settings: ValueSettings) -> None:
        """Other costs, another promise, other bounds."""
        self.learner.change(
            costs=settings.costs, stop_error=settings.stop_error, most_open=settings.most_open
        )
        self.settings = settings

    def start(self, run: str, payload: Mapping[str, Any]) -> None:
        """A run begins."""
        self.learner.start(task=payload["task"], id=run, as_is=True)

    def step(self, run: str, payload: Mapping[str, Any]) -> Estimate:
        """A step of a run, and what the learner says of it: floats, ints and bools of Python."""
        said = self.learner.step(
            run,
            payload["input"],
            action=payload["action"],
            error=payload["error"],
            reward=payload["reward"],
            as_is=True,
        )
        return read_estimate(asdict(said))

    def end(self, run: str, payload: Mapping[str, Any]) -> None:
        """A run is over; late ends are on record only."""
        if payload["status"] == "ended":
            self.learner.end(run, payload["outcome"], success=payload["success"])

    def expire(self, run: str) -> None:
        """The end of a run will never be known."""
        self.learner.expire(run)

    def take(self, event: Logged, payload: Mapping[str, Any]) -> Estimate | None:
        """Go past an event of the log; what the learner says, if it is a step."""
        said = None
        if event.type == "changed":
            self.change(read_value_settings(payload["settings"]))
        elif event.type == "run_started":
            self.start(event.subject, payload)
        elif event.type == "stepped":
            said = self.step(event.subject, payload)
        elif event.type == "run_ended":
            self.end(event.subject, payload)
        else:
            self.expire(event.subject)
        self.folded = event.seq
        return said

    @property
    def hash(self) -> str:
        return self.learner.state_hash()


def read_estimate(values: Mapping[str, Any]) -> Estimate:
    """An estimate from its fields, as `asdict` or the log gives them."""
    loop = values["loop"]
    return Estimate(
        run=values["run"],
        step=int(values["step"]),
        value=float(values["value"]),
        low=float(values["low"]),
        high=float(values["high"]),
        success_probability=float(values["success_probability"]),
        credit=float(values["credit"]),
        loop=None if loop is None else _loop(loop),
        advice=values["advice"],
        stop=bool(values["stop"]),
        steps_left=float(values["steps_left"]),
        why=values["why"],
        votes=tuple((name, float(p)) for name, p in values["votes"]),
    )


def _loop(values: Mapping[str, Any]) -> Loop:
    return Loop(
        kind=values["kind"],
        period=int(values["period"]),
        times=int(values["times"]),
        exact=bool(values["exact"]),
        success=float(values["success"]),
        runs=int(values["runs"]),
    )


@one_blas_thread()  # the same bits as in the writer's thread
def advance(
    fold: CourseFold,
    connection: Connection,
    number: int,
    *,
    strict: bool,
    upto: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> None:
    """Fold the events of a learner that come after where it stands, all or those up to one.

    Where an estimate comes out otherwise than it was answered, `strict` raises, else it warns:
    another processor may round otherwise, and that must not keep a store from being opened.

    Raises:
        StoreError: the log is damaged, or leads elsewhere than it did.
    """
    differ = 0
    for event in read_events(connection, learner=number, after=fold.folded, upto=upto):
        if event.type not in FOLDED:
            continue
        payload = event.read()
        try:
            said = fold.take(event, payload)
        except InputError as error:
            raise StoreError(f"event {event.seq} does not fit those before it: {error}") from error
        if said and said != read_estimate(payload["estimate"]):
            differ += 1
            if strict:
                raise StoreError(f"event {event.seq}: a replay says otherwise than was answered")
        if progress and event.seq % PROGRESS == 0:
            progress(event.seq)
    if progress:
        progress(fold.folded)
    if differ:
        log.warning("learner %d: %d estimates come out otherwise than before", number, differ)


@one_blas_thread()
def replay(
    store: Store,
    number: int,
    *,
    strict: bool,
    upto: int | None = None,
    progress: Callable[[int], None] | None = None,
) -> CourseFold:
    """Value learner `number` of a store, from its first event to the last or to `upto`.

    Raises:
        NotFoundError: there is no such learner.
        StoreError: the log is damaged, or leads elsewhere than it did.
    """
    with store.reading() as connection:
        created = next(read_events(connection, learner=number, types=["created"], limit=1), None)
        if created is None or created.read().get("kind") != KIND:
            raise NotFoundError(f"there is no value learner number {number}")
        fold = CourseFold.new(read_value_settings(created.read()), created.seq)
        advance(fold, connection, number, strict=strict, upto=upto, progress=progress)
    return fold


def value_rows(connection: Connection) -> list[Row]:
    """Rows of the value learners on duty, their settings and tallies read."""
    rows = rows_on_duty(connection)
    return [
        {**row, "settings": read_value_settings(row["settings"])}
        for row in rows
        if row["settings"].get("kind") == KIND
    ]
