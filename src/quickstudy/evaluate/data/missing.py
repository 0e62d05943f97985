"""Words and marks that data files use for missing values."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

EXCEL_ERRORS = frozenset(
    {"#N/A", "#NA", "#NULL!", "#DIV/0!", "#VALUE!", "#REF!", "#NUM!", "#NAME?", "#N/A N/A"}
)
MISSING = EXCEL_ERRORS | {
    "", "?", "-", "--", "---", "–", "—", "NA", "N/A", "n/a", "N.A.", "<NA>", "NaN", "nan", "NAN",
    "-nan", "-NaN", "NaT", "null", "NULL", "Null", "(null)", "None", "\\N",
}  # fmt: skip
"""These are missing in every column."""
MISSING_NUMBERS = frozenset(
    {
        "na",
        "none",
        "nil",
        ".",
        "..",
        "0000-00-00",
        "0000-00-00 00:00:00",
        "00/00/0000",
        "inf",
        "+inf",
        "-inf",
        "infinity",
        "+infinity",
        "-infinity",
    }
)
"""These are missing, in upper or lower case, if all other cells are numbers, times or booleans."""


@dataclass(frozen=True, slots=True)
class Given:
    """The values of a column that are not missing.

    Attributes:
        at: positions of the values in the column.
        values: the values; text is stripped.
        gone: how often each word for a missing value occurs.
    """

    at: Sequence[int]
    values: list[Any]
    gone: Counter[str]


def split_missing(values: Iterable[Any]) -> Given:
    """The values that are present, and counts of the words for missing ones.

    A lone "-" is a value if "+" occurs as well.

    >>> split_missing(["1", " NA", "", None, float("inf"), "-"])
    Given(at=[0], values=['1'], gone=Counter({'NA': 1, '': 1, 'null': 1, 'Infinity': 1, '-': 1}))
    >>> split_missing(["+", "-"]).values
    ['+', '-']
    """
    stripped = [value.strip() if isinstance(value, str) else value for value in values]
    if all(isinstance(value, str) for value in stripped) and MISSING.isdisjoint(stripped):
        return Given(range(len(stripped)), stripped, Counter())
    signs = "-" in stripped and "+" in stripped
    at, given, gone = [], [], Counter[str]()
    for i, value in enumerate(stripped):
        word = spelled_missing(value)
        if word is None or (signs and word == "-"):
            at.append(i)
            given.append(value)
        else:
            gone[word] += 1
    return Given(at, given, gone)


def spelled_missing(value: Any) -> str | None:
    """The word for a missing value; None for a value that is present.

    >>> spelled_missing(float("nan")), spelled_missing("?"), spelled_missing(0)
    ('NaN', '?', None)
    """
    if isinstance(value, str):
        return value if value in MISSING else None
    if value is None:
        return "null"
    if isinstance(value, float | Decimal) and not math.isfinite(value):
        return "NaN" if math.isnan(value) else "-Infinity" if value < 0 else "Infinity"
    return None


def without_words(given: Given) -> Given:
    """The values without the words that mean missing in columns of numbers, times or booleans.

    >>> without_words(Given([0, 1], ["7", "-Inf"], Counter())).values
    ['7']
    """
    texts = {value for value in given.values if isinstance(value, str)}
    if not any(text.lower() in MISSING_NUMBERS for text in texts):
        return given
    at, values, gone = [], [], Counter(given.gone)
    for i, value in zip(given.at, given.values, strict=True):
        if isinstance(value, str) and value.lower() in MISSING_NUMBERS:
            gone[value] += 1
        else:
            at.append(i)
            values.append(value)
    return Given(at, values, gone)


def spelled(gone: Counter[str]) -> str:
    """A note on the words that were read as missing; empty cells are not mentioned.

    >>> spelled(Counter({"": 5, "NA": 2, "?": 1}))
    'missing: NA (2), ? (1)'
    """
    words = [f"{word} ({count:,})" for word, count in gone.most_common() if word]
    return "missing: " + ", ".join(words) if words else ""


def joined(notes: Sequence[str]) -> str:
    """Several notes on a column as one."""
    return "; ".join(note for note in notes if note)
