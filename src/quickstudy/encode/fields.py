"""A field of a record: its type, and the columns that it takes."""

from __future__ import annotations

import zlib
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.encode.room import thrown


@dataclass
class Field:
    """A field of one type: its column in `numbers`, or its columns in `dense`.

    `length` is how many numbers a vector has where it has fewer columns: it is thrown onto them.
    A field with `shares` adds to columns that it shares with others.
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
    coerced: int = 0  # examples in which it came in another spelling, as a number in a text

    @property
    def size(self) -> int:
        """Its number of columns."""
        return self.stop - self.start

    @property
    def numbers(self) -> int:
        """How many numbers a vector has."""
        return self.length or self.size

    @property
    def told(self) -> str:
        """What is to be said of it, and how often its values were read from another spelling."""
        if not self.coerced:
            return self.note
        spelling = "numbers" if self.type in ("category", "text") else "texts"
        told = f"{self.coerced:,} read from {spelling}"
        return f"{self.note}; {told}" if self.note else told

    def spelled(self) -> dict[str, Any]:
        """Its values for JSON; what only some fields have is left out of the others."""
        plain = asdict(self)
        return {n: v for n, v in plain.items() if v or n not in ("length", "shares", "coerced")}

    def place(self, values: NDArray[np.float32], row: NDArray[Any]) -> None:
        """Write its numbers into its columns of a row, or add them to those that it shares."""
        if self.size == len(values) and not self.shares:
            row[self.start : self.stop] = values
            return
        seed = zlib.crc32(self.name.encode()) if self.shares else 0
        row[self.start : self.stop] += thrown(values, self.size, seed)
