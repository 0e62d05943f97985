"""The lines of a text file, plain or gzipped, with clear errors for what is not one."""

from __future__ import annotations

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from quickstudy.errors import DataFileError

GZIP_MAGIC = b"\x1f\x8b"
DELIMITERS = ",;\t|"


@dataclass(frozen=True, slots=True)
class Line:
    """One row of a table: the line it ends on, counted from 1, and its cells by column."""

    number: int
    cells: dict[str, Any]


class TextLines(Iterator[str]):
    """Lines of a stream of UTF-8 text; the error for any other names the line."""

    def __init__(self, path: Path, stream: io.BufferedReader | gzip.GzipFile) -> None:
        self._path, self._number = path, 0
        self._head = stream.peek(8192)[:8192]
        self._text = io.TextIOWrapper(stream, encoding="utf-8-sig", newline="")

    def peek_first(self) -> str:
        """The first character that is not white space, "" in an empty file."""
        start = self._head.removeprefix(b"\xef\xbb\xbf").lstrip()
        if not start:
            raise DataFileError(f"{self._path}: is empty")
        if b"\0" in self._head:
            raise DataFileError(f"{self._path}: is a binary file, not CSV or JSONL text")
        return chr(start[0])

    def __next__(self) -> str:
        self._number += 1
        try:
            return next(self._text)
        except UnicodeDecodeError:
            raise DataFileError(
                f"{self._path}: near line {self._number}: is not UTF-8 text"
            ) from None


@contextmanager
def open_text(path: Path) -> Iterator[TextLines]:
    """The lines of a file, unpacked if it is gzipped.

    Raises:
        DataFileError: it is missing, a folder, or damaged; reading may raise the same later.
    """
    try:
        with path.open("rb") as file:
            packed = file.peek(2)[:2] == GZIP_MAGIC
            if path.suffix == ".gz" and not packed:
                raise DataFileError(f"{path}: is not a gzip file, though its name says so")
            yield TextLines(path, gzip.GzipFile(fileobj=file) if packed else file)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise DataFileError(f"{path}: is a gzip file that is cut short or damaged") from None
    except OSError as error:
        raise DataFileError(f"{path}: cannot be read: {error.strerror or error}") from None


def csv_lines(path: Path, stream: Iterator[str]) -> Iterator[Line]:
    """Rows of a CSV file with a header; the delimiter is whichever of , ; tab | it has most of."""
    first = next(stream, "")
    while first and not first.strip():
        first = next(stream, "")
    delimiter = max(DELIMITERS, key=first.count)
    reader = csv.reader(_chain(first, stream), delimiter=delimiter, strict=True)
    header: list[str] = []
    try:
        header = _header(path, next(reader))
        for cells in reader:
            if not cells:
                continue
            if len(cells) != len(header):
                raise DataFileError(
                    f"{path}: line {reader.line_num} has {len(cells)} cells "
                    f"where the header has {len(header)}"
                )
            yield Line(reader.line_num, dict(zip(header, cells, strict=True)))
    except csv.Error as error:
        raise DataFileError(f"{path}: line {reader.line_num}: {error}") from None


def _chain(first: str, rest: Iterator[str]) -> Iterator[str]:
    yield first
    yield from rest


def _header(path: Path, cells: list[str]) -> list[str]:
    names = [cell.strip() for cell in cells]
    for i, name in enumerate(names, start=1):
        if not name:
            raise DataFileError(f"{path}: line 1: column {i} has no name")
        if name in names[: i - 1]:
            raise DataFileError(f"{path}: line 1: two columns are called {name!r}")
    return names
