"""The report of `quickstudy evaluate`: one HTML file for readers without prior knowledge."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from quickstudy.evaluate.data.columns import Column
from quickstudy.evaluate.measures import bits, majority, no_change
from quickstudy.evaluate.prequential import Outcome
from quickstudy.evaluate.report.charts import SERIES, Line, line_chart
from quickstudy.evaluate.report.page import Section, Tile, folded, html_table, legend, page
from quickstudy.evaluate.report.sections import (
    SHOWN,
    calibration_section,
    confusion_section,
    curve_section,
    label_section,
    percent,
    window_of,
)
from quickstudy.stats.curves import cumulative_mean, running_mean

SURE = 0.95  # from this confidence on, a case counts as one that it could answer alone
Peers = Mapping[str, tuple[Outcome, Mapping[str, Any]]]


def evaluation_report(
    name: str,
    columns: Sequence[Column],
    outcome: Outcome,
    *,
    figures: Mapping[str, Any],
    peers: Peers,
) -> str:
    """The whole document; `figures` are those of `measure`, for each peer with its outcome."""
    lead = (
        f"A learner that knew nothing met {len(outcome.truth):,} examples one at a time. It had to "
        f"answer each before it was told the right label{_arrival(outcome.delay)}."
    )
    sections = [
        _learning(outcome, peers),
        _sure(outcome),
        calibration_section(outcome),
        confusion_section(outcome),
        _labels_used(outcome),
        label_section(outcome),
        _fields(columns),
    ]
    if peers:
        sections.insert(1, _comparison(figures, peers))
    return page(f"Learning {name} from nothing", lead, _tiles(figures), sections)


def _arrival(delay: int) -> str:
    return f", which came {delay:,} examples later" if delay else ""


def _tiles(figures: Mapping[str, Any]) -> list[Tile]:
    base = figures["baselines"]
    first = figures["first"]["200"]
    return [
        Tile(percent(figures["accuracy"]), "right", "all examples, the first ones included"),
        Tile(percent(base["no_change"]), "repeating the last label", "what anyone could do"),
        Tile(percent(base["majority"]), "the commonest label", "what anyone could do"),
        Tile(percent(first if first is not None else np.nan), "right in the first 200", ""),
        Tile(
            percent(figures["expected_calibration_error"]),
            "calibration error",
            "gap between confidence and truth",
        ),
        Tile(
            f"{figures['examples_per_second']:,.0f}", "examples a second", "predicted and learned"
        ),
    ]


def _learning(outcome: Outcome, peers: Peers) -> Section:
    window = window_of(len(outcome.truth))
    truth, delay = outcome.truth, outcome.delay
    lines = [Line("Quickstudy", running_mean(outcome.right, window), "blue")]
    for (name, (other, _)), color in zip(peers.items(), _colors(), strict=False):
        lines.append(Line(name, running_mean(other.right, window), color))
    still = no_change(truth, delay) == truth
    common = majority(truth, delay) == truth
    lines.append(Line("repeats the last label", running_mean(still, window), "grey", dashed=True))
    lines.append(Line("commonest label", running_mean(common, window), "brown", dashed=True))
    return curve_section(
        "How fast does it learn?",
        f"Share of right answers among the last {window:,} examples. A learner that is worth its "
        "keep stays above the dashed lines.",
        lines,
    )


def _colors() -> list[str]:
    used = {"blue", "grey", "brown"}
    free = [color for color in SERIES if color not in used]
    return free * 4


def _comparison(figures: Mapping[str, Any], peers: Peers) -> Section:
    everyone = [("Quickstudy", figures), *((name, other) for name, (_, other) in peers.items())]
    everyone.sort(key=lambda entry: -entry[1]["accuracy"])
    rows = [
        (
            name,
            percent(f["accuracy"], 2),
            f"{f['log_loss']:.3f}" if f["log_loss"] is not None else "-",
            percent(f["first"]["200"] if f["first"]["200"] is not None else np.nan),
            percent(f["expected_calibration_error"]),
            f"{f['examples_per_second']:,.0f}",
        )
        for name, f in everyone
    ]
    ours = [name for name, _ in everyone].index("Quickstudy")
    heads = ("learner", "right", "log loss", "first 200", "calibration error", "examples / s")
    text = "The same examples in the same order, each predicted before it was learned."
    body = html_table(heads, rows, numbers=range(1, 6), ours=ours)
    return Section("Beside what people use today", text, body)


def _sure(outcome: Outcome) -> Section:
    window = window_of(len(outcome.truth))
    sure = outcome.confidence >= SURE
    share = running_mean(sure, window)
    right = running_mean(outcome.right & sure, window) / np.maximum(share, 1e-12)
    right[share == 0] = np.nan
    lines = [Line("handled", share, "blue"), Line("right among them", right, "green")]
    return curve_section(
        "How much could it handle alone?",
        f"Share of the last {window:,} examples in which it was at least {percent(SURE, 0)} sure, "
        "and how often it was right in those.",
        lines,
    )


def _labels_used(outcome: Outcome) -> Section:
    spent = np.cumsum(bits(outcome))
    lines = [Line("bits of surprise so far", spent, "violet")]
    each = cumulative_mean(bits(outcome))[-1]
    text = (
        f"Every label taught it something: {spent[-1]:,.0f} bits of surprise in {len(spent):,} "
        f"labels, {each:.2f} bits a label. The curve flattens as there is less left to learn."
    )
    body = legend(lines) + line_chart(lines, percent=False, x_label="labels used")
    return Section("What did its labels teach it?", text, body)


def _fields(columns: Sequence[Column]) -> Section:
    rows = [(c.name, c.type, f"{c.missing:,}", c.example, c.note) for c in columns]
    body = html_table(("field", "type", "missing", "for example", "read"), rows, numbers=(2,))
    if len(rows) > SHOWN:
        body = folded(body, len(rows))
    return Section("What did it look at?", "The fields of an example, as they were read.", body)
