"""R8: a server is saved, copied and consolidated again and again while 64 clients use it.

A real server process, its store and its HTTP; 64 clients in another process, that predict, teach
and correct as in R1. Meanwhile a third process makes backups, has the champions consolidated and
withdraws what came of it, and keeps a link to every snapshot that appears. Then the server is told
to stop, and

- all that was acknowledged is there once, and the doctor finds nothing;
- every snapshot and every backup loads;
- the states of the store, of each backup, of a store that was given the log and nothing else, and
  of some that begin with a snapshot are those of one replay, which knows of no saving at all.
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

import httpx

import quickstudy
from quickstudy.client.client import Client
from quickstudy.deploy.recovery import snapshots
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
PAUSE, SHORT_PAUSE = 0.5, 2.0  # seconds at most between what a client does: checks take longer
BETWEEN_SNAPSHOTS = 100  # events
BETWEEN_BACKUPS, BETWEEN_CONSOLIDATIONS, BETWEEN_LOOKS = 3.0, 0.5, 0.02  # seconds
SAMPLE = 3  # snapshots from which the rest of the log is gone through
TEXTS = 0.05  # share of the slower learner
CHECKING = 1800.0  # seconds that the checks may take


class User(Talker):
    """A client that thinks between what it does."""

    pause = 0.0  # seconds at most

    def turn(self) -> None:
        super().turn()
        time.sleep(self.rng.uniform(0.0, self.pause))


def users(address: str, pause: float) -> Callable[[Say], None]:
    """The clients, each with connections of its own."""

    def work(say: Say) -> None:
        plain = [httpx.HTTPTransport(verify=False) for _ in range(CLIENTS)]
        clients = [Client(address, transport=transport) for transport in plain]
        talkers = [
            User(client, say, f"R8.{i}", ENDLESS, remote=False, texts=TEXTS)
            for i, client in enumerate(clients)
        ]
        for talker in talkers:
            talker.pause = pause
            talker.start()
        for talker in talkers:
            talker.join()

    return work


def saver(address: str, path: Path, seconds: float) -> Callable[[Say], None]:
    """Backups, consolidations, and links to all snapshots, each again and again in its thread."""

    def work(say: Say) -> None:
        over = threading.Event()
        path.with_name("links").mkdir()

        def again(what: Callable[[int], None], pause: float) -> None:
            try:
                for number in itertools.count():
                    what(number)
                    if over.wait(pause):
                        return
            except Exception as error:  # whatever it is: it must not be
                say("problem", text=f"{what.func.__name__}: {type(error).__name__}: {error}")

        with Client(address) as client:
            tasks = (
                (partial(back_up, path, say), BETWEEN_BACKUPS),
                (partial(consolidate, client), BETWEEN_CONSOLIDATIONS),
                (partial(link_all, path), BETWEEN_LOOKS),
            )
            threads = [threading.Thread(target=again, args=task) for task in tasks]
            for thread in threads:
                thread.start()
            over.wait(seconds)
            over.set()
            for thread in threads:
                thread.join()

    return work


def back_up(path: Path, say: Say, number: int) -> None:
    """One backup, as `quickstudy backup` makes it beside a server."""
    store = Store(path, write=False)
    try:
        store.backup(backup_path(path, number))
    finally:
        store.close()
    say("backup")


def consolidate(client: Client, number: int) -> None:
    """One consolidation; what comes of it is in shadow until the next."""
    name = LEARNERS[number % len(LEARNERS)]
    with suppress(InputError):  # it has no challenger
        client.withdraw(name)
    with suppress(InputError):  # it has too little to go by yet
        client.challenge(name, reason="R8")


def backup_path(path: Path, number: int) -> Path:
    """Where a backup is."""
    return path.with_name(f"backup-{number}.db")


def link_all(path: Path, _: int) -> None:
    """Link the snapshots that are there: the store removes all but the last two."""
    for found in path.with_name(f"{path.name}.d").glob("*/snapshot-*.safetensors"):
        link = path.with_name("links") / f"{found.parent.name}-{found.name}"
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
    for message in under_load(path, scale, tick):
        counts[message["kind"]] += 1
        if message["kind"] == "failed":
            ledger.problems.append(f"{message['error']}\n{message['at']}")
        ledger.read(message)
    ledger.end_life()
    acknowledged = ledger.acknowledged
    found = outcome(partial(After(path, ledger, counts["backup"]).look), CHECKING)
    *_, told = [m for m in found if m["kind"] == "looked"] or [{"problems": found[-1:]}]
    problems = [str(problem) for problem in told.pop("problems")]
    told.pop("kind", None)
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


def under_load(path: Path, scale: Scale, tick: Tick) -> Iterator[Message]:
    """What server, clients and saver say, until the server has stopped."""
    point = Point(0, None, "peace", LONGEST, real_refits=True, between_snapshots=BETWEEN_SNAPSHOTS)
    server = Child(remote.serve(path, point))
    address = next(m["address"] for m in server.messages() if m["kind"] == "ready")
    seconds, pause = seconds_of(scale), PAUSE if scale.thorough else SHORT_PAUSE
    clients, saving = Child(users(address, pause)), Child(saver(address, path, seconds))
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
            self.by_the_log(deployment)
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
        names = {f"learner-{deployment.classifiers.by_name[n].number}": n for n in LEARNERS}
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

    def by_the_log(self, deployment: Any) -> None:
        """Copies that have no snapshot and the log alone to go by, or one of the snapshots."""
        path = self.path.with_name("log.db")
        deployment.backup(path)
        folder = path.with_name(f"{path.name}.d")
        for link in (None, *self.links[:: max(1, len(self.links) // SAMPLE)]):
            for left in folder.rglob("snapshot-*"):
                left.unlink()
            if link is not None:
                learner, _, name = link.name.partition("-snapshot-")
                shutil.copy(link, folder / learner / f"snapshot-{name}")
            self.copy(deployment, path)
