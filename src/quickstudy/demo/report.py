"""The report of the demo: how a learner came to be trusted with most of the work."""

from __future__ import annotations

import numpy as np

from quickstudy.demo.simulation import Demo
from quickstudy.evaluate.report.charts import Line, line_chart, steps
from quickstudy.evaluate.report.page import Section, Tile, html_table, legend, page
from quickstudy.evaluate.report.sections import (
    calibration_section,
    confusion_section,
    curve_section,
    label_section,
    percent,
    window_of,
)
from quickstudy.stats.curves import running_mean
from quickstudy.types import Floats

MISTAKES = 12


def autonomy_report(demo: Demo, seconds: float) -> str:
    """The whole document, for a demo that has run."""
    count = demo.done
    lead = (
        f"{count:,} real questions to a bank, one after another, to a learner that knew nothing: "
        "not even which kinds there are. It asks a teacher until it has proved that its own "
        f"answers are at least {percent(demo.target, 0)} right; from then on it asks only when it "
        f"is not sure.{'' if demo.acted.any() else ' In this run it did not get that far.'}"
    )
    outcome = demo.outcome(seconds)
    sections = [
        _handled(demo),
        _learning(demo),
        _labels_used(demo),
        calibration_section(outcome),
        confusion_section(outcome),
        _mistakes(demo),
        label_section(outcome),
    ]
    return page("From asking about everything to acting alone", lead, _tiles(demo), sections)


def _tiles(demo: Demo) -> list[Tile]:
    share, low, high = demo.precision()
    last = min(1_000, demo.done)
    first = demo.first_act
    known = demo.right[demo.acted]
    interval = f"95 % interval {percent(low)} to {percent(high)}, from audits alone"
    start = "-" if first is None else f"{first + 1:,}"
    truth = f"of all {len(known):,} it gave, known to the simulation alone"
    return [
        Tile(percent(demo.share_handled(last), 0), "handled alone", f"of the last {last:,}"),
        Tile(percent(share), "of its own answers right", interval),
        Tile(f"{demo.labels_used:,}", "labels used", f"for {demo.done:,} questions"),
        Tile(start, "first question answered alone", _labels_before(demo)),
        Tile(percent(known.mean() if len(known) else np.nan), "in truth", truth),
        Tile(f"{len(demo.labels)}", "kinds of questions", "found on the way, none given"),
    ]


def _labels_before(demo: Demo) -> str:
    first = demo.first_act
    return "" if first is None else f"after {int(demo.labelled[:first].sum()):,} labels"


def _handled(demo: Demo) -> Section:
    window = window_of(demo.done)
    share = running_mean(demo.acted, window)
    lines = [
        Line("handled alone", share, "blue"),
        Line("right among those", _precision_curve(demo, window), "green"),
        Line("what was asked for", np.full(demo.done, demo.target), "grey", dashed=True),
    ]
    text = (
        f"Share of the last {window:,} questions that it answered without asking, and how many of "
        "those answers were right. The dotted lines are the moments at which a bolder policy had "
        "proved itself; an alarm of the guard takes that back."
    )
    chart = line_chart(lines, y_range=(0.0, 1.09), marks=_marks(demo), x_label="questions so far")
    return Section("How much does it handle alone?", text, legend(lines) + chart)


def _precision_curve(demo: Demo, window: int) -> Floats:
    """Running precision of what it acted on; nan where it hardly acted."""
    acted = running_mean(demo.acted, window)
    right = running_mean(demo.acted & demo.right, window)
    enough = acted * window >= 20  # fewer answers make no share worth drawing
    return np.where(enough, right / np.maximum(acted, 1e-12), np.nan)


def _marks(demo: Demo) -> list[tuple[int, str]]:
    changes = np.flatnonzero(np.diff(demo.level[: demo.done]) != 0)
    marks = []
    for i in changes:
        level, before = demo.level[i + 1], demo.level[i]
        marks.append((int(i) + 2, f"policy {level}" if level > before else "alarm"))
    return marks


def _learning(demo: Demo) -> Section:
    window = window_of(demo.done)
    lines = [Line("right, acted or not", running_mean(demo.right, window), "blue")]
    return curve_section(
        "How fast does it learn?",
        f"Share of the last {window:,} questions for which its answer was right, whether it gave "
        "it or asked first. It begins with nothing, and there are 77 kinds.",
        lines,
    )


def _labels_used(demo: Demo) -> Section:
    used = np.cumsum(demo.labelled[: demo.done]).astype(np.float64)
    lines = [
        Line("asked or audited", used, "violet"),
        Line("if a person labelled everything", steps(demo.done), "grey", dashed=True),
    ]
    chart = line_chart(lines, percent=False, x_label="questions so far")
    text = f"{demo.labels_used:,} labels for {demo.done:,} questions. The flatter, the less work."
    return Section("How many labels did it need?", text, legend(lines) + chart)


def _mistakes(demo: Demo) -> Section:
    acted = [m for m in demo.mistakes if m.acted][-MISTAKES:][::-1]
    rows = [(f"{m.number + 1:,}", m.question, str(m.answer), str(m.right)) for m in acted]
    body = html_table(("no.", "question", "it answered", "right"), rows, numbers=(0,))
    text = "Wrong answers that it gave alone and that an audit brought to light, the last ones."
    none = "<p>None came to light.</p>"
    return Section("Where was it wrong when it acted?", text, body if rows else none)
