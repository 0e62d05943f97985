"""The command line: a thin face on the library. Everything heavy is imported where it is used."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quickstudy.cli import oversight, server
from quickstudy.cli.reading import Budget, Decimal, Drop, Encoding, Separator, TargetType, Types
from quickstudy.demo import command as demo
from quickstudy.errors import InputError, QuickstudyError, RecordError

if TYPE_CHECKING:
    from quickstudy import Classifier
    from quickstudy.evaluate.data.options import ReadOptions
    from quickstudy.evaluate.data.table import Table
    from quickstudy.evaluate.prequential import Outcome
    from quickstudy.types import Prediction

CHUNK = 100  # rows learned or predicted at once: what the progress bar moves by

app = typer.Typer(
    name="quickstudy",
    help="A learner that learns from each example at once, and says how sure it is.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

DataFile = Annotated[
    Path,
    typer.Argument(metavar="FILE", help="CSV, JSONL (also .gz), Parquet, Arrow or Excel."),
]
ModelFile = Annotated[Path, typer.Argument(metavar="MODEL", help="A saved learner.")]
Target = Annotated[str, typer.Option("--target", metavar="COL", help="Column with the label.")]
Vectors = Annotated[
    Path | None,
    typer.Option("--vectors", metavar="FILE.npy", help="One row of numbers for each example."),
]
Limit = Annotated[
    int | None, typer.Option("--limit", metavar="N", help="Read only the first N examples.")
]

app.command()(demo.demo)


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
    separator: Separator = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    types: Types = None,
    drop: Drop = None,
    target_type: TargetType = None,
    budget_mb: Budget = None,
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
    from quickstudy.evaluate.data.options import options_from_text
    from quickstudy.evaluate.peers.evaluate_peer import peer_names

    options = options_from_text(
        separator=separator, encoding=encoding, decimal=decimal, types=types or (), drop=drop,
        target_type=target_type, budget_mb=budget_mb,
    )  # fmt: skip
    names = peer_names(versus)
    for place in [str(p) for p in (report, json_out) if p and p != "-"]:
        console.check_writable(Path(place))
    table = _read(file, target, limit=limit, vectors=vectors, options=options)
    budget, note = budget_for(table.labels, budget_mb)
    console.show_notes([note])
    runs = _run_all(table, names, delay, budget)
    figures = _figures(runs)
    if json_out is not None:
        _put(json_out, _json_of(figures))
    if json_out != "-":
        console.show_figures(figures)
    if report is not None:
        _write_report(report, table, runs, figures)


@app.command()
def learn(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Made if it is not there.")],
    file: DataFile,
    target: Target,
    vectors: Vectors = None,
    limit: Limit = None,
    separator: Separator = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    types: Types = None,
    drop: Drop = None,
    target_type: TargetType = None,
    budget_mb: Budget = None,
) -> None:
    """Learn a file, example by example, and save what was learned.

    A model that is there learns on, as if it had never stopped.

    \b
    [bold]Examples[/bold]
    quickstudy learn tickets.qs monday.csv --target queue
    quickstudy learn tickets.qs tuesday.csv --target queue
    quickstudy learn products.qs products.parquet --target code --budget-mb 128
    quickstudy learn meter.qs export.csv --target level --decimal , --type meter=category
    """
    from quickstudy import Classifier, console
    from quickstudy.evaluate.budget import budget_for, check_room
    from quickstudy.evaluate.data.options import options_from_text

    console.check_writable(model)
    options = options_from_text(
        separator=separator, encoding=encoding, decimal=decimal, types=types or (), drop=drop,
        target_type=target_type, budget_mb=budget_mb,
    )  # fmt: skip
    learner = Classifier.load(model) if model.exists() else None
    table = _read(file, target, limit=limit, vectors=vectors, options=options, learner=learner)
    if learner is None:
        budget, note = budget_for(table.labels, budget_mb)
        console.show_notes([note])
        learner = Classifier(schema=table.schema, budget_mb=budget)
    else:
        check_room(learner, table.labels, budget_mb)
    with console.progress_bar("learning", len(table)) as moved:
        for rows in _chunks(len(table)):
            with _placed(table, learner, rows):
                learner.learn_many(table.records[rows], table.labels[rows])
            moved(rows.stop - rows.start)
    learner.forms.update(table.forms)
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
    separator: Separator = None,
    encoding: Encoding = None,
    decimal: Decimal = None,
    types: Types = None,
    drop: Drop = None,
    target_type: TargetType = None,
    budget_mb: Budget = None,
) -> None:
    """Answer every example of a file: a line of JSON each, with label, confidence and novelty.

    Where an example lacks fields that the answer hangs on, or has them under another name or type,
    `unfamiliar` names them.

    \b
    [bold]Examples[/bold]
    quickstudy predict tickets.qs new.csv > answers.jsonl
    quickstudy predict tickets.qs new.csv --target queue --out answers.jsonl
    quickstudy predict meter.qs new.csv --separator ';' --target-type str
    """
    from quickstudy import Classifier, console
    from quickstudy.evaluate.data.labels import labels_of
    from quickstudy.evaluate.data.options import options_from_text

    if out != "-":
        console.check_writable(Path(out))
    learner = Classifier.load(model)
    budget_mb = budget_mb or learner.budget_mb
    options = options_from_text(
        separator=separator, encoding=encoding, decimal=decimal, types=types or (), drop=drop,
        target_type=target_type, budget_mb=budget_mb,
    )  # fmt: skip
    options = options.without(target)
    table = _read(file, None, limit=limit, vectors=vectors, options=options, learner=learner)
    lines: list[str] = []
    strange: list[str] = []
    with console.progress_bar("predicting", len(table)) as moved:
        for rows in _chunks(len(table)):
            with _placed(table, learner, rows):
                batch = learner.predict_many(table.records[rows])
            answers = labels_of([p.label for p in batch], target_type or "")
            lines += map(_answer_line, batch, answers)
            strange += [str(p.unfamiliar) for p in batch if p.unfamiliar]
            moved(rows.stop - rows.start)
    _put(out, "".join(lines))
    if strange:
        share = f"{len(strange):,} of {len(table):,} examples have"
        console.err.print(f"{share} an unfamiliar form, as {strange[0]}", soft_wrap=True)


def _answer_line(p: Prediction, label: Any) -> str:
    """What is said of one example, as a line of JSON."""
    said = {"label": label, "confidence": p.confidence, "novelty": p.novelty}
    said |= {"unfamiliar": asdict(p.unfamiliar)} if p.unfamiliar else {}
    return json.dumps(said, ensure_ascii=False) + "\n"


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
    quickstudy explain cases.qs '{"customer": {"country": "IT"}, "tags": ["card"]}'
    """
    from quickstudy import Classifier
    from quickstudy.cli.tables import show_explanation

    learner = Classifier.load(model)
    show_explanation(learner.explain(_parse(record, learner)))


@app.command()
def inspect(model: ModelFile) -> None:
    """What is in a saved learner: labels, examples, fields, experts, size and hash.

    \b
    [bold]Examples[/bold]
    quickstudy inspect tickets.qs
    """
    from quickstudy import Classifier
    from quickstudy.cli.tables import show_learner

    show_learner(Classifier.load(model), model)


app.command()(server.serve)
app.add_typer(server.keys)
app.command()(server.backup)
app.command()(server.doctor)
app.command()(oversight.pause)
app.command()(oversight.resume)
app.add_typer(oversight.pins)


def _read(
    file: Path,
    target: str | None,
    *,
    limit: int | None,
    vectors: Path | None,
    options: ReadOptions,
    learner: Classifier | None = None,
) -> Table:
    """A file as a learner, if there is one, knows its fields and labels; types are shown."""
    from quickstudy import console
    from quickstudy.evaluate.data.table import read_table

    table = read_table(
        file,
        target,
        limit=limit,
        vectors=vectors,
        types=_types(learner) if learner else None,
        forms=learner.forms if learner else None,
        labels=learner.labels if learner else (),
        options=options,
    )
    console.show_types([*table.columns, *table.left_out], len(table))
    console.show_notes(table.notes)
    return table


@contextmanager
def _placed(table: Table, learner: Classifier, rows: slice) -> Iterator[None]:
    """An example that is refused is named by its place in the file."""
    try:
        yield
    except InputError:
        for row in range(rows.start, rows.stop):
            try:
                learner.check(table.records[row])
            except InputError as error:
                raise type(error)(f"{table.where(row)}: {error}") from None
        raise


def _run_all(table: Table, peers: list[str], delay: int, budget: float) -> dict[str, Outcome]:
    """Outcome of our learner, first, and of each peer."""
    from quickstudy import Classifier
    from quickstudy.console import progress_bar
    from quickstudy.evaluate.peers.evaluate_peer import evaluate_peer
    from quickstudy.evaluate.prequential import evaluate as run

    learner = Classifier(schema=table.schema, budget_mb=budget)
    with (
        progress_bar("Quickstudy", len(table)) as moved,
        _placed(table, learner, slice(0, len(table))),
    ):
        ours = run(learner, table.records, table.labels, delay=delay, progress=moved)
    outcomes = {"Quickstudy": ours}
    for name in peers:
        with progress_bar(name, len(table)) as moved:
            outcomes[name] = evaluate_peer(
                name, table.records, table.labels, delay=delay, progress=moved
            )
    return outcomes


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


def _json_of(figures: Mapping[str, Mapping[str, Any]]) -> str:
    ours, *names = figures
    everything = {**figures[ours], "peers": {name: figures[name] for name in names}}
    return json.dumps(everything, indent=2, allow_nan=False) + "\n"


def _figures(runs: Mapping[str, Outcome]) -> dict[str, dict[str, Any]]:
    from quickstudy.evaluate.measures import measure

    return {name: measure(outcome) for name, outcome in runs.items()}


def _types(learner: Classifier) -> dict[str, str]:
    """Fields that always came in one type: a new file's columns are read as that."""
    names = [field.name for field in learner.fields]
    return {field.name: field.type for field in learner.fields if names.count(field.name) == 1}


def _chunks(count: int) -> list[slice]:
    return [slice(i, min(i + CHUNK, count)) for i in range(0, count, CHUNK)]


def _parse(record: str, learner: Classifier) -> Any:
    from quickstudy.evaluate.data.table import read_record

    start = record.lstrip()[:1]
    if start not in {"{", "["}:
        return record
    try:
        value = json.loads(record)
        return read_record(value, _types(learner)) if isinstance(value, dict) else value
    except InputError:
        raise
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
