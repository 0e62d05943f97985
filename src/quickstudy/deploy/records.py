"""Records as the log keeps them: JSON values, the same for a client in the process and afar."""

from __future__ import annotations

import hashlib
import json
import math
from collections.abc import Mapping
from typing import Any

import numpy as np

from quickstudy.errors import InputError, LabelError, RecordError
from quickstudy.log.events import canonical
from quickstudy.types import Label

MOST_BITS = 1000  # of an integer: as far as floats go
MOST_NAME = 128  # characters of a name, an id, a source or a key


def plain_record(x: Any) -> Any:
    """An input in JSON values: arrays become lists of numbers, numpy's scalars become Python's.

    Fields come in the order of their names, as in the log: a learner numbers them as it meets them,
    and a replay must meet them in the same order.

    Raises:
        RecordError: a value has no place in JSON; names the field.

    >>> plain_record({"a": np.float64(0.5), "v": np.arange(2)})
    {'a': 0.5, 'v': [0, 1]}
    """
    if isinstance(x, Mapping):
        if not all(isinstance(name, str) for name in x):
            raise RecordError(f"field names must be strings: {list(x)!r:.80}")
        return {name: _plain(name, x[name]) for name in sorted(x)}
    return _plain("the input", x)


def _plain(name: Any, value: Any) -> Any:
    if isinstance(value, np.generic):
        return _plain(name, value.item())
    if value is None or isinstance(value, str | bool):
        return value
    if isinstance(value, int):
        if value.bit_length() > MOST_BITS:
            raise RecordError(f"field {name!r} is an integer of {value.bit_length():,} bits")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise RecordError(f"field {name!r} is {value}; leave a missing value out, or use None")
        return value
    if isinstance(value, np.ndarray):
        value = value.tolist()
    if isinstance(value, list | tuple):
        return _plain_list(name, value)
    raise RecordError(f"field {name!r} is a {type(value).__name__}, which no record can hold")


def _plain_list(name: Any, values: Any) -> list[Any]:
    """The values of a list; one of finite floats, as vectors are, is read at once."""
    if set(map(type, values)) == {float} and all(map(math.isfinite, values)):
        return list(values)
    return [_plain(name, v) for v in values]


def written(value: Any) -> str:
    """A label or a small value as text that keeps 1, True and "1" apart."""
    return canonical(value).decode()


def read(text: str | None) -> Any:
    """What `written` wrote; None for None."""
    return None if text is None else json.loads(text)


def checked_label(label: Any) -> Label:
    """The label itself.

    Raises:
        LabelError: it cannot be one.
    """
    if isinstance(label, np.generic):
        label = label.item()
    if not isinstance(label, str | int | bool):
        raise LabelError(
            f"label {label!r} is a {type(label).__name__}; use a str, an int or a bool"
        )
    if isinstance(label, str) and not (label.strip() and len(label) <= 1000 and _encodes(label)):
        raise LabelError(f"label {label[:40]!r} must be valid text of 1 to 1,000 characters")
    if isinstance(label, int) and abs(label) >= 2**63:
        raise LabelError(f"label {label} must fit into 64 bits")
    return label


def checked_name(field: str, value: Any) -> str:
    """A name, id, source or key: 1 to 128 printable characters.

    Raises:
        InputError: it is not.
    """
    if isinstance(value, str) and 0 < len(value) <= MOST_NAME and value.isprintable():
        return value
    raise InputError(f"{field} is {value!r:.60}; it must be 1 to {MOST_NAME} printable characters")


def checked_text(field: str, value: Any) -> str:
    """The text itself.

    Raises:
        InputError: it is none, or not valid Unicode.
    """
    if not isinstance(value, str):
        raise InputError(f"{field} is {value!r:.60}; it must be a text")
    if not _encodes(value):
        raise InputError(f"{field} {value[:60]!r} is not valid Unicode")
    return value


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def digest(secret: bytes, *parts: Any) -> bytes:
    """A digest of values that tells nothing of them to who does not know the secret."""
    return hashlib.blake2b(canonical(parts), key=secret, digest_size=16).digest()
