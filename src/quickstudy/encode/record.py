"""Records to raw columns: types of fields are inferred, converted values are counted."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.encode.coercion import COERCED
from quickstudy.encode.fields import Field
from quickstudy.encode.parsing import (
    MOST_FIELDS,
    Parsed,
    RecordReader,
    Types,
    is_dense,
    same_sizes,
)
from quickstudy.encode.room import SHARED, Room, even_shares, own_columns, room_for
from quickstudy.encode.text import MOST_CHARACTERS, TextEncoder
from quickstudy.types import FieldReport, Floats, Input

OWN_CODES, SHARED_CODES = 4096, 64  # first values of a category get a code each, later ones share
LONG_VALUE = 100  # characters of a category's value that are kept with its code
BYTES_AT_ONCE, MOST_AT_ONCE = 1 << 24, 4096  # of raw columns: bytes and rows held at once
SHARED_GROUPS = 16  # texts with shared columns are joined in groups, each encoded as one text
SHOWN_TEXTS = 20  # texts of a record whose beginning is kept for explanations
NAMES_LEFT_OUT = 20  # names of fields without columns that are reported
OTHERS = "\n"  # key of the count of the others; no field can have this name


@dataclass(frozen=True)
class Raw:
    """Raw columns of n inputs: `numbers` (n, d1), NaN where missing; `dense` (n, d2); their texts.

    `salt` (n,) distinguishes inputs whose categories share a code.
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
    """Converts records, texts and arrays to raw columns; keeps the fields seen so far.

    A number or boolean is one column; a category is a code: one each for its first 4,096 values, a
    hash to 64 more after that. Texts and unit-length vectors (embeddings) are dense columns; a
    vector of at most 256 numbers that is not of unit length when first seen is as many numbers. A
    field that changes its type becomes a second field of the same name, unless its value can be
    converted: a number in a text if the field was always a number, or a number if it was a string
    and never a number. Such values are converted to the known type, and counted.

    Args:
        schema: name of a field -> one of number, boolean, category, text, vector. Fields that it
            does not name are inferred.
        room: limits of columns; by default those of 64 MiB. If columns are short, texts and vectors
            have fewer or shared columns; numbers and categories without a column are left out.
    """

    def __init__(
        self, schema: Mapping[str, str] | None = None, *, room: Room | None = None
    ) -> None:
        self._reader = RecordReader(schema)
        self.fields: dict[tuple[str, str], Field] = {}
        self._codes: dict[str, dict[str, int]] = {}
        self._text = TextEncoder()
        self.room = room or room_for(64)
        self.widths = [0, 0]  # columns of numbers, of dense
        self._shared: tuple[int, int] | None = None  # dense columns that fields share
        self._coded = 0  # values of categories with a code of their own
        self._left_out: dict[str, int] = {}  # fields without room, the first 20, and how often
        self._types: Types = {}

    def encode(self, xs: Iterable[Input]) -> Raw:
        """Raw columns of `xs`; unknown fields are left out.

        Raises:
            RecordError: an input cannot be read.
        """
        return self._fill(self.read(xs))

    def read(self, xs: Iterable[Input]) -> list[Parsed]:
        """Typed values of inputs, each read independently; changes nothing.

        Raises:
            RecordError: an input cannot be read, or does not fit the known fields.
        """
        sizes = self._sizes()
        parsed = [self._reader.read(x, self._types) for x in xs]
        return [same_sizes(record, dict(sizes)) for record in parsed] if sizes else parsed

    def parse(self, xs: Iterable[Input]) -> list[Parsed]:
        """Typed values of inputs in order, checked; changes nothing.

        Raises:
            RecordError: an input cannot be read, or does not fit those before it.
        """
        types, sizes = self._types, self._sizes()
        parsed: list[Parsed] = []
        for x in xs:
            if parsed:  # the fields of the row before are known to this one
                types = dict(types) if types is self._types else types
                for name, field_type, _ in parsed[-1]:
                    if field_type not in types.get(name, ()):
                        types[name] = types.get(name, frozenset()) | {field_type}
            parsed.append(same_sizes(self._reader.read(x, types), sizes))
        return parsed

    def _sizes(self) -> dict[str, tuple[int, bool]]:
        """Number of numbers of each vector field, and whether it is an embedding."""
        vectors = [f for f in self.fields.values() if f.type == "vector"]
        return {f.name: (f.numbers, f.dense) for f in vectors}

    def segments(self, parsed: list[Parsed]) -> list[slice]:
        """Slices of rows such that new fields appear only in the first row of a slice.

        No slice is longer than the rows that can be held at once.
        """
        known = set(self.fields)
        starts = [0]
        for i, record in enumerate(parsed):
            new = {(name, field_type) for name, field_type, _ in record} - known
            known |= new
            if i > 0 and (new or i - starts[-1] == self._at_once):
                starts.append(i)
        return [slice(a, b) for a, b in zip(starts, [*starts[1:], len(parsed)], strict=True)]

    @property
    def _at_once(self) -> int:
        """Rows whose columns are held at once."""
        row = 8 * self.widths[0] + 4 * self.widths[1]
        return max(1, min(MOST_AT_ONCE, BYTES_AT_ONCE // max(row, 1)))

    def filled(self, parsed: list[Parsed]) -> Iterator[Raw]:
        """Raw columns of parsed inputs, some rows at a time; unknown fields are left out."""
        for at in range(0, len(parsed), self._at_once):
            yield self._fill(parsed[at : at + self._at_once])

    def admit(self, parsed: list[Parsed]) -> tuple[Raw, bool]:
        """Raw columns of rows to learn, adding new fields and values; True if a field was added."""
        before = len(self.fields)
        for record in parsed:
            self._join([f for f in record if (f[0], f[1]) not in self.fields])
            for name, field_type, value in record:
                field = self.fields.get((name, field_type))
                if field is None:
                    self._leave_out(name)
                    continue
                field.seen += 1
                if value.__class__ in COERCED:
                    field.coerced += 1
                if field_type == "category":
                    self._give_code(name, value)
        return self._fill(parsed), len(self.fields) > before

    def _give_code(self, name: str, value: str) -> None:
        codes, value = self._codes[name], _short(value)
        if value not in codes and len(codes) < OWN_CODES and self._coded < self.room.codes:
            codes[value] = len(codes)
            self._coded += 1

    def _leave_out(self, name: str) -> None:
        told = name in self._left_out or len(self._left_out) < NAMES_LEFT_OUT
        key = name if told else OTHERS
        self._left_out[key] = self._left_out.get(key, 0) + 1

    def _join(self, new: Parsed) -> None:
        """Add the new fields of a record, as far as there are columns."""
        dense = [(n, k, v) for n, k, v in new if is_dense(k, v)]
        for name, field_type, value in new:
            if not is_dense(field_type, value):
                self._add(name, field_type, size=len(value) if field_type == "vector" else 1)
        wanted = [self._text.dim if k == "text" else len(v) for _, k, v in dense]
        shared = self._shared[1] - self._shared[0] if self._shared else 0
        own = own_columns(wanted, self.room.dense - (self.widths[1] - shared))
        for (name, field_type, value), size in zip(dense, own, strict=True):
            length = len(value) if field_type == "vector" else self._text.dim
            self._add_dense(name, field_type, length=length, size=size)

    def _add(self, name: str, field_type: str, *, size: int) -> None:
        if self.widths[0] + size > self.room.numbers or len(self.fields) >= MOST_FIELDS:
            return
        start = self.widths[0]
        self._keep(Field(name, field_type, start, start + size))
        self.widths[0] += size
        if field_type == "category":
            self._codes[name] = {}

    def _add_dense(self, name: str, field_type: str, *, length: int, size: int) -> None:
        if len(self.fields) >= MOST_FIELDS:
            return
        whole = size == length
        note = "" if whole else f"in {size:,} columns instead of {length:,}"
        start, stop = self.widths[1], self.widths[1] + size
        if size == 0:
            if self._shared is None:
                self._shared = start, start + SHARED
                self.widths[1] += SHARED
            start, stop = self._shared
            note = f"shares {SHARED} columns with others, in place of {length:,} of its own"
        self.widths[1] += size
        self._keep(
            Field(name, field_type, start, stop, True, 0, note, 0 if whole else length, not size)
        )

    def _keep(self, field: Field) -> None:
        others = [t for n, t in self.fields if n == field.name]
        also = f"also came as {', '.join(others)}" if others else ""
        field.note = "; ".join(note for note in (also, field.note) if note)
        self.fields[field.name, field.type] = field
        self._came_as(field.name, field.type)

    def _came_as(self, name: str, field_type: str) -> None:
        self._types[name] = self._types.get(name, frozenset()) | {field_type}

    def _fill(self, parsed: list[Parsed]) -> Raw:
        numbers = np.full((len(parsed), self.widths[0]), np.nan)
        dense = np.zeros((len(parsed), self.widths[1]), np.float32)
        salt = np.zeros(len(parsed), np.uint64)
        for i, record in enumerate(parsed):
            for name, field_type, value in record:
                field = self.fields.get((name, field_type))
                if field is None or field_type == "text":
                    continue
                if field_type == "vector":
                    field.place(value, (dense if field.dense else numbers)[i])
                elif field_type == "category":
                    numbers[i, field.start] = self._code(name, value)
                    salt[i] += np.uint64(zlib.crc32(f"{name}={value}".encode()))
                else:
                    numbers[i, field.start] = value
        self._fill_texts(parsed, dense)
        return Raw(numbers, dense, [_shown(record) for record in parsed], salt)

    def _fill_texts(self, parsed: list[Parsed], dense: NDArray[np.float32]) -> None:
        """Write the vectors of all texts; texts with shared columns are joined in 16 groups."""
        waiting: dict[tuple[str, str], dict[int, str]] = {}
        groups: dict[tuple[str, str], Field] = {}
        for i, record in enumerate(parsed):
            for name, text in _read_texts(record):
                field = self.fields.get((name, "text"))
                if field is None:
                    continue
                key = (name, "text")
                if field.shares:
                    key = (f"group {zlib.crc32(name.encode()) % SHARED_GROUPS}", "shared")
                    field = groups.get(key) or replace(field, name=key[0])
                groups[key] = field
                rows = waiting.setdefault(key, {})
                rows[i] = f"{rows[i]} {text}" if i in rows else text
        for key, rows in waiting.items():
            vectors = self._text.encode(list(rows.values()), size=groups[key].size)
            for i, vector in zip(rows, vectors, strict=True):
                groups[key].place(vector, dense[i])

    def _code(self, name: str, value: str) -> int:
        codes, value = self._codes[name], _short(value)
        if len(codes) < OWN_CODES:
            return codes.get(value, len(codes))
        return codes.get(value, OWN_CODES + zlib.crc32(value.encode()) % SHARED_CODES)

    @property
    def modality(self) -> str:
        """Modality of the inputs so far: tabular, dense (texts and embeddings), or mixed."""
        return _modality(self.widths[0] > 0, self.widths[1] > 0)

    def modality_of(self, record: Parsed) -> str:
        """Modality of one parsed input."""
        dense = [is_dense(k, v) for _, k, v in record]
        return _modality(not all(dense), any(dense))

    def decode(self, numbers: Floats) -> dict[str, Any]:
        """The present numbers, booleans and categories of one raw row, by field name."""
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
        """(start, stop) of each dense field's columns; shared columns occur once."""
        return list(dict.fromkeys((f.start, f.stop) for f in self.fields.values() if f.dense))

    @property
    def category_columns(self) -> NDArray[np.bool_]:
        """Which of the number columns hold codes, shape (d1,)."""
        out = np.zeros(self.widths[0], bool)
        for field in self.fields.values():
            if field.type == "category":
                out[field.start] = True
        return out

    def report(self) -> tuple[FieldReport, ...]:
        """The fields seen so far, in order of appearance."""
        known = [FieldReport(f.name, f.type, f.seen, f.full_note) for f in self.fields.values()]
        note = f"left out: the budget is for {self.room.numbers:,} columns; raise budget_mb"
        if len(self.fields) >= MOST_FIELDS:
            note = f"left out: a learner reads at most {MOST_FIELDS:,} fields; merge or drop some"
        names = {OTHERS: "(others)"}
        none = [FieldReport(names.get(f, f), "none", n, note) for f, n in self._left_out.items()]
        return tuple(known + none)

    def state(self) -> dict[str, Any]:
        """The complete state, as JSON values."""
        narrow = {"shared": self._shared, "left_out": self._left_out}
        return {
            "schema": self._reader.schema,
            "fields": [f.state() for f in self.fields.values()],
            "codes": self._codes,
            "widths": self.widths,
        } | {name: value for name, value in narrow.items() if value}

    def restore(self, state: dict[str, Any]) -> None:
        self._reader = RecordReader(state["schema"])
        self.fields = {(f["name"], f["type"]): Field(**f) for f in state["fields"]}
        self._types = {}
        for name, field_type in self.fields:
            self._came_as(name, field_type)
        self._codes = {name: dict(codes) for name, codes in state["codes"].items()}
        self.widths = list(state["widths"])
        shared = state.get("shared")
        self._shared = (shared[0], shared[1]) if shared else None
        self._coded = sum(map(len, self._codes.values()))
        self._left_out = dict(state.get("left_out", {}))


def _modality(tabular: bool, dense: bool) -> str:
    return "tabular" if not dense else "mixed" if tabular else "dense"


def _short(value: str) -> str:
    """The key of a category's value; a long value is shortened to its start and a checksum."""
    if len(value) <= LONG_VALUE:
        return value
    return f"{value[:LONG_VALUE]}... {zlib.crc32(value.encode()):08x}"


def _read_texts(record: Parsed) -> list[tuple[str, str]]:
    """The texts of a record by field, shortened evenly to 20,000 characters in total."""
    texts = [(name, value) for name, field_type, value in record if field_type == "text"]
    shares = even_shares([len(text) for _, text in texts], MOST_CHARACTERS)
    return [(name, text[:share]) for (name, text), share in zip(texts, shares, strict=True)]


def _shown(record: Parsed) -> str:
    """The beginnings of a record's texts, for explanations."""
    texts = [value[:MOST_CHARACTERS] for _, field_type, value in record if field_type == "text"]
    return " ".join(texts[:SHOWN_TEXTS]).strip()
