"""Records to raw columns: fields are typed by what arrives, and nothing is coerced in silence."""

from __future__ import annotations

import math
import zlib
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.encode.text import TextEncoder
from quickstudy.errors import RecordError, SettingError
from quickstudy.types import FieldReport, Floats, Input

TYPES = ("number", "boolean", "category", "text", "vector")
TEXT_WORDS, TEXT_LENGTH = 5, 40  # a string of this many words, or longer, is text
OWN_CODES, SHARED_CODES = 24, 8  # first values of a category get a code each, later ones share
MOST_FIELDS = 10_000
LARGEST, LARGEST_IN_VECTOR = 1e100, 1e15  # what can still be squared and summed up
MOST_NUMBERS = 256  # a vector that is not of unit length and no longer than this is so many numbers
Parsed = list[tuple[str, str, Any]]  # name, type and canonical value of the fields that are there
TEXT_FIELD, VECTOR_FIELD = "text", "vector"  # names of the only field of a bare text or array


@dataclass
class Field:
    """A field of one type: its column in `numbers`, or its columns in `dense`."""

    name: str
    type: str
    start: int
    stop: int
    dense: bool = False
    seen: int = 0
    note: str = ""


@dataclass(frozen=True)
class Raw:
    """Raw columns of n inputs: `numbers` (n, d1), NaN where missing; `dense` (n, d2); their texts.

    `salt` (n,) tells apart inputs whose categories share a code.
    """

    numbers: Floats
    dense: NDArray[np.float32]
    texts: list[str]
    salt: NDArray[np.uint64]

    def __len__(self) -> int:
        return len(self.numbers)

    def rows(self, part: slice) -> Raw:
        """Some of the rows."""
        return Raw(self.numbers[part], self.dense[part], self.texts[part], self.salt[part])


class RecordEncoder:
    """Turns records, texts and arrays into raw columns; knows the fields met so far.

    A number or boolean is its own column; a category is a code: one each for its first 24 values,
    a hash into 8 more after that. Text and unit-length vectors (embeddings) are dense columns; a
    vector of at most 256 numbers that does not start at unit length is as many numbers. A field
    that changes its type becomes a second field of the same name.

    Args:
        schema: name of a field -> one of number, boolean, category, text, vector. Fields that it
            does not name are inferred.
    """

    def __init__(self, schema: Mapping[str, str] | None = None) -> None:
        for name, kind in (schema or {}).items():
            if kind not in TYPES:
                raise SettingError(f"schema[{name!r}] is {kind!r}; use one of {', '.join(TYPES)}")
        self.schema = dict(schema or {})
        self.fields: dict[tuple[str, str], Field] = {}
        self._codes: dict[str, dict[str, int]] = {}
        self._text = TextEncoder()
        self.widths = [0, 0]  # columns of numbers, of dense

    def encode(self, xs: Iterable[Input]) -> Raw:
        """Raw columns of `xs`; fields not met before are left out.

        Raises:
            RecordError: an input cannot be read.
        """
        return self._fill(self.parse(xs))

    def parse(self, xs: Iterable[Input]) -> list[Parsed]:
        """Typed values of inputs that come one after the other, checked; changes nothing.

        Raises:
            RecordError: an input cannot be read, or does not fit those before it.
        """
        texts = {name for name, kind in self.fields if kind == "text"}
        vectors = [f for f in self.fields.values() if f.type == "vector"]
        sizes = {f.name: f.stop - f.start for f in vectors}
        dense = {f.name: f.dense for f in vectors}
        parsed = []
        for x in xs:
            record = self._parse(x, texts)
            for name, kind, value in record:
                if kind == "text":
                    texts.add(name)
                elif kind == "vector" and sizes.setdefault(name, len(value)) != len(value):
                    raise RecordError(
                        f"field {name!r} has {len(value)} numbers; it had {sizes[name]} before"
                    )
                elif kind == "vector" and dense.setdefault(name, _is_embedding(value)):
                    np.nan_to_num(value, copy=False)  # what an embedding lacks is 0, as is no text
            parsed.append(record)
        return parsed

    def segments(self, parsed: list[Parsed]) -> list[slice]:
        """Runs of rows such that new fields appear only in the first row of a run."""
        known = set(self.fields)
        starts = [0]
        for i, record in enumerate(parsed):
            new = {(name, kind) for name, kind, _ in record} - known
            known |= new
            if new and i > 0:
                starts.append(i)
        return [slice(a, b) for a, b in zip(starts, [*starts[1:], len(parsed)], strict=True)]

    def admit(self, parsed: list[Parsed]) -> tuple[Raw, bool]:
        """Raw columns of rows that are learned: new fields and values join. True if a field did."""
        before = len(self.fields)
        for record in parsed:
            for name, kind, value in record:
                field = self.fields.get((name, kind)) or self._add(name, kind, value)
                field.seen += 1
                if kind == "category":
                    codes = self._codes[name]
                    if value not in codes and len(codes) < OWN_CODES:
                        codes[value] = len(codes)
        return self._fill(parsed), len(self.fields) > before

    def _parse(self, x: Input, texts: set[str]) -> Parsed:
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
                kind, value = self._typed(name, value, texts)
                out.append((name, kind, value))
        return out

    def _typed(self, name: str, value: Any, texts: set[str]) -> tuple[str, Any]:
        """Type and canonical value of a field's value."""
        if isinstance(value, np.generic):
            value = value.item()
        pinned = self.schema.get(name)
        if pinned == "category" and isinstance(value, (bool, int, float)):
            _finite(name, value)
            value = repr(value)
        if isinstance(value, bool):
            kind, value = "boolean", float(value)
        elif isinstance(value, (int, float)):
            kind, value = "number", _finite(name, value)
        elif isinstance(value, str):
            _check_unicode(name, value)
            kind = pinned if pinned in ("category", "text") else _kind_of(value, name in texts)
        elif isinstance(value, (list, tuple, np.ndarray)):
            kind, value = "vector", _vector(name, value)
        else:
            raise RecordError(
                f"field {name!r} holds a {type(value).__name__}; use a number, string, boolean, "
                "None, or a list of numbers"
            )
        if pinned in (None, kind):
            return kind, value
        raise RecordError(
            f"field {name!r} is pinned to {pinned} by the schema, but holds {value!r}"
        )

    def _add(self, name: str, kind: str, value: Any) -> Field:
        size = {"text": self._text.dim, "vector": len(value) if kind == "vector" else 0}.get(
            kind, 1
        )
        dense = kind == "text" or (kind == "vector" and _is_embedding(value))
        start = self.widths[dense]
        others = [f.type for (n, _), f in self.fields.items() if n == name]
        note = f"also came as {', '.join(others)}" if others else ""
        field = Field(name, kind, start, start + size, dense, note=note)
        self.fields[name, kind] = field
        self.widths[dense] += size
        if kind == "category":
            self._codes[name] = {}
        return field

    def _fill(self, parsed: list[Parsed]) -> Raw:
        numbers = np.full((len(parsed), self.widths[0]), np.nan)
        dense = np.zeros((len(parsed), self.widths[1]), np.float32)
        texts = [""] * len(parsed)
        salt = np.zeros(len(parsed), np.uint64)
        waiting: dict[str, list[tuple[int, str]]] = {}
        for i, record in enumerate(parsed):
            for name, kind, value in record:
                field = self.fields.get((name, kind))
                if kind == "text":
                    texts[i] = f"{texts[i]} {value}".strip()
                if field is None:
                    continue
                if kind == "text":
                    waiting.setdefault(name, []).append((i, value))
                elif kind == "vector":
                    (dense if field.dense else numbers)[i, field.start : field.stop] = value
                elif kind == "category":
                    numbers[i, field.start] = self._code(name, value)
                    salt[i] += np.uint64(zlib.crc32(f"{name}={value}".encode()))
                else:
                    numbers[i, field.start] = value
        for name, found in waiting.items():
            field = self.fields[name, "text"]
            rows = [i for i, _ in found]
            dense[rows, field.start : field.stop] = self._text.encode([text for _, text in found])
        return Raw(numbers, dense, texts, salt)

    def _code(self, name: str, value: str) -> int:
        codes = self._codes[name]
        if len(codes) < OWN_CODES:
            return codes.get(value, len(codes))
        return codes.get(value, OWN_CODES + zlib.crc32(value.encode()) % SHARED_CODES)

    @property
    def kind(self) -> str:
        """Kind of the inputs so far: tabular, dense (texts and embeddings), or mixed."""
        return _kind(self.widths[0] > 0, self.widths[1] > 0)

    def kind_of(self, record: Parsed) -> str:
        """Kind of one parsed input."""
        dense = [k == "text" or (k == "vector" and _is_embedding(v)) for _, k, v in record]
        return _kind(not all(dense), any(dense))

    def decode(self, numbers: Floats) -> dict[str, Any]:
        """The known numbers, booleans and categories of one raw row, by field name."""
        out: dict[str, Any] = {}
        for field in self.fields.values():
            if field.dense or np.isnan(numbers[field.start]):
                continue
            if field.type == "vector":
                out[field.name] = numbers[field.start : field.stop].tolist()
                continue
            value = float(numbers[field.start])
            if field.type == "category":
                names = {code: text for text, code in self._codes[field.name].items()}
                out[field.name] = names.get(int(value), "(rare)")
            else:
                out[field.name] = bool(value) if field.type == "boolean" else value
        return out

    @property
    def dense_fields(self) -> list[tuple[int, int]]:
        """(start, stop) of each dense field's columns."""
        return [(f.start, f.stop) for f in self.fields.values() if f.dense]

    @property
    def category_columns(self) -> NDArray[np.bool_]:
        """Which of the number columns hold codes, shape (d1,)."""
        out = np.zeros(self.widths[0], bool)
        for field in self.fields.values():
            if field.type == "category":
                out[field.start] = True
        return out

    def report(self) -> tuple[FieldReport, ...]:
        """The fields met so far, in order of appearance."""
        return tuple(FieldReport(f.name, f.type, f.seen, f.note) for f in self.fields.values())

    def state(self) -> dict[str, Any]:
        """Everything that a later `restore` needs, as JSON values."""
        return {
            "schema": self.schema,
            "fields": [asdict(f) for f in self.fields.values()],
            "codes": self._codes,
            "widths": self.widths,
        }

    def restore(self, state: dict[str, Any]) -> None:
        self.schema = dict(state["schema"])
        self.fields = {(f["name"], f["type"]): Field(**f) for f in state["fields"]}
        self._codes = {name: dict(codes) for name, codes in state["codes"].items()}
        self.widths = list(state["widths"])


def _kind(tabular: bool, dense: bool) -> str:
    return "tabular" if not dense else "mixed" if tabular else "dense"


def _kind_of(value: str, known_text: bool) -> str:
    long = len(value) > TEXT_LENGTH or len(value.split()) >= TEXT_WORDS
    return "text" if known_text or long else "category"


def _finite(name: str, value: float) -> float:
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    if not abs(number) <= LARGEST:
        raise RecordError(
            f"field {name!r} is {value!r}; it must be finite and within 1e100 (None is for missing)"
        )
    return number


def _check_unicode(name: str, value: str) -> None:
    try:
        value.encode()
    except UnicodeEncodeError:
        raise RecordError(f"field {name!r} holds {value!r}, which is not valid Unicode") from None


def _vector(name: str, value: Any, *, gaps: bool = False) -> NDArray[np.float32]:
    """Numbers as an array of its own; with `gaps`, None and NaN are missing ones, NaN there."""
    try:
        vector = np.asarray(value)
    except ValueError:
        vector = np.asarray(value, dtype=object)
    if gaps and vector.dtype.kind == "O" and vector.ndim == 1:
        vector = np.array([math.nan if number is None else number for number in vector])
    if vector.ndim != 1 or len(vector) == 0:
        raise RecordError(f"field {name!r} has shape {vector.shape}; use a flat list of numbers")
    if vector.dtype.kind not in "iuf":
        raise RecordError(f"field {name!r} holds a list that is not all numbers")
    wide = vector.astype(np.float64)
    bad = np.flatnonzero(~((np.abs(wide) <= LARGEST_IN_VECTOR) | (gaps & np.isnan(wide))))
    if len(bad):
        raise RecordError(
            f"field {name!r} holds {vector[bad[0]]} at position {bad[0]}; it must be finite and "
            "within 1e15"
        )
    return vector.astype(np.float32)


def _is_embedding(value: NDArray[np.float32]) -> bool:
    length = float(np.linalg.norm(value.astype(np.float64)))
    return abs(length - 1.0) < 0.02 or len(value) > MOST_NUMBERS
