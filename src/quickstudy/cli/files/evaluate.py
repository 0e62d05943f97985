"""The command `quickstudy evaluate`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quickstudy.cli.files.data import (
    DataFile,
    Limit,
    Target,
    Vectors,
    named_by_place,
    put,
    read_file,
)
from quickstudy.cli.reading import Budget, Reading, takes_reading

if TYPE_CHECKING:
    from quickstudy.evaluate.data.table import Table
    from quickstudy.evaluate.prequential import Outcome


@takes_reading
def evaluate(
    file: DataFile,
    target: Target,
    *,
    vectors: Vectors = None,
    limit: Limit = None,
    delay: Annotated[
        int, typer.Option("--delay", metavar="N", min=0, help="Labels arrive N examples later.")
    ] = 0,
    versus: Annotated[
        str, typer.Option("--versus", metavar="A,B,...", help="Peers: river.ARF, vw, lightgbm, ...")
    ] = "",
    report: Annotated[
        Path | None, typer.Option("--report", metavar="OUT.html", help="Write an HTML report.")
    ] = None,
    json_out: Annotated[
        str | None, typer.Option("--json", metavar="OUT|-", help="Write the figures as JSON.")
    ] = None,
    budget_mb: Budget = None,
    reading: Reading,
) -> None:
    """How well would it have done on your data? Each example is predicted before it is learned.

    \b
    [bold]Examples[/bold]
    quickstudy evaluate tickets.csv --target queue
    quickstudy evaluate tickets.csv --target queue --report report.html
    quickstudy evaluate tickets.csv --target queue --vectors tickets.npy
    quickstudy evaluate meter.csv --target up --delay 100 --versus vw,lightgbm
    quickstudy evaluate meter.csv --target up --json - | jq .accuracy
    quickstudy evaluate export.csv --target level --separator ';' --decimal , --encoding cp1252
    quickstudy evaluate cases.jsonl --target queue --drop id,items --type tags=tags
    """
    from quickstudy import console
    from quickstudy.evaluate.budget import budget_for
    from quickstudy.evaluate.peers.evaluate_peer import peer_names

    options = reading.options(budget_mb)
    names = peer_names(versus)
    for place in [str(p) for p in (report, json_out) if p and p != "-"]:
        console.check_writable(Path(place))
    table = read_file(file, target, limit=limit, vectors=vectors, options=options)
    budget, note = budget_for(table.labels, budget_mb)
    console.show_notes([note])
    runs = _run_all(table, names, delay, budget)
    figures = _figures(runs)
    if json_out is not None:
        put(json_out, _json_of(figures))
    if json_out != "-":
        console.show_figures(figures)
    if report is not None:
        _write_report(report, table, runs, figures)


def _run_all(table: Table, peers: list[str], delay: int, budget: float) -> dict[str, Outcome]:
    """Outcomes by name: Quickstudy first, then each peer."""
    from quickstudy import Classifier
    from quickstudy.console import progress_bar
    from quickstudy.evaluate.peers.evaluate_peer import evaluate_peer
    from quickstudy.evaluate.prequential import evaluate as run

    learner = Classifier(schema=table.schema, budget_mb=budget)
    with (
        progress_bar("Quickstudy", len(table)) as moved,
        named_by_place(table, learner, slice(0, len(table))),
    ):
        ours = run(learner, table.records, table.labels, delay=delay, progress=moved)
    outcomes = {"Quickstudy": ours}
    for name in peers:
        with progress_bar(name, len(table)) as moved:
            outcomes[name] = evaluate_peer(
                name, table.records, table.labels, delay=delay, progress=moved
            )
    return outcomes


def _figures(runs: Mapping[str, Outcome]) -> dict[str, dict[str, Any]]:
    from quickstudy.evaluate.measures import measure

    return {name: measure(outcome) for name, outcome in runs.items()}


def _json_of(figures: Mapping[str, Mapping[str, Any]]) -> str:
    ours, *names = figures
    everything = {**figures[ours], "peers": {name: figures[name] for name in names}}
    return json.dumps(everything, indent=2, allow_nan=False) + "\n"


def _write_report(
    path: Path, table: Table, runs: Mapping[str, Outcome], figures: Mapping[str, Any]
) -> None:
    from quickstudy import console
    from quickstudy.evaluate.report.report import evaluation_report

    ours, *names = figures
    peers = {name: (runs[name], figures[name]) for name in names}
    columns = [*table.columns, *table.left_out]
    html = evaluation_report(
        table.path.name, columns, runs[ours], figures=figures[ours], peers=peers
    )
    console.write_text(path, html)
    console.err.print(f"report: {path}", soft_wrap=True)
