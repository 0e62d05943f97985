"""What the terminal shows while the demo serves: the page's address, and the learner's figures."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self

import numpy as np
from rich.console import Group, RenderableType
from rich.live import Live
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from quickstudy.console import Rate, out
from quickstudy.demo.settings import LiveDemo
from quickstudy.demo.teacher import NAME

if TYPE_CHECKING:
    from quickstudy.api.decisions import Report

LINES = 10  # printed during the run where there is no terminal
BLOCKS = "▁▂▃▄▅▆▇█"
SPARKS = 60  # characters of a small curve


class Panel:
    """A few lines that change in place at a terminal; elsewhere a line for each tenth of a run."""

    def __init__(self, url: str, demo: LiveDemo) -> None:
        self.url = url
        self.demo = demo
        self._done = 0
        self._printed = 0
        self._report: Report | None = None
        self._note = "asks, learns, and acts alone once it has proved itself; Ctrl-C ends it"
        columns = (BarColumn(None), MofNCompleteColumn(), Rate(), TextColumn("left"))
        self._bar = Progress(*columns, TimeRemainingColumn(), expand=True, auto_refresh=False)
        self._task = self._bar.add_task("", total=demo.questions)
        self._live = Live(console=out, auto_refresh=False) if sys.stdout.isatty() else None

    def __enter__(self) -> Self:
        if self._live:
            self._live.start()
        else:
            out.print(Text(f"page: {self.url}"), soft_wrap=True)
            sys.stdout.flush()
        return self

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if error_type is KeyboardInterrupt:
            self.note("ending: what it has learned is being written")
        if self._live:
            self._live.stop()

    def advance(self) -> None:
        """Count one more question as answered."""
        self._done += 1

    def note(self, text: str) -> None:
        """Replace the note below the figures."""
        self._note = text
        if self._report is not None:
            self.show(self._report)

    def show(self, report: Report) -> None:
        """Draw the figures of a report."""
        self._report = report
        self._bar.update(self._task, completed=self._done)
        if self._live:
            self._live.update(self._drawn(report), refresh=True)
        elif self._done * LINES // self.demo.questions > self._printed:
            self._printed = self._done * LINES // self.demo.questions
            out.print(Text(line(report)), soft_wrap=True)
            sys.stdout.flush()

    def _drawn(self, report: Report) -> RenderableType:
        title = Text("Quickstudy learns 77 kinds of bank questions from nothing", style="bold")
        page = Text("Open this page, watch it, and teach it: ")
        page.append(self.url, style=f"bold blue link {self.url}")
        figures = Table.grid(padding=(0, 3))
        for value, name in tiles(report):
            figures.add_row(Text(value, style="bold", justify="right"), Text(name))
        curves = Table.grid(padding=(0, 2))
        handled = [point.handled for point in report.curve]
        right = [point.right for point in report.curve if point.right is not None]
        curves.add_row("handled alone", Text(spark(handled), style="blue"))
        curves.add_row("right answers", Text(spark(right), style="green"))
        state = Text(status(report))
        return Group(title, page, self._bar, figures, curves, state, Text(self._note, style="dim"))


def tiles(report: Report) -> list[tuple[str, str]]:
    """Figures with their names."""
    precision, names = "-", "of its own answers right: no audits yet"
    if report.precision is not None:
        precision, names = f"{report.precision:.1%}", "of its own answers right"
        if report.precision_low is not None and report.precision_high is not None:
            names += f" ({report.precision_low:.1%} to {report.precision_high:.1%})"
    return [
        (f"{report.share_handled:.0%}", "handled alone, of the last 500"),
        (precision, names),
        (f"{report.labels_used:,}", f"labels used, for {report.cases:,} questions"),
        (f"{taught_by_visitors(report):,}", "of them by you"),
        (f"{report.waiting:,}", "waiting for you"),
    ]


def taught_by_visitors(report: Report) -> int:
    """Labels that did not come from the simulated teacher."""
    return sum(labels for source, labels in report.sources if source != NAME)


def line(report: Report) -> str:
    """The figures in one line."""
    share = "" if report.precision is None else f", {report.precision:.1%} of those right"
    return (
        f"{report.cases:,} questions: {report.share_handled:.0%} of the last 500 handled alone"
        f"{share}; {report.labels_used:,} labels used, {report.waiting:,} waiting for you"
    )


def status(report: Report) -> str:
    """What the learner may do now, and why."""
    target = report.learner.settings.target
    level = sum(1 for policy in report.policies if policy.certified)
    if level:
        bold = f"policy {level} of {len(report.policies)}"
        return f"Acts alone where it is sure: {target:.0%} right is certified, {bold}."
    if report.alarms:
        return "A guard has stopped it: it asks until it has proved itself again."
    return f"Asks about everything: not yet proved {target:.0%} right."


def spark(values: Sequence[float]) -> str:
    """Shares over time as a line of blocks.

    >>> spark([False, False, True, False, True, True])
    '▁▁█▁██'
    """
    parts = np.array_split(np.asarray(values, dtype=float), min(SPARKS, max(len(values), 1)))
    shares = [part.mean() if len(part) else 0.0 for part in parts]
    return "".join(BLOCKS[round(share * (len(BLOCKS) - 1))] for share in shares)


def closing_line(store: Path | None) -> str:
    """Where the store is, or that it is deleted."""
    if store is None:
        return "The demo is over; its store was temporary and is gone (--store PATH keeps one)."
    return f"The demo is over; to go on: quickstudy serve --store {store}"
