"""Who taught what: how sources agree with each other, and who contradicts sure answers."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from scipy.special import gammaln
from sqlalchemy import Connection, func, select

from quickstudy.api.annotators import SourceReport
from quickstudy.deploy.core.tables import CASES, SAID, SOURCES, Row, checked

if TYPE_CHECKING:
    from quickstudy.deploy.core.context import Context
    from quickstudy.deploy.hosting.learner import HostedLearner

SURE = 0.9  # confidence of an answer, from which on a contradiction is worth counting
MOST_SOURCES = 50  # reported, those that taught most
LATEST = 5_000  # cases that agreement is looked for on
CHANCE = 1e-3  # that a source like all others is called unusual
REFUSED = '{"not":'  # begins what says that an answer is wrong, and not what is right
SILENT = -1  # instead of the number of a label


def credit(
    context: Context, hosted: HostedLearner, source: str, *, labels: int, spoke: bool, against: bool
) -> None:
    """Keep count of a word of a source.

    Args:
        labels: that were learned of it, 0 or 1.
        spoke: it is about an answer of confidence `SURE` or more.
        against: it contradicts that answer; counts only where it spoke of one.
    """
    now = context.transaction.time
    new = {"learner": hosted.number, "source": source, "labels": 0, "spoke": 0, "against": 0}
    row = context.rows.find(SOURCES, hosted.number, source) or {**new, "first": now}
    changed = {
        "labels": row["labels"] + labels,
        "spoke": row["spoke"] + spoke,
        "against": row["against"] + (spoke and against),
    }
    context.rows.put(SOURCES, {**row, **changed, "last": now})


def sources(connection: Connection, number: int, trusted: Collection[str]) -> list[SourceReport]:
    """The sources that taught a learner most, at most 50, most first.

    Args:
        trusted: as in the settings; empty: all are.
    """
    query = (
        select(SOURCES)
        .where(SOURCES.c.learner == number)
        .order_by(SOURCES.c.labels.desc(), SOURCES.c.first, SOURCES.c.source)
    )
    found = connection.execute(query.limit(MOST_SOURCES)).mappings()
    rows = [checked(SOURCES, row) for row in found]
    columns = (SOURCES.c.labels, SOURCES.c.spoke, SOURCES.c.against)
    totals = select(*[func.coalesce(func.sum(column), 0) for column in columns])
    total = connection.execute(totals.where(SOURCES.c.learner == number)).one()
    labels, spoke, against = (int(value) for value in total)
    names = [row["source"] for row in rows]
    agree = agreement(_words(connection, number, names), names)
    return [
        _report(
            row,
            share=row["labels"] / labels if labels else 0.0,
            trusted=not trusted or row["source"] in trusted,
            others=(spoke - row["spoke"], against - row["against"]),
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
        spoke=row["spoke"],
        against=row["against"],
        against_others=others,
        unusual=chance(row["spoke"], row["against"], others) < CHANCE,
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
    n, N, K = spoke, spoke + others[0], against + others[1]
    if not (against and others[0]):
        return 1.0
    k = np.arange(against, min(n, K) + 1)
    logs = _log_choose(K, k) + _log_choose(N - K, n - k) - _log_choose(N, n)
    return min(float(np.exp(logs).sum()), 1.0)


def _log_choose(n: int, k: Any) -> Any:
    return gammaln(n + 1) - gammaln(k + 1) - gammaln(n - k + 1)


def _words(connection: Connection, number: int, names: Sequence[str]) -> list[tuple[str, str, str]]:
    """(case, source, label) of what these sources said last of the latest cases."""
    latest = (
        select(CASES.c.id)
        .where(CASES.c.learner == number)
        .order_by(CASES.c.seq.desc())
        .limit(LATEST)
    )
    query = select(SAID).where(SAID.c.case_id.in_(latest), SAID.c.source.in_(names))
    rows = (checked(SAID, found) for found in connection.execute(query).mappings())
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
