"""The command line: a thin face on the library. Everything heavy is imported where it is used."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quickstudy.errors import QuickstudyError, RecordError
from quickstudy.serve import command, command_oversight

if TYPE_CHECKING:
    from quickstudy import Classifier
    from quickstudy.evaluate.prequential import Outcome
    from quickstudy.evaluate.table import Table

CHUNK = 100  # rows learned or predicted at once: what the progress bar moves by

app = typer.Typer(
    name="quickstudy",
    help="A learner that learns from each example at once, and says how sure it is.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

DataFile = Annotated[Path, typer.Argument(metavar="FILE", help="CSV or JSONL, also .gz.")]
ModelFile = Annotated[Path, typer.Argument(metavar="MODEL", help="A saved learner.")]
Target = Annotated[str, typer.Option("--target", metavar="COL", help="Column with the label.")]
Vectors = Annotated[
    Path | None,
    typer.Option("--vectors", metavar="FILE.npy", help="One row of numbers for each example."),
]
Limit = Annotated[
    int | None, typer.Option("--limit", metavar="N", help="Read only the first N examples.")
]


@app.command()
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
        int, typer.Option("--port", help="Where the page is; the next free one if it is taken.")
    ] = 8321,
    store: Annotated[
        Path | None, typer.Option("--store", metavar="NEW.db", help="Keep what it learns here.")
    ] = None,
    once: Annotated[bool, typer.Option("--once", help="End when the stream does.")] = False,
    terminal: Annotated[
        bool, typer.Option("--terminal", help="No server: all in this terminal, and a report.")
    ] = False,
    report: Annotated[
        Path, typer.Option("--report", metavar="OUT.html", help="Where --terminal's report goes.")
    ] = Path("report-demo.html"),
) -> None:
    """Watch it learn 77 kinds of bank questions from nothing, and teach it.

    A server starts, and real questions stream in. It asks a simulated teacher
    until it has proved that it can answer alone; from then on it asks only when
    it is not sure, and a few of its answers are audited. Open the page that is
    printed: some of what it asks is left for you.

    \b
    [bold]Examples[/bold]
    quickstudy demo
    quickstudy demo --fast --speed 50
    quickstudy demo --store bank.db
    quickstudy demo --terminal --precision 0.9
    """
    usual = (1_500, 0.9) if fast else (6_000, 0.95)
    count, share = questions or usual[0], usual[1] if target is None else target
    if terminal:
        from quickstudy.console import check_writable
        from quickstudy.demo.screen import watch

        check_writable(report)
        watch(questions=count, target=share, seed=seed, report=report)
    else:
        from quickstudy.demo.live import LiveDemo, show

        show(LiveDemo(count, speed, share, seed, port=port, store=store, once=once))


@app.command()
def evaluate(
    file: DataFile,
    target: Target,
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
) -> None:
    """How well would it have done on your data? Each example is predicted before it is learned.

    \b
    [bold]Examples[/bold]
    quickstudy evaluate tickets.csv --target queue
    quickstudy evaluate tickets.csv --target queue --report report.html
    quickstudy evaluate tickets.csv --target queue --vectors tickets.npy
    quickstudy evaluate meter.csv --target up --delay 100 --versus vw,lightgbm
    quickstudy evaluate meter.csv --target up --json - | jq .accuracy
    """
    from quickstudy import console
    from quickstudy.evaluate.versus import peer_names

    names = peer_names(versus)
    for path in [report, Path(json_out) if json_out not in (None, "-") else None]:
        if path is not None:
            console.check_writable(path)
    table = _read(file, target, limit=limit, vectors=vectors)
    runs = _run_all(table, names, delay)
    figures = _figures(runs)
    ours = next(iter(figures))
    if json_out is not None:
        everything = {**figures[ours], "peers": {name: figures[name] for name in names}}
        _put(json_out, json.dumps(everything, indent=2, allow_nan=False) + "\n")
    if json_out != "-":
        console.show_figures(figures)
    if report is not None:
        from quickstudy.evaluate.report import evaluation_report

        peers = {name: (runs[name], figures[name]) for name in names}
        html = evaluation_report(
            file.name, table.columns, runs[ours], figures=figures[ours], peers=peers
        )
        console.write_text(report, html)
        console.err.print(f"report: {report}", soft_wrap=True)


@app.command()
def learn(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Made if it is not there.")],
    file: DataFile,
    target: Target,
    vectors: Vectors = None,
    limit: Limit = None,
) -> None:
    """Learn a file, example by example, and save what was learned.

    A model that is there learns on, as if it had never stopped.

    \b
    [bold]Examples[/bold]
    quickstudy learn tickets.qs monday.csv --target queue
    quickstudy learn tickets.qs tuesday.csv --target queue
    """
    from quickstudy import Classifier, console

    console.check_writable(model)
    if model.exists():
        learner = Classifier.load(model)
        table = _read(file, target, limit=limit, vectors=vectors, types=_types(learner))
    else:
        table = _read(file, target, limit=limit, vectors=vectors)
        learner = Classifier(schema=table.schema)
    with console.progress_bar("learning", len(table)) as moved:
        for rows in _chunks(len(table)):
            learner.learn_many(table.records[rows], table.labels[rows])
            moved(rows.stop - rows.start)
    learner.save(model)
    console.err.print(
        f"{model}: {learner.examples:,} examples, {len(learner.labels):,} labels", soft_wrap=True
    )


@app.command()
def predict(
    model: ModelFile,
    file: DataFile,
    target: Annotated[
        str | None, typer.Option("--target", metavar="COL", help="Leave this column aside.")
    ] = None,
    vectors: Vectors = None,
    limit: Limit = None,
    out: Annotated[str, typer.Option("--out", metavar="OUT|-", help="Where the JSONL goes.")] = "-",
) -> None:
    """Answer every example of a file: a line of JSON each, with label, confidence and novelty.

    Where an example lacks fields that the answer hangs on, or has them under another name or type,
    `unfamiliar` names them.

    \b
    [bold]Examples[/bold]
    quickstudy predict tickets.qs new.csv > answers.jsonl
    quickstudy predict tickets.qs new.csv --target queue --out answers.jsonl
    """
    from quickstudy import Classifier, console

    if out != "-":
        console.check_writable(Path(out))
    learner = Classifier.load(model)
    table = _read(file, target, limit=limit, vectors=vectors, types=_types(learner))
    lines, strange = [], []
    with console.progress_bar("predicting", len(table)) as moved:
        for rows in _chunks(len(table)):
            for p in learner.predict_many(table.records[rows]):
                said: dict[str, Any] = {
                    "label": p.label,
                    "confidence": p.confidence,
                    "novelty": p.novelty,
                }
                if p.unfamiliar:
                    said["unfamiliar"] = asdict(p.unfamiliar)
                    strange.append(str(p.unfamiliar))
                lines.append(json.dumps(said, ensure_ascii=False) + "\n")
            moved(rows.stop - rows.start)
    _put(out, "".join(lines))
    if strange:
        share = f"{len(strange):,} of {len(table):,} examples have"
        console.err.print(f"{share} an unfamiliar form, as {strange[0]}", soft_wrap=True)


@app.command()
def explain(
    model: ModelFile,
    record: Annotated[
        str, typer.Argument(metavar="RECORD", help="A JSON object, a JSON list, or plain text.")
    ],
) -> None:
    """Why does it answer so? Votes, remembered examples, and the fields that matter.

    \b
    [bold]Examples[/bold]
    quickstudy explain tickets.qs '{"text": "my card is lost", "country": "IT"}'
    quickstudy explain tickets.qs "my card is lost"
    """
    from quickstudy import Classifier
    from quickstudy.views import show_explanation

    show_explanation(Classifier.load(model).explain(_parse(record)))


@app.command()
def inspect(model: ModelFile) -> None:
    """What is in a saved learner: labels, examples, fields, experts, size and hash.

    \b
    [bold]Examples[/bold]
    quickstudy inspect tickets.qs
    """
    from quickstudy import Classifier
    from quickstudy.views import show_learner

    show_learner(Classifier.load(model), model)


app.command()(command.serve)
app.add_typer(command.keys)
app.command()(command.backup)
app.command()(command.doctor)
app.command()(command_oversight.pause)
app.command()(command_oversight.resume)
app.add_typer(command_oversight.pins)


def _read(
    file: Path,
    target: str | None,
    *,
    limit: int | None,
    vectors: Path | None,
    types: Mapping[str, str] | None = None,
) -> Table:
    from quickstudy.console import show_types
    from quickstudy.evaluate.table import read_table

    table = read_table(file, target, limit=limit, vectors=vectors, types=types)
    show_types(table.columns, len(table))
    return table


def _run_all(table: Table, peers: list[str], delay: int) -> dict[str, Outcome]:
    """Outcome of our learner, first, and of each peer."""
    from quickstudy import Classifier
    from quickstudy.console import progress_bar
    from quickstudy.evaluate.prequential import evaluate as run
    from quickstudy.evaluate.versus import evaluate_peer

    with progress_bar("Quickstudy", len(table)) as moved:
        learner = Classifier(schema=table.schema)
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


def _types(learner: Classifier) -> dict[str, str]:
    """Fields that always came in one type: a new file's columns are read as that."""
    names = [field.name for field in learner.fields]
    return {field.name: field.type for field in learner.fields if names.count(field.name) == 1}


def _chunks(count: int) -> list[slice]:
    return [slice(i, min(i + CHUNK, count)) for i in range(0, count, CHUNK)]


def _parse(record: str) -> Any:
    start = record.lstrip()[:1]
    if start not in {"{", "["}:
        return record
    try:
        return json.loads(record)
    except ValueError as error:
        if start == "[":  # "[urgent] my card is lost" is a text
            return record
        raise RecordError(f"the record is not valid JSON: {error}") from None


def _put(place: str, text: str) -> None:
    if place == "-":
        sys.stdout.write(text)
    else:
        from quickstudy.console import write_text

        write_text(Path(place), text)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line. Bad input is one line on standard error and exit code 2."""
    try:
        app(arguments)
    except (QuickstudyError, OSError) as error:
        print("quickstudy:", " ".join(str(error).split()), file=sys.stderr)
        raise SystemExit(2) from None


if __name__ == "__main__":
    main()
