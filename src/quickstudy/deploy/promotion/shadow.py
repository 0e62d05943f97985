"""A shadow: a version that follows the log in parallel, and is compared with the champion.

It answers each case whose label is due after exactly the updates that the champion had learned when
it answered, and it learns every update; so its state is a function of its base and the log.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection

from quickstudy.api.versions import Difference
from quickstudy.deploy.guardrails.risk import SWITCHES
from quickstudy.deploy.guardrails.rules import parse
from quickstudy.deploy.hosting.quarantine import TYPE, Ledger, set_aside_of
from quickstudy.deploy.hosting.updates import Update, own_update
from quickstudy.deploy.promotion.baselines import NAMES, Baselines
from quickstudy.deploy.promotion.gate import Gate, PairedOutcome, Probation
from quickstudy.deploy.recovery import lineage
from quickstudy.deploy.versions.registry import predict_tolerant
from quickstudy.errors import StoreError
from quickstudy.learners.decider import Decider
from quickstudy.log.events import Logged
from quickstudy.types import Label, same_label

Purpose = Literal["challenge", "probation", "standby"]
EVENTS_AT_ONCE = 200
MOST_PENDING = 50_000  # cases that wait for their label
MOST_DIFFERENCES = 50
MOST_UPDATES = 5_000  # kept until the champion is known to have learned them


class OvertakenError(StoreError):
    """An event that a shadow has learned was set aside later: it has to start again."""


@dataclass(frozen=True, slots=True)
class ShadowSpec:
    """The task of a shadow.

    Attributes:
        number: of the learner; version: id.
        base: file of the learner that it starts from; at: the last event that the base has learned.
        learned_until: the last event of this log whose label it has learned; 0 if it was imported.
        start: event after which answers are compared.
        anchor: file and event of the last version promoted for being better, or ("", 0).
        attempt: number of the challenger, from 1.
        never: must-never rules at its start; later rules come with the log.
    """

    number: int
    version: str
    purpose: Purpose
    base: str
    at: int
    learned_until: int
    start: int
    alpha: float
    margin: float
    probation: int
    environment: str
    schema: dict[str, str]
    anchor: tuple[str, int] = ("", 0)
    attempt: int = 1
    simpler: bool = False
    never: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Pending:
    """A case that the shadow has answered, and whose label is due."""

    id: str
    record: Any
    champion: Label | None
    answer: Label | None
    anchor: Label | None
    baselines: tuple[Label | None, ...]
    scale: float
    environment: str


class Shadow:
    """Follows one learner's log with one version."""

    def __init__(self, spec: ShadowSpec, folder: Path) -> None:
        self.spec = spec
        self.folder = folder
        self.at = spec.at
        self.learner = lineage.read_base(folder / spec.base, spec.at).learner()
        self.done = False  # promoted or rolled back to: the trainer of the champion takes over
        self.cases = 0
        self.broken = 0  # answers against a must-never rule
        self.differences: deque[Difference] = deque(maxlen=MOST_DIFFERENCES)
        self.probation = Probation(alpha=spec.alpha, cases=spec.probation)
        self.gate = Gate(
            alpha=spec.alpha,
            margin=spec.margin,
            attempt=spec.attempt,
            simpler=spec.simpler,
        )
        name, since = spec.anchor
        self._base = lineage.read_base(folder / name, since) if name else None  # the anchor's base
        self._anchor: Decider | None = None
        self._rules = [parse(rule) for rule in spec.never]
        self._pending: dict[int, Pending] = {}
        self._baselines = Baselines(spec.schema)
        self._asked: list[lineage.Told] = []
        self._updates: deque[Update] = deque()  # not learned yet
        self._learned = spec.learned_until
        self._taught = spec.at  # the last event that was learned
        self._skipped: set[int] | None = None  # events known to be set aside; None: not read yet

    def follow(self, connection: Connection) -> bool:
        """Process some hundred more events; False if there are no more.

        Raises:
            OvertakenError: an event that it has learned was set aside: it has to start again.
            LearningError: an update raises, and was not set aside.
        """
        number = self.spec.number
        if self._skipped is None:
            self._skipped = {one.seq for _, one in Ledger.of(connection, number).marks}
        if self._base and self._anchor is None:
            self._anchor = lineage.build(connection, number, self._base, self.at)
        for group in lineage.told(connection, number, after=self.at, limit=EVENTS_AT_ONCE):
            for event, payload, about in group:
                self._step(connection, event, payload, about)
                self.at = event.seq
                if self.done:
                    return False
            self._answer()
            if not self._compares:
                self._learn(self.at)
            elif len(self._updates) > MOST_UPDATES:
                self._learn(self._updates[-MOST_UPDATES].seq)
            return True
        return False

    def _step(
        self,
        connection: Connection,
        event: Logged,
        payload: dict[str, Any],
        about: dict[str, Any],
    ) -> None:
        if event.type == "predicted":
            self._predicted(event, payload, about)
        elif event.type in ("feedback", "closed", "expired", "ruled"):
            self._answer()
            if payload.get("counted"):
                self._compare(event, payload)
            update = lineage.label_update(event, payload, about)
            if update and update.seq not in self._known_skipped:
                self._updates.append(update)
        elif update := own_update(event):
            if update.seq not in self._known_skipped:
                self._updates.append(update)
        elif event.type == "limits_changed":
            self._answer()
            self._rules = [parse(rule) for rule in payload["limits"]["never"]]
        elif event.type == TYPE:
            self._skip(set_aside_of(event).seq)
        elif event.type in SWITCHES and event.subject == self.spec.version:
            self._answer()
            self._learn(event.seq)
            self._hand_over(connection, event.seq)
            self.done = True

    @property
    def _known_skipped(self) -> set[int]:
        return self._skipped or set()

    def _skip(self, seq: int) -> None:
        """Skip an event that was set aside."""
        if seq in self._known_skipped or self._skipped is None:
            return
        if self.spec.at < seq <= self._taught:
            raise OvertakenError(f"event {seq} was set aside after it was learned here")
        self._skipped.add(seq)
        self._updates = deque(update for update in self._updates if update.seq != seq)

    def _hand_over(self, connection: Connection, seq: int) -> None:
        """Write the learner, which is the champion from event `seq` on, for the trainer."""
        skipped = Ledger.of(connection, self.spec.number).of_line(seq)
        learner = self.learner
        if self._since_base(skipped, seq) != self._since_base(self._known_skipped, seq):
            base = lineage.read_base(self.folder / self.spec.base, self.spec.at)
            learner = lineage.build(connection, self.spec.number, base, seq)
        lineage.keep(lineage.coming_file(self.folder, connection, seq), learner.packed())

    def _since_base(self, seqs: Collection[int], upto: int) -> set[int]:
        return {seq for seq in seqs if self.spec.at < seq < upto}

    def _predicted(self, event: Logged, payload: dict[str, Any], about: dict[str, Any]) -> None:
        """Queue a case to be answered, if its label is due.

        A case that the champion answered after fewer updates than this shadow is skipped, whatever
        its label will be.
        """
        due = payload["decision"]["ask"] or payload["decision"]["audit"]
        if not due or not self._compares or event.seq <= self.spec.start:
            return
        seen = payload["seen"]
        if self._updates and self._updates[0].seq <= seen:
            self._answer()  # with the updates before it
            self._learn(seen)
        if self._learned <= seen:
            self._asked.append((event, payload, about))

    def _learn(self, upto: int) -> None:
        """Learn the updates of events up to `upto`."""
        updates = []
        while self._updates and self._updates[0].seq <= upto:
            updates.append(self._updates.popleft())
        if not updates:
            return
        self._learned = self._taught = updates[-1].seq
        lineage.learn(self.learner, updates)
        if self._anchor:
            since = self.spec.anchor[1]  # the anchor has learned the updates before this event
            later = [update for update in updates if update.seq > since]
            if later:
                lineage.learn(self._anchor, later)
        for update in updates if self.spec.purpose == "challenge" else ():
            if update.label is not None and not update.wrong:
                self._baselines.learn(update.record, update.label)

    def _answer(self) -> None:
        """Answer the queued cases."""
        asked, self._asked = self._asked, []
        records = [payload["record"] for _, payload, _ in asked]
        if not records:
            return
        answers = predict_tolerant(self.learner, records)
        anchors: list[Label | None] = [None] * len(records)
        if self._anchor:
            anchors = predict_tolerant(self._anchor, records)
        for (event, payload, _), answer, anchor in zip(asked, answers, anchors, strict=True):
            self.cases += 1
            record, decision = payload["record"], payload["decision"]
            if answer is not None:
                self.broken += any(rule.holds(record, answer) for rule in self._rules)
            simple = self._baselines.answers(record) if self._compares_baselines else ()
            self._pending[event.seq] = Pending(
                id=event.subject,
                record=record,
                champion=payload["label"],
                answer=answer,
                anchor=anchor,
                baselines=simple,
                scale=payload["least"] / decision["label_probability"],
                environment=self._environment(record),
            )
        while len(self._pending) > MOST_PENDING:
            del self._pending[next(iter(self._pending))]

    @property
    def _compares(self) -> bool:
        """Whether its answers are still compared."""
        if self.spec.purpose == "challenge":
            return True
        return self.spec.purpose == "probation" and self.probation.verdict == "watching"

    @property
    def _compares_baselines(self) -> bool:
        return self.spec.purpose == "challenge"

    def _environment(self, record: Any) -> str:
        name = self.spec.environment
        found = record.get(name) if name and isinstance(record, dict) else None
        return f"{name}={found}" if isinstance(found, str | int | bool) else ""

    def _compare(self, event: Logged, payload: dict[str, Any]) -> None:
        """Compare both answers to a case with its label, or count it as unknown."""
        case = self._pending.pop(payload["case"], None)
        if case is None:
            return
        refuted = payload.get("wrong") and same_label(payload.get("label"), case.champion)
        known = event.type == "feedback" and not refuted
        if not known:
            self._take(self._unknown(event.seq, case, champion_wrong=bool(refuted)))
            return
        truth = payload["label"]
        if not same_label(case.champion, case.answer):
            different = Difference(
                case.id, "stream", case.record, case.champion, case.answer, truth
            )
            self.differences.appendleft(different)
        compared = PairedOutcome(
            seq=event.seq,
            before=not same_label(case.champion, truth),
            after=not same_label(case.answer, truth),
            anchor=None if self._anchor is None else not same_label(case.anchor, truth),
            baselines=tuple(
                (name, not same_label(answer, truth))
                for name, answer in zip(NAMES, case.baselines, strict=False)
            ),
            scale=case.scale,
            groups=tuple(
                filter(None, (case.environment, f"source={payload['source']}", f"label={truth}"))
            ),
        )
        self._take(compared)

    def _unknown(self, seq: int, case: Pending, *, champion_wrong: bool) -> PairedOutcome:
        """The outcome of a case without a label: it counts in favour of champion and baselines."""
        simple = tuple((name, False) for name in NAMES[: len(case.baselines)])
        after = champion_wrong or not same_label(case.champion, case.answer)
        return PairedOutcome(seq, champion_wrong, after, baselines=simple, scale=case.scale)

    def _take(self, compared: PairedOutcome) -> None:
        if self.spec.purpose == "challenge":
            self.gate.compare(compared)
        else:
            self.probation.compare(compared)

    def sit(self, pins: Sequence[tuple[Any, Label]]) -> tuple[list[Label | None], int]:
        """Answers to the pins of the exam, and the number that breaks a must-never rule."""
        answers = predict_tolerant(self.learner, [record for record, _ in pins])
        broken = sum(
            any(rule.holds(record, answer) for rule in self._rules)
            for (record, _), answer in zip(pins, answers, strict=True)
            if answer is not None
        )
        return answers, broken
