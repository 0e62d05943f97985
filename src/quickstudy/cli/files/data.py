"""What the commands on data files share: arguments, reading a file, and naming bad examples."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from quickstudy.errors import InputError

if TYPE_CHECKING:
    from quickstudy import Classifier
    from quickstudy.evaluate.data.options import ReadOptions
    from quickstudy.evaluate.data.table import Table

CHUNK = 100  # rows learned or predicted in one call; the progress bar moves once for each

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


def read_file(
    file: Path,
    target: str | None,
    *,
    limit: int | None,
    vectors: Path | None,
    options: ReadOptions,
    learner: Classifier | None = None,
) -> Table:
    """Read a file and show the types of its columns.

    With a learner, fields and labels are read as the types that the learner knows.
    """
    from quickstudy import console
    from quickstudy.evaluate.data.table import read_table

    table = read_table(
        file,
        target,
        limit=limit,
        vectors=vectors,
        types=field_types(learner) if learner else None,
        forms=learner.forms if learner else None,
        labels=learner.labels if learner else (),
        options=options,
    )
    console.show_types([*table.columns, *table.left_out], len(table))
    console.show_notes(table.notes)
    return table


def field_types(learner: Classifier) -> dict[str, str]:
    """The types of the fields that have had one type in all examples."""
    names = [field.name for field in learner.fields]
    return {field.name: field.type for field in learner.fields if names.count(field.name) == 1}


@contextmanager
def named_by_place(table: Table, learner: Classifier, rows: slice) -> Iterator[None]:
    """Add the place in the file to the message about a refused example."""
    try:
        yield
    except InputError:
        for row in range(rows.start, rows.stop):
            try:
                learner.check(table.records[row])
            except InputError as error:
                raise type(error)(f"{table.where(row)}: {error}") from None
        raise


def chunks(count: int) -> list[slice]:
    """Slices of `CHUNK` rows that cover `count` rows.

    >>> chunks(150)
    [slice(0, 100, None), slice(100, 150, None)]
    """
    return [slice(i, min(i + CHUNK, count)) for i in range(0, count, CHUNK)]


def put(place: str, text: str) -> None:
    """Write text to a file, or to standard output for "-"."""
    if place == "-":
        sys.stdout.write(text)
    else:
        from quickstudy.console import write_text

        write_text(Path(place), text)
