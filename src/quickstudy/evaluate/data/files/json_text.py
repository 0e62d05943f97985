"""JSON files: one object on each line, or one list of objects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from itertools import islice
from typing import Any

from quickstudy.errors import DataFileError
from quickstudy.evaluate.data.files.source import Flattened, Source
from quickstudy.evaluate.data.files.text import TextFile


def read_json(file: TextFile, limit: int | None) -> Source:
    """The columns of a file of objects; nested objects become fields like `a.b`.

    Raises:
        DataFileError: a line is not JSON or not an object; the message names the line.
    """
    if file.head.lstrip().startswith("["):
        items = _list(file)
        if items is not None:
            return _flattened(file, "item", enumerate(items, start=1), limit)
    return _flattened(file, "line", _lines(file), limit)


def _flattened(file: TextFile, unit: str, items: Any, limit: int | None) -> Source:
    columns = Flattened(file.path, unit)
    for place, record in islice(items, limit):
        columns.add(place, record)
    source = columns.source
    source.total = len(source) + sum(1 for _ in items)
    return source


def _list(file: TextFile) -> list[dict[str, Any]] | None:
    """The objects of a list that is the whole file; None if the file is not such a list."""
    text = file.text()
    try:
        items = _parsed(text)
    except _BadJsonError as error:
        if error.alone:
            return None  # the first line is a whole value, and further lines follow
        where = f" line {error.line}" if error.line else ""
        raise DataFileError(f"{file.path}:{where} {error.problem}") from None
    if items and not any(isinstance(item, dict) for item in items):
        raise DataFileError(
            f"{file.path}: line 1 is not a JSON object like {{...}}, nor are others"
        )
    for place, item in enumerate(items, start=1):
        if not isinstance(item, dict):
            raise DataFileError(f"{file.path}: item {place} is not a JSON object like {{...}}")
    return list(items)


def _lines(file: TextFile) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, text in enumerate(file.lines(), start=1):
        if not text.strip():
            continue
        try:
            record = _parsed(text.rstrip())
        except _BadJsonError as error:
            problem = "has a comma behind its object" if error.comma else error.problem
            raise DataFileError(
                f"{file.path}: line {number} {problem}; write one object like {{...}} a "
                "line, or one list of objects"
            ) from None
        if not isinstance(record, dict):
            raise DataFileError(f"{file.path}: line {number} is not a JSON object like {{...}}")
        yield number, record


class _BadJsonError(Exception):
    """Text that is not JSON: the problem, its line if known, and the text after a whole value."""

    def __init__(self, problem: str, line: int = 0, behind: str | None = None) -> None:
        super().__init__(problem)
        self.problem, self.line = problem, line
        self.alone, self.comma = behind is not None, behind == ","


def _parsed(text: str) -> Any:
    try:
        value = json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        behind = text[error.pos :].strip() if error.msg == "Extra data" else None
        place = f"at character {error.colno:,}"
        raise _BadJsonError(f"is not valid JSON {place}", error.lineno, behind) from None
    except RecursionError:
        raise _BadJsonError("is not valid JSON: it is nested too deeply") from None
    except ValueError:
        raise _BadJsonError("holds a whole number of too many digits") from None
    if "\\u" in text:
        _check_letters(value)
    return value


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    out = dict(pairs)
    if len(out) < len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise _BadJsonError(f"has {twice!r:.60} twice in one object")
    return out


def _check_letters(value: Any) -> None:
    """Refuse a lone surrogate such as \\ud83d, which no text can hold."""
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError as error:
        half = error.object[error.start : error.start + 1]
        raise _BadJsonError(f"holds half of a letter, {half!a}") from None
