"""The command `quickstudy demo`. Everything heavy is imported where it is used."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def demo(
    fast: Annotated[bool, typer.Option("--fast", help="1,500 questions instead of 6,000.")] = False,
    questions: Annotated[
        int | None, typer.Option("--questions", metavar="N", min=1, help="How many questions.")
    ] = None,
    speed: Annotated[
        float,
        typer.Option("--speed", metavar="N", help="Questions a second; 0: as fast as it goes."),
    ] = 20.0,
    target: Annotated[
        float | None,
        typer.Option(
            "--precision",
            metavar="SHARE",
            help="Share of its answers that must be right: 0.95 unless given, with --fast 0.9, "
            "as 1,500 questions are too few to prove more.",
        ),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Order of the questions.")] = 0,
    port: Annotated[
        int, typer.Option("--port", help="Port of the page; the next free one if it is taken.")
    ] = 8321,
    store: Annotated[
        Path | None, typer.Option("--store", metavar="NEW.db", help="Keep what it learns here.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End when the stream does.")] = False,
) -> None:
    """Watch it learn 77 kinds of bank questions from nothing, and teach it.

    A server starts, and real questions stream in. The learner asks a simulated
    teacher until it has proved that it can answer alone; from then on it asks
    only when it is not sure, and a few of its answers are audited. Open the
    page that is printed: some of the asks are left for you.

    \b
    [bold]Examples[/bold]
    quickstudy demo
    quickstudy demo --fast --speed 50
    quickstudy demo --store bank.db
    """
    usual = (1_500, 0.9) if fast else (6_000, 0.95)
    count, share = questions or usual[0], usual[1] if target is None else target
    from quickstudy.demo.live import show
    from quickstudy.demo.settings import LiveDemo

    show(LiveDemo(count, speed, share, seed, port=port, store=store, once=once))
