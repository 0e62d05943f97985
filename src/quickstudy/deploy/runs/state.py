"""`ValueState`: the state of a value learner, and its replay from the log.

Every change is an event that holds all arguments, so the events alone determine the state, bit for
bit; a hosted learner applies them by the same methods, in the writer's thread.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from sqlalchemy import Connection

from quickstudy.api.settings import ValueSettings
from quickstudy.deploy.core.failures import MOST_IN_A_ROW, LearningError
from quickstudy.deploy.core.queries import rows_of_protocol
from quickstudy.deploy.core.tables import Row
from quickstudy.deploy.hosting.quarantine import Ledger, SetAside
from quickstudy.deploy.kind import KINDS, new_learner, settings_from_plain
from quickstudy.errors import InputError, NotFoundError, StoreError
from quickstudy.learners.value.value_function import ValueFunction
from quickstudy.log.events import Logged
from quickstudy.log.store import Store, read_events
from quickstudy.stats.moments import one_blas_thread
from quickstudy.types import Estimate, Loop

STATE_EVENTS = ("changed", "run_started", "stepped", "run_ended", "expired")
SPARED = ("stepped", "run_ended")  # may be set aside in a replay: the run goes on without them
PROGRESS = 500  # events between two calls of `progress`
BETWEEN_COPIES = 50  # events between two copies, if events that raise are left out
log = logging.getLogger("quickstudy")


@dataclass
class ValueState:
    """A value learner after its own event `replayed`.

    `set_aside`: events that could not be learned in this replay, and of which the log does not
    say so yet.
    """

    learner: ValueFunction
    settings: ValueSettings
    replayed: int
    set_aside: list[SetAside] = field(default_factory=list)

    @classmethod
    def new(cls, settings: ValueSettings, seq: int) -> ValueState:
        """The state at the event that created the learner."""
        return cls(new_learner(settings), settings, seq)

    def change(self, settings: ValueSettings) -> None:
        """Change costs, guarantee and bounds."""
        self.learner.change(
            costs=settings.costs, stop_error=settings.stop_error, most_open=settings.most_open
        )
        self.settings = settings

    def start(self, run: str, payload: Mapping[str, Any]) -> None:
        """Start a run."""
        self.learner.start(task=payload["task"], id=run, as_is=True)

    def step(self, run: str, payload: Mapping[str, Any]) -> Estimate:
        """Add a step to a run; returns the learner's estimate with plain Python numbers."""
        estimate = self.learner.step(
            run,
            payload["input"],
            action=payload["action"],
            error=payload["error"],
            reward=payload["reward"],
            as_is=True,
        )
        return read_estimate(asdict(estimate))

    def end(self, run: str, payload: Mapping[str, Any]) -> None:
        """End a run; a late end changes nothing."""
        if payload["status"] == "ended":
            self.learner.end(run, payload["outcome"], success=payload["success"])

    def expire(self, run: str) -> None:
        """Close a run whose outcome stays unknown."""
        self.learner.expire(run)

    def take(
        self, event: Logged, payload: Mapping[str, Any], *, skip: bool = False
    ) -> Estimate | None:
        """Apply an event of the log; returns the learner's estimate if it is a step.

        `skip` an event that was set aside: the run lacks the step, or its end stays unknown.
        """
        estimate = None
        if skip:
            if event.type == "run_ended" and event.subject in self.learner.open:
                self.expire(event.subject)
        else:
            estimate = self.take_in(event.type, event.subject, payload)
        self.replayed = event.seq
        return estimate

    def take_in(self, type: str, subject: str, payload: Mapping[str, Any]) -> Estimate | None:
        """Apply an event to the learner; returns the learner's estimate if it is a step."""
        if type == "changed":
            self.change(settings_from_plain(payload["settings"]))
        elif type == "run_started":
            self.start(subject, payload)
        elif type == "stepped":
            return self.step(subject, payload)
        elif type == "run_ended":
            self.end(subject, payload)
        else:
            self.expire(subject)
        return None

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
    state: ValueState,
    connection: Connection,
    number: int,
    *,
    strict: bool,
    upto: int | None = None,
    progress: Callable[[int], None] | None = None,
    without: bool = False,
) -> None:
    """Replay the events of a learner after its present state, all or those up to `upto`.

    If an estimate differs from the logged one, `strict` raises, else it warns: another processor
    may round differently, and the store must open all the same. Events that were set aside are
    skipped; `without`: also events that raise now.

    Raises:
        StoreError: the log is damaged, or its replay differs from the log.
        LearningError: an event raises, and was not set aside.
    """
    differ = 0
    ledger = Ledger.of(connection, number)
    skipped = ledger.of_champion
    target = _WithoutFailures(state) if without else state
    for event in read_events(connection, learner=number, after=state.replayed, upto=upto):
        if event.type not in STATE_EVENTS:
            continue
        payload = event.read()
        try:
            estimate = target.take(event, payload, skip=event.seq in skipped)
        except InputError as error:
            raise StoreError(f"event {event.seq} does not fit those before it: {error}") from error
        except Exception as error:
            why = f"learning event {event.seq} raises {type(error).__name__}: {error}"
            raise LearningError(why) from error
        if estimate and estimate != read_estimate(payload["estimate"]):
            differ += 1
            if strict and not (ledger.late(event.seq) or state.set_aside):
                raise StoreError(f"event {event.seq}: a replay says otherwise than was answered")
        if progress and event.seq % PROGRESS == 0:
            progress(event.seq)
    if progress:
        progress(state.replayed)
    if differ:
        log.warning("learner %d: %d estimates come out otherwise than before", number, differ)


class _WithoutFailures:
    """Applies events to a state, and skips events that raise.

    After a failure it goes back to an earlier copy, and applies the events since then again.
    """

    def __init__(self, state: ValueState) -> None:
        self._state = state
        self._failed: set[int] = set()
        self._in_a_row = 0
        self._keep()

    def _keep(self) -> None:
        self._kept = self._state.learner.copy(), self._state.settings
        self._since: list[tuple[Logged, Mapping[str, Any], bool]] = []

    def take(
        self, event: Logged, payload: Mapping[str, Any], *, skip: bool = False
    ) -> Estimate | None:
        """Apply an event; if it raises, treat it as set aside."""
        if len(self._since) >= BETWEEN_COPIES:
            self._keep()
        self._since.append((event, payload, skip))
        try:
            estimate = self._state.take(event, payload, skip=skip)
            self._in_a_row = 0
            return estimate
        except InputError:
            raise
        except Exception as error:
            self._set_aside(event, error)
        while not self._again():
            pass
        return None

    def _again(self) -> bool:
        """Apply all events since the copy; False if one raised, which is skipped from now on."""
        learner, self._state.settings = self._kept
        self._state.learner = learner.copy()
        for event, payload, skip in self._since:
            try:
                self._state.take(event, payload, skip=skip or event.seq in self._failed)
            except InputError:
                raise
            except Exception as error:
                self._set_aside(event, error)
                return False
        return True

    def _set_aside(self, event: Logged, error: Exception) -> None:
        """Set an event aside; raises the error if the events after it depend on it, or if so many
        fail that it is unlikely to be the cause."""
        self._in_a_row += 1
        known = event.seq in self._failed
        if event.type not in SPARED or known or self._in_a_row >= MOST_IN_A_ROW:
            raise error
        self._failed.add(event.seq)
        self._state.set_aside.append(SetAside.of(event.seq, error))


@one_blas_thread()
def replay(
    store: Store,
    number: int,
    *,
    strict: bool,
    upto: int | None = None,
    progress: Callable[[int], None] | None = None,
    without: bool = False,
) -> ValueState:
    """Value learner `number` of a store, from its first event to the last or to `upto`.

    Raises:
        NotFoundError: there is no such learner.
        StoreError: the log is damaged, or its replay differs from the log.
        LearningError: an event raises, was not set aside, and `without` is false.
    """
    with store.reading() as connection:
        created = next(read_events(connection, learner=number, types=["created"], limit=1), None)
        if created is None or KINDS.of_plain(created.read()).protocol != "runs":
            raise NotFoundError(f"there is no value learner number {number}")
        state = ValueState.new(settings_from_plain(created.read()), created.seq)
        advance(
            state,
            connection,
            number,
            strict=strict,
            upto=upto,
            progress=progress,
            without=without,
        )
    return state


def value_rows(connection: Connection) -> list[Row]:
    """Rows of the hosted value learners, with settings and tallies decoded."""
    return rows_of_protocol(connection, "runs")
