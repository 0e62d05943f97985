"""Columns as the table of types shows them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any

TEXT_WORDS = 3  # a column whose strings have this many words on average is shown as text


@dataclass(frozen=True, slots=True)
class Column:
    """A field of a table: name, type, number of missing values, an example value and a remark."""

    name: str
    type: str
    missing: int
    example: str
    note: str = ""

    def with_note(self, note: str) -> Column:
        """The same column with a remark on how it was read."""
        return replace(self, note=note)


def is_missing(value: Any) -> bool:
    """Whether a value is None or NaN.

    >>> is_missing(None), is_missing(float("nan")), is_missing("")
    (True, True, False)
    """
    return value is None or (isinstance(value, float) and value != value)


def type_of(value: Any) -> str:
    """Name of a value's type in the table of types."""
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, int | float):
        return "number"
    return "string" if isinstance(value, str) else f"vector of {len(value)}"


def column_of(name: str, values: Iterable[Any]) -> Column:
    """The column of these values; several types are joined by "or".

    >>> column_of("city", ["Rome", None, "Oslo"])
    Column(name='city', type='category', missing=1, example='Rome', note='')
    """
    everything = list(values)
    given = [value for value in everything if not is_missing(value)]
    if set(map(type, given)) <= {str, int, float, bool}:  # a fast path for the usual types
        first = {type(value): value for value in reversed(given)}
        types = list(dict.fromkeys(type_of(first[t]) for t in dict.fromkeys(map(type, given))))
    else:
        types = list(dict.fromkeys(type_of(value) for value in given))
    strings = [value for value in given if isinstance(value, str)]
    words = sum(len(s.split()) for s in strings) / max(len(strings), 1)
    string = "text" if words >= TEXT_WORDS else "category"
    return Column(
        name=name,
        type=" or ".join(string if shown == "string" else shown for shown in types) or "missing",
        missing=len(everything) - len(given),
        example=shortened(given[0]) if given else "",
    )


def shortened(value: Any) -> str:
    """A value as an example of at most 40 characters."""
    example = str(value[:41] if isinstance(value, str | list) else value)
    return example if len(example) <= 40 else example[:37] + "..."
