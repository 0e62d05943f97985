"""The door for values: every label, field value, name and number becomes plain here, or is refused.

Plain are None, bool, int, float, str, lists of numbers and arrays, in exactly these types. Members
of an Enum become their value; scalars of numpy, pandas and Arrow, Decimal and Fraction become
numbers; a UUID becomes its text. Text is in Unicode's composed form (NFC), so that "é" typed in two
ways is one value. What is plain already comes out as it went in, so the door may be passed twice.

Times become numbers under names of their own (see `time_fields`). A duration is its seconds.
"""

from __future__ import annotations

import json
import math
import unicodedata
from collections.abc import Mapping
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any, cast
from uuid import UUID

import numpy as np
from numpy.typing import NDArray

from quickstudy.errors import InputError, LabelError, RecordError
from quickstudy.types import Input, Label

# the classes of times without their module: this floor keeps no clock
_DATETIME: Any = type(np.datetime64(0, "s").item())
_DATE: Any = type(np.datetime64(0, "D").item())
_TIME: Any = type(_DATETIME.min.time())
_DURATION: Any = type(np.timedelta64(0, "s").item())
_TIMES = (_DATE, _TIME)  # a datetime is a date
EPOCH_DAY = 719_163  # ordinal of 1970-01-01
EPOCH_YEAR, YEARS = 1970, (1, 9999)
INVISIBLE = frozenset(  # what cannot be seen in a label: marks of width, order and bytes
    map(chr, (0xAD, 0x61C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F)))
) | frozenset(map(chr, (*range(0x2060, 0x206A), 0xFEFF)))
MISSING_TYPES = ("NAType", "NaTType", "MaskedConstant")  # of pandas and of masked arrays
JOINERS = frozenset("\u200c\u200d")  # inside a word they change how its letters are drawn
FINEST_UNIT = {unit: "us" for unit in ("ns", "ps", "fs", "as")}  # of times: microseconds
SCALARS = (bool, int, float, str)
LARGEST_WHOLE = 2.0**53  # beyond it floats skip whole numbers, so that two labels would be one


def plain_text(value: Any) -> Any:
    """A name, an id or a text: an exact str in NFC; what is no text comes back as it is.

    >>> plain_text(np.str_("cafe\\u0301"))
    'café'
    """
    value = plain_scalar(value)
    return value if not isinstance(value, str) else _composed(value)


def plain_scalar(value: Any) -> Any:
    """A value in Python's own type where it has one; anything else comes back as it is.

    >>> plain_scalar(np.float32(0.5)), plain_scalar(Fraction(1, 4)), plain_scalar(np.datetime64())
    (0.5, 0.25, None)
    """
    if value is None or type(value) in SCALARS:
        return value
    if isinstance(value, Enum):
        return plain_scalar(value.value)
    if type(value).__name__ in MISSING_TYPES:
        return None
    if isinstance(value, np.datetime64 | np.timedelta64):
        return _numpy_time(value)
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, int):
        return int.__int__(value)
    if isinstance(value, float | np.floating):
        return float(value)
    if isinstance(value, Decimal | Fraction):
        return _number_of(value)
    if isinstance(value, UUID):
        return str(value)
    if isinstance(value, _DURATION):
        return float(value.total_seconds())
    return _unwrapped(value)


def _unwrapped(value: Any) -> Any:
    """What a scalar of another library holds."""
    if hasattr(value, "as_py"):  # a scalar of Arrow
        return plain_scalar(value.as_py())
    if getattr(value, "shape", None) == () and hasattr(value, "item"):
        held = value.item()
        return held if type(held) is type(value) else plain_scalar(held)
    return value


def _number_of(value: Decimal | Fraction) -> int | float:
    """A Decimal or Fraction as an int where it is a whole number, else as the nearest float."""
    if isinstance(value, Decimal) and value.is_nan():
        return math.nan
    try:
        number = float(value)
    except OverflowError:
        return math.inf if value > 0 else -math.inf
    whole = abs(number) < 2.0**63 and value == int(value)
    return int(value) if whole else number


def _numpy_time(value: Any) -> Any:
    """A datetime64 as a date or a datetime, a timedelta64 as seconds; NaT as None."""
    if np.isnat(value):
        return None
    unit, _ = np.datetime_data(value.dtype)
    if isinstance(value, np.timedelta64):
        if unit in ("Y", "M"):
            return value  # of no fixed length: whoever needs a plain value refuses it
        return float(value / np.timedelta64(1, "s")) if unit != "generic" else int(value.item())
    value = value.astype(f"datetime64[{FINEST_UNIT.get(unit, unit)}]")
    year = int(value.astype("datetime64[Y]").astype(np.int64)) + EPOCH_YEAR
    if not YEARS[0] <= year <= YEARS[1]:
        return value
    return value.astype("datetime64[D]" if unit in "YMWD" else "datetime64[us]").item()


def is_time(value: Any) -> bool:
    """Whether a value is a date, a datetime or a time of day."""
    return isinstance(value, _TIMES)


def time_fields(name: str, value: Any) -> dict[str, float]:
    """The numbers that a time stands for, as fields of their own.

    `hour` is 0 to 24 with its fraction, on the clock that the value was written by; `weekday` is 0
    for Monday to 6; `month` is 1 to 12; `day` is that of the month; `days` since 1970-01-01 tell
    how old it is (in UTC where the value knows its zone). A date has no hour, a time of day only
    that.

    >>> time_fields("at", np.datetime64("2024-05-01T18:30").item())
    {'at.hour': 18.5, 'at.weekday': 2, 'at.month': 5, 'at.day': 1, 'at.days': 19844.770833333332}
    """
    out: dict[str, float] = {}
    seconds = 0.0
    if isinstance(value, _DATETIME | _TIME):
        whole = 3600 * value.hour + 60 * value.minute + value.second
        seconds = whole + value.microsecond / 1e6
        out[f"{name}.hour"] = seconds / 3600.0
    if isinstance(value, _TIME):
        return out
    out |= {f"{name}.weekday": value.weekday(), f"{name}.month": value.month}
    out[f"{name}.day"] = value.day
    zone = value.utcoffset() if isinstance(value, _DATETIME) else None
    ahead = zone.total_seconds() if zone is not None else 0.0
    out[f"{name}.days"] = value.toordinal() - EPOCH_DAY + (seconds - ahead) / 86_400.0
    return out


def plain_label(label: Any) -> Label:
    """A label as a str, an int or a bool.

    Text is composed (NFC); runs of white space in it are one space, and there are none at its ends;
    marks that cannot be seen are left out: two labels that look the same are the same. A whole
    number is an int (numpy and pandas turn ints into floats where values are missing); a time is
    its ISO text.

    Raises:
        LabelError: it is missing, empty, or cannot be a label.

    >>> plain_label(" lost\\u00a0card "), plain_label(np.float64(2.0)), plain_label(np.True_)
    ('lost card', 2, True)
    """
    plain = plain_scalar(label)
    if is_time(plain):
        plain = plain.isoformat()
    if isinstance(plain, bool | int):
        return plain
    if plain is None or (isinstance(plain, float) and math.isnan(plain)):
        raise LabelError(
            f"label {label!r:.80} is missing; leave the example out, or say what it is"
        )
    if isinstance(plain, float):
        if plain.is_integer() and abs(plain) <= LARGEST_WHOLE:
            return int(plain)
        raise LabelError(
            f"label {label!r:.80} is a {type(label).__name__}; use a str, an int or a bool: "
            f"write {str(plain)!r}, or a whole number"
        )
    if isinstance(plain, str):
        return _label_text(plain)
    told = "; decode it" if isinstance(plain, bytes | bytearray) else ""
    raise LabelError(
        f"label {label!r:.80} is a {type(label).__name__}; use a str, an int or a bool{told}"
    )


def _label_text(text: str) -> str:
    if text.isascii() and text.isprintable() and " " not in text and text:
        return text
    try:
        text.encode()
    except UnicodeEncodeError:
        raise LabelError(f"label {text!r:.80} is not valid Unicode") from None
    start, stop = 0, len(text)
    while start < stop and _unseen(text[start]):
        start += 1
    while start < stop and _unseen(text[stop - 1]):
        stop -= 1
    seen = "".join(c for c in text[start:stop] if c in JOINERS or c not in INVISIBLE)
    plain = " ".join(_composed(seen).split())
    if not plain:
        raise LabelError(f"label {text!r:.80} is empty; a label needs a character that can be seen")
    if bad := next((c for c in plain if unicodedata.category(c) == "Cc"), None):
        raise LabelError(f"label {text!r:.80} holds the control character {bad!r}; take it out")
    return plain


def blank(text: str) -> bool:
    """Whether nothing of a text can be seen.

    >>> blank(""), blank(" \\n"), blank("\\u200b"), blank("a")
    (True, True, True, False)
    """
    if text.isascii():
        return not text or text.isspace()
    return all(map(_unseen, text))


def _unseen(letter: str) -> bool:
    return letter.isspace() or letter in INVISIBLE or unicodedata.category(letter) == "Cc"


def _composed(text: str) -> str:
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def plain_input(x: Any) -> Input:
    """An input with plain values: a dict of fields, a text, or numbers.

    A Series with an index of names, and a named tuple, is a record, in which a value that is not a
    number is missing; a Series of numbers without names is a vector, as an array is.

    Raises:
        RecordError: it is no input, or two of its fields have one name.

    >>> plain_input({"n": np.int8(3), "on": np.datetime64("2024-05-01")})
    {'n': 3, 'on.weekday': 2, 'on.month': 5, 'on.day': 1, 'on.days': 19844.0}
    """
    if isinstance(x, Mapping):
        return _plain_record(x)
    if type(x) is str:
        return _composed(x)
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
        return _composed(plain)
    if not isinstance(plain, (*SCALARS, bytes, bytearray)) and np.ndim(made := _vector(plain)):
        return cast(Input, made)
    raise RecordError(
        f"an input is {x!r:.60}; use a record (a dict of fields), a text or a list of numbers"
    )


def named_row(names: Any, values: Any) -> dict[Any, Any]:
    """A row of a table as a record: what is not a number there is missing.

    Raises:
        RecordError: a name comes twice.
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
    """Whether the index of a Series holds names of fields.

    Raises:
        RecordError: it does in part, or its names are of several levels.
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
        kind = type(value)
        if value is None or kind is float or kind is int or kind is bool:
            out[name] = value
        elif kind is str:
            out[name] = value if value.isascii() else unicodedata.normalize("NFC", value)
        else:
            found = _plain_field(name, value)
            out |= found
            added += len(found) - 1
    if len(out) != len(x) + added:
        raise RecordError(_told_twice(x))
    return out


def _plain_field(name: str, value: Any) -> dict[str, Any]:
    plain = plain_scalar(value)
    if is_time(plain):
        return dict(time_fields(name, plain))
    if isinstance(plain, str):
        return {name: _composed(plain)}
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


def _told_twice(x: Mapping[Any, Any]) -> str:
    owners: dict[str, str] = {}
    for name, value in x.items():
        plain = _field_name(name)
        for found in _plain_field(plain, value):
            if found in owners:
                times = [of for of in (owners[found], plain) if of != found]
                told = f": it is a part of the time {times[0]!r}" if times else ""
                return f"field {found!r} comes twice{told}; give each field a name of its own"
            owners[found] = plain
    raise AssertionError("some name comes twice")


def _vector(x: Any) -> Any:
    """Numbers in a row as they are; those of other kinds (Decimal, say) become plain ones.

    A masked one is NaN: missing.
    """
    if isinstance(x, np.ma.MaskedArray) and x.dtype.kind in "iufb":
        x = np.ma.filled(x.astype(np.float64), np.nan)
    try:
        made: NDArray[Any] = np.asarray(x)
    except (ValueError, TypeError):  # lists of unequal lengths: whoever reads the input names them
        return x
    if made.dtype.kind == "O" and made.ndim == 1:
        return [plain_scalar(value) for value in x]
    return x if isinstance(x, list | tuple) else made


def plain_number(value: Any) -> Any:
    """A number as a float, True as 1.0; what is no number comes back as it is.

    >>> plain_number(True), plain_number(Decimal("0.5")), plain_number("much")
    (1.0, 0.5, 'much')
    """
    plain = plain_scalar(value)
    try:
        return float(plain) if isinstance(plain, bool | int | float) else plain
    except OverflowError:
        return plain


def plain_flag(value: Any) -> Any:
    """A truth value as a bool; what is none comes back as it is."""
    plain = plain_scalar(value)
    return plain if isinstance(plain, bool) else value


def plain_action(action: Any) -> str | None:
    """An action as text: its own, or the JSON of any other value, its keys sorted.

    Raises:
        InputError: it has no form in JSON.

    >>> plain_action({"tool": "search", "args": ["card"]})
    '{"args":["card"],"tool":"search"}'
    """
    text = plain_text(action)
    if text is None or isinstance(text, str):
        return text
    try:
        value = _json(action)
        return json.dumps(
            value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"action is {action!r:.60}, which JSON cannot hold ({error}); "
            "give a text or a JSON value"
        ) from None


def _json(value: Any) -> Any:
    """A value as JSON can hold it."""
    plain = plain_scalar(value)
    if isinstance(plain, str):
        return _composed(plain)
    if is_time(plain):
        return plain.isoformat()
    if isinstance(plain, Mapping):
        return {_json_name(name): _json(held) for name, held in plain.items()}
    if isinstance(plain, list | tuple):
        return [_json(held) for held in plain]
    return _json(plain.tolist()) if isinstance(plain, np.ndarray) else plain


def _json_name(name: Any) -> str:
    plain = plain_text(name)
    if not isinstance(plain, str):
        raise TypeError(f"the key {name!r:.40} is no text")
    return plain
