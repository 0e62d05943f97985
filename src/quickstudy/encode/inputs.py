"""Inputs as users pass them become plain: a dict of fields, a text, or numbers."""

from __future__ import annotations

import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from quickstudy.encode.values import (
    SCALARS,
    YEARS,
    composed,
    is_time,
    plain_scalar,
    plain_text,
    time_fields,
)
from quickstudy.errors import RecordError
from quickstudy.types import Input


def plain_input(x: Any) -> Input:
    """An input with plain values: a dict of fields, a text, or numbers.

    A Series with an index of names and a named tuple are records, in which NaN means missing; a
    Series of numbers without names is a vector, like an array.

    Raises:
        RecordError: the type cannot be an input, or two fields have the same name.

    >>> plain_input({"n": np.int8(3), "on": np.datetime64("2024-05-01")})
    {'n': 3, 'on.weekday': 2, 'on.month': 5, 'on.day': 1, 'on.days': 19844.0}
    """
    if isinstance(x, Mapping):
        return _plain_record(x)
    if type(x) is str:
        return composed(x)
    if isinstance(x, list | tuple):
        names = getattr(x, "_fields", None)  # of a named tuple, as `itertuples` gives them
        return _plain_record(named_row(names, x)) if names else cast(Input, _vector(x))
    if hasattr(x, "columns"):
        raise RecordError(f"an input is a table ({type(x).__name__}): its rows are a batch of many")
    if hasattr(x, "index") and hasattr(x, "items"):
        return _of_series(x)
    if getattr(getattr(x, "dtype", None), "names", None):  # a row of a structured array
        return _plain_record(named_row(x.dtype.names, x.item()))
    plain = plain_scalar(x)
    if isinstance(plain, str):
        return composed(plain)
    if not isinstance(plain, (*SCALARS, bytes, bytearray)) and np.ndim(made := _vector(plain)):
        return cast(Input, made)
    raise RecordError(
        f"an input is {x!r:.60}; use a record (a dict of fields), a text or a list of numbers"
    )


def named_row(names: Any, values: Any) -> dict[Any, Any]:
    """A row of a table as a record, in which NaN means missing.

    Raises:
        RecordError: two columns have the same name.
    """
    row = {
        name: None if _is_nan(value) else value for name, value in zip(names, values, strict=True)
    }
    if len(row) != len(names):
        twice = next(name for i, name in enumerate(names) if name in names[:i])
        raise RecordError(
            f"field {twice!r:.80} comes twice; give each field a name of its own", field=twice
        )
    return row


def has_names(series: Any) -> bool:
    """Whether the index of a Series holds field names.

    Raises:
        RecordError: only a part of it does, or names have several levels.
    """
    names = [plain_scalar(name) for name in series.index]
    texts = sum(isinstance(name, str) for name in names)
    if 0 < texts < len(names) or any(isinstance(name, tuple) for name in names):
        raise RecordError(
            f"the index of a Series holds {names[:4]!r:.80}: make all of it names of fields "
            "(texts), or none; join names of several levels"
        )
    return texts > 0


def _is_nan(value: Any) -> bool:
    if isinstance(value, float | np.floating):
        return bool(value != value)
    return isinstance(value, Decimal) and value.is_nan()


def _of_series(series: Any) -> Input:
    if has_names(series):
        return _plain_record(named_row(list(series.index), series.tolist()))
    values: NDArray[Any] = np.asarray(series)
    if values.dtype.kind in "iufb":
        return values
    raise RecordError(
        f"an input is a Series of {series.dtype} without names: give it an index of field names, "
        "or hand over a dict"
    )


def _plain_record(x: Mapping[Any, Any]) -> dict[str, Any]:
    out: dict[str, Any] = {}
    added = 0
    for name, value in x.items():
        if type(name) is not str or not name.isascii():
            name = _field_name(name)
        cls = type(value)
        if value is None or cls is float or cls is int or cls is bool:
            out[name] = value
        elif cls is str:
            out[name] = value if value.isascii() else unicodedata.normalize("NFC", value)
        else:
            found = _plain_field(name, value)
            out |= found
            added += len(found) - 1
    if len(out) != len(x) + added:
        raise RecordError(_duplicate(x))
    return out


def _plain_field(name: str, value: Any) -> dict[str, Any]:
    plain = plain_scalar(value)
    if is_time(plain):
        return dict(time_fields(name, plain))
    if isinstance(plain, str):
        return {name: composed(plain)}
    if isinstance(plain, np.datetime64 | np.timedelta64):
        raise RecordError(
            f"field {name!r} is {plain!r}: a time must be in the years {YEARS[0]} to {YEARS[1]}, a "
            "duration in days or shorter units",
            field=name,
        )
    if isinstance(plain, list | tuple) or (hasattr(plain, "__array__") and np.ndim(plain) == 1):
        return {name: _vector(plain)}
    return {name: plain}


def _field_name(name: Any) -> str:
    plain = plain_text(name)
    if not isinstance(plain, str):
        raise RecordError(f"field name {name!r:.80} is not a printable string; field names are str")
    return plain


def _duplicate(x: Mapping[Any, Any]) -> str:
    owners: dict[str, str] = {}
    for name, value in x.items():
        plain = _field_name(name)
        for found in _plain_field(plain, value):
            if found in owners:
                times = [of for of in (owners[found], plain) if of != found]
                part = f": it is a part of the time {times[0]!r}" if times else ""
                return f"field {found!r} comes twice{part}; give each field a name of its own"
            owners[found] = plain
    raise AssertionError("some name comes twice")


def _vector(x: Any) -> Any:
    """A vector of numbers; numbers of other types (as Decimal) become plain, masked ones NaN."""
    if isinstance(x, np.ma.MaskedArray) and x.dtype.kind in "iufb":
        x = np.ma.filled(x.astype(np.float64), np.nan)
    try:
        made: NDArray[Any] = np.asarray(x)
    except (
        ValueError,
        TypeError,
    ):  # unequal lengths: the reader of the input refuses them
        return x
    if made.dtype.kind == "O" and made.ndim == 1:
        return [plain_scalar(value) for value in x]
    return x if isinstance(x, list | tuple) else made
