"""The fold: a learner and its risk control as the log says they must be.

Recovery folds the tail of the log onto a snapshot; a replay folds all of it onto nothing, and works
out again what background jobs had made, so that it rests on no file but the store.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, select

from quickstudy.deploy.answers import Settings
from quickstudy.deploy.control import new_control, read_decision, state_of
from quickstudy.deploy.lessons import Lesson, lesson_of, teach
from quickstudy.deploy.refit_child import artifact_name, unpack_fitted
from quickstudy.deploy.tables import LEARNERS, checked
from quickstudy.errors import ModelFileError, NotFoundError, StoreError
from quickstudy.learners.classifier import Classifier
from quickstudy.learners.mixture import Fitted
from quickstudy.log.events import Logged
from quickstudy.log.store import Store, events_at, read_events
from quickstudy.snapshot import digest
from quickstudy.stats.risk import ActOrAsk

AHEAD = 500  # events of which the records are looked up at once
TEACHING = ("feedback", "ruled", "refitted")
Progress = Any  # Callable[[int], None], told the sequence number now and then


def read_settings(values: dict[str, Any]) -> Settings:
    """Settings as they were before they were written down."""
    pairs = {n: tuple((label, v) for label, v in values[n]) for n in ("targets", "costs")}
    return Settings(**{**values, **pairs, "trusted": tuple(values["trusted"])})


def new_learner(settings: Settings) -> Classifier:
    """The learner that a deployment starts with."""
    learner = Classifier(
        budget_mb=settings.budget_mb, schema=settings.schema or None, seed=settings.seed
    )
    learner.defer_refits()
    return learner


def state_hash(learner: Classifier, control: ActOrAsk, epoch: int) -> str:
    """Digest of all that answers depend on: what was learned, and what may be acted on."""
    arrays, plain = state_of(control)
    return digest(arrays, {"learner": learner.state_hash(), "control": plain, "epoch": epoch})


@dataclass
class Fold:
    """Where a learner stands: what was learned up to `learned`, what is proved up to `decided`."""

    learner: Classifier
    control: ActOrAsk
    epoch: int
    settings: Settings
    learned: int
    decided: int

    @classmethod
    def new(cls, settings: Settings, seq: int) -> Fold:
        """At the event that created the learner."""
        return cls(new_learner(settings), new_control(settings, 0), 0, settings, seq, seq)

    def decide(self, event: Logged, payload: dict[str, Any], decision: Any) -> None:
        """Take risk control past an event; `decision` is that of the case it speaks of."""
        if event.type == "changed":
            self.settings = read_settings(payload["settings"])
            if payload["epoch"] != self.epoch:
                self.epoch = payload["epoch"]
                self.control = new_control(self.settings, self.epoch)
        elif event.type == "predicted":
            known = payload["label"] is not None
            made = self.control.decide(payload["confidence"] if known else 0.0, payload["label"])
            if made != read_decision(payload["decision"])[0]:
                raise StoreError(f"event {event.seq}: a replay decides otherwise than was logged")
            if not made.labelled:
                self.control.record(made, None)
        elif payload.get("counted"):
            self.control.record(read_decision(decision)[0], payload.get("wrong"))
        self.decided = event.seq

    def learn(self, lessons: Sequence[Lesson]) -> None:
        """Take the learner past the events of these lessons."""
        teach(self.learner, lessons)
        self.learned = lessons[-1].seq if lessons else self.learned

    @property
    def hash(self) -> str:
        return state_hash(self.learner, self.control, self.epoch)


def advance(
    fold: Fold,
    connection: Connection,
    number: int,
    *,
    artifacts: Path | None,
    upto: int | None = None,
    progress: Progress = None,
) -> None:
    """Fold the events of a learner that come after where it stands, all or those up to one.

    Without `artifacts` what was refitted is worked out again, and held against what was logged.
    """
    after = min(fold.learned, fold.decided)
    asofs = {} if artifacts else _asofs(connection, number)
    fitted: dict[int, Fitted] = {}
    for events in _groups(read_events(connection, after=after, learner=number, upto=upto)):
        told = [(event, event.read()) for event in events]
        cases = events_at(connection, [p["case"] for _, p in told if p.get("case")])
        lessons: list[Lesson] = []
        for event, payload in told:
            about = cases[payload["case"]].read() if payload.get("case") else payload
            if event.seq > fold.decided:
                fold.decide(event, payload, about.get("decision"))
            if event.seq > fold.learned and event.type in TEACHING:
                lessons += _lessons(event, payload, about, artifacts, fitted)
            if event.seq in asofs:
                fold.learn(lessons)
                lessons = []
                fitted[event.seq] = fold.learner.copy().fit_due()
        fold.learn(lessons)
        if progress:
            progress(events[-1].seq)


def _asofs(connection: Connection, number: int) -> dict[int, None]:
    events = read_events(connection, learner=number, types=["refitted"])
    return {event.read()["asof"]: None for event in events}


def _groups(events: Iterable[Logged]) -> Iterator[list[Logged]]:
    group: list[Logged] = []
    for event in events:
        group.append(event)
        if len(group) == AHEAD:
            yield group
            group = []
    if group:
        yield group


def _lessons(
    event: Logged,
    payload: dict[str, Any],
    about: dict[str, Any],
    artifacts: Path | None,
    fitted: dict[int, Fitted],
) -> list[Lesson]:
    if event.type == "refitted":
        return [Lesson(event.seq, fitted=_fitted(event, payload, artifacts, fitted))]
    lesson = lesson_of(event.seq, payload, about.get("record"))
    return [lesson] if lesson else []


def _fitted(
    event: Logged, payload: dict[str, Any], artifacts: Path | None, fitted: dict[int, Fitted]
) -> Fitted:
    if artifacts is None:
        made = fitted.pop(payload["asof"])
    else:
        try:
            content = (artifacts / payload["file"]).read_bytes()
        except OSError as error:
            raise ModelFileError(f"refitted experts of event {event.seq} are gone") from error
        made = unpack_fitted(content, name=payload["file"])
    if artifact_name(made, payload["asof"]) != payload["file"]:
        raise ModelFileError(f"event {event.seq}: {payload['file']} holds other refitted experts")
    return made


def replay(
    store: Store, number: int, *, upto: int | None = None, progress: Progress = None
) -> Fold:
    """The learner `number` of a store, folded from its first event to the last or to `upto`.

    Raises:
        NotFoundError: there is no such learner.
        StoreError, ModelFileError: the log is damaged, or leads elsewhere than it did.
    """
    with store.reading() as connection:
        created = next(read_events(connection, learner=number, types=["created"], limit=1), None)
        if created is None:
            raise NotFoundError(f"there is no learner number {number}")
        fold = Fold.new(read_settings(created.read()), created.seq)
        advance(fold, connection, number, artifacts=None, upto=upto, progress=progress)
    return fold


def learner_rows(connection: Connection) -> list[dict[str, Any]]:
    """Rows of the learners on duty, their settings and tallies read."""
    rows = connection.execute(select(LEARNERS).where(LEARNERS.c.deleted == 0)).mappings()
    return [
        {
            **(row := checked(LEARNERS, found)),
            "settings": read_settings(json.loads(row["settings"])),
            "tally": json.loads(row["tally"]),
        }
        for found in rows
    ]
