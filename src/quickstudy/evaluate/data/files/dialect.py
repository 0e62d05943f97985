"""The dialect of delimited text: separator, quotes, and where the header is."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import chain, islice
from typing import Any

from quickstudy.evaluate.data import notation

SEPARATORS = "\t|;,"  # rarest in words and numbers first
SAMPLE = 200  # rows from which the separator is found
AGREEING = 0.9  # least share of rows with as many cells as the header for a separator
LEAST_BY_SPACES = 3  # columns from which on spaces count as separators without --separator
RULE = frozenset("-+=:| \t\r\n")  # characters of a line drawn under the header


@dataclass(frozen=True, slots=True)
class Dialect:
    """How cells are separated and quoted.

    Attributes:
        separator: between cells; "" if a line is one cell.
        quoting: "doubled": a quote inside quotes is doubled; "escaped": it comes after a
            backslash; "none": quotes are ordinary characters.
        names_short: the header has no name for the first column, as in files written by R.
        quote: the quote character.
        spaced: spaces may stand between a separator and a quote.
        skip: number of comment lines above the header.
    """

    separator: str
    quoting: str = "doubled"
    names_short: bool = False
    quote: str = '"'
    spaced: bool = False
    skip: int = 0

    def rows(self, lines: Iterable[str], *, strict: bool = True) -> Any:
        """A reader of rows of cells."""
        escaped = self.quoting == "escaped"
        return csv.reader(
            lines,
            delimiter=self.separator or "\x1f",
            quoting=csv.QUOTE_NONE if self.quoting == "none" else csv.QUOTE_MINIMAL,
            doublequote=not escaped,
            escapechar="\\" if escaped else None,
            quotechar=self.quote,
            skipinitialspace=self.spaced or self.separator == " ",
            strict=strict,
        )


def dialects(head: str, named: str, *, whole: bool) -> Iterator[Dialect]:
    """The possible dialects of a text, the most likely first.

    Args:
        head: the beginning of the text.
        named: the separator that the user named, or "".
        whole: `head` is the whole text.
    """
    skip = _remarks(head, named, whole=whole)
    head = "".join(_lines(head)[skip:])
    named = named or _excel_separator(head)
    if named:
        separator, short = named, _names_short(_sample(head, named, whole=whole))
    else:
        separator, short = find_separator(head, whole=whole)
        if not separator:
            separator, short = _by_spaces(head, whole=whole)
    separator = separator or ","
    quote = _quote(head, separator)
    spaced = _is_spaced(head, separator)
    first = Dialect(separator, names_short=short, quote=quote, spaced=spaced, skip=skip)
    ways = [first, replace(first, spaced=False)] if spaced else [first]
    if f"\\{quote}" in head:
        escaped = replace(first, quoting="escaped")
        ways.insert(0 if _is_escaped(head, separator, quote) else len(ways), escaped)
    yield from ways
    if quote != '"':
        yield replace(first, quote='"')
    if separator in "\t|":  # with these separators quotes are usually ordinary characters
        yield replace(first, quoting="none", quote='"', spaced=False)
    elif not named and not any(mark in _first_line(head) for mark in SEPARATORS):
        yield Dialect("", skip=skip)


def find_separator(head: str, *, whole: bool = True) -> tuple[str, bool]:
    """The separator of a text ("" for none), and whether its header is one name short.

    It gives rows as many cells as the header has; of several such, it gives the most cells.

    >>> find_separator("co;load, kW;level\\n3,5;800,1;low\\n")
    (';', False)
    """
    found = []
    for rank, separator in enumerate(SEPARATORS):
        rows = _sample(head, separator, whole=whole)
        width = len(rows[0]) if rows else 0
        short = _names_short(rows) and not _are_decimals(rows, separator)
        if width < 2 and not (short and width):
            continue
        width += short
        least = named_columns(rows[0]) + short
        agreeing = sum(least <= width_of(row, width) <= width for row in rows[1:])
        share = agreeing / len(rows[1:]) if rows[1:] else 1.0
        found.append((min(share, AGREEING), width, -rank, separator, short))
    if not found:
        return "", False
    *_, separator, short = max(found)
    return separator, short


def _sample(head: str, separator: str, *, whole: bool) -> list[list[str]]:
    lines = without_preface(iter(_lines(head)), separator)
    dialect = Dialect(separator, quote=_quote(head, separator), spaced=_is_spaced(head, separator))
    rows: list[list[str]] = []
    try:
        for row in islice(dialect.rows(lines, strict=False), SAMPLE):
            rows.append(row)
    except csv.Error:
        pass
    if not whole and 1 < len(rows) < SAMPLE:
        rows = rows[:-1]  # the last row may be incomplete
    return [
        row
        for row in rows
        if any(cell.strip() for cell in row) and not is_rule(separator.join(row), separator)
    ]


def _names_short(rows: list[list[str]]) -> bool:
    """Whether all of at least two rows have one cell more than the header, the last not empty."""
    if len(rows) < 3:
        return False
    width = len(rows[0]) + 1
    return all(len(row) == width and row[-1].strip() for row in rows[1:]) and len(
        {row[0] for row in rows[1:]}
    ) == len(rows[1:])


def _are_decimals(rows: list[list[str]], separator: str) -> bool:
    """Whether the cells below a single name are numbers with decimal commas."""
    return (
        separator == ","
        and len(rows[0]) == 1
        and all(notation.COMMA.fits([",".join(row).strip()]) for row in rows[1:])
    )


def width_of(row: list[str], most: int) -> int:
    """Number of cells of a row without empty ones after the last column."""
    width = len(row)
    while width > most and not row[width - 1].strip():
        width -= 1
    return width


def named_columns(heads: list[str]) -> int:
    """Number of columns up to the last with a name; a row may lack the columns after it."""
    return width_of(heads, 1)


def _first_line(head: str) -> str:
    return next(iter(head.strip().splitlines()), "")


def _excel_separator(head: str) -> str:
    """The separator that Excel names in a line of its own, like sep=;"""
    first = _first_line(head)
    return first[4] if len(first) == 5 and first[:4].lower() == "sep=" else ""


def _lines(text: str) -> list[str]:
    return list(io.StringIO(text, newline=""))


def _remarks(head: str, named: str, *, whole: bool) -> int:
    """Number of comment lines above the header: they begin with #, as a header also may."""
    lines = _lines(head)
    end = 0
    for place, line in enumerate(lines, start=1):
        if line.lstrip().startswith("#"):
            end = place
        elif line.strip():
            break
    below = "".join(lines[end:])
    if not end or not below.strip():
        return max(end - 1, 0)
    separator = named or find_separator(below, whole=whole)[0]
    separator = separator or _by_spaces(below, whole=whole)[0] or ","
    rows = _sample(below, separator, whole=whole)
    last = next(iter(_sample(lines[end - 1].lstrip("# "), separator, whole=True)), [])
    is_header = bool(rows) and len(last) == len(rows[0]) > 1 and not _is_header(rows)
    return end - 1 if is_header else end


def _is_header(rows: list[list[str]]) -> bool:
    """Whether the first row has names for columns in which the second row has numbers."""
    numbers = [sum(map(notation.some_number, row)) for row in rows[:2]]
    return len(rows) > 1 and not numbers[0] and numbers[1] > 0


def _by_spaces(head: str, *, whole: bool) -> tuple[str, bool]:
    """The space as separator, and whether the header is one name short, if all rows agree."""
    rows = _sample(head, " ", whole=whole)
    short = _names_short(rows)
    width = len(rows[0]) + short if rows else 0
    agreeing = len(rows) > 1 and all(len(row) == width for row in rows[1:])
    if not agreeing or width < LEAST_BY_SPACES:
        return "", False
    columns = zip(*rows[1:], strict=True)
    told = '"' in head or any(all(map(notation.some_number, column)) for column in columns)
    return (" ", short) if told else ("", False)  # sentences may all have the same number of words


def _quote(head: str, separator: str) -> str:
    """The quote character: a single quote if each line has a cell inside two of them."""
    if '"' in head or "'" not in head:
        return '"'
    mark = re.escape(separator)
    cell = re.compile(rf"(?:^|{mark})\s*'(?:[^'\\]|''|\\.)*'\s*(?:{mark}|$)")
    lines = [line.strip() for line in _lines(head)[1:SAMPLE] if line.strip()]
    return "'" if lines and all(map(cell.search, lines)) else '"'


def _is_escaped(head: str, separator: str, quote: str) -> bool:
    """Whether quotes are escaped by backslashes, and backslashes have no other use."""
    marks = re.escape(separator + quote)
    within = re.search(rf"[^\\]\\{quote}[^{marks}\r\n]", head)
    other = re.search(rf"\\[^\\{marks}\r\n]", head.replace("\\\\", ""))
    return within is not None and other is None and f"{quote}{quote}" not in head


def _is_spaced(head: str, separator: str) -> bool:
    return separator != " " and f'{separator} "' in head


def without_preface(lines: Iterator[str], separator: str, skip: int = 0) -> Iterator[str]:
    """Lines from the header on; with a space as separator, without spaces at their ends."""
    ended = lines
    for line in islice(lines, skip, None):
        text = line.strip()
        if text and text.lower() != f"sep={separator}" and not is_rule(text, separator):
            ended = chain([line], lines)
            break
    if separator != " ":
        return ended
    return (" ".join(line.lstrip("# ").split()) + "\n" for line in ended)


def is_rule(line: str, separator: str) -> bool:
    """Whether a line is a rule that is drawn between the rows of a text table."""
    return separator == "|" and "--" in line and RULE.issuperset(line)
