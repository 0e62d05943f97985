"""Who taught what: how sources agree with each other, and who contradicts sure answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from quickstudy.api.annotators import SourceReport
from quickstudy.deploy.core.tables import (
    ANNOTATORS,
    CASES,
    LABELS_BY_SOURCE,
    Row,
    checked,
)

if TYPE_CHECKING:
    pass

MOST_SOURCES = 50  # reported, those that taught most
LATEST = 5_000  # cases that agreement is looked for on
CHANCE = 1e-3  # that a source like all others is called unusual
REFUSED = '{"not":'  # begins what says that an answer is wrong, and not what is right
SILENT = -1  # instead of the number of a label


def sources(connection: Connection, number: int, trusted: Collection[str]) -> list[SourceReport]:
    """The sources that taught a learner most, at most 50, most first.

    Args:
        trusted: as in the settings; empty: all are.
    """
    query = (
        select(ANNOTATORS)
        .where(ANNOTATORS.c.learner == number)
        .order_by(ANNOTATORS.c.labels.desc(), ANNOTATORS.c.first, ANNOTATORS.c.source)
    )
    found = connection.execute(query.limit(MOST_SOURCES)).mappings()
    rows = [checked(ANNOTATORS, row) for row in found]
    columns = (ANNOTATORS.c.labels, ANNOTATORS.c.rated, ANNOTATORS.c.contradicted)
    totals = select(*[func.coalesce(func.sum(column), 0) for column in columns])
    total = connection.execute(totals.where(ANNOTATORS.c.learner == number)).one()
    labels, spoke, against = (int(value) for value in total)
    names = [row["source"] for row in rows]
    agree = agreement(_words(connection, number, names), names)
    return [
        _report(
            row,
            share=row["labels"] / labels if labels else 0.0,
            trusted=not trusted or row["source"] in trusted,
            others=(spoke - row["rated"], against - row["contradicted"]),
            agree=agree[row["source"]],
        )
        for row in rows
    ]


def _report(
    row: Row,
    *,
    share: float,
    trusted: bool,
    others: tuple[int, int],
    agree: Sequence[tuple[str, int, int]],
) -> SourceReport:
    return SourceReport(
        source=row["source"],
        labels=row["labels"],
        share=share,
        trusted=trusted,
        spoke=row["rated"],
        against=row["contradicted"],
        against_others=others,
        unusual=chance(row["rated"], row["contradicted"], others) < CHANCE,
        agreement=tuple(agree),
        first=row["first"],
        last=row["last"],
    )


def chance(spoke: int, against: int, others: tuple[int, int]) -> float:
    """Chance that a source contradicts so often, if it is like the others: Fisher's exact test.

    1 without others to compare with. Fisher (1922), "On the interpretation of chi-squared from
    contingency tables, and the calculation of P", https://doi.org/10.2307/2340521.

    >>> round(chance(20, 6, (200, 4)), 6)
    4.4e-05
    """
    if not (against and others[0]):
        return 1.0
    from scipy.stats import hypergeom  # half a second, which few stores ever need

    total, contradicted = spoke + others[0], against + others[1]
    return float(hypergeom.sf(against - 1, total, contradicted, spoke))


def _words(connection: Connection, number: int, names: Sequence[str]) -> list[tuple[str, str, str]]:
    """(case, source, label) of what these sources said last of the latest cases."""
    latest = (
        select(CASES.c.id)
        .where(CASES.c.learner == number)
        .order_by(CASES.c.seq.desc())
        .limit(LATEST)
    )
    query = select(LABELS_BY_SOURCE).where(
        LABELS_BY_SOURCE.c.case_id.in_(latest), LABELS_BY_SOURCE.c.source.in_(names)
    )
    rows = (checked(LABELS_BY_SOURCE, found) for found in connection.execute(query).mappings())
    return [(row["case_id"], row["source"], row["label"]) for row in rows]


def agreement(
    words: Sequence[tuple[str, str, str]], names: Sequence[str]
) -> dict[str, list[tuple[str, int, int]]]:
    """Of each source: (other, cases that both spoke of, cases on which they agree), most first.

    Labels are as the table of words has them; {"not": label} agrees with all but that label.

    >>> said = [("c1", "ana", '"x"'), ("c1", "ben", '"x"'), ("c2", "ana", '"x"')]
    >>> agreement([*said, ("c2", "ben", '{"not":"x"}')], ["ana", "ben"])["ana"]
    [('ben', 2, 1)]
    """
    labels, refused = _spoken(words, names)
    pairs: dict[str, list[tuple[str, int, int]]] = {}
    for i, name in enumerate(names):
        both = (labels[i] != SILENT) & (labels != SILENT)
        same = labels[i] == labels
        refusals = refused[i].astype(np.int64) + refused
        agree = both & np.choose(refusals, [same, ~same, both])
        counts = zip(names, both.sum(1).tolist(), agree.sum(1).tolist(), strict=True)
        others = [(other, n, right) for other, n, right in counts if n and other != name]
        pairs[name] = sorted(others, key=lambda pair: -pair[1])
    return pairs


def _spoken(
    words: Sequence[tuple[str, str, str]], names: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The label that each source spoke of, by number, and whether it refused it.

    Both of shape (sources, cases).
    """
    cases = {case: i for i, case in enumerate(dict.fromkeys(case for case, _, _ in words))}
    rows = {name: i for i, name in enumerate(names)}
    numbers: dict[str, int] = {}
    labels = np.full((len(names), len(cases)), SILENT, dtype=np.int64)
    refused = np.zeros(labels.shape, dtype=np.bool_)
    for case, name, said in words:
        at = rows[name], cases[case]
        refused[at] = said.startswith(REFUSED)
        label = said[len(REFUSED) : -1] if refused[at] else said
        labels[at] = numbers.setdefault(label, len(numbers))
    return labels, refused
