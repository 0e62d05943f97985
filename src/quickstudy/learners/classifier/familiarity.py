"""Familiarity: answers to records of an unfamiliar form lose probability, with a reason."""

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

LEAST_LOST = 0.5  # share of the answer's probability that an unfamiliar record loses, at least
MOST_KEPT = 256  # gaps whose loss is cached until the next example is learned
Judgement = tuple[Unfamiliar, float]  # unfamiliar fields, and the share of the answer lost


class Familiarity:
    """Judges records by the fields they have, and by the effect of the fields they lack.

    `FormStatistics` finds records that lack fields which were always present; `lost` measures, on
    remembered examples, how much answers depend on these. A record is familiar if the fields that
    it lacks have no effect.
    """

    def __init__(self, encoder: RecordEncoder, mixture: Mixture) -> None:
        self.form = FormStatistics()
        self._encoder = encoder
        self._mixture = mixture
        self._kept: dict[tuple[int, int], float] = {}  # a cache, not state
        self._maps = mixture.maps
        self._right: Sequence[bool] = ()

    def judge(self, record: Parsed) -> Judgement | None:
        """The unfamiliar fields of a record, by the present state; None if it is familiar."""
        return self._judged(self.form.gap(record))

    def _judged(self, gap: Gap | None) -> Judgement | None:
        share = self._lost(gap) if gap else 0.0
        return (gap.names, max(share, LEAST_LOST)) if gap and share > 0.0 else None

    def judgements(self, records: Sequence[Parsed]) -> dict[int, Judgement]:
        """The judgements of unfamiliar records, by their positions."""
        found: dict[int, Judgement] = {}
        for i, record in enumerate(records):
            if (judgement := self.judge(record)) is not None:
                found[i] = judgement
        return found

    def learn(self, records: Sequence[Parsed]) -> Iterator[tuple[slice, dict[int, Judgement]]]:
        """Count the forms of records that are learned in order.

        Yields slices of records of which only the first may be unfamiliar. The caller lets the
        mixture learn a slice, and calls `taught` with the results, before it takes the next one.
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
        """Record which records of a slice were answered correctly before they were learned."""
        self._right = right

    def changed(self) -> None:
        """Clear the cache after a change of the mixture, which changes the effects of fields."""
        self._kept.clear()
        if self._mixture.maps != self._maps:
            self._maps = self._mixture.maps
            self.form.map_chosen()

    def restore(self, state: dict[str, Any] | None) -> None:
        """Restore the state of the form statistics; to be called after the mixture was restored.

        Models of older versions have no such state: forms are counted from then on.
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
    """Answers in which unfamiliar rows lose their share of probability to novelty.

    Their confidence is 0, because it is unknown how often such answers are right.
    """
    if not found:
        return answers
    p, confidence, novelty = answers.p.copy(), answers.confidence.copy(), answers.novelty.copy()
    for i, (_, share) in found.items():
        p[i] *= 1.0 - share
        confidence[i] = 0.0
        novelty[i] = 1.0 - (1.0 - novelty[i]) * (1.0 - share)
    return replace(answers, p=p, confidence=confidence, novelty=novelty)
