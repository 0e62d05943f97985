"""The mixture: the order in which an example passes feature map, experts, pool and calibration."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.encode.featuremap import FeatureMap, map_from_state
from quickstudy.encode.record import Raw, RecordEncoder
from quickstudy.experts.base import Batch, Expert
from quickstudy.experts.exemplars import Exemplars
from quickstudy.experts.pool import Pool
from quickstudy.experts.refitted import SlowExpert
from quickstudy.learners.classifier.answers import Answers, joined
from quickstudy.learners.classifier.batches import BatchMaker
from quickstudy.learners.classifier.confidence import Confidence
from quickstudy.learners.classifier.corrections import Corrections, digests
from quickstudy.learners.classifier.ensemble import Ensemble
from quickstudy.learners.classifier.order import Ints, Order, coarse
from quickstudy.learners.classifier.recipe import Recipe, capacity, default_recipe
from quickstudy.learners.classifier.refits import (
    Fitted,
    MapSchedule,
    RefitSchedule,
    UpkeepPolicy,
)
from quickstudy.stats.moments import one_blas_thread
from quickstudy.types import Floats

LABELS_AT_ONCE = 16  # labels beyond the planned ones for which memory is freed at once
CHUNK = 256  # rows whose features are held at once
ASKED_AT_ONCE = 32  # rows that are predicted in one go: compiled loops let no other thread run
EarlierVotes = tuple[Floats, int]  # outputs (E + M, K) and last label at an earlier prediction


class Mixture:
    """Learns label indices 0..K-1 from raw columns; an index K is a label not seen before.

    Args:
        encoder: knows the columns of the fields.
        budget_mb: memory for experts and remembered examples, in MiB.
        seed: seeds every random choice.
        only: names of the experts to use; all if empty.
        policy: what the owner does itself.
    """

    def __init__(
        self,
        encoder: RecordEncoder,
        *,
        budget_mb: float,
        seed: int,
        only: tuple[str, ...] = (),
        policy: UpkeepPolicy | None = None,
    ) -> None:
        self.encoder = encoder
        self.seed = seed
        self.labels = 0
        self.last = -1
        self.count = 0
        self.maps = 0  # times the feature map was chosen
        self.budget_mb = budget_mb
        self.exemplars = Exemplars(1, seed=seed)
        self.confidence = Confidence()
        self.corrections = Corrections()
        self.order = Order()
        self.batches = BatchMaker(encoder, self.order)
        self._only = only
        self._policy = policy or UpkeepPolicy()
        self.map_schedule = MapSchedule(self._policy)
        self._adopt("tabular")

    @property
    def map(self) -> FeatureMap | None:
        """The feature map; None before the first example."""
        return self.batches.map

    @property
    def experts(self) -> list[Expert]:
        """All experts."""
        return self.ensemble.experts

    @property
    def pool(self) -> Pool:
        """The pool of the experts."""
        return self.ensemble.pool

    def _adopt(self, modality: str) -> None:
        """Start with new experts, those for inputs of this modality."""
        self.modality = modality
        self._planned_for: int | None = self.labels
        self._plan()
        self.map_schedule.growth = self._recipe.growth
        self._start_with(self._recipe.select(self._only))

    def _start_with(self, experts: list[Expert]) -> None:
        """Start with these experts, and a new pool."""
        self.ensemble = Ensemble(experts, labels=self.labels)
        self.refit_schedule = RefitSchedule(self._policy, self.ensemble.slow, self.count)

    def _plan(self) -> None:
        """Plan widths and landmarks for the inputs and labels known, within the budget."""
        labels = self.labels if self._planned_for is None else self._planned_for
        dense = self.encoder.widths[1]
        self._recipe: Recipe = default_recipe(
            self.modality, self.budget_mb, dense=dense, labels=labels
        )

    def _make_room(self) -> None:
        """Remember fewer examples if inputs are wider, or labels more than planned."""
        width, dense = self.encoder.widths
        self.exemplars.shrink(
            capacity(8 * width + 4 * dense, self._recipe, self.budget_mb, labels=self.labels)
        )

    def predict(self, raw: Raw) -> Answers:
        """Answers to all rows of `raw`; changes nothing."""
        parts = []
        for at in range(0, len(raw), ASKED_AT_ONCE):
            rows = raw.rows(slice(at, at + ASKED_AT_ONCE))
            last = np.full(len(rows), self.last)
            parts.append(self._answer(rows, last)[0])
        return self.joined(parts)

    def probabilities(self, raw: Raw, last: Ints) -> Floats:
        """Probabilities of the pool alone for `raw` after these last labels, shape (n, K)."""
        return self.ensemble.predict(self._batch(raw, last))[0]

    def _batch(self, raw: Raw, last: Ints, y: Ints | None = None) -> Batch:
        return self.batches.make(raw, last, y, labels=self.labels)

    def _answer(self, raw: Raw, last: Ints) -> tuple[Answers, Floats]:
        batch = self._batch(raw, last)
        p, votes = self.ensemble.predict(batch)
        for i, key in enumerate(digests(raw).tolist()):
            self.corrections.apply(p[i], self.corrections.label(key))
            self.corrections.rule_out(p[i], key)
        confidence, novelty = self.confidence.answer(p, batch.familiarity)
        known = p * (1 - novelty[:, None])
        return Answers(known, confidence, novelty, votes), batch.familiarity

    def joined(self, parts: list[Answers]) -> Answers:
        """Answers to consecutive rows as one; labels that came later have probability 0."""
        return joined(parts, labels=self.labels, outputs=self.ensemble.outputs)

    def _evidence(self, y: Ints) -> Floats:
        """How many examples each of the next labels counts for."""
        evidence = self.order.evidence(y)
        return evidence if self.ensemble.fades and not self.order.told else np.ones(len(y))

    def learn(
        self, raw: Raw, y: Ints, *, earlier: Sequence[EarlierVotes | None] | None = None
    ) -> Answers:
        """Learn n rows in order; returns the answer to each before it was learned.

        `earlier` holds, for each row that was predicted earlier, the outputs and the last label of
        that time; the pool is then scored on those outputs.
        """
        if self.count == 0:
            self._begin(raw)
        with one_blas_thread() if len(y) > 1 else nullcontext():
            return self.joined(self._learn(raw, y, earlier))

    def _learn(
        self, raw: Raw, y: Ints, earlier: Sequence[EarlierVotes | None] | None
    ) -> list[Answers]:
        parts = []
        at = 0
        while at < len(y):
            stop, then = self._votes_at_prediction(earlier, at, self._segment(y, at))
            part = slice(at, stop)
            last = np.empty(stop - at, np.int64)
            last[0], last[1:] = self.last, y[at : stop - 1]
            if then:
                last = np.array([label for _, label in then])
            first_seen = int(y[at]) == self.labels
            step = self._first_seen if first_seen else self._step
            parts.append(step(raw.rows(part), y[part], last, [votes for votes, _ in then]))
            self.last = int(y[stop - 1])
            at = stop
        return parts

    def _begin(self, raw: Raw) -> None:
        """Choose experts, and how many examples to remember, by the first input."""
        if self.modality != self.encoder.modality:
            self._adopt(self.encoder.modality)
        self._plan()
        most = capacity(raw.numbers[:1].nbytes + raw.dense[:1].nbytes, self._recipe, self.budget_mb)
        self.exemplars = Exemplars(most, seed=self.seed)

    def _segment(self, y: Ints, at: int) -> int:
        """End of the rows from `at` on that are learned at once: up to the next scheduled event."""
        if y[at] == self.labels:
            return at + 1
        event = min(self.map_schedule.next_at(self.count), self.refit_schedule.next_at())
        event = max(event - self.count, 1)  # a refit may be overdue if others refit
        stop = min(len(y), at + CHUNK, at + event)
        new = np.flatnonzero(y[at:stop] >= self.labels)
        return at + int(new[0]) if len(new) else stop

    def _votes_at_prediction(
        self, earlier: Sequence[EarlierVotes | None] | None, at: int, stop: int
    ) -> tuple[int, list[EarlierVotes]]:
        """End of the rows from `at` on that all have earlier votes or all have none; the votes.

        Votes of other experts than the present ones are ignored.
        """
        if earlier is None:
            return stop, []
        outputs = self.ensemble.outputs
        votes = [v if v is not None and len(v[0]) == outputs else None for v in earlier[at:stop]]
        alike = next(
            (i for i, v in enumerate(votes) if (v is None) != (votes[0] is None)), len(votes)
        )
        return at + alike, [v for v in votes[:alike] if v is not None]

    def _step(self, raw: Raw, y: Ints, last: Ints, earlier: list[Floats]) -> Answers:
        batch = replace(self._batch(raw, last, y), evidence=self._evidence(y))
        p, votes = self.ensemble.learn(batch, earlier)
        self._correct(raw, y, p)
        confidence, novelty = self.confidence.learn(p, batch.familiarity, y, batch.evidence)
        self._remember(raw, y, last)
        return Answers(p * (1 - novelty[:, None]), confidence, novelty, votes)

    def _correct(self, raw: Raw, y: Ints, p: Floats) -> None:
        """Apply corrections to the answers `p`, then learn corrections from the labels."""
        wrong = (p.argmax(1) != y).tolist()
        for i, key in enumerate(digests(raw).tolist()):
            recalled = self.corrections.label(key)
            if recalled >= 0:
                self.corrections.apply(p[i], recalled)
                wrong[i] = recalled != int(y[i])
            if self.corrections.rule_out(p[i], key):
                wrong[i] = int(p[i].argmax()) != int(y[i])
            self.corrections.learn(key, int(y[i]), recalled=recalled, wrong=wrong[i])

    def _first_seen(self, raw: Raw, y: Ints, last: Ints, earlier: list[Floats]) -> Answers:
        """Learn one row with a new label: its answer is wrong, so the pool does not learn it."""
        answers, familiarity = self._answer(raw, last)
        p = answers.p / np.maximum(1.0 - answers.novelty[:, None], 1e-300)
        self.confidence.learn(p, familiarity, y, np.ones(1))
        self.labels += 1
        if self._recipe.record is not None:
            self.map_schedule.label_added(self.count)
        self.confidence.grow(self.labels)
        self.order.grow(self.labels)
        evidence = self._evidence(y)
        self.ensemble.grow(self.labels)
        if (self.labels - self._recipe.labels) % LABELS_AT_ONCE == 1:
            self._make_room()
        key = int(digests(raw)[0])
        recalled = self.corrections.label(key)
        self.corrections.learn(key, int(y[0]), recalled=recalled, wrong=True)
        if self.map:
            self.ensemble.teach_experts(replace(self._batch(raw, last, y), evidence=evidence))
        self._remember(raw, y, last)
        return answers

    def _remember(self, raw: Raw, y: Ints, last: Ints) -> None:
        self.exemplars.add(raw, y, last)
        self.count += len(y)
        if self.map_schedule.wanted(self.count, self.order.uncounted):
            self.choose_map()
        if self.count >= self.refit_schedule.next_at():
            self.refit(self.refit_schedule.due_experts(self.count))

    @property
    def map_due(self) -> bool:
        """Whether the map would be chosen now if it were not frozen."""
        return self.count >= self.map_schedule.due

    @property
    def refit_due(self) -> bool:
        """Whether a slow expert has reached the size at which it is to be refitted."""
        return self.count >= self.refit_schedule.due

    def new_field(self) -> None:
        """A field was added: plan for its columns, and choose the map soon."""
        if self.count:
            self._plan()
            self._make_room()
        self.map_schedule.field_added(self.count)

    def new_form(self) -> None:
        """A form of records was accepted: choose the map soon."""
        self.map_schedule.form_accepted(self.count)

    @one_blas_thread()  # also where a single row is learned
    def choose_map(self) -> None:
        """Choose a new feature map from remembered examples, and let the experts relearn these."""
        self.map_schedule.chosen(self.count)
        self.order.mapped()
        self.maps += 1
        if self.modality != self.encoder.modality:
            self._adopt(self.encoder.modality)
        self._planned_for = self.labels
        self._plan()
        self._make_room()
        slots = self.exemplars.order()
        self._choose(slots)
        batch = self._remembered(slots)
        last = self.exemplars.facts(slots)[:, 1]
        view = self._recipe.record
        if view and self.order.judge(batch.features[view], batch.y, last, batch.weight):
            self._choose(slots)
            batch = self._remembered(slots)
            self.refit_schedule.fitted(0)  # earlier fits saw the last label, or did not
        pooled = self.ensemble.relearn(self._shuffled_if_filed(batch, slots), self.budget_mb)
        if pooled:
            self.confidence.recalibrate(*pooled)

    def _choose(self, slots: Ints) -> None:
        rng = np.random.default_rng([self.seed, self.count])
        self.batches.choose_map(self.exemplars, slots, self._recipe, rng)

    def _remembered(self, slots: Ints) -> Batch:
        return self.batches.remembered(self.exemplars, slots, labels=self.labels, count=self.count)

    def _shuffled_if_filed(self, batch: Batch, slots: Ints) -> Batch:
        """The batch, in a random order if its examples had been filed by label."""
        y, last = self.exemplars.facts(slots)[:, :2].T
        filed = self.ensemble.fades and not self.order.told and coarse(y, last)
        return batch.shuffled() if filed else batch

    @one_blas_thread()
    def refit(self, experts: list[SlowExpert] | None = None) -> None:
        """Refit slow experts on remembered examples; all of them by default."""
        self._refit(self.ensemble.slow if experts is None else experts)
        self.refit_schedule.fitted(self.count)

    def _refit(self, experts: list[SlowExpert]) -> None:
        slots = self.exemplars.order()
        batch = self._shuffled_if_filed(self._remembered(slots), slots)
        for expert in experts:
            expert.refit(batch, seed=self.seed)

    def fit_due(self) -> Fitted:
        """Refit the slow experts that are due, for `install` in a mixture that has learned more.

        Changes this mixture: call it on a copy.
        """
        due = self.refit_schedule.due_experts(self.count)
        self._refit(due)
        return self.ensemble.fitted(due, count=self.count, maps=self.maps)

    def install(self, fitted: Fitted) -> None:
        """Take over slow experts that were fitted elsewhere, on an earlier state of this mixture.

        Experts fitted under another feature map are dropped if they read the map.
        """
        self.ensemble.install(fitted, maps=self.maps, labels=self.labels)
        self.refit_schedule.fitted(max(self.refit_schedule.fitted_at, fitted.count))

    def refute(self, raw: Raw, label: int) -> None:
        """Learn that `label` is wrong for the only row, without learning which label is right."""
        answers, _ = self._answer(raw, np.full(1, self.last))
        if int(answers.p[0].argmax()) == label:
            p = answers.p / np.maximum(1.0 - answers.novelty[:, None], 1e-300)
            self.confidence.refuted(p)
        self.corrections.exclude(int(digests(raw)[0]), label)

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """All that later predictions depend on: arrays by name, and plain values."""
        exemplars, remembered = self.exemplars.state()
        groups = {
            "exemplars": exemplars,
            "doubt": self.confidence.state(),
            "order": self.order.state(),
            **self.ensemble.state(),
        }
        if self.map:
            groups["map"] = self.map.state()
        arrays = {f"{g}/{name}": a for g, state in groups.items() for name, a in state.items()}
        plain = {
            "labels": self.labels,
            "last": self.last,
            "count": self.count,
            **self.map_schedule.state(),
            "fitted_at": self.refit_schedule.fitted_at,
            "maps": self.maps,
            "kind": self.modality,
            "capacity": self.exemplars.capacity,
            "recall": self.corrections.state(),
            "exemplars": remembered,
        }
        if self._planned_for is not None:
            plain["planned_for"] = self._planned_for
        return arrays, plain

    def restore(self, arrays: dict[str, NDArray[Any]], plain: dict[str, Any]) -> None:
        """Take over a state, also one that an older version saved."""
        groups: dict[str, dict[str, NDArray[Any]]] = {}
        for path, array in arrays.items():
            group, name = path.split("/", 1)
            groups.setdefault(group, {})[name] = array
        self.labels, self.last, self.count = plain["labels"], plain["last"], plain["count"]
        self._adopt(plain["kind"])
        self._planned_for = plain.get("planned_for")  # older learners did not plan
        self._plan()
        known = [e for i, e in enumerate(self.experts) if f"expert{i}" in groups]
        if len(known) < len(self.experts):
            self._start_with(known)  # an older learner does not have all of them
        self.map_schedule.restore(plain)
        self.maps = plain["maps"]
        self.refit_schedule.fitted(plain["fitted_at"])
        self.exemplars = Exemplars(plain["capacity"], seed=self.seed)
        self.exemplars.restore(groups["exemplars"], plain["exemplars"])
        self.ensemble.restore(groups)
        self.confidence.restore(groups["doubt"])
        self.order.restore(groups.get("order", {}))
        self.order.grow(self.labels)
        self.corrections.restore(plain["recall"])
        if "map" in groups:
            self.batches.map = map_from_state(groups["map"], self._recipe.views)
