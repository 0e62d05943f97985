"""Delimited text: which character parts the cells, how they are quoted, and the rows."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import chain, islice
from typing import Any

from quickstudy.errors import DataFileError
from quickstudy.evaluate.data.options import ReadOptions
from quickstudy.evaluate.data.source import Source, settle_columns
from quickstudy.evaluate.data.text import TextFile

SEPARATORS = "\t|;,"  # those first that are rarer in words and numbers
SAMPLE = 200  # rows by which the separator is told
AGREEING = 0.9  # share of rows that have as many cells as the header, where a separator is right
LONGEST = 2**31 - 1  # of csv's own limit, which holds for a process; ours is ReadOptions.longest
EMPTY_SEEN = "lines without any value: {:,}, left out"


@dataclass(frozen=True, slots=True)
class Dialect:
    """How cells are parted and quoted.

    Attributes:
        separator: between cells; "" where a line is one cell.
        quoting: "doubled": a quote inside quotes is doubled; "escaped": it comes after a
            backslash; "none": quotes are letters like others.
        names_short: the header lacks a name for the first column, as R writes it.
    """

    separator: str
    quoting: str = "doubled"
    names_short: bool = False

    def rows(self, lines: Iterable[str], *, strict: bool = True) -> Any:
        """A reader of rows of cells."""
        escaped = self.quoting == "escaped"
        return csv.reader(
            lines,
            delimiter=self.separator or "\x1f",
            quoting=csv.QUOTE_NONE if self.quoting == "none" else csv.QUOTE_MINIMAL,
            doublequote=not escaped,
            escapechar="\\" if escaped else None,
            skipinitialspace=self.separator == " ",
            strict=strict,
        )


class RowError(Exception):
    """A row that does not fit the dialect: its line, and what is wrong with it."""

    def __init__(self, line: int, problem: str) -> None:
        super().__init__(problem)
        self.line, self.problem = line, problem


def read_delimited(file: TextFile, options: ReadOptions, limit: int | None) -> Source:
    """The columns of delimited text whose first line names them.

    Raises:
        DataFileError: a row has not as many cells as the header, or its quotes do not match.
    """
    csv.field_size_limit(LONGEST)  # of the whole process: only ever raised, to the same value
    named = options.separator or _excel_separator(file.head)
    first: RowError | None = None
    for dialect in _dialects(file, named):
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
        return source
    assert first is not None
    raise DataFileError(f"{file.path}: line {first.line}{first.problem}")


def _dialects(file: TextFile, named: str) -> Iterator[Dialect]:
    """What to try, the likeliest first."""
    separator, short = (named, False) if named else find_separator(file.head, whole=file.whole)
    if named:
        rows = _sample(file.head, named, whole=file.whole)
        short = _names_short(rows)
    separator = separator or ","
    yield Dialect(separator, names_short=short)
    if '\\"' in file.head:
        yield Dialect(separator, "escaped", names_short=short)
    if separator in "\t|":  # there, quotes seldom mean anything
        yield Dialect(separator, "none", names_short=short)
    elif not named and not any(mark in _first_line(file.head) for mark in SEPARATORS):
        yield Dialect("")


def find_separator(head: str, *, whole: bool = True) -> tuple[str, bool]:
    """The separator of a text, and whether its header is one name short; "" where there is none.

    The one that parts rows into as many cells as the header; of several, what makes most cells.

    >>> find_separator("co;load, kW;level\\n3,5;800,1;low\\n")
    (';', False)
    """
    found = []
    for rank, separator in enumerate(SEPARATORS):
        rows = _sample(head, separator, whole=whole)
        width = len(rows[0]) if rows else 0
        short = _names_short(rows)
        if width < 2 and not (short and width):
            continue
        width += short
        least = _named(rows[0]) + short
        agreeing = sum(least <= _width(row, width) <= width for row in rows[1:])
        share = agreeing / len(rows[1:]) if rows[1:] else 1.0
        found.append((min(share, AGREEING), width, -rank, separator, short))
    if not found:
        return "", False
    *_, separator, short = max(found)
    return separator, short


def _sample(head: str, separator: str, *, whole: bool) -> list[list[str]]:
    lines = _without_preface(io.StringIO(head, newline=""), separator)
    rows: list[list[str]] = []
    try:
        for row in islice(Dialect(separator).rows(lines, strict=False), SAMPLE):
            rows.append(row)
    except csv.Error:
        pass
    if not whole and 1 < len(rows) < SAMPLE:
        rows = rows[:-1]  # the last is cut
    return [row for row in rows if any(cell.strip() for cell in row)]


def _names_short(rows: list[list[str]]) -> bool:
    """Whether each of two rows or more has one cell more than the header, and the last is given."""
    if len(rows) < 3:
        return False
    width = len(rows[0]) + 1
    return all(len(row) == width and row[-1].strip() for row in rows[1:]) and len(
        {row[0] for row in rows[1:]}
    ) == len(rows[1:])


def _width(row: list[str], most: int) -> int:
    """Cells of a row without the empty ones behind the last column."""
    width = len(row)
    while width > most and not row[width - 1].strip():
        width -= 1
    return width


def _named(heads: list[str]) -> int:
    """Columns up to the last that has a name: those after it may be absent from a row."""
    return _width(heads, 1)


def _first_line(head: str) -> str:
    return next(iter(head.strip().splitlines()), "")


def _excel_separator(head: str) -> str:
    """The separator that Excel names in a line of its own, like sep=;"""
    first = _first_line(head)
    return first[4] if len(first) == 5 and first[:4].lower() == "sep=" else ""


def _without_preface(lines: Iterator[str], separator: str) -> Iterator[str]:
    """Lines from the header on; with a space as separator, without spaces at their ends."""
    ended = lines
    for line in lines:
        text = line.strip()
        if text and text.lower() != f"sep={separator}":
            ended = chain([line], lines)
            break
    if separator != " ":
        return ended
    return (" ".join(line.split()) + "\n" for line in ended)


def _read(file: TextFile, dialect: Dialect, limit: int | None) -> Source:
    lines = _counted(file.lines(), counter := [0])
    rows = dialect.rows(_without_preface(lines, dialect.separator))
    places: list[int] = []
    source = Source(file.path, "line", places, {}, textual=True, separator=dialect.separator)
    _, heads = next(_checked(rows, counter), (0, []))
    if dialect.names_short:
        heads = ["", *heads]
    width, least = len(heads), _named(heads)
    columns: list[list[Any]] = [[] for _ in heads]
    blank = 0
    for line, cells in _checked(rows, counter):
        if not cells or (width > 1 and not any(cell.strip() for cell in cells)):
            blank += bool(cells)
            continue
        if len(cells) != width:
            if not least <= _width(cells, width) <= width:
                raise RowError(line, _ragged(cells, width, dialect))
            cells += [""] * (width - len(cells))
        source.total += 1
        if limit is not None and source.total > limit:
            continue
        places.append(line)
        for column, cell in zip(columns, cells, strict=False):
            column.append(cell)
    if blank:
        source.notes.append(EMPTY_SEEN.format(blank))
    if places:
        settle_columns(source, heads, columns)
    return source


def _counted(lines: Iterator[str], counter: list[int]) -> Iterator[str]:
    for counter[0], line in enumerate(lines, start=1):
        yield line


def _checked(rows: Any, counter: list[int]) -> Iterator[tuple[int, list[str]]]:
    """Rows with the line where each begins, which an error about its quotes names, too."""
    while True:
        start = counter[0] + 1
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
    return (
        f" has {len(cells):,} cells where the header has {width:,}; quote cells that hold the "
        f"separator {parted}, or name another with --separator"
    )
