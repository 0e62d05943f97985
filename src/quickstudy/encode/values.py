"""Converts labels, names and numbers to plain values, or refuses them.

Plain values are None, bool, int, float, str, lists of numbers and arrays, of exactly these types.
A member of an Enum becomes its value; scalars of numpy, pandas and Arrow, Decimal and Fraction
become numbers; a UUID becomes its text. Text is normalised to Unicode's composed form (NFC), so
that "é" typed in two ways is one value. Plain values are returned unchanged, so values may be
converted twice.

A time becomes several numbers, each with a name (see `time_fields`); a duration becomes seconds.
"""

from __future__ import annotations

import math
import unicodedata
from decimal import Decimal
from enum import Enum
from fractions import Fraction
from typing import Any
from uuid import UUID

import numpy as np

from quickstudy.errors import LabelError
from quickstudy.types import Label

# the classes of times, taken from numpy: this floor must not import `datetime`
_DATETIME: Any = type(np.datetime64(0, "s").item())
_DATE: Any = type(np.datetime64(0, "D").item())
_TIME: Any = type(_DATETIME.min.time())
_DURATION: Any = type(np.timedelta64(0, "s").item())
_TIMES = (_DATE, _TIME)  # a datetime is a date
EPOCH_DAY = 719_163  # ordinal of 1970-01-01
EPOCH_YEAR, YEARS = 1970, (1, 9999)
INVISIBLE = frozenset(  # characters without a glyph: zero width, bidirectional, byte order marks
    map(chr, (0xAD, 0x61C, 0x180E, *range(0x200B, 0x2010), *range(0x202A, 0x202F)))
) | frozenset(map(chr, (*range(0x2060, 0x206A), 0xFEFF)))
MISSING_TYPES = ("NAType", "NaTType", "MaskedConstant")  # of pandas and of masked arrays
JOINERS = frozenset("\u200c\u200d")  # inside a word they change how its letters are drawn
FINEST_UNIT = {unit: "us" for unit in ("ns", "ps", "fs", "as")}  # of times: microseconds
SCALARS = (bool, int, float, str)
LARGEST_WHOLE = 2.0**53  # above it two integers may be the same float: labels would merge


def plain_text(value: Any) -> Any:
    """A name, an id or a text as a str in NFC; a value that is not a text is returned unchanged.

    >>> plain_text(np.str_("cafe\\u0301"))
    'café'
    """
    value = plain_scalar(value)
    return value if not isinstance(value, str) else composed(value)


def plain_scalar(value: Any) -> Any:
    """A scalar as the Python type of its value; anything else is returned unchanged.

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
    """The value inside a scalar of another library."""
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
            return value  # no fixed length: the caller refuses it
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
    """The numeric fields that a time is converted to.

    `hour` is 0 to 24 with its fraction, in the value's own time zone; `weekday` is 0 (Monday) to 6;
    `month` is 1 to 12; `day` is the day of the month; `days` counts from 1970-01-01 (in UTC if the
    value has a time zone). A date has no `hour`; a time of day has only `hour`.

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

    Text is normalised so that labels that look the same are equal: it is composed (NFC), runs of
    white space become one space, white space at the ends and invisible characters are removed. A
    float without a fraction becomes an int (numpy and pandas turn ints into floats where values are
    missing); a time becomes its ISO text.

    Raises:
        LabelError: the label is missing or empty, or its type cannot be a label.

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
    while start < stop and _invisible(text[start]):
        start += 1
    while start < stop and _invisible(text[stop - 1]):
        stop -= 1
    visible = "".join(c for c in text[start:stop] if c in JOINERS or c not in INVISIBLE)
    plain = " ".join(composed(visible).split())
    if not plain:
        raise LabelError(f"label {text!r:.80} is empty; a label needs a character that can be seen")
    if bad := next((c for c in plain if unicodedata.category(c) == "Cc"), None):
        raise LabelError(f"label {text!r:.80} holds the control character {bad!r}; take it out")
    return plain


def blank(text: str) -> bool:
    """Whether a text has no visible character.

    >>> blank(""), blank(" \\n"), blank("\\u200b"), blank("a")
    (True, True, True, False)
    """
    if text.isascii():
        return not text or text.isspace()
    return all(map(_invisible, text))


def _invisible(letter: str) -> bool:
    return letter.isspace() or letter in INVISIBLE or unicodedata.category(letter) == "Cc"


def composed(text: str) -> str:
    """The text in Unicode's composed form (NFC)."""
    return text if text.isascii() else unicodedata.normalize("NFC", text)


def plain_number(value: Any) -> Any:
    """A number as a float, True as 1.0; anything else is returned unchanged.

    >>> plain_number(True), plain_number(Decimal("0.5")), plain_number("much")
    (1.0, 0.5, 'much')
    """
    plain = plain_scalar(value)
    try:
        return float(plain) if isinstance(plain, bool | int | float) else plain
    except OverflowError:
        return plain


def plain_flag(value: Any) -> Any:
    """A truth value as a bool; anything else is returned unchanged."""
    plain = plain_scalar(value)
    return plain if isinstance(plain, bool) else value
