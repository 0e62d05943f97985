"""Sections that several reports share: learning curve, calibration, confusions, labels."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from quickstudy.evaluate.prequential import Outcome
from quickstudy.evaluate.report.charts import Line, line_chart, reliability_chart
from quickstudy.evaluate.report.page import Section, folded, html_table, legend, render
from quickstudy.stats.calibration import reliability
from quickstudy.stats.scores import commonest_confusions, confusion_matrix, recalls

SHOWN = 12  # rows of a table; a longer one is folded


def window_of(cases: int) -> int:
    """Number of cases in a running average: about a twelfth of the stream, 50 to 1,000.

    >>> window_of(100), window_of(6_000), window_of(10_000)
    (50, 500, 850)
    """
    return int(np.clip(50 * round(cases / 600), 50, 1000))


def percent(share: float, digits: int = 1) -> str:
    """A share as a percentage.

    >>> percent(0.1234), percent(float("nan"))
    ('12.3 %', '-')
    """
    return f"{100 * share:.{digits}f} %" if np.isfinite(share) else "-"


def curve_section(title: str, text: str, lines: Sequence[Line]) -> Section:
    """A chart of shares with its legend."""
    return Section(title, text, legend(lines) + line_chart(lines, y_range=(0.0, 1.02)))


def calibration_section(outcome: Outcome) -> Section:
    """Reliability diagram over the whole stream, with the expected calibration error."""
    bins = reliability(outcome.confidence, outcome.right)
    text = (
        "When it says 90 %, is it right nine times in ten? The cases are sorted by confidence and "
        f"cut into {len(bins.count)} groups of equal size. Points on the dashed line mean what "
        f"they say; the orange gap is {percent(bins.error)} on average."
    )
    return Section("Can its confidence be trusted?", text, reliability_chart(bins))


def confusion_section(outcome: Outcome, most: int = 10) -> Section:
    """The pairs of labels that were confused most often."""
    table = confusion_matrix(outcome.truth, outcome.answer, len(outcome.labels))
    pairs = commonest_confusions(table, most)
    names = [str(label) for label in outcome.labels]
    rows = [(names[right], names[answer], count) for right, answer, count in pairs]
    widest = max((count for _, _, count in pairs), default=1)
    body = render("confusions.html", pairs=rows, widest=widest)
    text = "The mistakes made most often, over the whole stream, its first steps included."
    return Section("What does it mix up?", text, body if pairs else "<p>Nothing so far.</p>")


def label_section(outcome: Outcome) -> Section:
    """Every label: how often it came, when it first came, and its recall."""
    table = confusion_matrix(outcome.truth, outcome.answer, len(outcome.labels))
    cases, found = table.sum(axis=1), recalls(table)
    order = np.argsort(-cases, kind="stable")
    start = _first_rows(outcome.truth, len(outcome.labels))
    rows = [
        (str(outcome.labels[i]), f"{cases[i]:,}", f"{start[i] + 1:,}", percent(found[i]))
        for i in order
        if cases[i]
    ]
    heads = ("label", "cases", "first came at", "recognised")
    body = html_table(heads, rows, numbers=(1, 2, 3))
    text = f"{len(rows)} labels, none of them known beforehand."
    if len(rows) > SHOWN:
        body = folded(body, len(rows))
    return Section("Which labels came?", text, body)


def _first_rows(truth: NDArray[np.int64], labels: int) -> NDArray[np.int64]:
    first = np.full(labels, len(truth), dtype=np.int64)
    np.minimum.at(first, truth, np.arange(len(truth)))
    return first
