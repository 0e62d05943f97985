"""Text of a file, plain or gzipped, in the named or detected encoding."""

from __future__ import annotations

import codecs
import gzip
import io
import shutil
import tempfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import BinaryIO

from quickstudy.errors import DataFileError

GZIP_MAGIC = b"\x1f\x8b"
HEAD = 1 << 18  # bytes from which encoding and separator are found
MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),  # begins with the mark of UTF-16, so it is tested first
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)


@contextmanager
def open_binary(path: Path) -> Iterator[BinaryIO]:
    """The bytes of a file, decompressed if gzipped; a pipe is copied first, to be seekable.

    Raises:
        DataFileError: the file is missing, a folder or damaged; later reads may raise it as well.
    """
    try:
        with ExitStack() as stack:
            file: BinaryIO = stack.enter_context(path.open("rb"))
            if not file.seekable():
                spool = stack.enter_context(tempfile.TemporaryFile())
                shutil.copyfileobj(file, spool)
                file = spool
                file.seek(0)
            packed = file.read(2) == GZIP_MAGIC
            file.seek(0)
            if path.suffix == ".gz" and not packed:
                raise DataFileError(f"{path}: is not a gzip file, though its name says so")
            yield gzip.GzipFile(fileobj=file) if packed else file  # type: ignore[misc]
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise DataFileError(f"{path}: is a gzip file that is cut short or damaged") from None
    except OSError as error:
        raise DataFileError(f"{path}: cannot be read: {error.strerror or error}") from None


class TextFile:
    """A file of text that can be read several times.

    Args:
        stream: the bytes; it must be seekable.
        encoding: of the text; "" detects UTF-8, and UTF-16 and UTF-32 by their byte-order mark or
            zero bytes.

    Raises:
        DataFileError: the file is empty or is not text.
    """

    def __init__(self, path: Path, stream: BinaryIO, encoding: str = "") -> None:
        self.path, self._stream = path, stream
        stream.seek(0)
        start = stream.read(HEAD)
        self.whole = len(start) < HEAD
        self.encoding = encoding or _found(path, start)
        self.head = start.decode(self.encoding, errors="replace").removeprefix("\ufeff")
        if not self.head.strip():
            raise DataFileError(f"{path}: is empty")

    def lines(self) -> Iterator[str]:
        """All lines, with line endings.

        Raises:
            DataFileError: a line cannot be decoded; the message names it and the remedy.
        """
        self._stream.seek(0)
        text = io.TextIOWrapper(self._stream, encoding=self.encoding, newline="")
        number = 1
        try:
            for number, line in enumerate(text, start=1):
                yield line.removeprefix("\ufeff") if number == 1 else line
        except UnicodeError:
            raise DataFileError(self._undecodable(number)) from None
        finally:
            if not text.closed:  # otherwise garbage collection would close the stream
                text.detach()

    def text(self) -> str:
        """The whole text."""
        return "".join(self.lines())

    def _undecodable(self, number: int) -> str:
        """A message on the line that cannot be decoded, with its text in another encoding."""
        name = "UTF-8" if self.encoding == "utf-8-sig" else self.encoding
        self._stream.seek(0)
        for place, line in enumerate(self._stream, start=1):
            try:
                line.decode(self.encoding)
            except UnicodeError:
                if "16" in name or "32" in name:
                    break
                return (
                    f"{self.path}: line {place}: is not {name} text; --encoding cp1252 reads "
                    f"{_as_western(line)!r} there; other encodings are latin-1, cp1250, cp1251, "
                    "gb18030, shift_jis, utf-16"
                )
        return f"{self.path}: near line {number}: is not {name} text; name its --encoding"


def _found(path: Path, start: bytes) -> str:
    for mark, encoding in MARKS:
        if start.startswith(mark):
            return encoding
    pairs = max(len(start) // 2, 1)
    even, odd = start[::2].count(0) / pairs, start[1::2].count(0) / pairs
    for encoding, zeros, others in (("utf-16-le", odd, even), ("utf-16-be", even, odd)):
        if zeros > 0.3 and others < 0.05 and _is_text(start.decode(encoding, errors="ignore")):
            return encoding
    if b"\0" in start[:8192]:
        raise DataFileError(
            f"{path}: is a binary file, not CSV or JSONL text, Parquet, Arrow or Excel (.xlsx)"
        )
    return "utf-8-sig"


def _is_text(text: str) -> bool:
    return all(letter.isprintable() or letter.isspace() for letter in text)


def _as_western(line: bytes) -> str:
    """The text around the first byte that is not ASCII, decoded as cp1252."""
    at = next((i for i, byte in enumerate(line) if byte > 127), 0)
    part = line[max(at - 12, 0) : at + 12]
    return part.decode("cp1252", errors="replace").strip()
