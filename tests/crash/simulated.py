"""A simulated disk: what a record of writes and syncs may leave on it when the power is cut."""

from __future__ import annotations

import itertools
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

WRITE, TRUNCATE, BEGIN, END, CREATE, FOLDER, RENAME, UNLINK = range(1, 9)  # as in trace.c
LINE = struct.Struct("IIQQQ")
SECTOR = 512
MOODS = ("nothing", "all", "first", "any", "sectors")
BOOKS = "books"  # file in the traced folder to which the load says what it sends and gets


@dataclass(frozen=True)
class Line:
    """One line of the record. `at`: place of a write, new length, or the thread that syncs."""

    kind: int
    file: int
    path: str
    at: int
    more: bytes

    @classmethod
    def all(cls, content: bytes) -> Iterator[Line]:
        """The lines of a record."""
        at = 0
        while at < len(content):
            kind, length, file, place, size = LINE.unpack_from(content, at)
            at += LINE.size
            path = content[at : at + length].decode()
            at += length
            more = content[at : at + size]
            at += size
            yield cls(kind, file, path, place, more)


@dataclass
class File:
    """What is on the disk for certain, and what was done to it since: (place, bytes or None)."""

    synced: bytearray = field(default_factory=bytearray)
    since: list[tuple[int, bytes | None]] = field(default_factory=list)
    begun: dict[int, int] = field(default_factory=dict)

    def begin(self, thread: int) -> None:
        """A sync begins; it is for all that was written before."""
        self.begun[thread] = len(self.since)

    def end(self, thread: int) -> None:
        """It ended."""
        count = self.begun.pop(thread)
        self.settle(self.since[:count])
        del self.since[:count]
        self.begun = {other: max(0, n - count) for other, n in self.begun.items()}

    def settle(self, done: list[Any]) -> None:
        """What was done is on the disk."""
        for at, data in done:
            change(self.synced, at, data)

    def found(self, rng: Random) -> bytes:
        """What may be found after a power cut."""
        content, mood = bytearray(self.synced), rng.choice(MOODS)
        for at, data in kept(self.since, mood, rng):
            if mood != "sectors" or data is None:
                change(content, at, data)
                continue
            for start, part in sectors(at, data):
                if rng.random() < 0.5:
                    change(content, start, part)
        if mood == "first" and len(content) > len(self.synced) and rng.random() < 0.5:
            del content[rng.randint(len(self.synced), len(content)) :]
        return bytes(content)


@dataclass
class Folder(File):
    """Names that are there for certain, and changes of names since: [(name, what, or None)]."""

    names: dict[str, File] = field(default_factory=dict)

    def settle(self, done: list[Any]) -> None:
        """The names are on the disk."""
        for pairs in done:
            rename(self.names, pairs)

    def entries(self, rng: Random) -> dict[str, File]:
        """The names that may be found after a power cut."""
        names = dict(self.names)
        for pairs in kept(self.since, rng.choice(MOODS[:-1]), rng):
            rename(names, pairs)
        return names


def kept(done: list[Any], mood: str, rng: Random) -> list[Any]:
    """What of the things that were done is not lost as a whole."""
    if mood == "nothing":
        return []
    if mood == "first":
        return done[: rng.randint(0, len(done))]
    return [one for one in done if mood != "any" or rng.random() < 0.5]


def change(content: bytearray, at: int, data: bytes | None) -> None:
    """Write data at a place, or cut the content off there."""
    content.extend(bytes(max(0, at - len(content))))
    if data is None:
        del content[at:]
    else:
        content[at : at + len(data)] = data


def rename(names: dict[str, File], pairs: list[tuple[str, File | None]]) -> None:
    """Give names their new files, all at once."""
    for name, what in pairs:
        if what is None:
            names.pop(name, None)
        else:
            names[name] = what


def sectors(at: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """A write, cut at the borders of sectors."""
    ends = [*range(SECTOR - at % SECTOR, len(data), SECTOR), len(data)]
    for start, end in itertools.pairwise([0, *ends]):
        yield at + start, data[start:end]


class Disk:
    """A disk that has gone through the first lines of a record."""

    def __init__(self, root: Path) -> None:
        self.root = str(root)
        self.folders = {self.root: Folder()}
        self.files: dict[int, File] = {}  # by number, which another file may get later

    def do(self, line: Line) -> None:
        """Go through one line."""
        above, _, name = line.path.rpartition("/")
        if line.kind in (BEGIN, END):
            what = self.folders.get(line.path) or self.file(line)
            what.begin(line.at) if line.kind == BEGIN else what.end(line.at)
        elif line.kind in (WRITE, TRUNCATE):
            data = line.more if line.kind == WRITE else None
            self.file(line).since.append((line.at, data))
        elif line.kind == CREATE:
            self.files[line.file] = File()
            self.folders[above].since.append([(name, self.files[line.file])])
        elif line.kind == FOLDER:
            self.folders[line.path] = Folder()
            self.folders[above].since.append([(name, self.folders[line.path])])
        elif line.kind == UNLINK:
            self.folders[above].since.append([(name, None)])
        else:
            to = line.more.decode().rpartition("/")[2]
            self.folders[above].since.append([(name, None), (to, self.file(line))])

    def file(self, line: Line) -> File:
        """The file that a line is about."""
        return self.files[line.file]

    def write(self, target: Path, rng: Random) -> None:
        """The disk as it may be found, as files in a folder."""
        self._write(self.folders[self.root], target, rng)

    def _write(self, folder: Folder, target: Path, rng: Random) -> None:
        target.mkdir(mode=0o700)
        for name, what in sorted(folder.entries(rng).items()):
            if isinstance(what, Folder):
                self._write(what, target / name, rng)
            elif name != BOOKS and not name.endswith("-shm"):
                (target / name).touch(mode=0o600)
                (target / name).write_bytes(what.found(rng))
