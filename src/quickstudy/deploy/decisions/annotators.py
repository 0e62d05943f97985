"""Annotators: agreement between sources, and sources that contradict confident answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, func, select

from quickstudy.api.annotators import SourceReport
from quickstudy.deploy.core.queries import rows_of
from quickstudy.deploy.core.tables import (
    ANNOTATORS,
    CASES,
    LABELS_BY_SOURCE,
    Row,
)

MOST_SOURCES = 50  # reported, those that taught most
LATEST = 5_000  # cases on which agreement is computed
LEAST_P_VALUE = 1e-3  # below it a source is called unusual: the rate of false alarms
REFUSED = '{"not":'  # prefix of a label that says only that the answer is wrong
SILENT = -1  # number of a label that is missing


def sources(connection: Connection, number: int, trusted: Collection[str]) -> list[SourceReport]:
    """The sources with the most labels, at most 50, in descending order.

    Args:
        trusted: trusted sources, as in the settings; empty: all are trusted.
    """
    query = (
        select(ANNOTATORS)
        .where(ANNOTATORS.c.learner == number)
        .order_by(ANNOTATORS.c.labels.desc(), ANNOTATORS.c.first, ANNOTATORS.c.source)
    )
    rows = rows_of(connection, ANNOTATORS, query.limit(MOST_SOURCES))
    columns = (ANNOTATORS.c.labels, ANNOTATORS.c.rated, ANNOTATORS.c.contradicted)
    totals = select(*[func.coalesce(func.sum(column), 0) for column in columns])
    total = connection.execute(totals.where(ANNOTATORS.c.learner == number)).one()
    labels, rated, contradicted = (int(value) for value in total)
    names = [row["source"] for row in rows]
    agree = agreement(_labels_given(connection, number, names), names)
    return [
        _report(
            row,
            share=row["labels"] / labels if labels else 0.0,
            trusted=not trusted or row["source"] in trusted,
            others=(rated - row["rated"], contradicted - row["contradicted"]),
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
        unusual=p_value(row["rated"], row["contradicted"], others) < LEAST_P_VALUE,
        agreement=tuple(agree),
        first=row["first"],
        last=row["last"],
    )


def p_value(rated: int, contradicted: int, others: tuple[int, int]) -> float:
    """One-sided p-value of Fisher's exact test that a source contradicts more often than others.

    1 without others to compare with. Fisher (1922), "On the interpretation of chi-squared from
    contingency tables, and the calculation of P", https://doi.org/10.2307/2340521.

    >>> round(p_value(20, 6, (200, 4)), 6)
    4.4e-05
    """
    if not (contradicted and others[0]):
        return 1.0
    from scipy.stats import hypergeom  # takes half a second, and few stores need it

    total, total_contradicted = rated + others[0], contradicted + others[1]
    return float(hypergeom.sf(contradicted - 1, total, total_contradicted, rated))


def _labels_given(
    connection: Connection, number: int, names: Sequence[str]
) -> list[tuple[str, str, str]]:
    """(case, source, label): the last label of each of these sources for the latest cases."""
    latest = (
        select(CASES.c.id)
        .where(CASES.c.learner == number)
        .order_by(CASES.c.seq.desc())
        .limit(LATEST)
    )
    query = select(LABELS_BY_SOURCE).where(
        LABELS_BY_SOURCE.c.case_id.in_(latest), LABELS_BY_SOURCE.c.source.in_(names)
    )
    rows = rows_of(connection, LABELS_BY_SOURCE, query)
    return [(row["case_id"], row["source"], row["label"]) for row in rows]


def agreement(
    given: Sequence[tuple[str, str, str]], names: Sequence[str]
) -> dict[str, list[tuple[str, int, int]]]:
    """For each source: (other, cases that both labelled, cases on which they agree), most first.

    Labels are encoded as in the table; {"not": label} agrees with every other label.

    >>> given = [("c1", "ana", '"x"'), ("c1", "ben", '"x"'), ("c2", "ana", '"x"')]
    >>> agreement([*given, ("c2", "ben", '{"not":"x"}')], ["ana", "ben"])["ana"]
    [('ben', 2, 1)]
    """
    labels, refused = _label_numbers(given, names)
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


def _label_numbers(
    given: Sequence[tuple[str, str, str]], names: Sequence[str]
) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The number of the label that each source gave or refused, and whether it refused it.

    Both of shape (sources, cases).
    """
    cases = {case: i for i, case in enumerate(dict.fromkeys(case for case, _, _ in given))}
    rows = {name: i for i, name in enumerate(names)}
    numbers: dict[str, int] = {}
    labels = np.full((len(names), len(cases)), SILENT, dtype=np.int64)
    refused = np.zeros(labels.shape, dtype=np.bool_)
    for case, name, encoded in given:
        at = rows[name], cases[case]
        refused[at] = encoded.startswith(REFUSED)
        label = encoded[len(REFUSED) : -1] if refused[at] else encoded
        labels[at] = numbers.setdefault(label, len(numbers))
    return labels, refused
