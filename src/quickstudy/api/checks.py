"""Checks of records, labels and names, identical for in-process and HTTP clients."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from quickstudy.encode.inputs import plain_input
from quickstudy.encode.values import plain_flag, plain_label, plain_number, plain_text
from quickstudy.errors import InputError, LabelError, RecordError
from quickstudy.types import Label

MOST_BITS = 1000  # of an integer: as far as floats go
MOST_LABEL = 1000  # characters of a label
MOST_NAME = 128  # characters of a name, an id, a source or a key


def plain_record(x: Any) -> Any:
    """An input in JSON values: plain (see `encode.values`), its arrays lists of numbers.

    Fields come in the order of their names, as in the log: a learner numbers them as it meets them,
    and a replay must meet them in the same order.

    Raises:
        RecordError: a value has no place in JSON; names the field.

    >>> plain_record({"a": np.float64(0.5), "v": np.arange(2)})
    {'a': 0.5, 'v': [0, 1]}
    """
    plain: Any = plain_input(x)
    if isinstance(plain, Mapping):
        return {name: _plain(name, plain[name]) for name in sorted(plain)}
    if isinstance(plain, np.ndarray) and plain.dtype.kind == "f":
        plain = [None if number != number else number for number in plain.tolist()]
    return _plain("the input", plain)


def _plain(name: Any, value: Any) -> Any:
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        if value.bit_length() > MOST_BITS:
            raise RecordError(
                f"field {name!r} is an integer of {value.bit_length():,} bits", field=name
            )
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise RecordError(
                f"field {name!r} is {value}; leave a missing value out, or use None", field=name
            )
        return value
    if isinstance(value, np.generic):  # one of a list that is read as it came
        return _plain(name, value.item())
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return _plain_list(name, value)
    raise RecordError(
        f"field {name!r} is a {type(value).__name__}, which no record can hold", field=name
    )


def _plain_list(name: Any, values: Any) -> list[Any]:
    """The values of a list; one of finite floats, as vectors are, is read at once."""
    if set(map(type, values)) == {float} and all(map(math.isfinite, values)):
        return list(values)
    return [_plain(name, v) for v in values]


def checked_label(label: Any) -> Label:
    """The label as the log keeps it (see `plain_label`).

    Raises:
        LabelError: it cannot be one.
    """
    plain = plain_label(label)
    if isinstance(plain, str) and len(plain) > MOST_LABEL:
        raise LabelError(f"label {plain[:40]!r} must be text of at most {MOST_LABEL:,} characters")
    if isinstance(plain, int) and abs(plain) >= 2**63:
        raise LabelError(f"label {plain} must fit into 64 bits")
    return plain


def checked_name(field: str, value: Any) -> str:
    """A name, id, source or key as plain text: 1 to 128 printable characters, no spaces around.

    Raises:
        InputError: it is not.
    """
    plain = plain_text(value)
    plain = plain.strip() if isinstance(plain, str) else plain
    if isinstance(plain, str) and 0 < len(plain) <= MOST_NAME and plain.isprintable():
        return plain
    told = f"{field} is {value!r:.60}; it must be 1 to {MOST_NAME} printable characters"
    raise InputError(told, field=field)


def checked_learner(name: Any) -> str:
    """A name for a learner.

    Raises:
        InputError: it cannot be one.
    """
    plain = checked_name("name", name)
    if "/" in plain or plain != plain_text(name):
        raise InputError(f"name {name!r} must not hold a slash, nor start or end with a space")
    return plain


def checked_text(field: str, value: Any) -> str:
    """A text, plain.

    Raises:
        InputError: it is none, or not valid Unicode.
    """
    value = plain_text(value)
    if not isinstance(value, str):
        raise InputError(f"{field} is {value!r:.60}; it must be a text", field=field)
    if not _encodes(value):
        raise InputError(f"{field} {value[:60]!r} is not valid Unicode", field=field)
    return value


def checked_flag(field: str, value: Any) -> bool:
    """A truth value.

    Raises:
        InputError: it is none.
    """
    plain = plain_flag(value)
    if not isinstance(plain, bool):
        raise InputError(f"{field} is {value!r:.60}; it must be true or false", field=field)
    return plain


def checked_figure(field: str, value: Any, most: float) -> float:
    """A finite number of at most so much either way; True is 1.0.

    Raises:
        InputError: it is none.
    """
    number = plain_number(value)
    if not isinstance(number, float) or not abs(number) <= most:  # nan is not
        told = f"a finite number of at most {most:g} either way"
        raise InputError(f"{field} is {value!r:.60}; it must be {told}", field=field)
    return number


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
