"""A field of a record: its type, and its columns."""

from __future__ import annotations

import zlib
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.encode.room import hashed


@dataclass
class Field:
    """A field of one type: its column in `numbers`, or its columns in `dense`.

    `length` is the number of numbers of a vector that has fewer columns and is hashed to these. A
    field with `shares` adds to columns that other fields use as well.
    """

    name: str
    type: str
    start: int
    stop: int
    dense: bool = False
    seen: int = 0
    note: str = ""
    length: int = 0
    shares: bool = False
    coerced: int = 0  # examples whose value was converted, as a number in a text

    @property
    def size(self) -> int:
        """Number of columns."""
        return self.stop - self.start

    @property
    def numbers(self) -> int:
        """Number of numbers of a vector."""
        return self.length or self.size

    @property
    def full_note(self) -> str:
        """The note for users, with the number of converted values."""
        if not self.coerced:
            return self.note
        spelling = "numbers" if self.type in ("category", "text") else "texts"
        count = f"{self.coerced:,} read from {spelling}"
        return f"{self.note}; {count}" if self.note else count

    def state(self) -> dict[str, Any]:
        """The field as JSON values, without optional attributes that are empty."""
        plain = asdict(self)
        return {n: v for n, v in plain.items() if v or n not in ("length", "shares", "coerced")}

    def place(self, values: NDArray[np.float32], row: NDArray[Any]) -> None:
        """Write its numbers into its columns of a row, or add them to shared columns."""
        if self.size == len(values) and not self.shares:
            row[self.start : self.stop] = values
            return
        seed = zlib.crc32(self.name.encode()) if self.shares else 0
        row[self.start : self.stop] += hashed(values, self.size, seed)
