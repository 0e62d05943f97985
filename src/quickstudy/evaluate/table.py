"""Read a CSV or JSONL file (also .gz) as records, with one clear line about what is wrong."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np

from quickstudy.errors import DataFileError
from quickstudy.evaluate.columns import Column, column_of, convert_cells, is_missing
from quickstudy.evaluate.lines import Line, csv_lines, open_text
from quickstudy.types import Label

VECTOR_FIELD = "vector"


@dataclass(frozen=True, slots=True)
class Table:
    """A data file in memory.

    Attributes:
        path: where it was read from.
        records: one dict a row, without the target.
        labels: the target column; empty when none was asked for.
        columns: the fields with their types, in file order.
    """

    path: Path
    records: list[dict[str, Any]]
    labels: list[Label]
    columns: tuple[Column, ...]

    def __len__(self) -> int:
        return len(self.records)

    @property
    def schema(self) -> dict[str, str]:
        """The columns of strings, to pin what is category and what is text as shown."""
        return {c.name: c.type for c in self.columns if c.type in ("category", "text")}


def read_table(
    path: str | Path,
    target: str | None = None,
    *,
    limit: int | None = None,
    vectors: str | Path | None = None,
    types: Mapping[str, str] | None = None,
) -> Table:
    """Read records and, if a target is named, their labels.

    In CSV a column whose cells are all numbers is one of numbers, all true/false one of booleans;
    the rest are strings; empty, NA, NaN, null and ? are missing values; targets are strings,
    without white space around them.
    In JSONL each line is an object and its values are kept as they are.

    Args:
        target: name of the column to predict.
        limit: read only the first rows.
        vectors: a .npy file with one row for each row of the file; joined as field "vector".
        types: column -> "number", "boolean", "category" or "text" where known from before.

    Raises:
        DataFileError: the file cannot be read; the message names file, line and column.
    """
    path = Path(path)
    if limit is not None and limit < 1:
        raise DataFileError(f"{path}: a limit of {limit} rows leaves nothing to read")
    with open_text(path) as stream:
        is_json = stream.peek_first() == "{" or _json_name(path)
        rows = _json_lines(path, stream) if is_json else csv_lines(path, stream)
        lines = list(islice(rows, limit))
        rest = sum(1 for _ in rows) if vectors else 0
    if not lines:
        raise DataFileError(f"{path}: has no rows")
    names = list(dict.fromkeys(name for line in lines for name in line.cells))
    labels = _labels(path, lines, names, target) if target is not None else []
    fields = [name for name in names if name != target]
    if is_json:
        _check_values(path, lines, fields)
        records = [{k: v for k, v in line.cells.items() if k != target} for line in lines]
        columns = [column_of(name, (r.get(name) for r in records)) for name in fields]
    else:
        records, columns = _typed(path, lines, fields, types or {})
    if vectors is not None:
        columns.append(_join_vectors(records, Path(vectors), len(lines) + rest))
    return Table(path, records, labels, tuple(columns))


def _json_name(path: Path) -> bool:
    return bool({".jsonl", ".ndjson", ".json"} & set(path.suffixes))


def _json_lines(path: Path, stream: Iterator[str]) -> Iterator[Line]:
    for number, text in enumerate(stream, start=1):
        if not text.strip():
            continue
        try:
            cells = json.loads(text)
        except (ValueError, RecursionError):
            raise DataFileError(f"{path}: line {number} is not valid JSON") from None
        if not isinstance(cells, dict):
            raise DataFileError(f"{path}: line {number} is not a JSON object like {{...}}")
        yield Line(number, cells)


def _labels(path: Path, lines: list[Line], names: list[str], target: str) -> list[Label]:
    if target not in names:
        shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
        raise DataFileError(f"{path}: has no column {target!r}; its columns are: {shown}")
    for line in lines:
        label = line.cells.get(target)
        where = f"{path}: line {line.number}, column {target!r}"
        if label is None or (isinstance(label, str) and label.strip().lower() in {"", "nan"}):
            raise DataFileError(f"{where}: the label is missing")
        if not isinstance(label, str | int):
            what = "the label is NaN" if label != label else f"{label!r} cannot be a label"
            raise DataFileError(f"{where}: {what}; a label is a string, an integer or true/false")
    labels = [line.cells[target] for line in lines]
    return [label.strip() if isinstance(label, str) else label for label in labels]


def _typed(
    path: Path, lines: list[Line], fields: list[str], types: Mapping[str, str]
) -> tuple[list[dict[str, Any]], list[Column]]:
    records: list[dict[str, Any]] = [{} for _ in lines]
    columns = []
    for name in fields:
        values = convert_cells([line.cells[name] for line in lines], types.get(name))
        for line, record, value in zip(lines, records, values, strict=True):
            if isinstance(value, float) and not math.isfinite(value):
                _refuse(path, line, name, value)
            record[name] = value
        columns.append(column_of(name, values))
    return records, columns


def _check_values(path: Path, lines: list[Line], fields: list[str]) -> None:
    """Refuse what no field can hold, while the line is still known."""
    for line in lines:
        for name in fields:
            value = line.cells.get(name)
            fine = all(map(_finite, value)) if isinstance(value, list) else _readable(value)
            if not fine:
                _refuse(path, line, name, value)


def _readable(value: Any) -> bool:
    return isinstance(value, str) or is_missing(value) or _finite(value)


def _finite(value: Any) -> bool:
    try:
        return isinstance(value, int | float) and math.isfinite(value)
    except OverflowError:  # an integer that no float can hold
        return False


def _refuse(path: Path, line: Line, name: str, value: Any) -> None:
    shown = repr(value) if len(repr(value)) <= 40 else repr(value)[:37] + "..."
    raise DataFileError(
        f"{path}: line {line.number}, column {name!r}: {shown} is not a finite number, "
        "a string, true/false or a list of finite numbers"
    )


def _join_vectors(records: Sequence[dict[str, Any]], path: Path, rows: int) -> Column:
    try:
        matrix = np.load(path, mmap_mode="r", allow_pickle=False)
    except (OSError, ValueError, EOFError):
        raise DataFileError(f"{path}: cannot be read as a .npy file of numbers") from None
    if matrix.ndim != 2 or matrix.dtype.kind not in "fiu":
        raise DataFileError(
            f"{path}: has shape {matrix.shape} of {matrix.dtype}, not one row of numbers a record"
        )
    if len(matrix) != rows:
        raise DataFileError(f"{path}: has {len(matrix)} rows, but the table has {rows}")
    if any(VECTOR_FIELD in record for record in records):
        raise DataFileError(f"{path}: the table already has a column {VECTOR_FIELD!r}")
    plain = np.asarray(matrix)  # still mapped, but its rows are made faster than a memmap's
    for record, vector in zip(records, plain, strict=False):
        record[VECTOR_FIELD] = vector
    return Column(VECTOR_FIELD, f"vector of {matrix.shape[1]}", 0, f"from {path.name}")
