"""R8: a server is saved, copied and consolidated again and again while 64 clients use it.

A real server process, its store and its HTTP; 64 clients in another process, that predict, teach
and correct as in R1. Meanwhile a third process makes backups, has the champions consolidated and
withdraws what came of it, and keeps a link to every snapshot that appears. Then the server is told
to stop, and

- all that was acknowledged is there once, and the doctor finds nothing;
- every snapshot and every backup loads;
- the states of the store, of each backup and snapshot, and of a store that was given the log and
  nothing else, are those of one replay, which knows of no saving at all.
"""

from __future__ import annotations

import itertools
import os
import shutil
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import quickstudy
from quickstudy.client import Client
from quickstudy.deploy import snapshots
from quickstudy.errors import InputError
from quickstudy.log.store import Store
from tests.crash import remote, spare
from tests.crash.bites import teller
from tests.crash.data import LEARNERS
from tests.crash.forking import LONGEST, Child, Message, Say, outcome
from tests.crash.kill import Point
from tests.crash.ledger import Ledger
from tests.crash.load import Talker
from tests.crash.rows import Row, Scale, Tick
from tests.crash.truth import all_events
from tests.crash.verify import Check

CLIENTS, ENDLESS = 64, 10**6
SECONDS, SHORT = 60, 8
BETWEEN_SNAPSHOTS = 100  # events
BETWEEN_BACKUPS = 3.0  # seconds
LOOK = 0.02  # seconds between looks for new snapshots
TEXTS = 0.05  # share of the slower learner
CHECKING = 1800.0  # seconds that the checks may take


def users(address: str) -> Callable[[Say], None]:
    """The clients, each with connections of its own."""

    def work(say: Say) -> None:
        talkers = [
            Talker(Client(address), say, f"R8.{i}", ENDLESS, remote=False, texts=TEXTS)
            for i in range(CLIENTS)
        ]
        for talker in talkers:
            talker.start()
        for talker in talkers:
            talker.join()

    return work


def saver(address: str, path: Path, seconds: float) -> Callable[[Say], None]:
    """Backups and consolidations by turns, and links to all snapshots."""

    def work(say: Say) -> None:
        over = threading.Event()
        links = threading.Thread(target=keep_links, args=(path, over))
        links.start()
        with Client(address) as client:
            ends = time.monotonic() + seconds
            for number in itertools.count():
                if time.monotonic() > ends:
                    break
                began = time.monotonic()
                save(client, path, number, say)
                time.sleep(max(0.0, BETWEEN_BACKUPS - (time.monotonic() - began)))
        over.set()
        links.join()

    return work


def save(client: Client, path: Path, number: int, say: Say) -> None:
    """One backup, and one consolidation, whose outcome is in shadow until the next."""
    name = LEARNERS[number % len(LEARNERS)]
    store = Store(path, write=False)  # as `quickstudy backup` does beside a server
    store.backup(backup_path(path, number))
    store.close()
    say("backup", number=number)
    for learner in LEARNERS:
        with suppress(InputError):  # it has no challenger
            client.withdraw(learner)
    with suppress(InputError):  # it has too little to go by yet
        client.challenge(name, reason="R8")
        say("consolidated")


def backup_path(path: Path, number: int) -> Path:
    """Where a backup is."""
    return path.with_name(f"backup-{number}.db")


def keep_links(path: Path, over: threading.Event) -> None:
    """Link every snapshot that appears: the store removes all but the last two."""
    kept = path.with_name("links")
    kept.mkdir()
    while not over.wait(LOOK):
        for found in path.with_name(f"{path.name}.d").glob("*/snapshot-*.safetensors"):
            link = kept / f"{found.parent.name}-{found.name}"
            with suppress(FileExistsError, FileNotFoundError):
                os.link(found, link)


def steps(scale: Scale) -> int:
    """Of the progress bar."""
    return seconds_of(scale)


def seconds_of(scale: Scale) -> int:
    """For how long the clients go on."""
    return SECONDS if scale.thorough else SHORT


def measure(scale: Scale, tick: Tick) -> Row:
    """Load and saving, then the checks."""
    folder = scale.folder / "saves"
    folder.mkdir()
    path, ledger = folder / "work.db", Ledger()
    counts: Counter[str] = Counter()
    for message in under_load(path, seconds_of(scale), tick):
        counts[message["kind"]] += 1
        if message["kind"] == "failed":
            ledger.problems.append(f"{message['error']}\n{message['at']}")
        ledger.read(message)
    ledger.end_life()
    acknowledged = ledger.acknowledged
    found = outcome(partial(After(path, ledger, counts["backup"]).look), CHECKING)
    *_, told = [m for m in found if m["kind"] == "looked"] or [{"problems": found[-1:]}]
    problems = [str(problem) for problem in told.pop("problems")]
    figures = {"acknowledged": acknowledged, "backups": counts["backup"]} | told
    if not problems:
        shutil.rmtree(folder)
    return Row(
        "R8 saved under load",
        acknowledged,
        "hash unaffected, every snapshot loads",
        f"{CLIENTS} clients for {seconds_of(scale)} s: {figures.get('snapshots', 0)} snapshots and "
        f"{counts['backup']} backups load, {figures.get('consolidations', 0)} consolidations; "
        f"{figures.get('states', 0)} states compared with a replay; {len(problems)} differences",
        problems,
        figures,
    )


def under_load(path: Path, seconds: float, tick: Tick) -> Iterator[Message]:
    """What server, clients and saver say, until the server has stopped."""
    point = Point(0, None, "peace", LONGEST, real_refits=True, between_snapshots=BETWEEN_SNAPSHOTS)
    server = Child(remote.serve(path, point))
    address = next(m["address"] for m in server.messages() if m["kind"] == "ready")
    clients, saving = Child(users(address)), Child(saver(address, path, seconds))
    began, ticked = time.monotonic(), 0
    while not saving.ended and not server.ended:
        for child in (clients, saving, server):
            child.until = time.monotonic() + 0.02
            yield from child.messages()
        if ticked < min(int(time.monotonic() - began), seconds):
            tick(1)
            ticked += 1
    yield from clients.kill()
    os.kill(server.pid, signal.SIGTERM)
    server.until = time.monotonic() + LONGEST
    yield from server.messages()
    if server.wait() != 0:
        yield {"kind": "problem", "text": f"the server ended with status {server.status}"}
    for child in (clients, saving, server):
        child.close()


class After:
    """The store once the server has stopped, with all that was saved meanwhile."""

    def __init__(self, path: Path, ledger: Ledger, backups: int) -> None:
        self.path, self.ledger, self.backups = path, ledger, backups
        self.links = sorted(path.with_name("links").iterdir())

    def look(self, say: Say) -> None:
        """Check the store, and say what was found."""
        spare.none()
        tell, ledger = teller(self.ledger), self.ledger
        with quickstudy.open(self.path) as deployment:
            self.snapshots(deployment)
            for number in range(self.backups):
                self.copy(deployment, backup_path(self.path, number))
            check = Check(deployment, self.path, ledger, tell, Random(0))
            check.run()
            self.copy(deployment, self.log_alone(deployment))
            check.replays()
            types = Counter(event.type for event in all_events(deployment))
        say(
            "looked",
            problems=ledger.problems,
            snapshots=len(self.links),
            states=len(ledger.states),
            events=sum(types.values()),
            consolidations=types["consolidated"],
            refits=types["refitted"],
        )

    def snapshots(self, deployment: Any) -> None:
        """All load; the states of those that were made between two events are noted."""
        names = {f"learner-{deployment.desk.duty(n).number}": n for n in LEARNERS}
        for path in self.links:
            name = names["-".join(path.name.split("-")[:2])]
            try:
                fold = snapshots.read(path, deployment.store.link_at)
            except Exception as error:  # whatever it is: it must not be
                self.ledger.problems.append(f"{path.name}: {type(error).__name__}: {error}")
                continue
            if fold.learned == fold.decided:
                self.ledger.states.append((name, fold.learned, fold.hash))

    def copy(self, deployment: Any, path: Path) -> None:
        """A backup is a store as any other, and has the beginning of the log."""
        try:
            with quickstudy.open(path) as copied:
                head = copied.store.head
                if deployment.store.link_at(head[0]) != head[1]:
                    self.ledger.problems.append(f"{path.name} has another log")
                for info in copied.learners():
                    state = info.name, head[0], copied.state_hash(info.name)
                    self.ledger.states.append(state)
        except Exception as error:  # whatever it is: it must not be
            self.ledger.problems.append(f"{path.name}: {type(error).__name__}: {error}")

    def log_alone(self, deployment: Any) -> Path:
        """A copy without snapshots: all it can go by is the log."""
        path = self.path.with_name("log.db")
        deployment.backup(path)
        for left in path.with_name(f"{path.name}.d").rglob("snapshot-*"):
            left.unlink()
        return path
