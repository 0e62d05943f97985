"""The demo as it runs: share handled, precision, labels used, the last mistakes."""

from __future__ import annotations

import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from rich.console import Group, RenderableType
from rich.live import Live
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table
from rich.text import Text

from quickstudy.console import Rate, out, write_text
from quickstudy.demo.simulation import WINDOW, Demo, Mistake

BLOCKS = "▁▂▃▄▅▆▇█"
SPARKS = 60  # characters of a small curve
REDRAW = 0.25  # seconds
MISTAKES = 5


def watch(*, questions: int, target: float, seed: int, report: Path) -> None:
    """Run the demo on the screen and write its report."""
    from quickstudy import Classifier

    demo = Demo(Classifier(seed=seed), questions=questions, target=target, seed=seed)
    began = time.perf_counter()
    _play(demo)
    seconds = time.perf_counter() - began
    from quickstudy.demo.report import autonomy_report

    write_text(report, autonomy_report(demo, seconds))
    out.print(Text(summary(demo, seconds)), soft_wrap=True)
    out.print(Text(f"report: {report.resolve()}"), soft_wrap=True)


def _play(demo: Demo) -> None:
    columns = (BarColumn(None), MofNCompleteColumn(), Rate(), TextColumn("left"))
    progress = Progress(*columns, TimeRemainingColumn(), expand=True, auto_refresh=False)
    task = progress.add_task("", total=len(demo.questions))
    drawn = 0.0
    with Live(console=out, auto_refresh=False) as live:
        for done in demo.run():
            now = time.perf_counter()
            if now - drawn >= REDRAW or done == len(demo.questions):
                drawn = now
                progress.update(task, completed=done)
                live.update(screen(demo, progress), refresh=True)
    if not out.is_terminal:
        out.line()  # a pipe gets the last screen only, and without the end of its last line


def summary(demo: Demo, seconds: float) -> str:
    """The run in one sentence."""
    first = demo.first_act
    if first is None:
        start = "it never proved enough to act alone"
    else:
        start = f"acted alone from question {first + 1:,} on, {demo.acted.sum():,} times"
    return f"{demo.done:,} questions in {seconds:.0f} s: {start}; {demo.labels_used:,} labels used"


def screen(demo: Demo, progress: RenderableType) -> RenderableType:
    """Everything that is on the screen at one moment."""
    window = slice(max(0, demo.done - WINDOW), demo.done)
    accuracy = float(demo.right[window].mean()) if demo.done else 0.0
    tiles = [
        _tile(f"{demo.share_handled():.0%}", "handled alone", f"of the last {WINDOW}"),
        _tile(*_precision(demo)),
        _tile(f"{demo.labels_used:,}", "labels used", f"of {demo.done:,}"),
        _tile(f"{accuracy:.0%}", "would be right", f"of the last {WINDOW}"),
    ]
    figures = Table.grid(expand=True)
    for _ in tiles:
        figures.add_column(ratio=1)
    figures.add_row(*tiles)
    curves = Table.grid(padding=(0, 2))
    curves.add_row("handled alone", Text(spark(demo.acted[: demo.done]), style="blue"))
    curves.add_row("right answers", Text(spark(demo.right[: demo.done]), style="green"))
    title = Text("Quickstudy learns 77 kinds of bank questions from nothing", style="bold")
    return Group(title, progress, figures, curves, _status(demo), _mistakes(demo.mistakes))


def _tile(value: str, name: str, remark: str) -> Panel:
    return Panel(Text.assemble((value, "bold"), f"\n{name}\n", (remark, "dim")))


def _precision(demo: Demo) -> tuple[str, str, str]:
    share, low, high = demo.precision()
    if np.isnan(share):
        return "-", "precision", "no audits yet"
    return f"{share:.1%}", "precision", f"{low:.1%} to {high:.1%}"


def _status(demo: Demo) -> Text:
    first = demo.first_act
    if first is None:
        return Text(f"Asks about everything: not yet proved {demo.target:.0%} right.", style="dim")
    level = demo.level[max(demo.done - 1, 0)]
    since = f"Acts alone since question {first + 1:,}"
    if not level:
        return Text(f"{since}, but a guard has stopped it: asks until proved again.", style="red")
    policy = f"policy {level} of {demo.policies}"
    return Text(f"{since}: {demo.target:.0%} right is certified, {policy}.")


def _mistakes(mistakes: Sequence[Mistake]) -> Table:
    table = Table(title="last mistakes", title_justify="left", expand=True)
    table.add_column("question", no_wrap=True, ratio=4)
    table.add_column("answered", no_wrap=True, ratio=2)
    table.add_column("right", no_wrap=True, ratio=2)
    table.add_column("", no_wrap=True, width=8)
    for m in mistakes[-MISTAKES:][::-1]:
        how = Text("audited", style="red") if m.acted else Text("asked", style="dim")
        table.add_row(Text(m.question), Text(str(m.answer or "-")), Text(str(m.right)), how)
    return table


def spark(values: Sequence[float] | NDArray[np.bool_]) -> str:
    """Shares over time as a line of blocks.

    >>> spark([False, False, True, False, True, True])
    '▁▁█▁██'
    """
    parts = np.array_split(np.asarray(values, dtype=float), min(SPARKS, max(len(values), 1)))
    shares = [part.mean() if len(part) else 0.0 for part in parts]
    return "".join(BLOCKS[round(share * (len(BLOCKS) - 1))] for share in shares)
