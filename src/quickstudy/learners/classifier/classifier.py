"""`Classifier`: learns labels of records, texts and vectors from a stream."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from quickstudy import snapshot
from quickstudy.encode.inputs import plain_input
from quickstudy.encode.parsing import Parsed
from quickstudy.encode.record import RecordEncoder
from quickstudy.encode.room import room_for
from quickstudy.encode.tables import labels_of, rows_of
from quickstudy.encode.values import plain_label, plain_scalar
from quickstudy.errors import InputError, LabelError, NotReadyError, SettingError
from quickstudy.learners.base import atomic, shared
from quickstudy.learners.classifier.answers import Answers
from quickstudy.learners.classifier.explain import explain
from quickstudy.learners.classifier.familiarity import Familiarity, Judgement, dimmed
from quickstudy.learners.classifier.mixture import EarlierVotes, Mixture
from quickstudy.learners.classifier.recipe import check_names, default_recipe
from quickstudy.learners.classifier.refits import Fitted, UpkeepPolicy
from quickstudy.learners.decider import Decider
from quickstudy.learners.labels import LabelIndex, checked_label
from quickstudy.types import (
    Explanation,
    FieldReport,
    Input,
    Label,
    Prediction,
    PredictionBatch,
)

LEAST_BUDGET_MB, MOST_BUDGET_MB = 16, 65_536
LABELS_PER_MB = 8  # each label takes a column of each expert's weights


class Classifier(Decider):
    """Learns from a stream, one example at a time; no tuning needed.

    An input is a record (a dict of numbers, strings, booleans, times, None and lists of numbers), a
    text, or a flat array of numbers. A label is a str, int or bool; 1, True and "1" are three
    labels. Members of an Enum and scalars of numpy count as their values; spaces around a label are
    ignored. A batch is a list of inputs, a table of pandas, polars or Arrow (a row is a record; NaN
    means missing), or an array whose rows are vectors.

    Safe for threads: many may predict at the same time, and a thread that teaches is alone. No
    example is lost; a prediction reflects the state between two calls of `learn`.

    Args:
        budget_mb: memory that remembered examples and experts may take, in MiB, at least 16.
        experts: names of the experts to use (see `experts`); all by default.
        schema: field name -> "number", "boolean", "category", "text" or "vector", for fields whose
            type is not to be inferred.
        seed: seeds every random choice; same seed and same calls give the same bits.

    Attributes:
        forms: column -> its format in the files that were learned; kept for `quickstudy predict`.

    Examples:
        >>> c = Classifier()
        >>> for i in range(40):
        ...     _ = c.learn({"amount": i % 10, "kind": "card"}, "large" if i % 10 > 5 else "small")
        >>> c.predict({"amount": 9, "kind": "card"}).label
        'large'
        >>> c.examples, c.labels
        (40, ('small', 'large'))
    """

    _kind = "classifier"
    _noun = "classifier"

    def __init__(
        self,
        *,
        budget_mb: float = 64,
        experts: Sequence[str] | None = None,
        schema: Mapping[str, str] | None = None,
        seed: int = 0,
    ) -> None:
        budget_mb, seed = plain_scalar(budget_mb), plain_scalar(seed)
        if not LEAST_BUDGET_MB <= budget_mb <= MOST_BUDGET_MB:
            raise SettingError(
                f"budget_mb is {budget_mb}; it must be {LEAST_BUDGET_MB} to {MOST_BUDGET_MB}"
            )
        if not isinstance(seed, int) or seed < 0:
            raise SettingError(f"seed is {seed!r}; it must be an integer of at least 0")
        check_names(tuple(experts or ()))
        self.budget_mb = budget_mb
        self.seed = seed
        super().__init__()
        self._only = tuple(experts or ())
        self._encoder = RecordEncoder(schema, room=room_for(budget_mb))
        self.forms: dict[str, str] = {}
        self._labels = LabelIndex()
        self._policy = UpkeepPolicy()
        self._mixture = Mixture(
            self._encoder, budget_mb=budget_mb, seed=seed, only=self._only, policy=self._policy
        )
        self._familiarity = Familiarity(self._encoder, self._mixture)

    @property
    @shared
    def labels(self) -> tuple[Label, ...]:
        """Labels in order of first appearance."""
        return tuple(self._labels.labels)

    @property
    @shared
    def examples(self) -> int:
        """Number of examples learned."""
        return self._mixture.count

    @property
    @shared
    def maps(self) -> int:
        """Number of times the feature map was chosen; a choice takes as long as many examples."""
        return self._mixture.maps

    @property
    @shared
    def fields(self) -> tuple[FieldReport, ...]:
        """The fields seen so far, with their types."""
        return self._encoder.report()

    @property
    @shared
    def experts(self) -> tuple[tuple[str, float], ...]:
        """Experts with their present weights, which add up to 1."""
        names = [name for e in self._mixture.experts for name in e.names]
        return tuple(zip(names, self._mixture.pool.weights.tolist(), strict=True))

    @property
    @shared
    def size_bytes(self) -> int:
        """Bytes of all arrays of the state."""
        return sum(a.nbytes for a in self._mixture.state()[0].values())

    def predict(self, x: Input) -> Prediction:
        """Predict the label of one input; changes nothing.

        Raises:
            RecordError: the input cannot be read.
        """
        prediction: Prediction = self._predict([plain_input(x)])[0]
        return prediction

    def predict_many(self, xs: Any, *, as_is: bool = False) -> PredictionBatch:
        """Predict the labels of many inputs by the present state; the same bits as one by one.

        Args:
            xs: a batch: a list of inputs, a table, an array (n, d), a series of texts.
            as_is: the inputs are plain values (see `encode.values`), as a log keeps them.

        Raises:
            RecordError: an input cannot be read, or `xs` is one input.
        """
        return self._predict(xs if as_is else [plain_input(x) for x in rows_of(xs)])

    @shared
    def _predict(self, xs: list[Input]) -> PredictionBatch:
        parsed = self._encoder.read(xs)
        found = self._familiarity.judgements(parsed)
        last = np.full(len(parsed), self._mixture.last)
        parts = [self._mixture.predict(raw) for raw in self._encoder.filled(parsed)]
        return self._batch(self._mixture.joined(parts), last, found)

    def learn(self, x: Input, y: Label, *, prediction: Prediction | None = None) -> int:
        """Learn one example at once; returns its number, counted from 0.

        Args:
            x: the input.
            y: its label.
            prediction: the earlier prediction for x, if the label comes later: the pool is then
                scored on the experts' votes of that time.

        Raises:
            RecordError, LabelError: nothing was learned.
        """
        return self._learn(plain_input(x), plain_label(y), prediction)

    @atomic
    def _learn(self, x: Input, y: Label, prediction: Prediction | None) -> int:
        self._train([x], [y], [prediction])
        return self._mixture.count - 1

    def _earlier(self, prediction: Prediction | None) -> EarlierVotes | None:
        """Votes and last label of an earlier prediction; None if there was none."""
        if prediction is None:
            return None
        if max(prediction.votes.shape[1], prediction.last_label + 1) > len(self._labels):
            raise InputError("prediction was made by another learner: it knows labels of its own")
        return prediction.votes, prediction.last_label

    def learn_not(self, x: Input, y: Label, *, as_is: bool = False) -> None:
        """Learn that `y` is not the label of x, when the right label is unknown.

        This input is not answered with `y` again until a label is learned for it, and the
        confidence of similar answers decreases. Nothing else is learned about other inputs.

        Raises:
            RecordError, LabelError: the input cannot be read, or `y` was never learned.
        """
        self._refute(*(x, y) if as_is else (plain_input(x), plain_label(y)))

    @atomic
    def _refute(self, x: Input, y: Label) -> None:
        index = self._labels.of(checked_label(y))
        if index is None:
            raise LabelError(f"label {y!r} was never learned, so it cannot be refuted")
        self._mixture.refute(self._encoder.encode([x]), index)
        self._familiarity.changed()

    def check(self, x: Input) -> None:
        """Check that x could be learned.

        Raises:
            RecordError: x cannot be read; the message names the field.
        """
        self._check(plain_input(x))

    @shared
    def _check(self, x: Input) -> None:
        self._encoder.parse([x])

    def learn_many(
        self,
        xs: Any,
        ys: Any,
        *,
        predictions: Sequence[Prediction | None] | None = None,
        as_is: bool = False,
    ) -> None:
        """Learn examples in order: the same bits as one by one, far faster.

        Args:
            xs: a batch, as in `predict_many`.
            ys: the label of each: a list, an array, a series, or a table of one column.
            predictions: one for each example, or None, as in `learn`.
            as_is: inputs and labels are lists of plain values, as a log keeps them.

        Raises:
            RecordError, LabelError: nothing was learned.
        """
        inputs, labels = (xs, ys) if as_is else _plain_batch(xs, ys)
        self._train(inputs, labels, predictions, keep=False)

    def test_then_train(self, xs: Any, ys: Any) -> PredictionBatch:
        """Predict each example and then learn it, in order; returns the predictions.

        Inputs and labels as in `learn_many`.
        """
        inputs, labels = _plain_batch(xs, ys)
        return self._train(inputs, labels, None)

    @atomic
    def _train(
        self,
        xs: list[Input],
        ys: list[Label],
        predictions: Sequence[Prediction | None] | None,
        *,
        keep: bool = True,
    ) -> PredictionBatch:
        """Learn in order; returns what was predicted before, or nothing without `keep`."""
        if len(xs) != len(ys):
            raise LabelError(f"there are {len(xs)} inputs and {len(ys)} labels; one each is needed")
        if predictions is not None and len(predictions) != len(xs):
            raise InputError(f"there are {len(xs)} inputs and {len(predictions)} predictions")
        earlier = None if predictions is None else [self._earlier(p) for p in predictions]
        keys = [checked_label(y) for y in ys]
        new = self._labels.unknown(keys)
        most = int(LABELS_PER_MB * self.budget_mb)
        if len(self._labels) + len(new) > most:
            raise LabelError(
                f"label {new[-1][1]!r} is one too many: budget_mb={self.budget_mb} is for {most}"
            )
        parsed = self._encoder.parse(xs)
        if not self.examples and parsed:
            self._check_experts(parsed[0])
        self._labels.add(new)
        y = np.array(self._labels.indices(keys), dtype=np.int64)
        last = np.empty(len(y), np.int64)
        last[:1], last[1:] = self._mixture.last, y[:-1]
        parts: list[Answers] = []
        found: dict[int, Judgement] = {}
        for part in self._encoder.segments(parsed) if parsed else []:
            for piece, odd in self._familiarity.learn(parsed[part]):
                rows = slice(part.start + piece.start, part.start + piece.stop)
                raw, new_field = self._encoder.admit(parsed[rows])
                if new_field:
                    self._mixture.new_field()
                votes = earlier[rows] if earlier else None
                answers = self._mixture.learn(raw, y[rows], earlier=votes)
                self._familiarity.taught(_right(answers, y[rows]))
                if keep:
                    parts.append(answers)
                    found |= {rows.start + i: judgement for i, judgement in odd.items()}
        return self._batch(self._mixture.joined(parts), last if keep else last[:0], found)

    def _check_experts(self, record: Parsed) -> None:
        modality = self._encoder.modality_of(record)
        if self._only and not default_recipe(modality, self.budget_mb).names & set(self._only):
            raise SettingError(
                f"experts={list(self._only)} names none that reads {modality} inputs"
            )

    def _batch(
        self, answers: Answers, last: Any, found: Mapping[int, Judgement]
    ) -> PredictionBatch:
        answers = dimmed(answers, found)
        return PredictionBatch(
            labels=self.labels,
            probabilities=answers.p,
            novelty=answers.novelty,
            confidence=answers.confidence,
            votes=answers.votes,
            last_label=last,
            unfamiliar={i: names for i, (names, _) in found.items()},
        )

    def explain(self, x: Input) -> Explanation:
        """Explain an answer: votes and weights, nearest remembered examples, most relevant fields.

        Raises:
            NotReadyError: no example was learned yet.
        """
        return self._explain(plain_input(x))

    @shared
    def _explain(self, x: Input) -> Explanation:
        if not len(self._labels):
            raise NotReadyError("there is nothing to explain before the first example is learned")
        return explain(x, self, self._encoder, self._mixture)

    def _policies(self) -> dict[str, Any]:
        return asdict(self._policy)

    def _with_policies(self, policies: dict[str, Any]) -> Self:
        vars(self._policy).update(policies)
        return self

    @atomic
    def defer_refits(self) -> None:
        """Stop refitting slow experts in `learn`: call `fit_due` on a copy, then `install` here."""
        self._policy.deferred = True

    @atomic
    def freeze_map(self, examples: int) -> None:
        """Choose the feature map only in `consolidate`, from that number of examples on."""
        self._policy.frozen_at = examples

    @property
    @shared
    def map_due(self) -> bool:
        """Whether the feature map would be chosen now if it were not frozen."""
        return self._mixture.map_due

    @property
    @shared
    def refit_due(self) -> bool:
        """Whether the refit of a slow expert is due; stays true while refits are deferred."""
        return self._mixture.refit_due

    @atomic
    def fit_due(self) -> Fitted:
        """Refit the slow experts that are due, for `install`; call it on a copy of the learner."""
        return self._mixture.fit_due()

    @atomic
    def install(self, fitted: Fitted) -> None:
        """Take over slow experts that an earlier copy of this learner has refitted."""
        self._mixture.install(fitted)
        self._familiarity.changed()

    @atomic
    def consolidate(self) -> None:
        """Choose a new feature map and refit the slow experts now, from remembered examples."""
        if self.examples:
            self._mixture.choose_map()
            self._mixture.refit()
            self._familiarity.form.accept()
            self._familiarity.changed()

    @classmethod
    def hash_of(cls, arrays: snapshot.Arrays, plain: dict[str, Any]) -> str:
        """The `state_hash` of a learner with this state.

        Texts kept for explanations and the formats of files do not change it.
        """
        exemplars = {n: v for n, v in plain["mixture"]["exemplars"].items() if n != "texts"}
        hashed = {n: v for n, v in plain.items() if n != "forms"}
        hashed["mixture"] = plain["mixture"] | {"exemplars": exemplars}
        return snapshot.digest(arrays, hashed)

    def _state(self) -> tuple[snapshot.Arrays, dict[str, Any]]:
        arrays, mixture = self._mixture.state()
        plain = {
            "kind": self._kind,
            "budget_mb": self.budget_mb,
            "experts": list(self._only),
            "seed": self.seed,
            "labels": self._labels.labels,
            "encoder": self._encoder.state(),
            "form": self._familiarity.form.state(),
            "mixture": mixture,
            "definition": self._definition,
        }
        return arrays, plain | ({"forms": self.forms} if self.forms else {})

    @classmethod
    def from_state(cls, arrays: snapshot.Arrays, plain: dict[str, Any]) -> Self:
        """The learner with this state; the arrays are copied."""
        learner = cls(budget_mb=plain["budget_mb"], experts=plain["experts"], seed=plain["seed"])
        learner._encoder.restore(plain["encoder"])
        learner._labels = LabelIndex(plain["labels"])
        learner._mixture.restore(arrays, plain["mixture"])
        learner._familiarity.restore(plain.get("form"))
        learner._definition = plain.get("definition", 1)
        learner.forms = dict(plain.get("forms", {}))
        return learner


def _right(answers: Answers, y: NDArray[np.int64]) -> list[bool]:
    """Which of the answers are right; an answer to an unknown label is wrong."""
    if not answers.p.shape[1]:
        return [False] * len(y)
    if len(y) == 1:
        return [bool(answers.p[0].argmax() == y[0])]
    right: list[bool] = (answers.p.argmax(axis=1) == y).tolist()
    return right


def _plain_batch(xs: Any, ys: Any) -> tuple[list[Input], list[Label]]:
    """Inputs and labels of a batch; read outside the lock, because a generator may be slow."""
    return [plain_input(x) for x in rows_of(xs)], labels_of(ys)
