"""R1: kill -9 at random moments and at named failpoints, restart, compare with the books.

A store has many lives. Each life is a process that opens the store, checks it against the books
of the lives before, and then takes load until it is killed: so every kill is followed by a check,
and the kills hit opening and checking as well. The last life checks, and closes in peace.
"""

from __future__ import annotations

import itertools
import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from random import Random

import quickstudy
from quickstudy.deploy import supervisor
from quickstudy.log import failpoints
from tests.crash import load, remote, spare
from tests.crash.data import LEARNERS, SMALL
from tests.crash.forking import LONGEST, Child, Message, Say, parallel
from tests.crash.ledger import Ledger
from tests.crash.rows import Row, Scale, Tick
from tests.crash.verify import Check
from tests.failpoints import arm

LIVES = 10  # of a store, so many points
THREADS = 4
ENDLESS = 10**6  # cases of a life that only its death ends
LAST_WORDS = 8  # cases of a thread before the store is closed, where that is killed
LAST_BREATH = 10.0  # seconds for a refit that is under way when its deployment dies
REMOTE = 0.1  # share of lives as a server, under load through HTTP
PATIENCE = 0.8  # seconds of load until a failpoint that was not met is given up
REAL_REFITS = 0.1  # share of lives whose refits start their process as in earnest
RARE = ("snapshot-written", "snapshot-renamed", "artifact-written", "before-refit-event")
MOST_VISITS = 15


@dataclass
class Tally:
    """What a number of points came to."""

    points: int = 0
    deaths: Counter[str] = field(default_factory=Counter)
    acknowledged: int = 0
    replays: int = 0
    opened: list[float] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add the points of another tally."""
        self.points += other.points
        self.deaths += other.deaths
        self.acknowledged += other.acknowledged
        self.replays += other.replays
        self.opened += other.opened
        self.problems += other.problems


@dataclass(frozen=True)
class Point:
    """One death: at a failpoint, or `seconds` after a life was started, ready or closing."""

    number: int
    failpoint: str | None
    since: str
    seconds: float
    real_refits: bool = False
    between_snapshots: int = 100
    remote: bool = False

    @classmethod
    def draw(cls, number: int, seed: int) -> Point:
        """Odd numbers die at named places in turn, even ones at random."""
        rng = Random(f"{seed} {number}")
        name = failpoints.NAMES[number // 2 % len(failpoints.NAMES)]
        visit = 1 + int(rng.random() ** 2 * (2 if name in RARE else MOST_VISITS))
        (since,) = rng.choices(("start", "ready", "closing"), (0.25, 0.6, 0.15))
        return cls(
            number=number,
            failpoint=f"{name}:{visit}" if number % 2 else None,
            since="ready" if number % 2 else since,
            seconds=PATIENCE if number % 2 else rng.uniform(0.0, 0.4),
            real_refits=rng.random() < REAL_REFITS,
            between_snapshots=10 if number % 2 and "snap" in name else rng.choice((30, 100, 1000)),
            remote=rng.random() < REMOTE,
        )


def live(path: Path, ledger: Ledger, point: Point) -> Callable[[Say], None]:
    """What the process of one life does: open, check, take load; close, if it gets that far."""

    def work(say: Say) -> None:
        if not point.real_refits:
            spare.prepare()
        supervisor.EVENTS_BETWEEN = point.between_snapshots
        arm(point.failpoint)
        started = time.monotonic()
        deployment = quickstudy.open(path)
        say("opened", seconds=time.monotonic() - started)
        names = {info.name for info in deployment.learners()}
        for name in LEARNERS:
            if name not in names:
                deployment.create(name, **SMALL)
        check = Check(deployment, path, ledger, say, Random(point.number))
        check.run()
        if point.since == "peace":
            check.replays()
        say("ready")
        cases = {"peace": 0, "closing": LAST_WORDS}.get(point.since, ENDLESS)
        load.run(deployment, say, f"{point.number}", threads=THREADS, cases=cases)
        say("closing")
        deployment.close()
        if point.since != "peace":
            time.sleep(LONGEST)

    return work


def series(folder: Path, numbers: range, seed: int) -> Iterator[Tally]:
    """The points of one store; yields a tally after each death, and one at the end."""
    folder.mkdir(parents=True)
    path, ledger = folder / "work.db", Ledger()
    children: list[Child] = []
    bad = 0
    peace = Point(numbers.stop, None, "peace", LONGEST)
    for point in itertools.chain((Point.draw(number, seed) for number in numbers), [peace]):
        if point.remote:
            tally = remote.die(path, point, ledger)
        else:
            children.append(Child(live(path, ledger, point)))
            tally = die(children[-1], point, ledger)
        if tally.problems:
            bad += 1
            shutil.copytree(folder, folder.with_name(f"{folder.name}-after-{point.number}"))
        yield tally
    if left := outliving(children):
        yield Tally(problems=[f"processes {left} go on without the one that started them"])
    if not bad:
        shutil.rmtree(folder)


def outliving(children: list[Child]) -> list[int]:
    """Processes that outlive those who started them by more than a few seconds; ends them."""
    ends = time.monotonic() + LAST_BREATH
    while (left := [p for child in children for p in child.left_behind()]) and (
        time.monotonic() < ends
    ):
        time.sleep(0.05)
    for child in children:
        child.close()
    return left


def die(child: Child, point: Point, ledger: Ledger) -> Tally:
    """Let a life run into its death, and enter what it had said."""
    tally = Tally()
    before = ledger.acknowledged
    child.until = child.started + (point.seconds if point.since == "start" else LONGEST)
    for message in child.messages():
        note(message, tally, ledger)
        if message["kind"] == point.since:
            child.until = time.monotonic() + point.seconds
    ready = child.until < child.started + LONGEST
    if child.ended:
        child.wait()
    status = child.status
    for message in child.kill():
        note(message, tally, ledger)
    ledger.end_life()
    tally.acknowledged = ledger.acknowledged - before
    how = "at random"
    if point.since == "peace":
        how = "in peace"
        if status != 0:
            ledger.problems.append(f"the last life ended with status {status}")
    elif status == -9 and point.failpoint:
        how = point.failpoint.partition(":")[0]
    elif status is None and not ready:
        ledger.problems.append("it hung")
    tally.points = how != "in peace"
    tally.deaths[how] += 1
    tally.problems = [f"point {point.number} ({how}): {p}" for p in ledger.problems]
    ledger.problems.clear()
    return tally


def note(message: Message, tally: Tally, ledger: Ledger) -> None:
    """Enter a message."""
    ledger.read(message)
    if message["kind"] == "opened":
        tally.opened.append(message["seconds"])
    elif message["kind"] == "replayed":
        tally.replays += 1
    elif message["kind"] == "failed":
        ledger.problems.append(f"{message['error']}\n{message['at']}")


def job(folder: Path, numbers: range, seed: int) -> Callable[[Say], None]:
    """The points of one store, in a process of its own."""

    def work(say: Say) -> None:
        for tally in series(folder, numbers, seed):
            say("tally", **vars(tally))

    return work


def steps(scale: Scale) -> int:
    """Of the progress bar."""
    return scale.points


def measure(scale: Scale, tick: Tick) -> Row:
    """All points, two stores at a time."""
    starts = range(0, scale.points, LIVES)
    jobs = [
        job(scale.folder / f"kill-{at}", range(at, min(at + LIVES, scale.points)), scale.seed)
        for at in starts
    ]
    tally = Tally()
    for message in parallel(jobs, scale.workers):
        message.pop("kind")
        tally.add(Tally(**{**message, "deaths": Counter(message["deaths"])}))
        tick(message["points"])
    named = sum(tally.deaths[name] for name in failpoints.NAMES)
    opened = sorted(tally.opened)
    return Row(
        "R1 kill -9 under load",
        tally.points,
        "0 acknowledged lost, 0 doubled, state hash = replay hash",
        f"{tally.acknowledged:,} acknowledged requests, {named} kills at failpoints, "
        f"{tally.replays} replays compared; {len(tally.problems)} differences; "
        f"reopened in {opened[len(opened) // 2]:.2f} s, at most {opened[-1]:.2f} s",
        tally.problems,
        {
            "deaths": dict(tally.deaths),
            "acknowledged": tally.acknowledged,
            "replays": tally.replays,
            "reopened_s": {"median": opened[len(opened) // 2], "most": opened[-1]},
        },
    )
