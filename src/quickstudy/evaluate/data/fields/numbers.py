"""Columns of numbers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from decimal import Decimal
from typing import Any

from quickstudy.encode.parsing import LARGEST
from quickstudy.errors import DataFileError
from quickstudy.evaluate.data import notation
from quickstudy.evaluate.data.fields.column import Read, SourceColumn, count_as_missing
from quickstudy.evaluate.data.files.source import option, shown
from quickstudy.evaluate.data.missing import Given, joined, without_words


def number_field(column: SourceColumn, given: Given, note: str) -> Read:
    """The column as one field of numbers.

    Raises:
        DataFileError: a number is beyond the range of a field.
    """
    if not _all_fit(given.values):
        for at, value in zip(given.at, given.values, strict=True):
            if not isinstance(value, str) and not _fits(value):
                column.refuse(at, value)
    if not notation.keeps_digits(given.values):
        words = option("--type", f"{column.name}=category")
        note = joined([note, f"some have more digits than a number keeps (else: {words})"])
    return column.one_field(given, note)


def converted(column: SourceColumn, given: Given) -> tuple[Given, str] | None:
    """Numbers, some or all of them written as text; None if a value is not a number."""
    bare = without_words(given)
    cells = [value for value in bare.values if isinstance(value, str)]
    chosen = choose_notation(column, cells) if cells else None
    if not bare.values or (cells and chosen is None):
        return None
    count_as_missing(given, bare)
    if chosen is None:
        return bare, ""
    if chosen.sure and any("." in cell or "," in cell for cell in cells):
        column.file.forms[column.name] = chosen.notation.decimal
    number = chosen.number
    values = [number(v) if isinstance(v, str) else v for v in bare.values]
    return replace(bare, values=values), chosen.note


def numbers_or_refuse(column: SourceColumn, given: Given) -> Read:
    """The column as numbers, because `--type` says so.

    Raises:
        DataFileError: a value is not a number, or the decimal marks differ.
    """
    values = [float(v) if isinstance(v, bool | Decimal) else v for v in given.values]
    given = replace(given, values=values)
    bare = without_words(given)
    read = converted(column, given)
    if read is not None:
        return replace(number_field(column, *read), type="number")
    if not bare.values:
        count_as_missing(given, bare)
        return Read("number", {column.name: column.spread(bare, [])}, 0)
    other = option("--type", f"{column.name}=category")
    for at, value in zip(bare.at, bare.values, strict=True):
        if not isinstance(value, int | float) and (
            not isinstance(value, str) or choose_notation(column, [value]) is None
        ):
            column.reject(at, value, f"is not a number; {other} reads it as words")
    raise DataFileError(
        f"{column.file.source.path}: column {column.name!r}: some of its numbers have a point for "
        f"decimals, others a comma; {other} reads it as words"
    )


def some_numbers(column: SourceColumn, given: Given) -> Read:
    """A field that was always a number: its numbers stay numbers, other cells stay text."""
    numeric = [cell for cell in given.values if notation.some_number(cell)]
    chosen = choose_notation(column, numeric) if numeric else None
    if chosen is None:
        return column.one_field(given)
    number = chosen.number
    mixed = [number(c) if notation.some_number(c) else c for c in given.values]
    odd = next(cell for cell in given.values if not notation.some_number(cell))
    note = joined([chosen.note, f"numbers until now, and now also {shown(odd)}"])
    return number_field(column, replace(given, values=mixed), note)


def choose_notation(column: SourceColumn, cells: Sequence[str]) -> notation.Choice | None:
    """The notation of the numbers of a column; None if a cell is not a number."""
    return notation.choose(cells, _marks(column, cells))


def _marks(column: SourceColumn, cells: Sequence[str]) -> Iterator[tuple[str, str]]:
    """Decimal marks for a column that does not show its own, with the reason, best first."""
    file = column.file
    if file.options.decimal:
        yield file.options.decimal, "--decimal"
    if file.forms.get(column.name) in (".", ","):
        yield file.forms[column.name], "as learned before"
    if file.proved_mark:
        yield file.proved_mark, "as other columns show"
    if file.source.separator == ";" and any("," in cell for cell in cells):
        yield ",", "as ; parts the cells"
    yield ".", notation.BY_DEFAULT


def _all_fit(values: Sequence[Any]) -> bool:
    """Whether all are numbers in the range of a field; a fast test of the usual case."""
    if not set(map(type, values)) <= {int, float}:
        return False
    return not values or (max(values) <= LARGEST and min(values) >= -LARGEST)


def _fits(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and abs(float(value)) <= LARGEST
    except OverflowError:  # an integer that no float can hold
        return False
