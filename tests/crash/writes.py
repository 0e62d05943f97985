"""R3: the n-th write to a store fails, for n = 1, 2, ... until an operation needs no more.

A small shared library (`fault.c`, preloaded) lets one call of write, fsync, ftruncate, open or
rename on the store's files fail, once or from then on, in any of the processes. Then

- the operation ends in a `StoreError`, or had succeeded all the same;
- after an error nothing has changed: events, reports, asks, state;
- once the disk works again, the same operation, same key, works;
- what is there after opening the store again is what was there before, and doctor finds no fault.
"""

from __future__ import annotations

import argparse
import json
import mmap
import os
import shutil
import struct
import subprocess
import sys
from collections import Counter
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.crash.forking import Say, parallel
from tests.crash.rows import Row, Scale, Tick

EIO, ENOSPC = 5, 28
WRITE, SYNC, TRUNCATE, CREATE, RENAME = 1, 2, 4, 8, 16
LAYOUT = struct.Struct("lll iiii 1024s 1024s")
SOURCE = Path(__file__).with_name("fault.c")
VARIABLE = "QUICKSTUDY_FAULTS"


@dataclass(frozen=True)
class Mode:
    """A way for the disk to fail: which calls, with what, whether from then on."""

    name: str
    kinds: int
    error: int
    keep: bool = False
    torn: bool = False


ANY = WRITE | TRUNCATE | CREATE | RENAME
MODES = (
    Mode("a write fails (EIO)", ANY, EIO),
    Mode("the disk is full (ENOSPC)", ANY, ENOSPC, keep=True),
    Mode("half a write, then full", WRITE, ENOSPC, torn=True),
    Mode("a sync fails (EIO)", SYNC, EIO),
    Mode("the disk is gone (EIO)", ANY | SYNC, EIO, keep=True),
)


class Control:
    """The file through which the library is told what to let fail."""

    def __init__(self, path: Path) -> None:
        if not path.exists():
            path.write_bytes(bytes(LAYOUT.size))
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), LAYOUT.size)

    def arm(self, watched: Path, n: int, mode: Mode) -> None:
        """From now on the n-th call on files whose path begins so fails."""
        how = (mode.error, mode.keep, mode.kinds, mode.torn)
        self._map[:] = LAYOUT.pack(0, n, 0, *how, str(watched).encode(), b"")

    def disarm(self) -> tuple[int, str]:
        """Let everything work again; how many calls failed, and on what file the last."""
        found = LAYOUT.unpack(self._map[:])
        self._map[:] = bytes(LAYOUT.size)
        return found[2], found[-1].rstrip(b"\0").decode()


def library(folder: Path) -> Path:
    """The shared library, compiled.

    Raises:
        FileNotFoundError: there is no C compiler.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise FileNotFoundError("there is no C compiler (cc), so no write can be made to fail")
    path = folder / "fault.so"
    command = [compiler, "-O1", "-shared", "-fPIC", str(SOURCE), "-o", str(path), "-ldl"]
    subprocess.run(command, check=True)
    return path


def steps(scale: Scale) -> int | None:
    """Nobody knows beforehand."""
    return None


def measure(scale: Scale, tick: Tick) -> Row:
    """All operations and modes, in processes that have the library preloaded."""
    jobs = [partial(try_some, scale, part) for part in range(scale.workers)]
    failed, typed = 0, 0
    problems: list[str] = []
    ends: dict[str, Counter[str]] = {}
    for m in parallel(jobs, scale.workers):
        failed += m["failed"] > 0
        typed += m["ended"] == "StoreError"
        ends.setdefault(m["operation"], Counter())[m["ended"]] += 1
        problems += [f"{m['operation']}, {m['mode']}, n = {m['n']}: {p}" for p in m["problems"]]
        tick(1)
    return Row(
        "R3 the n-th write fails",
        failed,
        "typed error, state unchanged, retry works",
        f"{len(ends)} operations, {len(MODES)} ways to fail: {typed} typed errors, "
        f"{failed - typed} failures survived; {len(problems)} problems",
        problems,
        {"operations": {k: dict(v) for k, v in sorted(ends.items())}},
    )


def try_some(scale: Scale, part: int, say: Say) -> None:
    """A share of the operations; passes on what its process prints."""
    folder = scale.folder / f"writes-{part}"
    folder.mkdir()
    Control(folder / "control")
    preload = {"LD_PRELOAD": str(library(folder)), VARIABLE: str(folder / "control")}
    command = [sys.executable, "-m", "tests.crash.writes", str(folder)]
    command += [str(part), str(scale.workers), *(["--thorough"] if scale.thorough else [])]
    root = Path(__file__).resolve().parents[2]
    with subprocess.Popen(
        command, env={**os.environ, **preload}, cwd=root, stdout=subprocess.PIPE, text=True
    ) as process:
        for line in process.stdout or ():
            say("tried", **json.loads(line))
    if process.returncode:
        raise RuntimeError(f"the process that lets writes fail ended with {process.returncode}")


def main() -> None:
    """In the process that has the library: every operation in every mode; one JSON line a run."""
    from tests.crash import attempts
    from tests.crash.forking import preload

    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("part", type=int)
    parser.add_argument("parts", type=int)
    parser.add_argument("--thorough", action="store_true")
    arguments = parser.parse_args()
    preload()
    control = Control(Path(os.environ[VARIABLE]))
    share = attempts.Share(arguments.part, arguments.parts, arguments.thorough)
    for line in attempts.run(arguments.folder, control, MODES, share):
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
