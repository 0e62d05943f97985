"""The command `quickstudy pins import`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from quickstudy.cli.reading import Reading, takes_reading
from quickstudy.cli.stores.opened import Key, LocalStore, Url, reached
from quickstudy.errors import InputError

AT_ONCE = 200  # pins in one request: records of 5,000 characters still fit

pins = typer.Typer(name="pins", help="The exam: cases to get right.", no_args_is_help=True)


@pins.command("import")
@takes_reading
def import_pins(
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE",
            help="CSV, JSONL, Parquet, Arrow or Excel with a column label, perhaps one bound "
            "(must or should).",
        ),
    ],
    learner: Annotated[str, typer.Option("--learner", metavar="NAME", help="Whose exam.")],
    *,
    store: LocalStore = None,
    url: Url = None,
    key: Key = None,
    reading: Reading,
) -> None:
    """Pin every row of a file: a case that a version must, or should, get right.

    What is not the label, or its bound, is the record. A challenger that fails what
    the champion passes is not promoted.

    \b
    [bold]Examples[/bold]
    quickstudy pins import exam.csv --learner tickets --store work.db
    quickstudy pins import exam.csv --learner tickets --url http://localhost:8321
    quickstudy pins import exam.csv --learner tickets --store work.db --separator ';' --drop id
    """
    from quickstudy.api.decisions import LearnerInfo
    from quickstudy.deploy.kind import kind_of
    from quickstudy.deploy.versions.exam_file import read_pins

    options = reading.options()
    with reached(store, url, key) as deployment:
        info = deployment.learner(learner)
        if not isinstance(info, LearnerInfo):
            raise InputError(f"{learner!r} is a {kind_of(info).noun}: it sits no exam")
        rows = read_pins(file, labels=info.labels, options=options)
        done = 0
        for at in range(0, len(rows), AT_ONCE):
            try:
                done += deployment.pin_many(learner, rows[at : at + AT_ONCE])
            except InputError as error:
                kept = f"; the first {done:,} rows are pinned" if done else ""
                raise type(error)(f"{file}: {error}{kept}") from None
    typer.echo(f"{learner}: {done:,} cases pinned", err=True)
