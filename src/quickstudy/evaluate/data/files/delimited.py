"""Delimited text: the rows below a header, with line numbers."""

from __future__ import annotations

import csv
from collections.abc import Iterator
from typing import Any

from quickstudy.errors import DataFileError
from quickstudy.evaluate.data.files.dialect import (
    Dialect,
    dialects,
    is_rule,
    named_columns,
    width_of,
    without_preface,
)
from quickstudy.evaluate.data.files.source import Source, settle_columns
from quickstudy.evaluate.data.files.text import TextFile
from quickstudy.evaluate.data.options import ReadOptions

LONGEST = 2**31 - 1  # limit of the csv module in this process; ReadOptions.longest is stricter
EMPTY_SEEN = "lines without any value: {:,}, left out"
END_OF_FILE = "\x1a"


class RowError(Exception):
    """A row that does not fit the dialect: its line, and what is wrong with it."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line, self.problem = line, problem


def read_delimited(file: TextFile, options: ReadOptions, limit: int | None) -> Source:
    """The columns of delimited text whose first line names them.

    Raises:
        DataFileError: a row has another number of cells than the header, or unmatched quotes.
    """
    csv.field_size_limit(LONGEST)  # a setting of the whole process, always set to the same value
    first: RowError | None = None
    for dialect in dialects(file.head, options.separator, whole=file.whole):
        try:
            source = _read(file, dialect, limit)
        except RowError as error:
            first = first or error
            continue
        if dialect.quoting == "escaped":
            source.notes.append('quotes inside cells come after a backslash, as in \\"')
        elif dialect.quoting == "none":
            source.notes.append("quotes are read as letters, as they do not match")
        elif not dialect.separator:
            source.notes.append("nothing parts the first line: each line is one cell")
        if dialect.separator == " " and not options.separator:
            source.notes.append("spaces part the cells")
        return source
    assert first is not None
    raise DataFileError(f"{file.path}: line {first.line}{first.problem}")


def _read(file: TextFile, dialect: Dialect, limit: int | None) -> Source:
    lines = _counted(file.lines(), counter := [0])
    rows = dialect.rows(without_preface(lines, dialect.separator, dialect.skip))
    places: list[int] = []
    source = Source(file.path, "line", places, {}, textual=True, separator=dialect.separator)
    _, heads = next(_checked(rows, counter, ahead=1), (0, []))
    if dialect.names_short:
        heads = ["", *heads]
    width, least = len(heads), named_columns(heads)
    columns: list[list[Any]] = [[] for _ in heads]
    blank = 0
    for line, cells in _checked(rows, counter):
        if _is_blank(cells, width, dialect.separator):
            blank += bool(cells)
            continue
        if len(cells) != width:
            if not least <= width_of(cells, width) <= width:
                raise RowError(line, _ragged(cells, width, dialect))
            cells += [""] * (width - len(cells))
        source.total += 1
        if limit is not None and source.total > limit:
            continue
        places.append(line)
        for column, cell in zip(columns, cells, strict=False):
            column.append(cell)
    if dialect.skip:
        source.notes.append(f"the header is in line {dialect.skip + 1:,}, below remarks (#)")
    if blank:
        source.notes.append(EMPTY_SEEN.format(blank))
    if places:
        settle_columns(source, heads, columns)
        if source.looks_headless:
            source.notes.append("most names are numbers: is the first line the header?")
    return source


def _counted(lines: Iterator[str], counter: list[int]) -> Iterator[str]:
    for counter[0], line in enumerate(lines, start=1):
        yield line


def _is_blank(cells: list[str], width: int, separator: str) -> bool:
    """Whether a row has no values: empty cells, a drawn rule, or the end-of-file mark of DOS."""
    if not cells or cells == [END_OF_FILE]:
        return True
    return (width > 1 and not any(cell.strip() for cell in cells)) or (
        separator == "|" and is_rule(separator.join(cells), separator)
    )


def _checked(rows: Any, counter: list[int], *, ahead: int = 0) -> Iterator[tuple[int, list[str]]]:
    """Rows with the number of their first line; an error about quotes names it as well.

    `ahead`: lines that were read before the first row was asked for.
    """
    while True:
        start, ahead = counter[0] + 1 - ahead, 0
        try:
            row = next(rows, None)
        except csv.Error as error:
            raise RowError(start, _quotes(str(error), start, counter[0])) from None
        if row is None:
            return
        yield start, row


def _quotes(said: str, start: int, end: int) -> str:
    if "unexpected end" in said:
        return ': opens a quote (") that is never closed'
    if "expected after" in said:
        place = "" if start == end else f", up to line {end}"
        return f'{place}: a quote (") inside a quoted cell has to be doubled ("")'
    return f": {said}"


def _ragged(cells: list[str], width: int, dialect: Dialect) -> str:
    names = {"\t": "tab", " ": "space"}
    parted = names.get(dialect.separator, repr(dialect.separator))
    found = f" has {len(cells):,} cell{'s' * (len(cells) != 1)} where the header has {width:,}"
    if len(cells) < width:
        return (
            f"{found}; write all cells, empty ones too, or name another separator than {parted} "
            "with --separator"
        )
    return (
        f"{found}; quote cells that hold the separator {parted}, or name another with --separator"
    )
