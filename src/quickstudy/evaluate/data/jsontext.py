"""JSON: an object a line, or one list of objects."""

from __future__ import annotations

import json
from itertools import islice
from typing import Any

from quickstudy.errors import DataFileError
from quickstudy.evaluate.data.source import Flattened, Source
from quickstudy.evaluate.data.text import TextFile


def read_json(file: TextFile, limit: int | None) -> Source:
    """The columns of objects: those inside others become fields like `a.b`.

    Raises:
        DataFileError: something is not JSON, or not an object; names its line.
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
    """The objects of one list that is the whole file; None where it is none."""
    try:
        items = json.loads(file.text())
    except (ValueError, RecursionError):
        return None
    return items if isinstance(items, list) and all(isinstance(x, dict) for x in items) else None


def _lines(file: TextFile) -> Any:
    for number, text in enumerate(file.lines(), start=1):
        if not text.strip():
            continue
        try:
            record = json.loads(text)
        except (ValueError, RecursionError):
            raise DataFileError(
                f"{file.path}: line {number} is not valid JSON; write one object like {{...}} a "
                "line, or one list of objects"
            ) from None
        if not isinstance(record, dict):
            raise DataFileError(f"{file.path}: line {number} is not a JSON object like {{...}}")
        yield number, record
