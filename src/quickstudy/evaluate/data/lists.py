"""Lists in columns: strings are tags, numbers are a vector; a cell may hold either as text."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Sequence
from typing import Any

from quickstudy.encode.parsing import LARGEST_IN_VECTOR

MOST_ABSENT_TAGS = 200  # with more tags, absent tags get no value
SENTENCE_WORDS = 5  # from this average number of words on, strings in lists are texts, not tags
TAG_MARKS = "|;,"
_ITEM = re.compile(
    r"""\s* (?: '((?:[^'\\]|\\.)*)' | "((?:[^"\\]|\\.)*)" | ([^\s,'"\[\]]+) | $ )
        \s* (?: , | $ | (?<=\s) )""",
    re.VERBOSE,
)


class ListError(ValueError):
    """A list that no field can hold: its position in the column, and the problem."""

    def __init__(self, at: int, problem: str) -> None:
        super().__init__(problem)
        self.at, self.problem = at, problem


def is_list(value: Any) -> bool:
    """Whether a value is a list or a tuple."""
    return isinstance(value, list | tuple)


def spelled_lists(cells: Sequence[str]) -> list[list[Any]] | None:
    """The lists of a column in which every cell is a list, written as JSON or as Python prints it.

    >>> spelled_lists(["[0.5, 1]", "[]"]), spelled_lists(["['a', 'b']"])
    ([[0.5, 1], []], [['a', 'b']])
    """
    if not cells or not all(cell.startswith("[") and cell.endswith("]") for cell in cells):
        return None
    out = []
    for cell in cells:
        value = _parsed(cell)
        if not isinstance(value, list):
            return None
        out.append(value)
    return out


def _parsed(cell: str) -> Any:
    try:
        return json.loads(cell)
    except (ValueError, RecursionError):
        return _python_list(cell[1:-1])


def _python_list(inside: str) -> list[Any] | None:
    """A flat list as Python and numpy print it, with commas or spaces between items.

    >>> _python_list("'a b', None"), _python_list(" 0.5 1. "), _python_list("urgent")
    (['a b', None], [0.5, 1.0], None)
    """
    out: list[Any] = []
    at = 0
    while at < len(inside):
        found = _ITEM.match(inside, at)
        if found is None:
            return None
        at = found.end()
        quoted = found[1] if found[1] is not None else found[2]
        if quoted is not None:
            out.append(re.sub(r"\\(.)", r"\1", quoted))
        elif found[3] in ("None", "nan"):
            out.append(None)
        elif found[3]:
            try:
                out.append(float(found[3]))
            except ValueError:
                return None
    return out


def split_tags(cells: Sequence[str]) -> list[list[str]]:
    """The tags of cells such as "card; post"; the separator is the first of | ; , that occurs.

    >>> split_tags(["card;post", "fee"])
    [['card', 'post'], ['fee']]
    """
    mark = next((m for m in TAG_MARKS if any(m in cell for cell in cells)), None)
    if mark is None:
        return [[cell] for cell in cells]
    return [cell.split(mark) for cell in cells]


def as_tags(values: Sequence[Any]) -> list[list[str]] | None:
    """The tags of each value, in order and without repeats; None if a value is not only strings.

    A single string is one tag; missing values are left out.

    >>> as_tags([["b", "a", "b"], "a", []])
    [['b', 'a'], ['a'], []]
    """
    out = []
    for value in values:
        parts = value if is_list(value) else [value]
        given = [part for part in parts if part is not None]
        if not all(isinstance(part, str) for part in given):
            return None
        tags = ("".join(c for c in " ".join(part.split()) if c.isprintable()) for part in given)
        out.append(list(dict.fromkeys(tag for tag in tags if tag)))
    return out


def are_sentences(sets: Sequence[Sequence[str]]) -> bool:
    """Whether lists of strings contain texts instead of tags.

    >>> are_sentences([["how can I get my money back"]]), are_sentences([["refund", "late"]])
    (True, False)
    """
    words = [len(tag.split()) for tags in sets for tag in tags]
    return bool(words) and sum(words) / len(words) >= SENTENCE_WORDS


def as_vectors(values: Sequence[Any]) -> list[list[float] | None]:
    """Each list as numbers; an empty one is missing.

    Raises:
        ListError: a list has other items, or another length than the first.
    """
    out: list[list[float] | None] = []
    size = 0
    for at, value in enumerate(values):
        if is_list(value) and not value:
            out.append(None)
            continue
        problem = _problem(value, size)
        if problem:
            raise ListError(at, problem)
        size = len(value)
        out.append([number if type(number) is int else float(number) for number in value])
    return out


def _problem(value: Any, size: int) -> str:
    if not is_list(value):
        return "is not a list, as other values of the column are"
    if any(isinstance(part, dict) for part in value):
        return "is a list of objects, which no field can hold"
    for part in value:
        if not _finite(part):
            return f"holds {part!r:.40}: a list has to be all strings, or all finite numbers"
    if size and len(value) != size:
        return f"has {len(value)} numbers, where others have {size}"
    return ""


def _finite(part: Any) -> bool:
    try:
        number = float(part) if isinstance(part, int | float) else math.nan
    except OverflowError:
        return False
    return abs(number) <= LARGEST_IN_VECTOR
