"""A working day in minutes: bank questions stream in, and a teacher is asked only when needed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from quickstudy.datasets import load_banking77
from quickstudy.evaluate.prequential import Outcome, label_indices
from quickstudy.learners.base import Predictor
from quickstudy.stats.calibration import weighted_share
from quickstudy.stats.risk import ActOrAsk
from quickstudy.types import Floats, Label, Prediction

WINDOW = 500  # cases that the shares shown live look back on


@dataclass(frozen=True, slots=True)
class Mistake:
    """A wrong answer that came to light: because it was asked about, or audited after acting."""

    number: int
    question: str
    answer: Label | None
    right: Label
    acted: bool


class Demo:
    """A stream of real questions, a learner that starts from nothing, and a simulated teacher.

    The teacher gives a label only when the learner asks or an audit of its own answers falls due;
    the learner learns from these labels alone. What the simulation knows beyond that (`truth`) is
    for the report, never for the learner.

    Args:
        learner: learns from the labels it is given.
        questions: how many of the 13,083 questions, drawn in an order that `seed` decides.
        target: precision that the answers it gives alone must have.
    """

    def __init__(
        self, learner: Predictor, *, questions: int = 6_000, target: float = 0.95, seed: int = 0
    ) -> None:
        texts, labels = load_banking77()
        order = np.random.default_rng(seed).permutation(len(texts))[:questions]
        self.questions = [texts[i] for i in order]
        self.answers = [labels[i] for i in order]
        self.labels, self.truth = label_indices(self.answers)
        self.target = target
        self.done = 0
        self.mistakes: list[Mistake] = []
        self.acted, self.labelled = np.zeros((2, questions), dtype=bool)
        self.level = np.zeros(questions, dtype=np.int64)
        self.alarms: list[int] = []
        self._answer = np.full(questions, -1, dtype=np.int64)
        self._confidence, self._probability, self._novelty = np.zeros((3, questions))
        self._label_probability = np.ones(questions)
        self._learner = learner
        self._control = ActOrAsk(target, seed=seed)
        self.policies = len(self._control.report()["thresholds"])
        self._index = {name: i for i, name in enumerate(self.labels)}

    def run(self) -> Iterator[int]:
        """Handle the questions one by one; yields how many are done."""
        for i in range(len(self.questions)):
            self._handle(i)
            self.done = i + 1
            yield self.done

    def _handle(self, i: int) -> None:
        question, right = self.questions[i], self.answers[i]
        p = self._learner.predict(question)
        decision = self._control.decide(p.confidence, p.label)
        wrong = p.label != right
        self._note(i, p)
        self.acted[i], self.labelled[i] = decision.act, decision.labelled
        self._label_probability[i] = decision.label_probability
        if self._control.record(decision, wrong if decision.labelled else None):
            self.alarms.append(i)
        self.level[i] = self._control.report()["level"]
        if decision.labelled:
            self._learner.learn(question, right, prediction=p)
            if wrong:
                self.mistakes.append(Mistake(i, question, p.label, right, decision.act))

    def _note(self, i: int, p: Prediction) -> None:
        self._answer[i] = -1 if p.label is None else self._index[p.label]
        self._confidence[i], self._novelty[i] = p.confidence, p.novelty
        self._probability[i] = p.probabilities.get(self.answers[i], 0.0)

    @property
    def labels_used(self) -> int:
        """Labels that the teacher gave so far, asked and audited."""
        return int(self.labelled.sum())

    def share_handled(self, window: int = WINDOW) -> float:
        """Share of the last cases that it acted on alone."""
        recent = self.acted[max(0, self.done - window) : self.done]
        return float(recent.mean()) if len(recent) else 0.0

    def precision(self) -> tuple[float, float, float]:
        """Precision of its own answers with a 95 % interval, from the audited ones alone."""
        audited = self.acted & self.labelled
        return weighted_share(self.right[audited], self._label_probability[audited])

    @property
    def right(self) -> NDArray[np.bool_]:
        """Where its answer was right; what the simulation knows."""
        return np.equal(self._answer, self.truth)

    @property
    def first_act(self) -> int | None:
        """The first case that it acted on alone, None if there was none."""
        return int(self.acted.argmax()) if self.acted.any() else None

    @property
    def confidence(self) -> Floats:
        """Its confidence in each answer."""
        return self._confidence

    def outcome(self, seconds: float) -> Outcome:
        """The run as a test-then-train evaluation, for the parts that reports share."""
        from quickstudy.evaluate.prequential import peak_rss_mb

        return Outcome(
            labels=self.labels,
            truth=self.truth,
            answer=self._answer,
            probability=self._probability,
            novelty=self._novelty,
            confidence=self._confidence,
            delay=0,
            seconds=seconds,
            peak_rss_mb=peak_rss_mb(),
        )
