"""Inputs to typed values; a value that cannot be read is refused with the name of its field."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.encode.coercion import STRINGS, CoercedBoolean, CoercedFloat, coerced
from quickstudy.encode.values import plain_text
from quickstudy.errors import RecordError, SettingError
from quickstudy.types import Input

TYPES = ("number", "boolean", "category", "text", "vector")
TEXT_WORDS, TEXT_LENGTH = 5, 40  # a string of 5 words, or longer than 40, is a text
UNSPACED_LETTERS = 5  # as is one with this many letters of scripts without spaces between words
UNSPACED = re.compile(  # Thai, Lao, Tibetan, Myanmar, Khmer; kana; Han characters
    "[\u0e00-\u0eff\u0f00-\u0fff\u1000-\u109f\u1780-\u17ff"
    "\u3041-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]"
)
MOST_FIELDS = 10_000
LARGEST, LARGEST_IN_VECTOR = 1e100, 1e15  # sums of squares of these are finite
MOST_NUMBERS = 256  # a vector that is longer, or of unit length, is an embedding
Parsed = list[tuple[str, str, Any]]  # name, type and canonical value of the present fields
Types = dict[str, frozenset[str]]  # name of a field -> all types that it has had
TEXT_FIELD, VECTOR_FIELD = "text", "vector"  # names of the only field of a bare text or array


class RecordReader:
    """Reads inputs; the schema gives the types of fields that are not to be inferred."""

    def __init__(self, schema: Mapping[str, str] | None = None) -> None:
        self.schema = {
            plain_text(name): plain_text(field_type) for name, field_type in (schema or {}).items()
        }
        for name, field_type in self.schema.items():
            if field_type not in TYPES:
                raise SettingError(
                    f"schema[{name!r}] is {field_type!r}; use one of {', '.join(TYPES)}"
                )

    def read(self, x: Input, types: Types) -> Parsed:
        """The typed values of an input, given the types that its fields have had.

        Raises:
            RecordError: the input cannot be read; the message names the field.
        """
        if isinstance(x, str):
            _check_unicode(TEXT_FIELD, x)
            return [(TEXT_FIELD, "text", x)]
        if not isinstance(x, Mapping):
            return [(VECTOR_FIELD, "vector", _vector(VECTOR_FIELD, x, gaps=True))]
        if len(x) > MOST_FIELDS:
            raise RecordError(f"the record has {len(x)} fields; at most {MOST_FIELDS} are read")
        out = []
        for name, value in x.items():
            if not isinstance(name, str) or not name.isprintable():
                raise RecordError(f"field name {name!r} is not a printable string")
            if value is not None:
                field_type, value = self._typed(name, value, types.get(name, frozenset()))
                out.append((name, field_type, value))
        return out

    def _typed(self, name: str, value: Any, types: frozenset[str]) -> tuple[str, Any]:
        """Type and canonical value of a field's value; `types` are those that the field has had."""
        if value.__class__ is float and "number" in types and name not in self.schema:
            return "number", _finite(name, value)
        if isinstance(value, np.generic):
            value = value.item()
        pinned = self.schema.get(name)
        if pinned is None and types:
            usual = not types.isdisjoint(STRINGS) if type(value) is str else "number" in types
            value = value if usual else coerced(value, types)
        if pinned == "category" and isinstance(value, (bool, int, float)):
            _finite(name, value)
            value = repr(value)
        if isinstance(value, CoercedFloat):
            return "boolean" if isinstance(value, CoercedBoolean) else "number", value
        if isinstance(value, bool):
            field_type, value = "boolean", float(value)
        elif isinstance(value, (int, float)):
            field_type, value = "number", _finite(name, value)
        elif isinstance(value, str):
            _check_unicode(name, value)
            field_type = (
                pinned if pinned in ("category", "text") else _string_type(value, "text" in types)
            )
        elif isinstance(value, (list, tuple, np.ndarray)):
            field_type, value = "vector", _vector(name, value)
        else:
            raise RecordError(
                f"field {name!r} holds a {type(value).__name__}; use a number, string, boolean, "
                "None, or a list of numbers",
                field=name,
            )
        if pinned in (None, field_type):
            return field_type, value
        raise RecordError(
            f"field {name!r} is pinned to {pinned} by the schema, but holds {value!r}", field=name
        )


def same_sizes(record: Parsed, sizes: dict[str, tuple[int, bool]]) -> Parsed:
    """The record, after its vectors were checked for their lengths; `sizes` is updated.

    Missing numbers of an embedding become 0. A vector without any number is missing, as is an
    embedding of zeros, which belongs to an empty text.
    """
    empty = False
    for name, field_type, value in record:
        if field_type != "vector":
            continue
        length, dense = sizes.setdefault(name, (len(value), is_embedding(value)))
        if length != len(value):
            raise RecordError(
                f"field {name!r} has {len(value)} numbers; it had {length} before", field=name
            )
        if dense:
            np.nan_to_num(value, copy=False)
        empty = empty or not _informative(value, dense)
    return record if not empty else [part for part in record if _is_there(part, sizes)]


def _informative(value: NDArray[np.float32], dense: bool) -> bool:
    """Whether a vector has information."""
    return bool(value.any() if dense else not np.isnan(value).all())


def _is_there(part: tuple[str, str, Any], sizes: dict[str, tuple[int, bool]]) -> bool:
    name, field_type, value = part
    return field_type != "vector" or _informative(value, sizes[name][1])


def _string_type(value: str, known_text: bool) -> str:
    long = len(value) > TEXT_LENGTH or len(value.split()) >= TEXT_WORDS
    long = long or (not value.isascii() and len(UNSPACED.findall(value)) >= UNSPACED_LETTERS)
    return "text" if known_text or long else "category"


def _finite(name: str, value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not abs(number) <= LARGEST:
        raise RecordError(
            f"field {name!r} is {value!r}; it must be finite and within 1e100 "
            "(None is for missing)",
            field=name,
        )
    return number


def _check_unicode(name: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RecordError(
            f"field {name!r} holds {value!r}, which is not valid Unicode", field=name
        ) from None


def _vector(name: str, value: Any, *, gaps: bool = False) -> NDArray[np.float32]:
    """Numbers as a new array; with `gaps`, None and NaN are accepted and become NaN."""
    try:
        vector = np.asarray(value)
    except ValueError:
        vector = np.asarray(value, dtype=object)
    if gaps and vector.dtype.kind == "O" and vector.ndim == 1:
        vector = np.array([math.nan if number is None else number for number in vector])
    if vector.ndim != 1 or len(vector) == 0:
        raise RecordError(
            f"field {name!r} has shape {vector.shape}; use a flat list of numbers", field=name
        )
    if vector.dtype.kind not in "iuf":
        raise RecordError(f"field {name!r} holds a list that is not all numbers", field=name)
    wide = vector.astype(np.float64)
    bad = np.flatnonzero(~((np.abs(wide) <= LARGEST_IN_VECTOR) | (gaps & np.isnan(wide))))
    if len(bad):
        raise RecordError(
            f"field {name!r} holds {vector[bad[0]]} at position {bad[0]}; it must be finite and "
            "within 1e15",
            field=name,
        )
    return vector.astype(np.float32)


def is_embedding(value: NDArray[np.float32]) -> bool:
    """Whether a vector is an embedding, not a list of numbers: it is long, or of unit length."""
    if len(value) > MOST_NUMBERS:
        return True
    length = float(np.linalg.norm(value.astype(np.float64)))
    return abs(length - 1.0) < 0.02


def is_dense(field_type: str, value: Any) -> bool:
    """Whether a value takes dense columns: it is a text or an embedding."""
    return field_type == "text" or (field_type == "vector" and is_embedding(value))
