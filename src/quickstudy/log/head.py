"""The head pointer: a small file that says where the log ends.

SQLite drops damaged pages at the end of its write-ahead log without an error. The head pointer is
written after each commit and before the commit is acknowledged, so a log that ends before the
event that the head pointer names has lost events.
"""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

SEQ, LINK, SUM = 8, 32, 8  # bytes
SLOT = SEQ + LINK + SUM


class HeadPointer:
    """Sequence number and link of the last acknowledged event, in a file of two slots.

    Writes alternate between the slots, so a write that was cut short leaves the one before it.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._file: int | None = None

    def read(self) -> tuple[int, bytes] | None:
        """Sequence number and link of the last event; None if neither slot is intact."""
        try:
            content = self._path.read_bytes()
        except FileNotFoundError:
            return None
        slots = [_read(content[at : at + SLOT]) for at in (0, SLOT)]
        return max((slot for slot in slots if slot), default=None)

    def write(self, seq: int, link: bytes) -> None:
        """Move the pointer. Not synced: after a power cut it is behind the log, never ahead.

        Raises:
            OSError: it was not moved.
        """
        if self._file is None:
            self._file = os.open(self._path, os.O_CREAT | os.O_WRONLY, 0o600)
            self._next_slot = _older_slot(self._path)
        body = seq.to_bytes(SEQ, "little") + link
        content = body + _sum(body)
        if os.pwrite(self._file, content, self._next_slot) != SLOT:
            raise OSError(f"{self._path} was written in part")
        self._next_slot = SLOT - self._next_slot

    def close(self) -> None:
        """Close the file."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def _read(slot: bytes) -> tuple[int, bytes] | None:
    body = slot[: SEQ + LINK]
    if len(slot) != SLOT or _sum(body) != slot[SEQ + LINK :]:
        return None
    return int.from_bytes(body[:SEQ], "little"), body[SEQ:]


def _older_slot(path: Path) -> int:
    """Offset of the slot that does not hold the later event."""
    content = path.read_bytes()
    first, second = _read(content[:SLOT]), _read(content[SLOT : 2 * SLOT])
    return SLOT if first and (second is None or first > second) else 0


def _sum(body: bytes) -> bytes:
    return hashlib.blake2b(body, digest_size=SUM).digest()
