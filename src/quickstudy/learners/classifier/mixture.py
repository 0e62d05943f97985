"""The mixture: feature map, experts and pool, and the order in which one example passes them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.encode.featuremap import FeatureMap, choose_map, map_from_state
from quickstudy.encode.record import Raw, RecordEncoder
from quickstudy.experts.base import LEFT_OUT, Block, Expert
from quickstudy.experts.exemplars import Exemplars
from quickstudy.experts.pool import MEMBERS, Pool
from quickstudy.learners.classifier.answers import Answers, joined, padded, said_by
from quickstudy.learners.classifier.confidence import Confidence
from quickstudy.learners.classifier.corrections import Corrections, digests
from quickstudy.learners.classifier.order import Order
from quickstudy.learners.classifier.recipe import Recipe, capacity, default_recipe
from quickstudy.learners.classifier.refits import Refits
from quickstudy.stats.moments import one_blas_thread
from quickstudy.types import Floats

LABELS_AT_ONCE = 16  # labels beyond those planned for, for which room is made at once
LEFT_OUT_SHARE, LEAST_LEFT_OUT = 0.5, 100  # of the budget, for left-out votes; rows at least
LEAST_UNCOUNTED = 16  # a share of the examples: so many came in a run of one label
CHUNK = 256  # rows whose features are held at once
ASKED_AT_ONCE = 32  # rows that are predicted in one go: compiled loops let no other thread run
Ints = NDArray[np.int64]
Given = Sequence[tuple[Floats, int] | None] | None  # votes and last label of earlier predictions


class Mixture(Refits):
    """Learns label indices 0..K-1 from raw columns; an index K is a first-seen label."""

    def __init__(
        self, encoder: RecordEncoder, *, budget_mb: float, seed: int, only: tuple[str, ...] = ()
    ) -> None:
        self.encoder = encoder
        self.seed = seed
        self.labels = 0
        self.last = -1
        self.count = 0
        self.budget_mb = budget_mb
        self.exemplars = Exemplars(1, seed=seed)
        self.map: FeatureMap | None = None
        self.kind = "tabular"
        self._only = only
        self._adopt("tabular")
        self.doubt = Confidence()
        self.recall = Corrections()
        self._codes: NDArray[np.bool_] | None = None  # a cache: which columns hold codes
        self._memo: Any = (None, None, None)  # a cache, not state: map, input, what it maps to
        self._due, self._midway = 1, 0
        self._mapped_at = 0
        self.deferred = False  # slow experts are refitted by others, who `install` the result
        self.order = Order()
        self.maps = 0  # times the feature map was chosen
        self.frozen_at = sys.maxsize  # examples from which on only `choose_map` chooses it

    def _adopt(self, kind: str) -> None:
        """Start anew with the experts for a kind of input."""
        self.kind = kind
        self._planned_for: int | None = self.labels
        recipe = self._plan()
        self.growth = recipe.growth
        self.record = recipe.record
        self._start_with(recipe.select(self._only))
        self._fitted_at = self.count
        self._refit_at = self._next_refit()

    def _start_with(self, experts: list[Expert]) -> None:
        """Start with these experts, and a pool of them."""
        self.experts = experts
        fading = [fades for e in experts for fades in e.fading]
        self._fades = any(fading)
        self.voices = len(fading) + MEMBERS
        self.pool = Pool(len(fading), fading=fading)
        for expert in self.experts:
            expert.grow(self.labels)

    def _plan(self) -> Recipe:
        """Widths and numbers of landmarks for the inputs and labels known, within the budget."""
        dense = self.encoder.widths[1]
        labels = self.labels if self._planned_for is None else self._planned_for
        recipe = default_recipe(self.kind, self.budget_mb, dense=dense, labels=labels)
        self.views, self.columns, self._recipe = recipe.views, recipe.columns, recipe
        return recipe

    def _make_room(self) -> None:
        """Remember fewer examples where inputs have become wider, or labels more than planned."""
        width, dense = self.encoder.widths
        self.exemplars.shrink(
            capacity(8 * width + 4 * dense, self._recipe, self.budget_mb, labels=self.labels)
        )

    def predict(self, raw: Raw) -> Answers:
        """What it says of `raw`, changing nothing."""
        parts = []
        for at in range(0, len(raw), ASKED_AT_ONCE):
            rows = raw.rows(slice(at, at + ASKED_AT_ONCE))
            last = np.full(len(rows), self.last)
            parts.append(self._answer(rows, last)[0])
        return self.joined(parts)

    def probabilities(self, raw: Raw, last: Ints) -> Floats:
        """What the pool alone says of `raw` after these last labels, shape (n, K)."""
        return self.pool.predict(self._votes(self._block(raw, last)))[0]

    def _answer(self, raw: Raw, last: Ints) -> tuple[Answers, Floats]:
        block = self._block(raw, last)
        votes = self._votes(block)
        p, members = self.pool.predict(votes)
        for i, key in enumerate(digests(raw).tolist()):
            self.recall.apply(p[i], self.recall.label(key))
            self.recall.rule_out(p[i], key)
        confidence, novelty = self.doubt.answer(p, block.familiarity)
        known = p * (1 - novelty[:, None])
        answers = Answers(known, confidence, novelty, said_by(votes, members))
        return answers, block.familiarity

    def joined(self, parts: list[Answers]) -> Answers:
        """Answers given one after the other, as one; labels that came later have probability 0."""
        return joined(parts, labels=self.labels, voices=self.voices)

    def _block(self, raw: Raw, last: Ints, y: Ints | None = None, *, blas: bool = False) -> Block:
        last = self._told(last)
        z, features = self._mapped(raw, last, blas)
        return Block(
            features=features,
            z=z,
            raw=raw.numbers,
            last=last,
            labels=self.labels,
            y=np.zeros(0, np.int64) if y is None else y,
            familiarity=np.zeros(len(raw)),
            age=np.zeros(0),
            weight=np.zeros(0),
            evidence=np.ones(len(raw)),
            categories=self._categories(raw.numbers.shape[1]),
        )

    def _categories(self, columns: int) -> NDArray[np.bool_]:
        """Which of the first unscaled columns hold codes of categories."""
        if self._codes is None or len(self._codes) != self.encoder.widths[0]:
            self._codes = self.encoder.category_columns
        return self._codes[:columns]

    def _told(self, last: Ints) -> Ints:
        """The last label known at each row, as experts are told it."""
        return last if self.order.told else np.full(len(last), -1)

    def _evidence(self, y: Ints) -> Floats:
        """How many examples each of the next labels counts for."""
        evidence = self.order.evidence(y)
        return evidence if self._fades and not self.order.told else np.ones(len(y))

    def _mapped(self, raw: Raw, last: Ints, blas: bool) -> tuple[Floats, dict[str, Floats]]:
        """Scaled columns and views; those of the last single input are kept.

        An input is usually learned right after it was predicted, so this halves the mapping.
        """
        if self.map is None:
            return np.zeros((len(raw), 0)), {}
        key = (raw.numbers.tobytes(), raw.dense.tobytes(), int(last[0])) if len(raw) == 1 else None
        memo = self._memo
        if key is not None and memo[0] is self.map and memo[1] == key:
            kept: tuple[Floats, dict[str, Floats]] = memo[2]
            return kept
        z = self.map.scaled(raw.numbers, raw.dense)
        mapped = z, self.map.features(z, last, blas=blas)
        if key is not None and not blas:
            self._memo = (self.map, key, mapped)
        return mapped

    def _votes(self, block: Block) -> Floats:
        if self.labels == 0:
            return np.zeros((self.voices - MEMBERS, len(block), 0))
        return np.concatenate([e.predict(block) for e in self.experts])

    def learn(self, raw: Raw, y: Ints, *, given: Given = None) -> Answers:
        """Learn n rows one after the other; what it said of each before learning it.

        `given` holds, for each row of which a prediction was made earlier, its votes (E + M, K) and
        the last label of that time: the pool is then scored on those votes.
        """
        if self.count == 0:
            self._begin(raw)
        with one_blas_thread() if len(y) > 1 else nullcontext():
            return self.joined(self._learn(raw, y, given))

    def _learn(self, raw: Raw, y: Ints, given: Given) -> list[Answers]:
        parts = []
        at = 0
        while at < len(y):
            stop, then = self._said(given, at, self._segment(y, at))
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
        """Choose experts and how many examples to remember by the looks of the first input."""
        if self.kind != self.encoder.kind:
            self._adopt(self.encoder.kind)
        most = capacity(raw.numbers[:1].nbytes + raw.dense[:1].nbytes, self._plan(), self.budget_mb)
        self.exemplars = Exemplars(most, seed=self.seed)

    def _segment(self, y: Ints, at: int) -> int:
        """End of the rows from `at` on that can be learned in one go: up to what happens next."""
        if y[at] == self.labels:
            return at + 1
        event = (self._map_at if self.deferred else min(self._map_at, self._refit_at)) - self.count
        stop = min(len(y), at + CHUNK, at + max(event, 1))  # others may have left a refit due
        new = np.flatnonzero(y[at:stop] >= self.labels)
        return at + int(new[0]) if len(new) else stop

    def _said(self, given: Given, at: int, stop: int) -> tuple[int, list[tuple[Floats, int]]]:
        """Where rows from `at` on stop to be alike in having earlier votes, and those votes.

        Votes of experts that have changed since are no votes.
        """
        if given is None:
            return stop, []
        said = [g if g is not None and len(g[0]) == self.voices else None for g in given[at:stop]]
        alike = next((i for i, g in enumerate(said) if (g is None) != (said[0] is None)), len(said))
        return at + alike, [g for g in said[:alike] if g is not None]

    def _step(self, raw: Raw, y: Ints, last: Ints, given: list[Floats]) -> Answers:
        block = replace(self._block(raw, last, y), evidence=self._evidence(y))
        votes = np.concatenate([e.learn(block) for e in self.experts])
        said = None
        if given:
            then = np.stack([padded(g, self.labels) for g in given], axis=1)
            votes, said = then[:-MEMBERS], np.exp(then[-MEMBERS:])
        p, members = self.pool.learn(votes, y, said, evidence=block.evidence)
        self._recall(raw, y, p)
        confidence, novelty = self.doubt.learn(p, block.familiarity, y, block.evidence)
        self._remember(raw, y, last)
        return Answers(p * (1 - novelty[:, None]), confidence, novelty, said_by(votes, members))

    def _recall(self, raw: Raw, y: Ints, p: Floats) -> None:
        wrong = (p.argmax(1) != y).tolist()
        for i, key in enumerate(digests(raw).tolist()):
            recalled = self.recall.label(key)
            if recalled >= 0:
                self.recall.apply(p[i], recalled)
                wrong[i] = recalled != int(y[i])
            if self.recall.rule_out(p[i], key):
                wrong[i] = int(p[i].argmax()) != int(y[i])
            self.recall.learn(key, int(y[i]), recalled=recalled, wrong=wrong[i])

    def _first_seen(self, raw: Raw, y: Ints, last: Ints, given: list[Floats]) -> Answers:
        """One row whose label is new: an error by definition; only doubt and experts learn it."""
        answers, familiarity = self._answer(raw, last)
        p = answers.p / np.maximum(1.0 - answers.novelty[:, None], 1e-300)
        self.doubt.learn(p, familiarity, y, np.ones(1))
        self.labels += 1
        self._new_label()
        self.doubt.grow(self.labels)
        self.order.grow(self.labels)
        evidence = self._evidence(y)
        for expert in self.experts:
            expert.grow(self.labels)
        if (self.labels - self._recipe.labels) % LABELS_AT_ONCE == 1:
            self._make_room()
        key = int(digests(raw)[0])
        self.recall.learn(key, int(y[0]), recalled=self.recall.label(key), wrong=True)
        if self.map:
            block = replace(self._block(raw, last, y), evidence=evidence)
            for expert in self.experts:
                expert.learn(block)
        self._remember(raw, y, last)
        return answers

    def _remember(self, raw: Raw, y: Ints, last: Ints) -> None:
        self.exemplars.add(raw, y, last)
        self.count += len(y)
        if self._map_wanted():
            self.choose_map()
        if self.refit_due and not self.deferred:
            self.refit(self._slow_due())

    @property
    def _map_at(self) -> int:
        """The next size at which the feature map may be chosen anew."""
        at = self._midway if self.count < self._midway < self._due else self._due
        return at if at <= self.frozen_at else sys.maxsize

    def _map_wanted(self) -> bool:
        """Whether a new feature map is due now: halfway, only after runs of one label."""
        if self.count >= self._due:
            return self._due <= self.frozen_at
        runs = self.order.uncounted * LEAST_UNCOUNTED >= self.count
        return self.count == self._midway <= self.frozen_at and runs

    @property
    def map_due(self) -> bool:
        """Whether a frozen feature map has come to the size at which it would be chosen anew."""
        return self.count >= self._due

    def new_field(self) -> None:
        """A field was added: choose the map anew before long, so that it counts."""
        if self.count:
            self._plan()
            self._make_room()
        self._due = min(self._due, self.count + 8 + self.count // 4)

    def new_form(self) -> None:
        """A form without fields that were always there is usual now: choose the map anew."""
        self._due = min(self._due, self.count + 1)

    def _new_label(self) -> None:
        """A label was added: a new map is due soon, as what tells the label may not vary before it.

        It comes after a growth of a twentieth at the earliest, however many labels are added.
        """
        if self.record is not None:
            soon = max(self.count + 8, int(self._mapped_at * 1.05))
            self._due = min(self._due, soon)

    @one_blas_thread()  # also where a single row is learned
    def choose_map(self) -> None:
        """Choose the feature map anew from remembered examples, which the experts then relearn."""
        growth = next(factor for size, factor in self.growth if self.count < size)
        self._due = max(self.count + 1, int(self.count * growth))
        self._midway = (self.count + self._due) // 2
        self._mapped_at = self.count
        self.order.mapped()
        self.maps += 1
        if self.kind != self.encoder.kind:
            self._adopt(self.encoder.kind)
        self._planned_for = self.labels
        self._plan()
        self._make_room()
        slots = self.exemplars.order()
        self._choose(slots)
        block = self._remembered(slots)
        last = self.exemplars.facts(slots)[:, 1]
        if self.record and self.order.judge(
            block.features[self.record], block.y, last, block.weight
        ):
            self._choose(slots)
            block = self._remembered(slots)
            self._fitted_at = 0  # what was fitted before was told otherwise
            self._refit_at = self._next_refit()
        self._relearn(self._as_filed(block, slots))

    def _choose(self, slots: Ints) -> None:
        raw, last = self.exemplars.raw(slots), self.exemplars.facts(slots)[:, 1]
        self.map = choose_map(
            raw,
            self._told(last),
            categories=self.encoder.category_columns,
            dense_fields=self.encoder.dense_fields,
            views=self.views,
            columns=self.columns,
            rng=np.random.default_rng([self.seed, self.count]),
        )

    def _relearn(self, block: Block) -> None:
        """Let the experts relearn, and the pool weigh them by their left-out votes.

        Where examples were `filed` by label, only these votes say who knows the labels: each was
        predicted while its own label came.
        """
        left_out: list[Floats] = []
        which: list[int] = []
        voice = 0
        judged = np.flatnonzero(block.judged())
        most = LEFT_OUT_SHARE * self.budget_mb * 2**20 / (8 * self.voices * max(self.labels, 1))
        judged = judged[-max(int(most), LEAST_LEFT_OUT) :]
        for expert in self.experts:
            found = expert.relearn(block)
            if found is not None:
                left_out.append(found[:, judged])
                which += range(voice, voice + len(found))
            voice += len(expert.names)
        labels = len(np.unique(block.y))  # one label tells no expert from another
        asked = block.filed or len(block) <= LEFT_OUT
        if asked and labels > 1 and len(judged) and left_out:
            votes, y = np.concatenate(left_out), block.y[-LEFT_OUT:][judged]
            if block.filed:
                self.pool.regrade(votes, which, y)
            self.doubt.recalibrate(self.pool.stack(votes, which, y), y)

    def refute(self, raw: Raw, label: int) -> None:
        """Learn of the only row that `label` is wrong, without learning what is right."""
        answers, _ = self._answer(raw, np.full(1, self.last))
        if int(answers.p[0].argmax()) == label:
            p = answers.p / np.maximum(1.0 - answers.novelty[:, None], 1e-300)
            self.doubt.refuted(p)
        self.recall.exclude(int(digests(raw)[0]), label)

    def _remembered(self, slots: Ints) -> Block:
        """Remembered examples as a block, oldest first, with their ages and weights."""
        raw, facts = self.exemplars.raw(slots), self.exemplars.facts(slots)
        return replace(
            self._block(raw, facts[:, 1], facts[:, 0], blas=True),
            age=(self.count - 1 - facts[:, 2]).astype(float),
            weight=self.exemplars.weight(slots),
        )

    def state(self) -> tuple[dict[str, NDArray[Any]], dict[str, Any]]:
        """All that later predictions depend on: arrays by name, and plain values."""
        exemplars, remembered = self.exemplars.state()
        groups = {"exemplars": exemplars, "pool": self.pool.state(), "doubt": self.doubt.state()}
        groups["order"] = self.order.state()
        groups |= {f"expert{i}": e.state() for i, e in enumerate(self.experts)}
        if self.map:
            groups["map"] = self.map.state()
        arrays = {f"{g}/{name}": a for g, state in groups.items() for name, a in state.items()}
        plain = {
            "labels": self.labels,
            "last": self.last,
            "count": self.count,
            "due": self._due,
            "midway": self._midway,
            "mapped_at": self._mapped_at,
            "fitted_at": self._fitted_at,
            "maps": self.maps,
            "kind": self.kind,
            "capacity": self.exemplars.capacity,
            "recall": self.recall.state(),
            "exemplars": remembered,
        }
        if self._planned_for is not None:
            plain["planned_for"] = self._planned_for
        return arrays, plain

    def restore(self, arrays: dict[str, NDArray[Any]], plain: dict[str, Any]) -> None:
        """Take up where the learner that gave this state stood."""
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
            self._start_with(known)  # an older learner has not all of them
        self._due, self.maps = plain["due"], plain["maps"]
        self._midway, self._mapped_at = plain.get("midway", 0), plain.get("mapped_at", 0)
        self._fitted_at = plain["fitted_at"]
        self._refit_at = self._next_refit()
        self.exemplars = Exemplars(plain["capacity"], seed=self.seed)
        self.exemplars.restore(groups["exemplars"], plain["exemplars"])
        self.pool.restore(groups["pool"])
        self.doubt.restore(groups["doubt"])
        self.order.restore(groups.get("order", {}))
        self.order.grow(self.labels)
        self.recall.restore(plain["recall"])
        for i, expert in enumerate(self.experts):
            expert.restore(groups[f"expert{i}"])
        if "map" in groups:
            self.map = map_from_state(groups["map"], self.views)
