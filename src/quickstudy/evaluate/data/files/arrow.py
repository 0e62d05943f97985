"""Parquet, Arrow and Feather files, read by pyarrow."""

from __future__ import annotations

import importlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from quickstudy.errors import DataFileError, MissingExtraError
from quickstudy.evaluate.data.files.source import Flattened, Series, Source, settle_columns

PARQUET, ARROW, ARROW_STREAM = b"PAR1", b"ARROW1", b"\xff\xff\xff\xff"  # first bytes
OLD_FEATHER = b"FEA1"
BATCH = 10_000


def require(module: str, what: str) -> Any:
    """Import a module of the extra `tables`.

    Raises:
        MissingExtraError: it is not installed.
    """
    try:
        return importlib.import_module(module)
    except ImportError:
        package = module.partition(".")[0]
        raise MissingExtraError(
            f"{what} needs {package}: pip install 'quickstudy[tables]'"
        ) from None


def read_arrow(path: Path, stream: BinaryIO, limit: int | None) -> Source:
    """The columns of a Parquet, Arrow or Feather file; structures become fields like `a.b`.

    Raises:
        DataFileError: the file is damaged.
        MissingExtraError: pyarrow is not installed.
    """
    pa = require("pyarrow", f"{path}: to read it")
    try:
        names, batches, total = _opened(stream, limit)
        columns: list[list[Any]] = [[] for _ in names]
        count = 0
        for batch in batches:
            part = batch if limit is None else batch.slice(0, limit - count)
            for values, column in zip(columns, part.columns, strict=True):
                values.extend(column.to_pylist())
            count += part.num_rows
            total = max(total, count)
    except (pa.ArrowException, OSError, ValueError) as error:
        said = str(error).splitlines() or [""]
        raise DataFileError(f"{path}: cannot be read by pyarrow: {said[0]:.200}") from None
    source = Source(path, "row", range(1, count + 1), {}, total=total)
    settle_columns(source, names, columns)
    return flattened(source)


def _opened(stream: BinaryIO, limit: int | None) -> tuple[list[str], Iterator[Any], int]:
    """Names of the columns, batches of rows, and the number of rows if the file names it."""
    stream.seek(0)
    magic = stream.read(6)
    stream.seek(0)
    if magic.startswith(PARQUET):
        file = importlib.import_module("pyarrow.parquet").ParquetFile(stream)
        names, total = list(file.schema_arrow.names), file.metadata.num_rows
        return names, _until(file.iter_batches(BATCH), limit), total
    ipc = importlib.import_module("pyarrow.ipc")
    if magic.startswith(ARROW):
        reader = ipc.open_file(stream)
        batches = (reader.get_batch(i) for i in range(reader.num_record_batches))
    else:
        reader = ipc.open_stream(stream)
        batches = iter(reader)
    return list(reader.schema.names), batches, 0


def _until(batches: Iterator[Any], limit: int | None) -> Iterator[Any]:
    count = 0
    for batch in batches:
        yield batch
        count += batch.num_rows
        if limit is not None and count >= limit:
            return


def flattened(source: Source) -> Source:
    """The same columns, with structures as fields like `a.b`."""
    columns: dict[str, Series] = {}
    for name, series in source.columns.items():
        if not any(isinstance(value, dict) for value in series.values):
            columns[name] = series
            continue
        inner = Flattened(source.path, source.unit)
        for place, value in zip(source.places, series.values, strict=True):
            inner.add(place, {name: value} if value is not None else {})
        columns.update(inner.source.columns)
    source.columns = columns
    return source
