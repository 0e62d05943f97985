"""`Classifier`: the public face of the learner, in labels and records."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any, Self

import numpy as np

from quickstudy import snapshot
from quickstudy.encode.record import Parsed, RecordEncoder
from quickstudy.encode.room import room_for
from quickstudy.errors import InputError, LabelError, ModelFileError, NotReadyError, SettingError
from quickstudy.learners.explain import explain
from quickstudy.learners.mixture import Answers, Fitted, Mixture
from quickstudy.learners.recipe import check_names, default_recipe
from quickstudy.types import (
    Explanation,
    FieldReport,
    Floats,
    Input,
    Label,
    Prediction,
    PredictionBatch,
    label_key,
)

LEAST_BUDGET_MB, MOST_BUDGET_MB = 16, 65_536
LABELS_PER_MB = 8  # every label takes a column of each expert's weights


class Classifier:
    """Learns from a stream, one example at a time; no tuning needed.

    An input is a record (a dict of numbers, strings, booleans, None and lists of numbers), a text,
    or a flat array of numbers. A label is a str, int or bool; 1, True and "1" are three labels.

    Args:
        budget_mb: memory that remembered examples and experts may take, in MiB, at least 16.
        experts: names of the experts to use (see `experts`); all by default.
        schema: field name -> "number", "boolean", "category", "text" or "vector", for fields whose
            type should not be inferred.
        seed: seeds every random choice; same seed and same calls give the same bits.

    Attributes:
        forms: column -> how the files that taught it wrote it; kept for `quickstudy predict`.

    Examples:
        >>> c = Classifier()
        >>> for i in range(40):
        ...     _ = c.learn({"amount": i % 10, "kind": "card"}, "large" if i % 10 > 5 else "small")
        >>> c.predict({"amount": 9, "kind": "card"}).label
        'large'
        >>> c.examples, c.labels
        (40, ('small', 'large'))
    """

    def __init__(
        self,
        *,
        budget_mb: float = 64,
        experts: Sequence[str] | None = None,
        schema: Mapping[str, str] | None = None,
        seed: int = 0,
    ) -> None:
        if not LEAST_BUDGET_MB <= budget_mb <= MOST_BUDGET_MB:
            raise SettingError(
                f"budget_mb is {budget_mb}; it must be {LEAST_BUDGET_MB} to {MOST_BUDGET_MB}"
            )
        if not isinstance(seed, int) or seed < 0:
            raise SettingError(f"seed is {seed!r}; it must be an integer of at least 0")
        check_names(tuple(experts or ()))
        self.budget_mb = budget_mb
        self.seed = seed
        self._only = tuple(experts or ())
        self._encoder = RecordEncoder(schema, room=room_for(budget_mb))
        self.forms: dict[str, str] = {}
        self._labels: list[Label] = []
        self._index: dict[tuple[str, Label], int] = {}
        self._mixture = Mixture(self._encoder, budget_mb=budget_mb, seed=seed, only=self._only)

    @property
    def labels(self) -> tuple[Label, ...]:
        """Labels in order of first appearance."""
        return tuple(self._labels)

    @property
    def examples(self) -> int:
        """Number of examples learned."""
        return self._mixture.count

    @property
    def maps(self) -> int:
        """Number of times the feature map was chosen: each takes as long as many examples."""
        return self._mixture.maps

    @property
    def fields(self) -> tuple[FieldReport, ...]:
        """Fields met so far, with the types they came in."""
        return self._encoder.report()

    @property
    def experts(self) -> tuple[tuple[str, float], ...]:
        """Experts with their weights in the present answer, which add up to 1."""
        names = [name for e in self._mixture.experts for name in e.names]
        return tuple(zip(names, self._mixture.pool.weights.tolist(), strict=True))

    @property
    def size_bytes(self) -> int:
        """Bytes of all arrays of the state."""
        return sum(a.nbytes for a in self._mixture.state()[0].values())

    def predict(self, x: Input) -> Prediction:
        """Answer for one input; changes nothing.

        Raises:
            RecordError: the input cannot be read.
        """
        prediction: Prediction = self.predict_many([x])[0]
        return prediction

    def predict_many(self, xs: Iterable[Input]) -> PredictionBatch:
        """Answers for many inputs, each by the present state; the same bits as one by one."""
        parsed = self._encoder.parse(xs)
        parts = [self._mixture.predict(raw) for raw in self._encoder.filled(parsed)]
        last = np.full(len(parsed), self._mixture.last)
        return self._batch(self._mixture.joined(parts), last)

    def learn(self, x: Input, y: Label, *, prediction: Prediction | None = None) -> int:
        """Learn one example at once; returns its number, counted from 0.

        Args:
            x: the input.
            y: its label.
            prediction: what was predicted for x, when the label comes later than that: experts are
                then scored on what they said at the time.

        Raises:
            RecordError, LabelError: nothing was learned.
        """
        self._train([x], [y], [prediction])
        return self._mixture.count - 1

    def _given(self, prediction: Prediction | None) -> tuple[Floats, int] | None:
        """Votes and last label of an earlier prediction; None where experts are asked anew."""
        if prediction is None:
            return None
        if max(prediction.votes.shape[1], prediction.last_label + 1) > len(self._labels):
            raise InputError("prediction was made by another learner: it knows labels of its own")
        return prediction.votes, prediction.last_label

    def learn_not(self, x: Input, y: Label) -> None:
        """Learn that `y` is not the label of x, when nobody says what is.

        This very input is not answered with `y` again until a label is learned for it, and the
        confidence of such answers falls. Nothing is learned about other inputs.

        Raises:
            RecordError, LabelError: the input cannot be read, or `y` was never learned.
        """
        key = _checked(y)
        if key not in self._index:
            raise LabelError(f"label {y!r} was never learned, so it cannot be refuted")
        self._mixture.refute(self._encoder.encode([x]), self._index[key])

    def check(self, x: Input) -> None:
        """Whether x could be learned.

        Raises:
            RecordError: it cannot be read; the message names the field.
        """
        self._encoder.parse([x])

    def learn_many(
        self,
        xs: Iterable[Input],
        ys: Iterable[Label],
        *,
        predictions: Sequence[Prediction | None] | None = None,
    ) -> None:
        """Learn examples in order: the same bits as one by one, far faster.

        `predictions`: one for each example, or None, as in `learn`.
        """
        self._train(list(xs), list(ys), predictions, keep=False)

    def test_then_train(self, xs: Iterable[Input], ys: Iterable[Label]) -> PredictionBatch:
        """Predict each example and then learn it, in order: what was predicted before learning."""
        return self._train(list(xs), list(ys), None)

    def _train(
        self,
        xs: list[Input],
        ys: list[Label],
        predictions: Sequence[Prediction | None] | None,
        *,
        keep: bool = True,
    ) -> PredictionBatch:
        """Learn, and give what was predicted before, unless nobody asks for it (`keep`)."""
        if len(xs) != len(ys):
            raise LabelError(f"there are {len(xs)} inputs and {len(ys)} labels; one each is needed")
        if predictions is not None and len(predictions) != len(xs):
            raise InputError(f"there are {len(xs)} inputs and {len(predictions)} predictions")
        given = None if predictions is None else [self._given(p) for p in predictions]
        keys = [_checked(y) for y in ys]
        new = list(dict.fromkeys(key for key in keys if key not in self._index))
        most = int(LABELS_PER_MB * self.budget_mb)
        if len(self._labels) + len(new) > most:
            raise LabelError(
                f"label {new[-1][1]!r} is one too many: budget_mb={self.budget_mb} is for {most}"
            )
        parsed = self._encoder.parse(xs)
        if not self.examples and parsed:
            self._check_experts(parsed[0])
        for key in new:
            self._index[key] = len(self._index)
            self._labels.append(key[1])
        y = np.array([self._index[key] for key in keys], dtype=np.int64)
        last = np.empty(len(y), np.int64)
        last[:1], last[1:] = self._mixture.last, y[:-1]
        parts = []
        for part in self._encoder.segments(parsed) if parsed else []:
            raw, new_field = self._encoder.admit(parsed[part])
            if new_field:
                self._mixture.new_field()
            said = self._mixture.learn(raw, y[part], given=given[part] if given else None)
            parts += [said] if keep else []
        return self._batch(self._mixture.joined(parts), last if keep else last[:0])

    def _check_experts(self, record: Parsed) -> None:
        kind = self._encoder.kind_of(record)
        if self._only and not default_recipe(kind, self.budget_mb).names & set(self._only):
            raise SettingError(f"experts={list(self._only)} names none that reads {kind} inputs")

    def _batch(self, answers: Answers, last: Any) -> PredictionBatch:
        return PredictionBatch(
            labels=self.labels,
            probabilities=answers.p,
            novelty=answers.novelty,
            confidence=answers.confidence,
            votes=answers.votes,
            last_label=last,
        )

    def explain(self, x: Input) -> Explanation:
        """Votes and weights, the nearest remembered examples, and the fields that matter.

        Raises:
            NotReadyError: nothing was learned yet.
        """
        if not self._labels:
            raise NotReadyError("there is nothing to explain before the first example is learned")
        return explain(x, self, self._encoder, self._mixture)

    def copy(self) -> Self:
        """An independent learner in the same state, that defers and freezes what this one does."""
        twin = self.from_state(*self.state())
        twin._mixture.deferred = self._mixture.deferred
        twin._mixture.frozen_at = self._mixture.frozen_at
        return twin

    def defer_refits(self) -> None:
        """From now on refit no slow expert in `learn`: `fit_due` on a copy, then `install`."""
        self._mixture.deferred = True

    def freeze_map(self, examples: int) -> None:
        """From that many examples on, choose the feature map only in `consolidate`."""
        self._mixture.frozen_at = examples

    @property
    def map_due(self) -> bool:
        """Whether the feature map wants to be chosen anew, while it is frozen."""
        return self._mixture.map_due

    @property
    def refit_due(self) -> bool:
        """Whether a slow expert wants to be refitted, while refits are deferred."""
        return self._mixture.refit_due

    def fit_due(self) -> Fitted:
        """Refit the slow experts that are due, here: on a copy of the learner that goes on."""
        return self._mixture.fit_due()

    def install(self, fitted: Fitted) -> None:
        """Take over slow experts that a copy of this learner, made earlier, has refitted."""
        self._mixture.install(fitted)

    def consolidate(self) -> None:
        """Choose the feature map anew and refit the slow experts now, from remembered examples."""
        if self.examples:
            self._mixture.choose_map()
            self._mixture.refit()

    def state_hash(self) -> str:
        """Digest of exactly what predictions depend on; 32 hex characters."""
        arrays, plain = self.state()
        plain["mixture"]["exemplars"].pop("texts")
        plain.pop("forms", None)
        return snapshot.digest(arrays, plain)

    def state(self) -> tuple[snapshot.Arrays, dict[str, Any]]:
        """All that later predictions depend on: arrays by name, and plain values.

        `forms` comes along: by it a column of a later file is read as it was read before.
        """
        arrays, mixture = self._mixture.state()
        plain = {
            "kind": "classifier",
            "budget_mb": self.budget_mb,
            "experts": list(self._only),
            "seed": self.seed,
            "labels": self._labels,
            "encoder": self._encoder.state(),
            "mixture": mixture,
        }
        return arrays, plain | ({"forms": self.forms} if self.forms else {})

    def packed(self) -> bytes:
        """The learner as bytes: what `save` writes."""
        return snapshot.pack(*self.state())

    @classmethod
    def unpacked(cls, content: bytes) -> Self:
        """The learner that was `packed`.

        Raises:
            ModelFileError: the bytes are no whole model.
        """
        return cls._from(*snapshot.unpack(content), name="the packed model")

    def save(self, path: str | Path) -> None:
        """Write the learner to one file; an existing one is replaced only by a whole new one."""
        snapshot.write_snapshot(path, *self.state())

    @classmethod
    def load(cls, path: str | Path) -> Self:
        """Read a learner back: it goes on bit for bit as if it had never stopped.

        Raises:
            FileNotFoundError, ModelFileError: there is no such file, or it is no whole model.
        """
        return cls._from(*snapshot.read_snapshot(path), name=str(path))

    @classmethod
    def _from(cls, arrays: snapshot.Arrays, plain: dict[str, Any], *, name: str) -> Self:
        if plain.get("kind") != "classifier":
            raise ModelFileError(f"{name} holds a {plain.get('kind')}, not a classifier")
        try:
            return cls.from_state(arrays, plain)
        except (KeyError, TypeError, ValueError) as error:
            raise ModelFileError(f"{name} lacks a part of a classifier ({error})") from error

    @classmethod
    def from_state(cls, arrays: snapshot.Arrays, plain: dict[str, Any]) -> Self:
        """The learner that gave this state; the arrays are copied."""
        learner = cls(budget_mb=plain["budget_mb"], experts=plain["experts"], seed=plain["seed"])
        learner._encoder.restore(plain["encoder"])
        learner._labels = list(plain["labels"])
        learner._index = {label_key(y): i for i, y in enumerate(learner._labels)}
        learner._mixture.restore(arrays, plain["mixture"])
        learner.forms = dict(plain.get("forms", {}))
        return learner


def _checked(y: Label) -> tuple[str, Label]:
    if isinstance(y, np.generic):
        y = y.item()
    if type(y) not in (str, int, bool):
        raise LabelError(f"label {y!r} is a {type(y).__name__}; use a str, an int or a bool")
    if isinstance(y, str) and not y.isascii():
        try:
            y.encode()
        except UnicodeEncodeError:
            raise LabelError(f"label {y!r} is not valid Unicode") from None
    return label_key(y)
