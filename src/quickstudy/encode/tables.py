"""Batches: lists, tables, arrays and series are converted to a list of inputs or labels.

Each row of a table of pandas, polars or Arrow (any table that narwhals reads; none of these
libraries is imported here) is a record with the names of the columns. NaN, None, NaT and NA in a
table or an array mean missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from quickstudy.encode.inputs import has_names, named_row
from quickstudy.encode.values import plain_label, plain_scalar
from quickstudy.errors import InputError, LabelError, MissingExtraError, RecordError
from quickstudy.types import Label

NUMBERS = "iufb"  # `dtype.kind` of arrays of numbers
TIMES = "mM"  # `dtype.kind` of times, which `tolist` would convert to integers
DATA = (  # attributes of tables and series of libraries that lists and generators do not have
    *("__dataframe__", "__arrow_c_stream__", "__narwhals_dataframe__", "__narwhals_series__"),
    *("__narwhals_lazyframe__", "iloc", "collect_schema"),
)


def rows_of(xs: Any, what: str = "xs") -> list[Any]:
    """The inputs of a batch, in order; messages call the batch `what`.

    Args:
        xs: a list or any iterable of inputs; a table, whose rows are records; an array (n, d),
            whose rows are vectors; a structured array; an array or series of texts.

    Raises:
        RecordError: it is a single input, or its rows cannot be determined.

    >>> rows_of(np.array([["a text"], ["another"]])[:, 0])
    ['a text', 'another']
    """
    if type(xs) in (list, tuple):
        return list(xs)
    if isinstance(xs, Mapping):
        raise RecordError(
            f"{what} is one record ({type(xs).__name__}): write [record] for a batch of one; "
            "columns of values are no records"
        )
    if isinstance(xs, str | bytes | bytearray):
        raise RecordError(
            f"{what} is one {type(xs).__name__} ({xs!r:.40}): write [text] for a batch of one"
        )
    if isinstance(xs, np.ndarray):
        return _array_rows(xs, what)
    found = _column_or_table(xs)
    if isinstance(found, Table):
        return found.records()
    if found is not None:
        if hasattr(xs, "iloc") and hasattr(xs, "index") and _is_record(xs, found):
            raise RecordError(
                f"{what} is one record (a Series with an index of names): write [{what}] for a "
                f"batch of one, or {what}.tolist() if each entry is an input"
            )
        return _series_rows(found, what, xs)
    if hasattr(xs, "toarray"):
        raise RecordError(f"{what} is a sparse {type(xs).__name__}: write {what}.toarray()")
    if hasattr(xs, "__array__"):
        return _array_rows(np.asarray(xs), what)
    if hasattr(xs, "columns"):
        raise RecordError(
            f'{what} is a {type(xs).__name__} that cannot be read: write {what}.to_dict("records")'
        )
    if isinstance(xs, tuple):  # a named one
        raise RecordError(f"{what} is one record ({xs!r:.60}): write [record] for a batch of one")
    return _listed(xs, what, RecordError)


def _is_record(series: Any, values: list[Any]) -> bool:
    """Whether a Series is one record, and not a column of inputs."""
    return not all(isinstance(v, Mapping | list | np.ndarray) for v in values) and has_names(series)


def labels_of(ys: Any, what: str = "ys") -> list[Label]:
    """The plain labels of a batch, in order: a list, series, array or table of one column.

    Raises:
        LabelError: an entry cannot be a label; the message gives its position.

    >>> labels_of(np.array([1.0, 2.0]))
    [1, 2]
    """
    return [_plain_label(label, i, what) for i, label in enumerate(values_of(ys, what))]


def _plain_label(label: Any, i: int, what: str) -> Label:
    try:
        return plain_label(label)
    except LabelError as error:
        raise LabelError(f"{what}[{i}]: {error}") from None


def values_of(ys: Any, what: str) -> list[Any]:
    """The values of a column, in order, of any supported container.

    Raises:
        LabelError: it is not a column of values.
    """
    if type(ys) in (list, tuple):
        return list(ys)
    if isinstance(ys, Mapping | str | bytes | bytearray):
        raise LabelError(
            f"{what} is one {type(ys).__name__} ({ys!r:.40}): write a list, one entry for each "
            "input"
        )
    found = None if isinstance(ys, np.ndarray) else _column_or_table(ys)
    if isinstance(found, Table):
        if len(found.names) != 1:
            raise LabelError(
                f"{what} is a table of {len(found.names)} columns: write one column, as "
                f"{what}[name]"
            )
        return list(found.columns[0])
    if found is not None:
        return found
    if not isinstance(ys, np.ndarray) and hasattr(ys, "__array__"):
        ys = np.asarray(ys)
    if isinstance(ys, np.ndarray):
        if ys.ndim != 1:
            raise LabelError(f"{what} has shape {ys.shape}: write {what}.ravel(), one entry a row")
        return _entries(ys)
    return _listed(ys, what, LabelError)


def _listed(values: Any, what: str, error: type[InputError]) -> list[Any]:
    if isinstance(values, set | frozenset):
        raise error(f"{what} is a {type(values).__name__}, which has no order: write a list")
    if not isinstance(values, Iterable):
        raise error(f"{what} is a {type(values).__name__}: write a list, one entry a row")
    return list(values)


def _entries(values: Any) -> list[Any]:
    """The entries of a 1-D array as Python values; masked entries are None, times stay times."""
    if values.dtype.kind in TIMES:
        return list(values)
    return list(values.tolist())


def _array_rows(xs: Any, what: str) -> list[Any]:
    if xs.dtype.names:
        flat = xs.ravel()
        return Table(xs.dtype.names, [_entries(flat[name]) for name in xs.dtype.names]).records()
    if xs.ndim == 1 and xs.dtype.kind not in NUMBERS + TIMES:
        return _series_rows(_entries(xs), what, xs)
    if xs.ndim != 2:
        told = f"write {what}[None, :] for one vector" if xs.ndim == 1 else "a row is a vector"
        raise RecordError(f"{what} has shape {xs.shape}; a batch has two dimensions: {told}")
    if xs.dtype.kind not in NUMBERS:
        return [_mixed_row(row, what) for row in _entries(xs)]
    if isinstance(xs, np.ma.MaskedArray):
        xs = np.ma.filled(xs.astype(np.float64), np.nan)
    return list(np.asarray(xs, dtype=np.uint8 if xs.dtype.kind == "b" else None))


def _mixed_row(row: Any, what: str) -> list[Any]:
    """A row of an array of objects, which must be numbers or missing."""
    plain = [plain_scalar(value) for value in row]
    for value in plain:
        if value is not None and not isinstance(value, bool | int | float):
            raise RecordError(
                f"{what} is an array that holds {value!r:.40}: an array is all numbers; write a "
                "table with named columns, or a list of records"
            )
    return [None if value is None else float(value) for value in plain]


def _series_rows(values: list[Any], what: str, xs: Any) -> list[Any]:
    """Rows of a column, each an input; a missing text becomes an empty one."""
    plain = [plain_scalar(value) for value in values]
    texts = any(isinstance(value, str) for value in plain)
    for i, value in enumerate(plain):
        if texts and (value is None or (isinstance(value, float) and value != value)):
            plain[i] = ""
        elif value is None or isinstance(value, bool | int | float):
            raise RecordError(
                f"{what}[{i}] is {values[i]!r:.40}: {type(xs).__name__} is no batch of inputs; "
                f"write a table (for one column {what}.to_frame()), or [{what}] for one vector"
            )
    return plain


class Table:
    """Named columns, read from a table of any library.

    Raises:
        RecordError: the name of a column cannot be a field name, or occurs twice.
    """

    def __init__(self, names: Sequence[Any], columns: Sequence[Sequence[Any]]) -> None:
        self.names = [_column_name(name) for name in names]
        self.columns = columns
        if not names:
            raise RecordError("the table has no columns: a record needs at least one field")
        seen: set[str] = set()
        for name in self.names:
            if name in seen:
                raise RecordError(f"column {name!r} comes twice; give each column its own name")
            seen.add(name)

    def records(self) -> list[dict[str, Any]]:
        """The rows as records."""
        return [named_row(self.names, row) for row in zip(*self.columns, strict=True)]


def _column_name(name: Any) -> str:
    plain = plain_scalar(name)
    if isinstance(plain, str):
        return plain
    if isinstance(plain, int) and not isinstance(plain, bool):
        return str(plain)
    raise RecordError(
        f"column name {name!r:.60} is a {type(name).__name__}; rename it to a text "
        "(columns of several levels: join their names)"
    )


def _column_or_table(xs: Any) -> Table | list[Any] | None:
    """The table, or the values of the series; None for anything else."""
    if hasattr(xs, "to_pylist") and not hasattr(xs, "schema"):  # an array of Arrow
        return list(xs.to_pylist())
    if hasattr(xs, "read_all") and hasattr(xs, "schema"):  # a stream of batches of Arrow
        xs = xs.read_all()
    if hasattr(xs, "to_pydict") and hasattr(xs, "schema"):  # a table or batch of Arrow
        return Table(xs.schema.names, [column.to_pylist() for column in xs.columns])
    if not any(hasattr(type(xs), name) for name in DATA):
        return None
    try:
        import narwhals.stable.v1 as nw
    except ImportError:
        raise MissingExtraError("tables are read by narwhals: pip install narwhals") from None
    if hasattr(xs, "to_native"):
        xs = xs.to_native()
    if hasattr(xs, "iloc") and hasattr(xs, "columns"):
        Table(list(xs.columns), [])  # check column names here: narwhals has other rules
    found: Any = nw.from_native(xs, pass_through=True, allow_series=True)
    if isinstance(found, nw.LazyFrame):
        found = found.collect()
    if isinstance(found, nw.DataFrame):
        return Table(found.columns, [found[:, i].to_list() for i in range(len(found.columns))])
    return list(found.to_list()) if isinstance(found, nw.Series) else None
