"""The anchor: a small file that says how long the log is.

SQLite drops damaged pages at the end of its write-ahead log without a word. The anchor is written
after each commit and before its answer, so a log that ends before it has lost something.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

SEQ, LINK, SUM = 8, 32, 8  # bytes
SLOT = SEQ + LINK + SUM


class Anchor:
    """The last event that was acknowledged, in a file of two slots that are written by turns.

    So a write that was cut short leaves the one before.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def read(self) -> tuple[int, bytes] | None:
        """Sequence number and link of the last event; None if there is no whole anchor."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        slots = [_read(content[at : at + SLOT]) for at in (0, SLOT)]
        return max((slot for slot in slots if slot), default=None)

    def write(self, seq: int, link: bytes) -> None:
        """Move the anchor. Not synced: after a power cut it is older than the log, never ahead.

        Raises:
            OSError: it was not moved.
        """
        if self._file is None:
            self._file = os.open(self._path, os.O_CREAT | os.O_WRONLY, 0o600)
            self._turn = _other(self._path)
        body = seq.to_bytes(SEQ, "little") + link
        content = body + _sum(body)
        if os.pwrite(self._file, content, self._turn) != SLOT:
            raise OSError(f"{self._path} was written in part")
        self._turn = SLOT - self._turn

    def close(self) -> None:
        """Let go of the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _read(slot: bytes) -> tuple[int, bytes] | None:
    body = slot[: SEQ + LINK]
    if len(slot) != SLOT or _sum(body) != slot[SEQ + LINK :]:
        return None
    return int.from_bytes(body[:SEQ], "little"), body[SEQ:]


def _other(path: Path) -> int:
    """Where the slot is that does not hold the later event."""
    content = path.read_bytes()
    first, second = _read(content[:SLOT]), _read(content[SLOT : 2 * SLOT])
    return SLOT if first and (second is None or first > second) else 0


def _sum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=SUM).digest()
