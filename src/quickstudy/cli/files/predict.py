"""The command `quickstudy predict`."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from quickstudy.cli.files.data import (
    DataFile,
    Limit,
    ModelFile,
    Vectors,
    chunks,
    named_by_place,
    put,
    read_file,
)
from quickstudy.cli.reading import Budget, Reading, takes_reading

if TYPE_CHECKING:
    from quickstudy import Classifier
    from quickstudy.evaluate.data.table import Table
    from quickstudy.types import Prediction


@takes_reading
def predict(
    model: ModelFile,
    file: DataFile,
    *,
    target: Annotated[
        str | None, typer.Option("--target", metavar="COL", help="Leave this column aside.")
    ] = None,
    vectors: Vectors = None,
    limit: Limit = None,
    out: Annotated[str, typer.Option("--out", metavar="OUT|-", help="Where the JSONL goes.")] = "-",
    budget_mb: Budget = None,
    reading: Reading,
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

    if out != "-":
        console.check_writable(Path(out))
    learner = Classifier.load(model)
    options = reading.options(budget_mb or learner.budget_mb).without(target)
    table = read_file(file, None, limit=limit, vectors=vectors, options=options, learner=learner)
    lines: list[str] = []
    unfamiliar: list[str] = []
    for prediction in _predictions(learner, table):
        lines.append(_line(prediction, reading.target_type or ""))
        if prediction.unfamiliar:
            unfamiliar.append(str(prediction.unfamiliar))
    put(out, "".join(lines))
    if unfamiliar:
        share = f"{len(unfamiliar):,} of {len(table):,} examples have"
        console.err.print(f"{share} an unfamiliar form, as {unfamiliar[0]}", soft_wrap=True)


def _predictions(learner: Classifier, table: Table) -> Iterator[Prediction]:
    """One prediction at a time: all of them together, with their votes, need much memory."""
    from quickstudy.console import progress_bar

    with progress_bar("predicting", len(table)) as moved:
        for rows in chunks(len(table)):
            with named_by_place(table, learner, rows):
                batch = learner.predict_many(table.records[rows])
            yield from batch
            moved(rows.stop - rows.start)


def _line(p: Prediction, target_type: str) -> str:
    from quickstudy.evaluate.data.labels import labels_of

    (label,) = labels_of([p.label], target_type)
    answer: dict[str, Any] = {"label": label, "confidence": p.confidence, "novelty": p.novelty}
    answer |= {"unfamiliar": asdict(p.unfamiliar)} if p.unfamiliar else {}
    return json.dumps(answer, ensure_ascii=False) + "\n"
