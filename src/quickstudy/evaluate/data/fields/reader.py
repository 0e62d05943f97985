"""Reads each column of a file as the fields that all its values together allow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from quickstudy.evaluate.data import lists, notation, times
from quickstudy.evaluate.data.columns import Column, column_of, shortened
from quickstudy.evaluate.data.fields import moments, numbers, tags
from quickstudy.evaluate.data.fields.column import (
    FileContext,
    Read,
    SourceColumn,
    all_text,
    as_text,
    count_as_missing,
    plain_value,
)
from quickstudy.evaluate.data.files.source import Series, Source, option, shown
from quickstudy.evaluate.data.missing import Given, joined, spelled, split_missing, without_words
from quickstudy.evaluate.data.options import ReadOptions

BOOLEANS = {"true": True, "false": False}
MOSTLY = 0.9  # from this share of numbers on, a note names the cells that are not numbers


class FieldReader:
    """Reads the columns of one file.

    Args:
        known: field -> type under which a learner knows it; a column is read as that if possible.
        forms: column -> the notation in which the learner met it: the decimal mark, what comes
            first in its dates, or their pattern. Used for a column that does not show it.

    Attributes:
        forms: the same, with the columns that were read and show their notation.
    """

    def __init__(
        self,
        source: Source,
        options: ReadOptions,
        known: Mapping[str, str],
        forms: Mapping[str, str] | None = None,
    ) -> None:
        self._file = FileContext(source, options, known, dict(forms or {}))
        self.forms = self._file.forms

    def read(self, name: str) -> tuple[Column, dict[str, Series]]:
        """A column for the table of types, and its fields.

        Raises:
            DataFileError: no field can hold a value; the message names its place and the remedy.
        """
        column = SourceColumn(self._file, name, self._file.source.columns[name])
        given = split_missing(column.series.values)
        column.check_length(given)
        read = _typed(column, given)
        note = joined([read.note, spelled(given.gone)])
        if name in read.fields:
            shown_column = column_of(name, read.fields[name].values)
            type, example = read.type or shown_column.type, shown_column.example
        else:
            there = without_words(given).values
            first = next((v for v in there if not lists.is_list(v) or v), "")
            type, example = read.type, shortened(first)
        missing = len(self._file.source) - read.given
        return Column(name, type, missing, example, note), read.fields


def _typed(column: SourceColumn, given: Given) -> Read:
    wanted, source = column.wanted, column.file.source
    if wanted:
        return _as_wanted(column, given, wanted)
    if not given.values and tags.are_known(column) and not source.textual:
        return tags.tag_fields(column, given)
    if not given.values:
        return Read("missing", {column.name: column.spread(given, [])}, 0)
    if source.textual or (source.loose and all_text(given.values)):
        return _cells(column, given)
    return _values(column, given)


def _as_wanted(column: SourceColumn, given: Given, wanted: str) -> Read:
    """The type that `--type` names."""
    if wanted == "number":
        return numbers.numbers_or_refuse(column, given)
    if wanted in ("category", "text"):
        texts = replace(given, values=list(map(as_text, given.values)))
        return replace(column.one_field(texts), type=wanted)
    if wanted == "tags":
        return tags.tags_or_refuse(column, given)
    return moments.moments_or_refuse(column, given, wanted.partition(":")[2])


def _cells(column: SourceColumn, given: Given) -> Read:
    """Text cells of unknown type: numbers, true and false, times, lists, else strings."""
    if column.known in ("category", "text"):
        return column.one_field(given)
    as_numbers = numbers.converted(column, given)
    codes = ""
    if as_numbers is not None and column.known != "number":
        codes = notation.why_codes(given.values)
    if codes:
        words = f"words, as {codes} (else: {option('--type', f'{column.name}=number')})"
        return column.one_field(given, words)
    if as_numbers is not None:
        return numbers.number_field(column, *as_numbers)
    return _booleans_or_moments(column, given) or _lists_or_strings(column, given)


def _booleans_or_moments(column: SourceColumn, given: Given) -> Read | None:
    bare = without_words(given)
    read: Read | None
    if bare.values and all(cell.lower() in BOOLEANS for cell in bare.values):
        flags = [BOOLEANS[cell.lower()] for cell in bare.values]
        read = column.one_field(replace(bare, values=flags))
    else:
        read = moments.spelled_moments(column, bare)
    if read is not None:
        count_as_missing(given, bare)
    return read


def _lists_or_strings(column: SourceColumn, given: Given) -> Read:
    spelled_out = lists.spelled_lists(given.values)
    if spelled_out is not None:
        return tags.list_fields(column, replace(given, values=spelled_out))
    if column.known == "number":
        return numbers.some_numbers(column, given)
    return column.one_field(given, _why_strings(given.values))


def _values(column: SourceColumn, given: Given) -> Read:
    """Values that have a type: of JSON, Arrow or Excel."""
    given = replace(given, values=[plain_value(value) for value in given.values])
    if any(map(lists.is_list, given.values)):
        return tags.list_fields(column, given)
    are_moments = list(map(times.is_moment, given.values))
    if all(are_moments):
        return moments.moment_fields(column, given)
    if any(are_moments):
        given = replace(given, values=[as_text(v) for v in given.values])
    texts = [value for value in given.values if isinstance(value, str)]
    if len(texts) == len(given.values):
        read = None if column.known is not None else moments.spelled_moments(column, given)
        return read or column.one_field(given)
    codes = column.known != "number" and notation.why_codes(texts)
    flags = any(isinstance(value, bool) for value in given.values)
    as_numbers = None if codes or flags else numbers.converted(column, given)
    return numbers.number_field(column, *(as_numbers or (given, "")))


def _why_strings(cells: Sequence[str]) -> str:
    """Which few cells keep a column from being read as numbers or times; "" if there are many."""
    head = cells[:100]
    if sum(map(notation.some_number, head)) < MOSTLY * len(head):
        odd_time = times.nearly_times(cells)
        return f"words, as {shown(odd_time)} is no time" if odd_time else ""
    odd = [cell for cell in cells if not notation.some_number(cell)]
    if not odd:
        return "numbers of several notations"
    few = len(odd) <= (1.0 - MOSTLY) * len(cells)
    return f"{len(odd):,} of {len(cells):,} are no numbers: {shown(odd[0])}" if few else ""
