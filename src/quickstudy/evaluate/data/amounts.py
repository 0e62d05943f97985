"""Amounts: numbers with a unit, and with a minus sign in any of its notations."""

from __future__ import annotations

import re
from collections.abc import Sequence

SIGNS = r"%|‰|US\$|R\$|[$€£¥₹₽₩₺₫]|kr\.?|zł|Kč|Ft|Fr\."
CODES = (
    "EUR|USD|GBP|CHF|JPY|CNY|INR|SEK|NOK|DKK|PLN|CZK|HUF|RON|BRL|CAD|AUD|NZD|MXN|ZAR|TRY|RUB|KRW|"
    "SGD|HKD"
)
MINUS = "\u2212\u2013-"  # minus, en dash, hyphen; in this order inside [...]
LONGEST = 80  # characters of an amount
_UNIT = rf"(?P<{{}}>{SIGNS}|{CODES})?"
_PARTS = re.compile(
    rf"(?P<around>\()?(?P<sign>[+{MINUS}])?\s*{_UNIT.format('before')}\s*"
    rf"(?P<open>\()?(?P<inner>[+{MINUS}])?"
    rf"(?P<figures>[.,]?\d.*?|[{MINUS}])"
    rf"(?P<behind>-)?(?(open)\))\s*{_UNIT.format('after')}(?(around)\))(?P<last>-)?"
)
_BARE = re.compile(r"[+-]?[\d.,][\d.,eE+-]*(?<!-)")  # a fast test of the usual case


def bare_cells(cells: Sequence[str]) -> tuple[list[str], str] | None:
    """The cells of a column without unit and with a plain minus, and a note about both.

    None if the units differ or a cell is not an amount.

    >>> bare_cells(["$(1,200.00)", "-$3.50"])
    (['-1,200.00', '-3.50'], 'in $; (1) is read as -1')
    >>> bare_cells(["5 EUR", "7 USD"])
    """
    if all(map(_BARE.fullmatch, cells)):
        return list(cells), ""
    out, units, odd = [], set(), ""
    for cell in cells:
        parted = _parted(cell)
        if parted is None:
            return None
        text, unit, spelling = parted
        out.append(text)
        odd = odd or spelling
        if unit or text != "0":
            units.add(unit)
    if len(units) > 1:
        return None
    unit = units.pop() if units else ""
    notes = [f"in {unit}" if unit else "", f"{odd} is read as -1" if odd else ""]
    return out, "; ".join(filter(None, notes))


def bare_cell(cell: str) -> str:
    """One cell without its unit and with a plain minus.

    >>> bare_cell("(12.5) %"), bare_cell("3-"), bare_cell("EUR 7")
    ('-12.5', '-3', '7')
    """
    parted = None if _BARE.fullmatch(cell) else _parted(cell)
    return cell if parted is None else parted[0]


def _parted(cell: str) -> tuple[str, str, str] | None:
    """The number with a plain minus, its unit, and an unusual minus as it was written."""
    found = _PARTS.fullmatch(cell) if len(cell) <= LONGEST else None
    if found is None or (found["before"] and found["after"]):
        return None
    unit = found["before"] or found["after"] or ""
    figures = found["figures"]
    minuses = [found[part] for part in ("around", "sign", "open", "inner", "behind", "last")]
    if sum(mark is not None for mark in minuses) > 1:
        return None
    if figures in MINUS:  # accountants write a lone dash for zero
        return ("0", unit, "") if unit and not any(minuses) else None
    spelling = (
        "(1)"
        if found["open"] or found["around"]
        else "1-"
        if found["behind"] or found["last"]
        else ""
    )
    negative = spelling or (found["sign"] or found["inner"] or "") in tuple(MINUS)
    return ("-" if negative else "") + figures, unit, spelling
