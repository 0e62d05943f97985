"""The command `quickstudy learn`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quickstudy.cli.files.data import (
    DataFile,
    Limit,
    Target,
    Vectors,
    chunks,
    named_by_place,
    read_file,
)
from quickstudy.cli.reading import Budget, Reading, takes_reading

if TYPE_CHECKING:
    from quickstudy import Classifier
    from quickstudy.evaluate.data.table import Table


@takes_reading
def learn(
    model: Annotated[Path, typer.Argument(metavar="MODEL", help="Made if it is not there.")],
    file: DataFile,
    target: Target,
    *,
    vectors: Vectors = None,
    limit: Limit = None,
    budget_mb: Budget = None,
    reading: Reading,
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

    console.check_writable(model)
    options = reading.options(budget_mb)
    learner = Classifier.load(model) if model.exists() else None
    table = read_file(file, target, limit=limit, vectors=vectors, options=options, learner=learner)
    learner = _with_room(learner, table, budget_mb)
    with console.progress_bar("learning", len(table)) as moved:
        for rows in chunks(len(table)):
            with named_by_place(table, learner, rows):
                learner.learn_many(table.records[rows], table.labels[rows])
            moved(rows.stop - rows.start)
    learner.forms.update(table.forms)
    learner.save(model)
    console.err.print(
        f"{model}: {learner.examples:,} examples, {len(learner.labels):,} labels", soft_wrap=True
    )


def _with_room(learner: Classifier | None, table: Table, budget_mb: float | None) -> Classifier:
    """The learner, or a new one, with room for the labels of the table."""
    from quickstudy import Classifier, console
    from quickstudy.evaluate.budget import budget_for, check_room

    if learner is not None:
        check_room(learner, table.labels, budget_mb)
        return learner
    budget, note = budget_for(table.labels, budget_mb)
    console.show_notes([note])
    return Classifier(schema=table.schema, budget_mb=budget)
