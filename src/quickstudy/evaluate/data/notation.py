"""The notation of the numbers of a column: decimal mark and thousands separator.

A column is read as numbers if one notation fits all of its cells. Cells such as 1.234 fit two
notations; then `--decimal` decides, or else the columns of the same file that fit only one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

from quickstudy.evaluate.data.amounts import bare_cell, bare_cells

SPACES = " \u00a0\u2009\u202f"  # space, no-break space, thin space, narrow no-break space
APOSTROPHES = "'\u2019"
EXPONENT = r"(?:[eE][+-]?\d{1,3})?"  # a longer exponent is part of a code such as 45e3821
MOST_DIGITS = 300  # of an integer that a float can hold
MOST_KEPT = 2**53  # largest whole number up to which floats keep every digit
BY_DEFAULT = "as nothing says otherwise"
PADDED = re.compile(r"0\d+")
TELEPHONE = re.compile(r"\+\d[\d \u00a0]{7,18}")


@dataclass(frozen=True)
class Notation:
    """A way to write numbers.

    Attributes:
        decimal: the decimal mark.
        group: the possible thousands separators, "" for none.
    """

    decimal: str
    group: str = ""

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        mark = re.escape(self.decimal)
        whole = r"\d+"
        if self.group:  # groups of three, or in India of two with a last group of three
            group = f"[{self.group}]"
            threes = rf"[1-9]\d{{0,2}}(?:{group}\d{{3}})+"
            twos = rf"[1-9]\d?(?:{group}\d{{2}})+{group}\d{{3}}"
            whole = rf"(?:{threes}|{twos}|\d+)"
        return re.compile(rf"[+-]?(?:{whole}(?:{mark}\d*)?|{mark}\d+){EXPONENT}")

    def fits(self, cells: Iterable[str]) -> bool:
        """Whether every cell is a number in this notation."""
        match = self._pattern.fullmatch
        return all(match(cell) for cell in cells)

    def number(self, cell: str) -> int | float:
        """The number of a cell that fits; numbers without decimals are integers.

        >>> Notation(",", ".").number("-1.234,5"), POINT.number("12")
        (-1234.5, 12)
        """
        for mark in self.group:
            cell = cell.replace(mark, "")
        if cell.isdecimal() and len(cell) <= MOST_DIGITS:
            return int(cell)
        plain = cell.replace(self.decimal, ".")
        whole = plain[1:].isdecimal() and len(plain) <= MOST_DIGITS
        return int(plain) if whole and plain[0] in "+-" else float(plain)

    @property
    def words(self) -> str:
        """How the notation differs from plain decimal points; "" if it does not."""
        marks = {",": "comma", ".": "point", SPACES: "space", APOSTROPHES: "apostrophe"}
        group = marks.get(self.group)
        parts = ["decimal comma"] if self.decimal == "," else []
        return ", ".join([*parts, *([f"thousands by {group}"] if group else [])])


POINT, COMMA = Notation("."), Notation(",")
GROUPED = (
    Notation(".", ","), Notation(",", "."), Notation(".", SPACES), Notation(",", SPACES),
    Notation(".", APOSTROPHES), Notation(",", APOSTROPHES),
)  # fmt: skip
NOTATIONS = (POINT, COMMA, *GROUPED)


def fitting(cells: Sequence[str]) -> list[Notation]:
    """The notations that fit a whole column, the plain ones first.

    A notation with a mark that no cell has is left out, because it reads the same numbers.

    >>> [(n.decimal, n.group) for n in fitting(["1.234", "17"])]
    [('.', ''), (',', '.')]
    """
    if not cells or not some_number(cells[0]):
        return []
    found: set[str] = set()
    found.update(*cells)  # all characters
    return [
        notation
        for notation in NOTATIONS
        if (not notation.group or not found.isdisjoint(notation.group))
        and (notation.decimal in found or notation.decimal == "." or notation.group == ".")
        and notation.fits(cells)
    ]


def decides(cells: Sequence[str]) -> str:
    """The decimal mark of a column that fits no other; "" if several fit.

    >>> decides(["3,5", "10"]), decides(["3.5"]), decides(["1.234"]), decides(["7"])
    (',', '.', '', '')
    """
    if not any("." in cell or "," in cell for cell in cells):
        return ""
    amounts = bare_cells(cells)
    marks = {notation.decimal for notation in fitting(amounts[0])} if amounts else set()
    return marks.pop() if len(marks) == 1 else ""


@dataclass(frozen=True, slots=True)
class Choice:
    """The notation of a column, and a note about it.

    Attributes:
        bare: no cell has a unit or an unusual minus.
        sure: the decimal mark was not chosen by default.
    """

    notation: Notation
    note: str
    bare: bool = True
    sure: bool = True

    def number(self, cell: str) -> int | float:
        """The number of a cell of the column."""
        return self.notation.number(cell if self.bare else bare_cell(cell))


def choose(cells: Sequence[str], preferred: Iterable[tuple[str, str]]) -> Choice | None:
    """The notation of a column of numbers; None if a cell is not a number.

    Args:
        preferred: decimal marks with reasons, best first; used only if several notations fit.

    >>> choose(["5%", "12.5 %"], []).number("12.5 %")
    12.5
    """
    amounts = bare_cells(cells)
    if amounts is None:
        return None
    figures, note = amounts
    chosen = _choose(figures, preferred)
    if chosen is None or figures == cells:
        return chosen
    note = ", ".join(filter(None, [note, chosen.note]))
    return replace(chosen, note=note, bare=False)


def _choose(cells: Sequence[str], preferred: Iterable[tuple[str, str]]) -> Choice | None:
    fit = fitting(cells)
    if not fit:
        return None
    if (
        len({notation.decimal for notation in fit}) == 1
    ):  # all notations that fit agree on the decimal mark
        return Choice(fit[0], fit[0].words)
    for mark, reason in preferred:
        for notation in fit:
            if notation.decimal == mark:
                sure = reason != BY_DEFAULT
                return Choice(notation, _doubt(cells, notation, reason), sure=sure)
    return Choice(fit[0], fit[0].words)


def _doubt(cells: Sequence[str], notation: Notation, reason: str) -> str:
    cell = next(cell for cell in cells if "." in cell or "," in cell)
    if reason == "--decimal":
        return notation.words
    other = "," if notation.decimal == "." else "."
    words = f"{notation.words}: " if notation.words else ""
    return (
        f"{words}{cell} is read as {notation.number(cell):.10g}, {reason} "
        f"(otherwise: --decimal {other})"
    )


def some_number(cell: str) -> bool:
    """Whether a cell is a number in any notation."""
    return any(notation.fits((bare_cell(cell),)) for notation in NOTATIONS)


def why_codes(cells: Sequence[str]) -> str:
    """Why cells are codes that would lose characters as numbers; "" if they are not.

    >>> why_codes(["0", "0.5"]), why_codes(["12", "007"]), why_codes(["+49 170 123456"])
    ('', 'leading zeros count', 'they seem to be telephone numbers')
    """
    if any(map(PADDED.fullmatch, cells)):
        return "leading zeros count"
    if cells and all(map(TELEPHONE.fullmatch, cells)):
        return "they seem to be telephone numbers"
    return ""


def keeps_digits(numbers: Iterable[int | float]) -> bool:
    """Whether floats keep all digits of all whole numbers."""
    return not any(type(n) is int and abs(n) > MOST_KEPT and int(float(n)) != n for n in numbers)
