"""R2: power cuts, on a simulated disk that drops or tears whatever was not synced.

A small shared library (`trace.c`, preloaded) writes down all that a store does to its files while
it takes load, over several lives: each write with its bytes, each sync, each change of a name, and
between them what was sent and what was acknowledged. Offline, for each seed, a moment of that
record is chosen, and a disk is made as it may be found after a power cut at that moment:

- what was synced is there;
- of what was not, each file keeps nothing, all, the first so many writes, any of them, or any of
  their sectors of 512 bytes;
- a name that was made, changed or removed since its folder was synced is there or not;
- `-shm` is left out: it is a mapping, nobody syncs it, and SQLite makes it anew.

The store is then opened in the ordinary way. Its state must be that of a replay, its snapshots
whole, and all that the books have as acknowledged is looked for as in R1.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import quickstudy
from quickstudy.deploy import supervisor
from quickstudy.deploy.recovery import lineage, snapshots
from quickstudy.deploy.recovery.files import folder_of
from quickstudy.log.backends import sqlite
from quickstudy.log.store import Store
from tests.crash import load, spare
from tests.crash.bites import teller
from tests.crash.data import LEARNERS, SMALL, draw
from tests.crash.forking import Message, Say, parallel
from tests.crash.ledger import Ledger
from tests.crash.rows import Row, Scale, Tick
from tests.crash.simulated import BOOKS, END, RENAME, TRUNCATE, UNLINK, WRITE, Disk, Line
from tests.crash.truth import replayed_hashes
from tests.crash.verify import Check

SOURCE = Path(__file__).with_name("trace.c")
THREADS, ENDLESS = 4, 10**6
THOROUGH = 20  # every so manieth store is also replayed by itself, and shown to the doctor


@dataclass(frozen=True)
class Life:
    """A process that opens the store and takes load; with `acks`, killed after so many."""

    cases: int = ENDLESS
    acks: int | None = None
    pragmas: tuple[str, ...] = ()
    between_snapshots: int = 60
    imports: bool = False  # a model, which no replay could make again


LIVES = (
    Life(acks=120),
    Life(cases=16, pragmas=("wal_autocheckpoint=60",)),
    Life(acks=120, pragmas=("wal_autocheckpoint=20",), between_snapshots=40),
    Life(cases=8, imports=True),
)


@dataclass(frozen=True)
class Record:
    """What was written down, and of it what was sent and acknowledged: (line, message)."""

    root: Path
    lines: list[Line]
    books: list[tuple[int, Message]]

    @classmethod
    def read(cls, path: Path, root: Path) -> Record:
        """The record of a folder."""
        lines = list(Line.all(path.read_bytes()))
        books = [
            (at, json.loads(line.more))
            for at, line in enumerate(lines)
            if line.kind == WRITE and line.path == f"{root}/{BOOKS}"
        ]
        return cls(root, lines, books)

    def cut(self, seed: int) -> int:
        """A moment: half of them anywhere, half just after something is on the disk or said."""
        rng = Random(f"R2 {seed}")
        if seed % 2:
            return rng.randrange(len(self.lines) + 1)
        kinds = (END, RENAME, UNLINK, TRUNCATE)
        acks = [at + 1 for at, message in self.books if message["kind"] == "ack"]
        turns = [at + 1 for at, line in enumerate(self.lines) if line.kind in kinds]
        return rng.choice(acks if seed % 4 else turns)

    def until(self, cut: int) -> tuple[Ledger, list[str], list[str]]:
        """The books at a moment; learners that were made by then; versions that were imported."""
        ledger, made, imported = Ledger(), [], []
        for at, message in self.books:
            if at >= cut:
                break
            if message["kind"] == "life":
                ledger.end_life()
            elif message["kind"] == "made":
                made.append(message["learner"])
            elif message["kind"] == "imported":
                imported.append(message["version"])
            else:
                ledger.read(message)
        ledger.end_life()
        return ledger, made, imported


def steps(scale: Scale) -> int:
    """Of the progress bar."""
    return scale.points


def measure(scale: Scale, tick: Tick) -> Row:
    """All seeds, on one record."""
    folder = scale.folder / "disk"
    folder.mkdir()
    record = recorded(folder, LIVES)
    found = list(cut_all(folder, record, scale, tick))
    problems = [problem for m in found for problem in m["problems"]]
    problems += other_states(record, found)
    looked_for = sum(m["acknowledged"] for m in found)
    acks = sum(message["kind"] == "ack" for _, message in record.books)
    syncs = sum(line.kind == END for line in record.lines)
    states = sum(len(m["states"]) for m in found)
    if not problems:
        shutil.rmtree(folder)
    return Row(
        "R2 power cuts",
        scale.points,
        "0 acknowledged lost, 0 doubled, state hash = replay hash",
        f"cuts in a record of {acks} acknowledgements, {syncs} syncs and {len(LIVES)} lives: "
        f"{looked_for:,} acknowledgements looked for, {states:,} states compared with a replay; "
        f"{len(problems)} differences",
        problems,
        {"acknowledged": acks, "syncs": syncs, "lines": len(record.lines), "states": states},
    )


def cut_all(folder: Path, record: Record, scale: Scale, tick: Tick) -> Iterator[Message]:
    """What came of each seed."""
    spans = [range(part, scale.points, scale.workers) for part in range(scale.workers)]
    jobs = [partial(cuts, folder, record, scale.seed, span) for span in spans]
    for message in parallel(jobs, scale.workers):
        tick(1)
        yield message


def other_states(record: Record, found: list[Message]) -> list[str]:
    """States after a cut that are not those of a replay of the log that was being written.

    It is the same log, as the links say, so one replay serves all cuts.
    """
    path, problems = record.root / "work.db", []
    store = Store(path, write=False)
    for name in LEARNERS:
        states = [(m["seed"], *s) for m in found for s in m["states"] if s[0] == name]
        replayed = replayed_hashes(path, name, {seq for _, _, seq, _, _ in states})
        for seed, _, seq, link, state in states:
            if store.link_at(seq).hex() != link:
                problems.append(f"seed {seed}: event {seq} is another than was written")
            elif replayed[seq] != state:
                problems.append(f"seed {seed}: {name} after {seq}: {state}, not {replayed[seq]}")
    store.close()
    return problems


def recorded(folder: Path, lives: Sequence[Life]) -> Record:
    """Let the lives pass, one after the other, under the eyes of the library."""
    root, record = folder / "traced", folder / "record"
    root.mkdir(mode=0o700)
    record.touch()
    watch = {"QUICKSTUDY_TRACE": str(record), "QUICKSTUDY_TRACED": str(root)}
    env = os.environ | watch | {"LD_PRELOAD": str(library(folder))}
    for number, life in enumerate(lives):
        command = [sys.executable, "-m", "tests.crash.disk", str(root), str(number)]
        command.append(json.dumps(asdict(life)))
        top = Path(__file__).resolve().parents[2]
        ended = subprocess.run(command, env=env, cwd=top, capture_output=True, text=True)
        if ended.returncode != (0 if life.acks is None else -signal.SIGKILL):
            raise RuntimeError(f"life {number} ended with {ended.returncode}: {ended.stderr}")
    return Record.read(record, root)


def library(folder: Path) -> Path:
    """The shared library, compiled.

    Raises:
        FileNotFoundError: there is no C compiler.
    """
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if compiler is None:
        raise FileNotFoundError("there is no C compiler (cc), so no write can be written down")
    path = folder / "trace.so"
    command = [compiler, "-O1", "-shared", "-fPIC", str(SOURCE), "-o", str(path), "-ldl"]
    subprocess.run(command, check=True)
    return path


def live(root: Path, number: int, life: Life) -> None:
    """A life, in a process that has the library."""
    sqlite.PRAGMAS = (*sqlite.PRAGMAS, *life.pragmas)  # type: ignore[assignment]
    supervisor.EVENTS_BETWEEN = life.between_snapshots
    tell = Say(os.open(root / BOOKS, os.O_CREAT | os.O_WRONLY | os.O_APPEND, 0o600))
    count = itertools.count(1)

    def say(kind: str, **fields: Any) -> None:
        tell(kind, **fields)
        if kind == "ack" and life.acks is not None and next(count) >= life.acks:
            os.kill(os.getpid(), signal.SIGKILL)

    say("life")
    deployment = quickstudy.open(root / "work.db")
    make_missing(deployment, say)
    if life.imports:
        say("imported", version=import_model(deployment))
    load.run(deployment, say, f"{number}", threads=THREADS, cases=life.cases)
    Check(deployment, root / "work.db", Ledger(), say, Random(0)).state()
    deployment.close()


def import_model(deployment: Any) -> str:
    """Have a learner challenge a champion; the version it is."""
    learner, rng = quickstudy.Classifier(budget_mb=16, seed=11), Random("R2 model")
    learner.learn_many(*zip(*[draw(LEARNERS[0], rng) for _ in range(20)], strict=True))
    version = deployment.challenge(LEARNERS[0], model=learner.packed())
    deployment.withdraw(LEARNERS[0])
    return str(version.id)


def make_missing(deployment: Any, say: Callable[..., None]) -> None:
    """Make the learners that are not there."""
    there = {info.name for info in deployment.learners()}
    for name in LEARNERS:
        if name not in there:
            deployment.create(name, **SMALL)
            say("made", learner=name)


def cuts(folder: Path, record: Record, seed: int, span: range, say: Say) -> None:
    """Power cuts in the order of their moments, so that one disk goes through all of them."""
    spare.none()
    disk, at = Disk(record.root), 0
    for cut, number in sorted((record.cut(seed + number), seed + number) for number in span):
        for line in record.lines[at:cut]:
            disk.do(line)
        at = cut
        place = folder / f"seed-{number}"
        disk.write(place, Random(f"R2 disk {number}"))
        after = After(place / "work.db", *record.until(cut), number)
        acknowledged = after.ledger.acknowledged
        after.look()
        if after.ledger.problems:
            disk.write(folder / f"seed-{number}-as-found", Random(f"R2 disk {number}"))
        shutil.rmtree(place)
        problems = [f"seed {number}, line {cut}: {p}" for p in after.ledger.problems]
        say("cut", seed=number, acknowledged=acknowledged, states=after.states, problems=problems)


@dataclass
class After:
    """A store after a power cut; problems go into its books.

    Attributes:
        made, imported: learners and versions that were acknowledged.
        states: (learner, seq, link, state hash), as it was opened.
    """

    path: Path
    ledger: Ledger
    made: list[str]
    imported: list[str]
    seed: int
    states: list[tuple[str, int, str, str]] = field(default_factory=list)

    def look(self) -> None:
        """Open the store, and compare it with the books."""
        try:
            with quickstudy.open(self.path) as deployment:
                self.compare(deployment)
        except Exception as error:  # whatever it is: it must not be
            self.ledger.problems.append(f"{type(error).__name__}: {error}")

    def compare(self, deployment: Any) -> None:
        """State, snapshots, then all that was acknowledged; now and then a replay of its own."""
        tell = teller(self.ledger)
        there = [info.name for info in deployment.learners()]
        self.ledger.problems += [f"{name} is gone" for name in self.made if name not in there]
        for path in deployment.store.folder.rglob("snapshot-*.safetensors"):
            snapshots.read(path, deployment.store.link_at)  # whole, and of this log
        for version in self.imported:
            folder = folder_of(
                deployment.store.folder, deployment.classifiers.by_name[LEARNERS[0]].number
            )
            lineage.read_version(folder, version, 0)
        self.states = [self.state(deployment, name) for name in there]
        make_missing(deployment, tell)
        check = Check(deployment, self.path, self.ledger, tell, Random(self.seed))
        check.run()
        if self.seed % THOROUGH == 0:
            load.run(deployment, tell, f"after {self.seed}", threads=1, cases=2)  # it goes on
            check.state()
            check.replays()

    def state(self, deployment: Any, name: str) -> tuple[str, int, str, str]:
        """Of a learner, before anything is said to it."""
        seq = deployment.report(name).seq
        link = deployment.store.link_at(seq).hex()
        return name, seq, link, deployment.state_hash(name)


def bites(folder: Path, pragma: str, cuts: int) -> list[str]:
    """What is found on a store that does not sync as ours does."""
    record = recorded(folder, [Life(acks=60, pragmas=(pragma,))])
    scale = Scale(folder, points=cuts, workers=1)
    found = cut_all(folder, record, scale, lambda _: None)
    return [problem for message in found for problem in message["problems"]]


def main() -> None:
    """A life of a store in a process that has the library."""
    parser = argparse.ArgumentParser()
    parser.add_argument("root", type=Path)
    parser.add_argument("number", type=int)
    parser.add_argument("life", type=json.loads)
    asked = parser.parse_args()
    live(asked.root, asked.number, Life(**asked.life))


if __name__ == "__main__":
    main()
