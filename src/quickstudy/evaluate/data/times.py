"""Dates and times in columns: the form is found from the whole column."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time
from typing import Any

from quickstudy.encode.values import time_fields

Moment = datetime | date | time
_CLOCK = r"([01]?\d|2[0-4])[:.][0-5]\d([:.][0-5]\d([.,]\d{1,9})?)?"
_ZONE = r"\s?(Z|UTC|GMT|[+-]\d{2}:?(\d{2})?)?"
ISO = re.compile(rf"\d{{4}}-\d{{2}}-\d{{2}}([T ]{_CLOCK}{_ZONE})?")
CLOCK = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d{1,9})?)?")
# a date in figures with its marks, and a clock time after it
_NUMERIC = re.compile(
    rf"(\d{{1,4}})([/.-])(\d{{1,2}})\2(\d{{4}}|\d{{1,2}})((?:[T ]|, ){_CLOCK}.*)?"
)
_CLOCKS = ("", " %H:%M", " %H:%M:%S", " %H:%M:%S.%f", " %I:%M %p", " %I:%M:%S %p")
_WORDS = (
    "%d %b %Y", "%d %B %Y", "%d-%b-%Y", "%d-%b-%y", "%b %d %Y", "%B %d %Y", "%b %d, %Y",
    "%B %d, %Y", "%A, %B %d, %Y", "%A, %d %B %Y", "%d%b%Y", "%a %b %d %H:%M:%S %Y",
    "%a, %d %b %Y %H:%M:%S %z", "%d/%b/%Y:%H:%M:%S %z",
)  # fmt: skip
SECONDS = (1e8, 1e11)  # 1973 to 5138, as seconds since 1970; a thousand times that in milliseconds
_LONGEST = 40
_MONTH = re.compile("jan|feb|mar|apr|may|jun|jul|aug|sep|oct|nov|dec", re.IGNORECASE)
MAIN_PARTS = ("days", "hour")  # each time has at least one of these numeric fields
ORDERS = ("day first", "month first")
LOOK = 20  # first cells, on which most wrong forms fail already
LEAST_TIMES = 3  # so many more than other cells that a column seems to hold times


@dataclass(frozen=True, slots=True)
class Form:
    """The form of the times of a column: a function that reads a cell, and a note.

    `order` is "day first" or "month first" if only that fits the column.
    """

    read: Callable[[str], Moment]
    note: str = ""
    order: str = ""


def find_form(cells: Sequence[str], order: str = "") -> Form | None:
    """The form in which every cell is a date, a date with a time, or a time of day.

    The whole column decides what is day and month in 3/10/2004. If both orders fit, `order`
    decides, "day first" or "month first"; without it the month is first with "/", the day with "."
    and "-".

    >>> form = find_form(["13/10/2004", "03/10/2004"])
    >>> form.read("03/10/2004"), form.note
    (datetime.date(2004, 10, 3), 'day first')
    >>> find_form(["2024-05-01T18:30"]).read("2024-05-01T18:30")
    datetime.datetime(2024, 5, 1, 18, 30)
    """
    if not cells or not any(map(str.isdecimal, cells[0])):
        return None
    if any(len(cell) > _LONGEST for cell in cells):
        return None
    forms = [Form(_iso), Form(_clock), *_HALF_CLOCKS] if cells[0][:1].isdigit() else []
    forms += _numeric_forms(cells, order)
    words: list[Form] = []
    if _MONTH.search(cells[0]):
        words = [Form(_by(pattern + clock)) for pattern in _WORDS for clock in _clocks_of(pattern)]
    head = cells[:LOOK]
    for form in [*forms, *words]:
        if read_all(form, head) is not None and read_all(form, cells[LOOK:]) is not None:
            return form
    return None


def compact(cells: Sequence[str]) -> Form | None:
    """The form of cells like 20240501, which are numbers too: only for known columns of dates."""
    form = by_pattern("%Y%m%d")
    eights = all(len(cell) == 8 and cell.isdecimal() for cell in cells)
    return form if cells and eights and read_all(form, cells) is not None else None


def by_pattern(pattern: str) -> Form:
    """The form of a pattern of `strptime`."""
    return Form(_by(pattern))


def read_all(form: Form, cells: Sequence[str]) -> list[Moment] | None:
    """The times of all cells; None if a cell has another form."""
    try:
        return [form.read(cell) for cell in cells]
    except ValueError:
        return None


def _iso(cell: str) -> Moment:
    if not ISO.fullmatch(cell):
        raise ValueError(cell)
    if len(cell) == 10:
        return date.fromisoformat(cell)
    if len(cell) == 19:
        return datetime.fromisoformat(cell)
    cell = re.sub(r"\s?(UTC|GMT)$", "Z", cell).replace(",", ".")
    day, clock = cell[:10], cell[11:].replace(" ", "")
    return datetime.fromisoformat(f"{day}T{_six_digits(clock)}")


def _six_digits(clock: str) -> str:
    """The clock time with nanoseconds cut to microseconds."""
    return re.sub(r"(\.\d{6})\d+", r"\1", clock)


def _clock(cell: str) -> Moment:
    if not CLOCK.fullmatch(cell):
        raise ValueError(cell)
    return time.fromisoformat(
        _six_digits(cell.replace(",", ".").zfill(len(cell) + (cell[1] == ":")))
    )


def _by(pattern: str) -> Callable[[str], Moment]:
    timed = re.search(r"%[HIMSpfzcX]", pattern) is not None
    dated = re.search(r"%[YymdjbBcxDFGs]", pattern) is not None
    zoned = pattern.endswith(" %z")

    def read(cell: str) -> Moment:
        if zoned and cell.endswith((" GMT", " UTC")):
            cell = f"{cell[:-4]} +0000"
        moment = datetime.strptime(cell, pattern)
        return moment.time() if not dated else moment if timed else moment.date()

    return read


_HALF_CLOCKS = [Form(_by("%I:%M %p")), Form(_by("%I:%M:%S %p"))]


def _clocks_of(pattern: str) -> tuple[str, ...]:
    return ("",) if "%H" in pattern else _CLOCKS


def _numeric_forms(cells: Sequence[str], known: str) -> list[Form]:
    """Forms of dates in figures that fit the ranges of the parts in the whole column."""
    found = [_NUMERIC.fullmatch(cell) for cell in cells]
    matches = [match for match in found if match is not None]
    if len(matches) < len(cells):
        return []
    mark, size = matches[0][2], len(matches[0][4])
    if any(match[2] != mark for match in matches):
        return []
    firsts, seconds = [int(m[1]) for m in matches], [int(m[3]) for m in matches]
    if max(len(m[1]) for m in matches) == 4:
        orders = [(f"%Y{mark}%m{mark}%d", "")]
    elif size < 4 and (size == 1 or not (mark == "/" or (mark == "." and _all_in_pairs(matches)))):
        return []  # 1.2.34 may be a version number
    else:
        year = "%Y" if size == 4 else "%y"
        day, month = f"%d{mark}%m{mark}{year}", f"%m{mark}%d{mark}{year}"
        if max(firsts) > 12:
            orders = [(day, "day first")]
        elif max(seconds) > 12:
            orders = [(month, "month first")]
        else:
            what = known or ("month first" if mark == "/" else "day first")
            first, other = (month, day) if what == "month first" else (day, month)
            why = ", as learned before" if known else ""
            orders = [(first, f"{what}{why} (otherwise: --type NAME=datetime:{other})")]
    return [
        Form(_by(order + clock.replace(" ", gap, 1)), note, note if note in ORDERS else "")
        for order, note in orders
        for clock in _CLOCKS
        for gap in (" ", "T", ", ")
    ]


def _all_in_pairs(matches: Sequence[re.Match[str]]) -> bool:
    """Whether all are like 01.05.24, and one has a leading zero, unlike a version number."""
    parts = [match.group(1, 3, 4) for match in matches]
    return all(len(part) == 2 for three in parts for part in three) and any(
        three[0][0] == "0" or three[1][0] == "0" for three in parts
    )


def find_some(cells: Sequence[str], order: str = "") -> Form | None:
    """The form of the cells that are times; None if there are none, or several forms.

    >>> find_some(["unknown", "2024-05-01"]).read("2024-05-01")
    datetime.date(2024, 5, 1)
    """
    return find_form([cell for cell in cells if find_form([cell]) is not None], order)


def nearly_times(cells: Sequence[str]) -> str:
    """The first cell that is not a time in a column of apparent times; "" for other columns."""
    odd: list[str] = []
    for cell in cells[:LOOK]:
        if find_form([cell]) is None:
            odd.append(cell)
        if len(odd) > LOOK // 10:
            return ""
    if len(cells[:LOOK]) < 2 * len(odd) + LEAST_TIMES:
        return ""
    return next((cell for cell in cells if find_form([cell]) is None), "")


def from_number(value: float) -> datetime:
    """The moment of a count since 1970; its size decides: seconds, milli-, micro-, nanoseconds.

    >>> from_number(1714588200).hour
    18
    """
    for unit in (1.0, 1e3, 1e6, 1e9):
        if SECONDS[0] <= abs(value) / unit < SECONDS[1]:
            return datetime.fromtimestamp(value / unit, UTC)
    raise ValueError(value)


def columns_of(name: str, moments: Sequence[Moment]) -> dict[str, tuple[list[int], list[float]]]:
    """The numeric fields of a column of times: field -> positions in the column, and values."""
    out: dict[str, tuple[list[int], list[float]]] = {}
    for at, moment in enumerate(moments):
        for field, number in time_fields(name, moment).items():
            if field not in out:
                out[field] = ([], [])
            positions, numbers = out[field]
            positions.append(at)
            numbers.append(number)
    return out


def is_moment(value: Any) -> bool:
    """Whether a value is a date, a date with a time, or a time of day."""
    return isinstance(value, date | time)
