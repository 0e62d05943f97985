"""Reads cases to pin from a data file."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

from quickstudy.api.checks import checked_label
from quickstudy.api.versions import Bound
from quickstudy.errors import DataFileError, LabelError
from quickstudy.evaluate.data.options import ReadOptions
from quickstudy.evaluate.data.table import Table, read_table
from quickstudy.types import Label


def read_pins(
    path: str | Path, *, labels: Sequence[Label] = (), options: ReadOptions | None = None
) -> list[tuple[Any, Label, Bound]]:
    """Cases to pin from a data file: (record, label, bound) in the order of its rows.

    Columns: `label`; `bound`, must or should, must if it is empty or missing; all others are
    fields. They are parsed as in the evaluation of a table; missing values are left out. A file
    with one field, `text`, holds plain texts.

    Args:
        labels: labels that the learner knows; a text spelled like one of them becomes that label.
        options: options of the file that cannot be inferred from it.

    Raises:
        DataFileError: the file cannot be read; names line and column.
    """
    table = read_table(path, "label", types={"text": "text"}, labels=labels, options=options)
    fields = {name for record in table.records for name in record} - {"bound"}
    if not fields:
        raise DataFileError(f"{path}: it needs a column 'label', and others for the record")
    return [
        (_record_in(table, row, fields), _label_in(table, row), _bound_in(table, row))
        for row in range(len(table))
    ]


def _record_in(table: Table, row: int, fields: set[str]) -> Any:
    record = {k: v for k, v in table.records[row].items() if k != "bound" and v is not None}
    if fields != {"text"}:
        return record
    if not record:
        raise DataFileError(f"{table.where(row)}, column 'text': the text is missing")
    return record["text"]


def _label_in(table: Table, row: int) -> Label:
    try:
        return checked_label(table.labels[row])
    except LabelError as error:
        raise DataFileError(f"{table.where(row)}, column 'label': {error}") from None


def _bound_in(table: Table, row: int) -> Bound:
    given = str(table.records[row].get("bound") or "must").lower()
    bounds: tuple[Bound, ...] = get_args(Bound)
    for bound in bounds:
        if given == bound:
            return bound
    raise DataFileError(
        f"{table.where(row)}, column 'bound': {given!r:.60} is neither must nor should"
    )
