"""Types of a table's columns, inferred from what is in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

MISSING = frozenset({"", "?", "NA", "N/A", "NaN", "nan", "null", "NULL", "None"})
BOOLEANS = {"true": True, "false": False}
NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?|[+-]?inf(inity)?", re.IGNORECASE)
TEXT_WORDS = 3  # a column whose strings average this many words is shown as text


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a table: its type, how many values are missing, and one that is not."""

    name: str
    type: str
    missing: int
    example: str


def is_missing(value: Any) -> bool:
    """None and NaN.

    >>> is_missing(None), is_missing(float("nan")), is_missing("")
    (True, True, False)
    """
    return value is None or (isinstance(value, float) and value != value)


def convert_cells(cells: Sequence[str], type_name: str | None = None) -> list[Any]:
    """The cells of a CSV column as numbers, booleans or strings; None where they are missing.

    Args:
        type_name: the column's type where known; it counts only if every cell can be read so.

    >>> convert_cells(["1", "", "2.5"])
    [1.0, None, 2.5]
    >>> convert_cells(["1", "2"], "category")
    ['1', '2']
    """
    stripped = [cell.strip() for cell in cells]
    given = [cell for cell in stripped if cell not in MISSING]
    if type_name not in {"category", "text"}:
        if given and all(NUMBER.fullmatch(cell) for cell in given):
            return [None if cell in MISSING else float(cell) for cell in stripped]
        if given and all(cell.lower() in BOOLEANS for cell in given):
            return [BOOLEANS.get(cell.lower()) for cell in stripped]
    return [None if cell in MISSING else cell for cell in stripped]


def type_of(value: Any) -> str:
    """Name of one value's type as the table of types shows it."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else f"vector of {len(value)}"


def column_of(name: str, values: Iterable[Any]) -> Column:
    """What a column holds; several types are joined by "or".

    >>> column_of("city", ["Rome", None, "Oslo"])
    Column(name='city', type='category', missing=1, example='Rome')
    """
    everything = list(values)
    given = [value for value in everything if not is_missing(value)]
    kinds = list(dict.fromkeys(type_of(value) for value in given))
    strings = [value for value in given if isinstance(value, str)]
    words = sum(len(s.split()) for s in strings) / max(len(strings), 1)
    string = "text" if words >= TEXT_WORDS else "category"
    example = str(given[0]) if given else ""
    return Column(
        name=name,
        type=" or ".join(string if kind == "string" else kind for kind in kinds) or "missing",
        missing=len(everything) - len(given),
        example=example if len(example) <= 40 else example[:37] + "...",
    )
