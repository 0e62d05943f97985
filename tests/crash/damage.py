"""R4: bit flips and truncations of every file of a store; is each noticed?

Each damaged copy is given to `doctor`, and then opened and read in full. It counts as

    refused    opening or reading it ends in an error of ours
    noticed    doctor finds it, and what is read is all the same (a snapshot made anew, say)
    harmless   nobody finds anything, and everything that can be read is the same, bit for bit
    loaded     what is read differs, without an error: doctor alone would have said so
    silent     what is read differs, and nothing and nobody says so

The last two must not happen.
"""

from __future__ import annotations

import os
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import Any

import quickstudy
from quickstudy.deploy import supervisor
from quickstudy.errors import QuickstudyError
from tests.crash import load, spare
from tests.crash.data import LEARNERS, SMALL
from tests.crash.forking import LONGEST, Child, Message, Say, outcome, parallel
from tests.crash.ledger import Ledger
from tests.crash.rows import Row, Scale, Tick
from tests.crash.truth import content, digest, findings

CASES, THREADS, TEXTS = 20, 4, 0.02  # few texts: they take longest to replay
KINDS = {"flip": 0.7, "cut": 0.2, "zeros": 0.1}
SECTOR = 512
FATES = ("refused", "noticed", "harmless", "loaded", "silent")


def build(path: Path, *, killed: bool) -> Ledger:
    """A store that has seen some load, closed in peace or killed; its books."""

    def work(say: Say) -> None:
        supervisor.EVENTS_BETWEEN = 60
        spare.prepare()
        deployment = quickstudy.open(path)
        for name in LEARNERS:
            deployment.create(name, **SMALL)
        deployment.create_key("someone", "teach", learners=["prices"])
        load.run(deployment, say, "R4", threads=THREADS, cases=CASES, texts=TEXTS)
        deployment.flush()
        say("ready")
        if killed:
            time.sleep(LONGEST)
        deployment.close()

    ledger, child = Ledger(), Child(work)
    for message in child.messages():
        ledger.read(message)
        if killed and message["kind"] == "ready":
            break
    if child.ended:
        child.wait()
    child.close()
    ledger.end_life()
    if ledger.problems or (child.status != (-9 if killed else 0)):
        raise RuntimeError(f"no store to damage: {child.status} {ledger.problems}")
    return ledger


def strike(folder: Path, rng: Random) -> str:
    """Damage one file of a store; what was done."""
    files = sorted(p for p in folder.rglob("*") if p.is_file() and p.stat().st_size)
    main = [p for p in files if p.parent == folder]
    beside = [p for p in files if p.parent != folder]
    file = rng.choice(main if rng.random() < 0.6 or not beside else beside)
    size = file.stat().st_size
    (kind,) = rng.choices(list(KINDS), list(KINDS.values()))
    at = rng.randrange(size)
    if kind == "cut":
        os.truncate(file, at)
    else:
        with file.open("r+b") as handle:
            at = at if kind == "flip" else at // SECTOR * SECTOR
            handle.seek(at)
            old = handle.read(1 if kind == "flip" else SECTOR)
            new = bytes([old[0] ^ 1 << rng.randrange(8)]) if kind == "flip" else bytes(len(old))
            handle.seek(at)
            handle.write(new)
    return f"{kind} {file.relative_to(folder)} at {at:,} of {size:,}"


def examine(path: Path, ledger: Ledger) -> Callable[[Say], None]:
    """What doctor says of a store, and what is read from it."""

    def work(say: Say) -> None:
        spare.none()
        try:
            bad = [f"{f.check}: {f.detail}" for f in findings(path) if not f.ok]
        except QuickstudyError as error:
            bad = [str(error)]
        say("doctor", findings=bad)
        try:
            deployment = quickstudy.open(path)
            say("content", found=content(deployment) | receipts(deployment, ledger))
        except QuickstudyError as error:
            say("refused", error=f"{type(error).__name__}: {error}")

    return work


def receipts(deployment: Any, ledger: Ledger) -> dict[str, str]:
    """What is answered to every feedback that was acknowledged, sent again."""
    known = [said.item for said in ledger.repeatable()]
    op = {"do": "feedback", "items": known, "wait": False}
    return {"receipts": digest(load.perform(deployment, op))}


def fate(found: list[Message], whole: dict[str, str]) -> str:
    """What became of a damaged store."""
    by_kind = {m["kind"]: m for m in found}
    doctor = bool(by_kind.get("doctor", {}).get("findings"))
    if "refused" in by_kind:
        return "refused"
    if "content" not in by_kind:
        return "untyped"
    same = by_kind["content"]["found"] == whole
    if same:
        return "noticed" if doctor else "harmless"
    return "loaded" if doctor else "silent"


def why(found: list[Message], whole: dict[str, str]) -> str:
    """For a closer look: what doctor said, what differs, how it ended."""
    by_kind = {m["kind"]: m for m in found}
    read = by_kind.get("content", {}).get("found", {})
    apart = [name for name in whole if read.get(name) != whole[name]] if read else []
    doctor = by_kind.get("doctor", {}).get("findings")
    return f"doctor: {doctor}; differ: {apart}; end: {found[-1]}"[:700]


def job(folder: Path, numbers: range, seed: int, *, killed: bool) -> Callable[[Say], None]:
    """Damages of copies of one store."""

    def work(say: Say) -> None:
        whole = folder / "whole"
        whole.mkdir(parents=True)
        ledger = build(whole / "work.db", killed=killed)
        known = read_all(folder, whole, ledger)
        if read_all(folder, whole, ledger) != known:
            raise RuntimeError("a whole store does not read the same twice")
        for number in numbers:
            copy = folder / f"{number}"
            shutil.copytree(whole, copy)
            with suppress(FileNotFoundError):
                (copy / "work.db-shm").unlink()  # as after the machine went down
            what = strike(copy, Random(f"{seed} {number}"))
            found = outcome(examine(copy / "work.db", ledger))
            became = fate(found, known)
            say("struck", fate=became, what=what, killed=killed, why=why(found, known))
            if became in ("refused", "noticed", "harmless"):
                shutil.rmtree(copy)

    return work


def read_all(folder: Path, whole: Path, ledger: Ledger) -> dict[str, str]:
    """Digests of everything in a whole store."""
    copy = folder / "copy"
    shutil.copytree(whole, copy)
    found = outcome(examine(copy / "work.db", ledger))
    shutil.rmtree(copy)
    if found[0]["kind"] != "doctor" or found[0]["findings"] or found[1]["kind"] != "content":
        raise RuntimeError(f"a whole store is not taken for one: {found}")
    return dict(found[1]["found"])


def jobs(scale: Scale) -> Iterator[Callable[[Say], None]]:
    """Half of the damages on stores that were closed, half on stores that were killed."""
    half = max(1, scale.points // (4 if scale.thorough else 2))
    for i, at in enumerate(range(0, scale.points, half)):
        numbers = range(at, min(at + half, scale.points))
        yield job(scale.folder / f"damage-{i}", numbers, scale.seed, killed=bool(i % 2))


def steps(scale: Scale) -> int:
    """Of the progress bar."""
    return scale.points


def measure(scale: Scale, tick: Tick) -> Row:
    """All damages, counted by what became of them."""
    fates: Counter[str] = Counter()
    by_kind: dict[str, Counter[str]] = {}
    problems = []
    for m in parallel(list(jobs(scale)), scale.workers):
        fates[m["fate"]] += 1
        kind = f"{m['what'].partition(' ')[0]}, store {'killed' if m['killed'] else 'closed'}"
        by_kind.setdefault(kind, Counter())[m["fate"]] += 1
        if m["fate"] not in ("refused", "noticed", "harmless"):
            problems.append(f"{m['fate']}: {m['what']} ({kind}) {m['why']}")
        tick(1)
    counted = ", ".join(f"{fates[name]} {name}" for name in (*FATES, "untyped") if fates[name])
    return Row(
        "R4 bit flips, cuts, zeroed sectors",
        sum(fates.values()),
        "all detected, none loaded silently",
        counted + f"; {fates['silent']} silent",
        problems,
        {"fates": dict(fates), "by_kind": {k: dict(v) for k, v in sorted(by_kind.items())}},
    )
