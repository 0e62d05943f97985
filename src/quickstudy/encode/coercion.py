"""Conversion of values to the known type of their field: numbers in texts, and the reverse."""

from __future__ import annotations

import re
from collections.abc import Set
from typing import Any

_NUMBER = re.compile(r"\s*[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?\s*", re.ASCII)
_BOOLEANS = {"true": True, "false": False, "True": True, "False": False}
LONGEST_NUMBER = 400  # characters: a longer text is not read as a number
LARGEST = 1e100
STRINGS = frozenset({"category", "text"})


class CoercedFloat(float):
    """A number that was given as a text."""


class CoercedBoolean(CoercedFloat):
    """A boolean that was given as a text."""


class CoercedText(str):
    """A text that was given as a number."""

    __slots__ = ()


COERCED = frozenset({CoercedFloat, CoercedBoolean, CoercedText})


def coerced(value: Any, types: Set[str]) -> Any:
    """The value as the type that its field always had; unchanged if it cannot be converted.

    A text that is exactly a finite number becomes a number if the field was always a number; "true"
    and "false" become booleans if it was always a boolean; a number becomes its text if the field
    was a category or a text, and never a number.

    Args:
        value: a field's value.
        types: all types that the field has had.

    >>> coerced(" 12.5", {"number"}), coerced("1_000", {"number"}), coerced(7.0, {"category"})
    (12.5, '1_000', '7')
    """
    if isinstance(value, str):
        if types == {"number"} and len(value) <= LONGEST_NUMBER and _NUMBER.fullmatch(value):
            number = float(value)
            return CoercedFloat(number) if abs(number) <= LARGEST else value
        if types == {"boolean"} and value in _BOOLEANS:
            return CoercedBoolean(_BOOLEANS[value])
    elif type(value) in (int, float) and "number" not in types and types & STRINGS:
        return CoercedText(_text_of(value))
    return value


def _text_of(number: float) -> str:
    """The text of a number; an integer has no decimal point, as in JSON and CSV files.

    >>> _text_of(5), _text_of(5.0), _text_of(5.25)
    ('5', '5', '5.25')
    """
    if isinstance(number, float) and number.is_integer() and abs(number) < 2**53:
        return str(int(number))
    return str(number)
