"""Columns of dates and times."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from quickstudy.errors import DataFileError
from quickstudy.evaluate.data import times
from quickstudy.evaluate.data.fields.column import (
    Read,
    SourceColumn,
    as_text,
    count_as_missing,
    plain_value,
)
from quickstudy.evaluate.data.fields.numbers import choose_notation
from quickstudy.evaluate.data.files.source import Series, option, shown
from quickstudy.evaluate.data.missing import Given, joined, without_words


def moment_fields(column: SourceColumn, given: Given, note: str = "") -> Read:
    """The numeric fields of a column of moments."""
    name, rows = column.name, column.series.rows
    fields = {
        part: Series([rows[given.at[i]] for i in positions], list(numbers))
        for part, (positions, numbers) in times.columns_of(name, given.values).items()
    }
    parts = ", ".join(part[len(name) :] for part in fields)
    note = joined([note, f"as {parts}" if parts else ""])
    return Read("datetime", fields, len(given.values), note)


def moments_or_refuse(column: SourceColumn, given: Given, pattern: str) -> Read:
    """The column as dates and times, because `--type` says so, in a pattern or any known form.

    Raises:
        DataFileError: a value is not a date or time, or the dates have several forms.
    """
    bare = without_words(given)
    count_as_missing(given, bare)
    values = [plain_value(value) for value in bare.values]
    if all(map(times.is_moment, values)):
        return moment_fields(column, replace(bare, values=values))
    cells = [as_text(value) for value in values]
    form = times.by_pattern(pattern) if pattern else _any_form(column, cells)
    remedy = option("--type", f"{column.name}=datetime:%d/%m/%Y")
    for at, cell in zip(bare.at, cells, strict=True):
        here = form or times.find_form([cell])
        if here is None or times.read_all(here, [cell]) is None:
            problem = f"is no date or time; name the pattern of the column as in {remedy}"
            column.reject(at, cell, problem)
    if form is None:
        raise DataFileError(
            f"{column.file.source.path}: column {column.name!r}: its dates are of several forms; "
            f"name the pattern of one as in {remedy}, or "
            f"{option('--type', f'{column.name}=category')}"
        )
    if pattern or form.order:
        column.file.forms[column.name] = pattern or form.order
    return _read_as(column, replace(bare, values=cells), form)


def spelled_moments(column: SourceColumn, given: Given) -> Read | None:
    """The column as times if all cells are times.

    In a field that a learner knows as a time, some cells are enough; the others are missing.
    """
    form = _find_form(column, given.values)
    if form is not None:
        if form.order:
            column.file.forms[column.name] = form.order
        return _read_as(column, given, form)
    if not any(f"{column.name}.{part}" in column.file.known for part in times.MAIN_PARTS):
        return None
    form = times.find_some(given.values, _known_order(column))
    if form is None:
        return None
    there = [i for i, v in enumerate(given.values) if times.read_all(form, [v]) is not None]
    odd = next(v for v in given.values if times.read_all(form, [v]) is None)
    held = replace(given, at=[given.at[i] for i in there], values=[given.values[i] for i in there])
    read = _read_as(column, held, form)
    lost = f"{len(given.values) - len(there):,} are no times and missing: {shown(odd)}"
    return replace(read, note=joined([read.note, lost]))


def _any_form(column: SourceColumn, cells: Sequence[str]) -> times.Form | None:
    return _find_form(column, cells) or times.compact(cells) or _epoch(column, cells)


def _find_form(column: SourceColumn, cells: Sequence[str]) -> times.Form | None:
    known = column.file.forms.get(column.name, "")
    if known.startswith("%"):
        form = times.by_pattern(known)
        if times.read_all(form, cells) is not None:
            return form
    return times.find_form(cells, _known_order(column))


def _known_order(column: SourceColumn) -> str:
    """What comes first in the dates of a column that a learner knows; "" if it is not known."""
    known = column.file.forms.get(column.name, "")
    return known if known in times.ORDERS else ""


def _epoch(column: SourceColumn, cells: Sequence[str]) -> times.Form | None:
    """Counts since 1970, if all cells are numbers."""
    chosen = choose_notation(column, cells)
    if chosen is None:
        return None
    number = chosen.number
    return times.Form(lambda cell: times.from_number(number(cell)), "counted since 1970")


def _read_as(column: SourceColumn, given: Given, form: times.Form) -> Read:
    moments = replace(given, values=[form.read(cell) for cell in given.values])
    return moment_fields(column, moments, form.note.replace("NAME", column.name))
