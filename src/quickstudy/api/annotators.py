"""Models of annotators: who taught a learner what, and how they agree."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from quickstudy.api.fields import Source, Time, example
from quickstudy.pairs import Named


@dataclass(frozen=True, slots=True)
class SourceReport:
    """Who taught what, and how it agrees.

    Attributes:
        labels: that were learned from it; share: of all, in [0, 1].
        trusted: it is among the settings' trusted sources.
        spoke, against: answers of 90 % confidence or more that it spoke of, and contradicted.
        against_others: (spoke, against) of all other sources together.
        unusual: it contradicts such answers more often than the others, beyond chance (1 in 1,000).
        agreement: (other source, cases that both spoke of, cases on which they agree).
        first, last: time of its first and latest word.
    """

    source: Source
    labels: Annotated[int, example(400)]
    share: Annotated[float, example(0.97)]
    trusted: Annotated[bool, example(True)]
    spoke: Annotated[int, example(310)]
    against: Annotated[int, example(6)]
    against_others: Annotated[tuple[int, int], Named("spoke", "against"), example((40, 1))]
    unusual: bool
    agreement: Annotated[
        tuple[Annotated[tuple[str, int, int], Named("source", "both", "agree")], ...],
        example((("ben", 12, 11),)),
    ]
    first: Time
    last: Time
