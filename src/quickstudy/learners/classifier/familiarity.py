"""Familiarity: answers to records of an unfamiliar form lose probability, and say why."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from quickstudy.encode.form import FormStatistics, Gap
from quickstudy.encode.parsing import Parsed
from quickstudy.encode.record import RecordEncoder
from quickstudy.learners.classifier.ablation import lost
from quickstudy.learners.classifier.answers import Answers
from quickstudy.learners.classifier.mixture import Mixture
from quickstudy.types import Unfamiliar

LEAST_LOST = 0.5  # of the probability of an unfamiliar record: no more than an even chance is left
MOST_KEPT = 256  # gaps whose loss is kept until something is learned
Judgement = tuple[Unfamiliar, float]  # what is unfamiliar, and the share of the answer that is lost


class Familiarity:
    """Judges records by the fields they have, and by what the fields they lack carry.

    `FormStatistics` tells which records lack fields that were always there; `lost` measures, on
    remembered examples, how much of an answer goes with these. A record that lacks nothing of
    weight is familiar.
    """

    def __init__(self, encoder: RecordEncoder, mixture: Mixture) -> None:
        self.form = FormStatistics()
        self._encoder = encoder
        self._mixture = mixture
        self._kept: dict[tuple[int, int], float] = {}  # a cache, not state
        self._maps = mixture.maps
        self._right: Sequence[bool] = ()

    def judge(self, record: Parsed) -> Judgement | None:
        """What is unfamiliar about a record, by the present state; None if nothing is."""
        return self._judged(self.form.gap(record))

    def _judged(self, gap: Gap | None) -> Judgement | None:
        share = self._lost(gap) if gap else 0.0
        return (gap.names, max(share, LEAST_LOST)) if gap and share > 0.0 else None

    def judgements(self, records: Sequence[Parsed]) -> dict[int, Judgement]:
        """The judgements of the records that are unfamiliar, by their places."""
        found: dict[int, Judgement] = {}
        for i, record in enumerate(records):
            if (judgement := self.judge(record)) is not None:
                found[i] = judgement
        return found

    def learn(self, records: Sequence[Parsed]) -> Iterator[tuple[slice, dict[int, Judgement]]]:
        """Count the forms of records that are learned one after the other.

        Yields pieces of them: only the first record of a piece may be unfamiliar. The caller
        teaches the mixture a piece, and tells by `taught` what came of it, before it asks for the
        next one.
        """
        start = 0
        while start < len(records):
            gap = self.form.gap(records[start])
            judgement = self._judged(gap)
            found = {0: judgement} if judgement else {}
            trial = gap is not None and self.form.mature
            stop = start + 1
            if not trial:
                self.form.learn(records[start])
                while stop < len(records) and self.form.gap(records[stop]) is None:
                    self.form.learn(records[stop])
                    stop += 1
            yield slice(start, stop), found
            if not trial:
                self.form.score(self._right)
            elif self.form.try_out(records[start], self._right[0]):
                self._mixture.new_form()
            self.changed()
            start = stop

    def taught(self, right: Sequence[bool]) -> None:
        """Take in which records of a piece were answered right before they were learned."""
        self._right = right

    def changed(self) -> None:
        """The mixture has changed: what fields carry has to be measured again."""
        self._kept.clear()
        if self._mixture.maps != self._maps:
            self._maps = self._mixture.maps
            self.form.map_chosen()

    def restore(self, state: dict[str, Any] | None) -> None:
        """Take up where the learner stood that gave this state of its form; after the mixture did.

        Models of older versions have none: forms are counted from here on.
        """
        if state is not None:
            self.form.restore(state)
        self._maps = self._mixture.maps

    def _lost(self, gap: Gap) -> float:
        key = gap.gone, gap.present
        found = self._kept.get(key)
        if found is None:
            found = lost(self._mixture, self._encoder, self.form, gap)
            if len(self._kept) >= MOST_KEPT:
                self._kept.clear()
            self._kept[key] = found
        return found


def dimmed(answers: Answers, found: Mapping[int, Judgement]) -> Answers:
    """Answers in which unfamiliar rows lose their share of probability, which goes to novelty.

    Their confidence is 0: nothing is known of how often such answers are right.
    """
    if not found:
        return answers
    p, confidence, novelty = answers.p.copy(), answers.confidence.copy(), answers.novelty.copy()
    for i, (_, share) in found.items():
        p[i] *= 1.0 - share
        confidence[i] = 0.0
        novelty[i] = 1.0 - (1.0 - novelty[i]) * (1.0 - share)
    return replace(answers, p=p, confidence=confidence, novelty=novelty)
