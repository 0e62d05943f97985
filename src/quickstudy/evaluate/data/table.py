"""Read a data file as records and labels; an error is one line that names place and remedy.

Formats are delimited text and JSON (one object on each line, or one list), plain or gzipped,
Parquet, Arrow, Feather and Excel.
"""

from __future__ import annotations

import difflib
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from quickstudy.errors import DataFileError, RecordError
from quickstudy.evaluate.data.columns import Column
from quickstudy.evaluate.data.fields.reader import FieldReader
from quickstudy.evaluate.data.files import arrow, excel
from quickstudy.evaluate.data.files.delimited import read_delimited
from quickstudy.evaluate.data.files.json_text import read_json
from quickstudy.evaluate.data.files.source import Flattened, Series, Source, clean_name, option
from quickstudy.evaluate.data.files.text import TextFile, open_binary
from quickstudy.evaluate.data.labels import LabelError, LabelReader
from quickstudy.evaluate.data.options import ReadOptions
from quickstudy.types import Label

VECTOR_FIELD = "vector"
SHEETS = {".ods", ".xlsb", ".numbers"}  # zip archives too, but not readable ones
HEADER_LOOK = 30  # rows among which a header below the first row is looked for
PACKED = {
    b"BZh": "bzip2", b"\xfd7zXZ\0": "xz", b"\x28\xb5\x2f\xfd": "zstd", excel.ZIP: "zip",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Table:
    """A data file in memory.

    Attributes:
        path: of the file.
        records: one dict for each row, without the target.
        labels: the target column; empty without a target.
        columns: the columns with their types, in file order.
        left_out: columns that did not become fields; their note says why.
        notes: remarks on how the file was read, one line each.
        places: line (row, item) of each record.
        unit: of `places`: line, row or item.
        forms: notations of columns that can be read in two ways; see `read_table`.
    """

    path: Path
    records: list[dict[str, Any]]
    labels: list[Label]
    columns: tuple[Column, ...]
    left_out: tuple[Column, ...] = ()
    notes: tuple[str, ...] = ()
    places: Sequence[int] = field(default=(), repr=False)
    unit: str = "line"
    forms: Mapping[str, str] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.records)

    @property
    def schema(self) -> dict[str, str]:
        """The types of the columns of strings, to fix which are categories and which are texts."""
        return {c.name: c.type for c in self.columns if c.type in ("category", "text")}

    def where(self, row: int) -> str:
        """The place of a record, for messages."""
        return f"{self.path}: {self.unit} {self.places[row]}"


def read_table(
    path: str | Path,
    target: str | None = None,
    *,
    limit: int | None = None,
    vectors: str | Path | None = None,
    types: Mapping[str, str] | None = None,
    forms: Mapping[str, str] | None = None,
    labels: Sequence[Label] = (),
    options: ReadOptions | None = None,
) -> Table:
    """Read records and, if a target is named, their labels.

    A column of delimited text becomes numbers if all cells are numbers in one notation, booleans if
    all are true or false, and times if all are dates or times; other columns and the target are
    strings. Values of other files keep their types. `?`, `-`, NA, NaN, null and similar words are
    missing. An object inside a record becomes fields `a.b`, a list of strings one field for each
    string, a list of numbers a vector, and a time the numbers `.hour`, `.weekday`, `.month`,
    `.day`, `.days`.

    Args:
        target: name of the column to predict.
        limit: read only the first rows.
        vectors: a .npy file with one row for each row of the file; it becomes the field "vector".
        types: field -> type under which a learner knows it; a column is read as that if possible.
        forms: column -> notation in an earlier table that a learner has learned; it decides how
            1,234 or 3/4/2024 are read.
        labels: that a learner knows; a label with the same text as one of them is that label.
        options: what the user says about the file.

    Raises:
        DataFileError: the file cannot be read; the message names file, line, column and remedy.
    """
    path, options = Path(path), options or ReadOptions()
    if limit is not None and limit < 1:
        raise DataFileError(f"{path}: a limit of {limit} rows leaves nothing to read")
    with open_binary(path) as stream:
        source = _read_source(path, stream, options, limit)
    if not len(source):
        raise DataFileError(f"{path}: has no rows")
    options = _with_plain_names(options)
    target = None if target is None else clean_name(target)
    _tidy(source)
    _drop(source, options, target)
    _check_typed(source, options, target)
    answers = _labels(source, target, LabelReader(labels, options.target_type))
    reader = FieldReader(source, options, types or {}, forms)
    records, columns = _records(source, reader)
    if vectors is not None:
        columns.append(_join_vectors(records, Path(vectors), source.total))
    return Table(
        path, records, answers, tuple(columns),
        left_out=tuple(source.left_out), notes=tuple(source.notes),
        places=source.places, unit=source.unit, forms=reader.forms,
    )  # fmt: skip


def _records(source: Source, reader: FieldReader) -> tuple[list[dict[str, Any]], list[Column]]:
    """The records of a file, and what its columns were read as."""
    records: list[dict[str, Any]] = [{} for _ in source.places]
    columns = []
    for name in source.columns:
        column, fields = reader.read(name)
        columns.append(column)
        for name_of_field, series in fields.items():
            _put(source, records, name_of_field, series)
    return records, columns


def _read_source(path: Path, stream: BinaryIO, options: ReadOptions, limit: int | None) -> Source:
    magic = stream.read(8)
    if magic.startswith((arrow.PARQUET, arrow.ARROW, arrow.ARROW_STREAM)):
        return _of_no_use(arrow.read_arrow(path, stream, limit), options, "encoding", "separator")
    if magic.startswith(excel.ZIP) and excel.is_workbook(stream):
        source = excel.read_excel(path, stream, limit, dropped=_with_plain_names(options).dropped)
        return _of_no_use(source, options, "encoding", "separator")
    if magic.startswith(excel.OLD_EXCEL):
        raise DataFileError(f"{path}: is an old Excel file; save it as .xlsx or CSV")
    if magic.startswith(arrow.OLD_FEATHER):
        raise DataFileError(f"{path}: is a Feather file of version 1; write it as version 2")
    if magic.startswith(excel.ZIP) and path.suffix.lower() in SHEETS:
        raise DataFileError(f"{path}: is a workbook of another kind; save it as .xlsx or CSV")
    for mark, name in PACKED.items():
        if magic.startswith(mark):
            raise DataFileError(f"{path}: is packed by {name}; unpack it first, or use gzip")
    file = TextFile(path, stream, options.encoding)
    start = "".join(file.head[:1000].split())
    if start.startswith(("{", "[{")) or {".jsonl", ".ndjson", ".json"} & set(path.suffixes):
        return _of_no_use(read_json(file, limit), options, "separator")
    return read_delimited(file, options, limit)


def _of_no_use(source: Source, options: ReadOptions, *names: str) -> Source:
    for name in names:
        if getattr(options, name):
            source.notes.append(f"--{name} is for text of cells, and does nothing to this file")
    return source


def read_record(record: Mapping[str, Any], types: Mapping[str, str]) -> dict[str, Any]:
    """A record of JSON values, in the fields that it would have in a file.

    Args:
        types: field -> type under which a learner knows it.

    Raises:
        RecordError: a number is not finite, or no field can hold a value.

    >>> read_record({"who": {"country": "IT"}, "tags": ["card"]}, {"tags.post": "boolean"})
    {'who.country': 'IT', 'tags.post': False, 'tags.card': True}
    """
    for name, value in record.items():
        if isinstance(value, float) and not math.isfinite(value):
            raise RecordError(f"field {name!r} is {value}; leave a missing value out, or use null")
    columns = Flattened(Path("the record"), "item")
    columns.add(1, dict(record))
    reader = FieldReader(columns.source, ReadOptions(), types)
    rows: list[dict[str, Any]] = [{}]
    try:
        for name in columns.source.columns:
            for field_name, series in reader.read(name)[1].items():
                _put(columns.source, rows, field_name, series)
    except DataFileError as error:
        said = str(error).removeprefix("the record: item 1, ")
        raise RecordError(said.partition("; --drop")[0]) from None
    return rows[0]


def _with_plain_names(options: ReadOptions) -> ReadOptions:
    types = {clean_name(name): type for name, type in options.types.items()}
    return replace(options, types=types, drop=tuple(map(clean_name, options.drop)))


def _tidy(source: Source) -> None:
    """Remove columns that are null wherever they are not objects: the parts hold all values."""
    inner = {name[:i] for name in source.columns for i, c in enumerate(name) if c == "."}
    for name in inner & source.columns.keys():
        if all(value is None for value in source.columns[name].values):
            del source.columns[name]


def _drop(source: Source, options: ReadOptions, target: str | None) -> None:
    for name in options.dropped:
        if name == target:
            raise DataFileError(
                f"{source.path}: {name!r} is the target, which cannot be left out: --drop"
            )
        inside = [c for c in source.columns if c == name or c.startswith(f"{name}.")]
        if not inside:
            raise DataFileError(_no_column(source, name))
        for column in inside:
            del source.columns[column]
            source.left_out.append(Column(column, "left out", 0, "", "as asked"))


def _check_typed(source: Source, options: ReadOptions, target: str | None) -> None:
    for name, type in options.types.items():
        if name == target:
            raise DataFileError(
                f"{source.path}: {name!r} is the target, and --type is for fields: --target-type"
            )
        if type != "ignore" and name not in source.columns:
            raise DataFileError(_no_column(source, name))


def _no_column(source: Source, name: str) -> str:
    names = list(source.columns)
    shown = ", ".join(names[:20]) + (", ..." if len(names) > 20 else "")
    return (
        f"{source.path}: has no column {name!r}{_alike(name, names)}; its columns are: {shown}"
        f"{_header_hint(source, name)}"
    )


def _alike(name: str, names: Sequence[str]) -> str:
    """A hint at a column with a similar name."""
    folded = {"".join(n.casefold().split()): n for n in reversed(names)}
    near = difflib.get_close_matches("".join(name.casefold().split()), folded, n=1, cutoff=0.8)
    return f", but {folded[near[0]]!r}" if near else ""


def _header_hint(source: Source, name: str) -> str:
    """A hint at the row that seems to hold the column names, if it is not the first."""
    if source.columns and source.looks_headless:
        return "; the first line seems to hold values: put a line of names above it"
    for row in range(min(len(source), HEADER_LOOK)):
        cells = [s.values[row] for s in source.columns.values() if len(s.values) == len(source)]
        texts = [cell for cell in cells if isinstance(cell, str)]
        parts = [
            part.strip(" \t\"'") for text in texts for part in re.split(r"[\t|;,]", text[:9999])
        ]
        if name in parts:
            return (
                f"; {source.unit} {source.places[row]} holds it: if the names stand there, take "
                "out what is above it"
            )
    return ""


def _labels(source: Source, target: str | None, reader: LabelReader) -> list[Label]:
    if target is None:
        return []
    if target not in source.columns:
        said = _no_column(source, target)
        if len(source.columns) < 2 and source.separator and "holds it" not in said:
            said += "; if other marks part its cells, name them with --separator"
        raise DataFileError(said)
    series = source.columns.pop(target)
    _leave_copies(source, target, series)
    values = dict(zip(series.rows, series.values, strict=True))
    labels = []
    for row in range(len(source)):
        try:
            labels.append(reader.read(values.get(row)))
        except LabelError as error:
            raise DataFileError(f"{source.where(row, target)}: {error}") from None
    source.notes += reader.notes
    return labels


def _leave_copies(source: Source, target: str, series: Series) -> None:
    """Leave out copies of the target column: they would reveal the label."""
    for name, old in source.doubled.items():
        if (
            old == target
            and name in source.columns
            and source.columns[name].values == series.values
        ):
            del source.columns[name]
            note = f"the same as the target {target!r}"
            source.left_out.append(Column(name, "left out", 0, "", note))


def _put(source: Source, records: list[dict[str, Any]], name: str, series: Series) -> None:
    """Add a field to the records."""
    for row, value in zip(series.rows, series.values, strict=True):
        record = records[row]
        if name in record:
            raise DataFileError(
                f"{source.where(row, name)}: is also a part of another column; rename one, or "
                f"{option('--drop', name)}"
            )
        record[name] = value


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
    plain = np.asarray(matrix)  # still mapped, but faster to index than a memmap
    for record, vector in zip(records, plain, strict=False):
        record[VECTOR_FIELD] = vector
    return Column(VECTOR_FIELD, f"vector of {matrix.shape[1]}", 0, f"from {path.name}")
