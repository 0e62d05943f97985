"""A life as a server: the process that is killed serves HTTP, another one sends the load."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import quickstudy
from quickstudy.client.client import Client
from quickstudy.deploy import supervisor
from quickstudy.serve.app import create_app
from quickstudy.serve.server import listen, run
from quickstudy.serve.settings import ServerSettings
from tests.crash import load, spare
from tests.crash.data import LEARNERS, SMALL
from tests.crash.forking import Child, Say
from tests.crash.ledger import Ledger
from tests.failpoints import arm

if TYPE_CHECKING:
    from tests.crash.kill import Point, Tally

THREADS, ENDLESS = 4, 10**6


def serve(path: Path, point: Point) -> Callable[[Say], None]:
    """The server: what `quickstudy serve` does, without starting Python anew."""

    def work(say: Say) -> None:
        if not point.real_refits:
            spare.prepare()
        supervisor.EVENTS_BETWEEN = point.between_snapshots
        started = time.monotonic()
        deployment = quickstudy.open(path)
        say("opened", seconds=time.monotonic() - started)
        for name in {*LEARNERS} - {info.name for info in deployment.learners()}:
            deployment.create(name, **SMALL)
        settings = ServerSettings(port=0)
        listening, address = listen(settings)
        app = create_app(deployment, settings=settings)
        arm(point.failpoint)
        run(app, listening, ready=lambda: say("ready", address=address))

    return work


def send(address: str, point: Point) -> Callable[[Say], None]:
    """The load."""

    def work(say: Say) -> None:
        with Client(address) as client:
            load.run(client, say, f"{point.number}", threads=THREADS, cases=ENDLESS, remote=True)

    return work


def die(path: Path, point: Point, ledger: Ledger) -> Tally:
    """Let a server run into its death under load; the next life checks what is left."""
    from tests.crash.kill import LONGEST, PATIENCE, Tally, note

    tally = Tally(points=1)
    before = ledger.acknowledged
    server = Child(serve(path, point))
    sender: Child | None = None
    server.until = server.started + LONGEST
    for message in server.messages():
        note(message, tally, ledger)
        if message["kind"] == "ready":
            sender = Child(send(message["address"], point))
            server.until = time.monotonic() + (PATIENCE if point.failpoint else point.seconds)
            break
    while sender is not None and time.monotonic() < server.until and alive(server):
        sender.until = time.monotonic() + 0.02
        for message in sender.messages():
            note(message, tally, ledger)
    named = not alive(server)
    for message in server.kill():
        note(message, tally, ledger)
    if sender is not None:
        for message in sender.kill():
            note(message, tally, ledger)
        sender.close()
    server.close()
    ledger.end_life()
    how = point.failpoint.partition(":")[0] if named and point.failpoint else "at random"
    tally.deaths[f"{how}, as a server"] += 1
    tally.acknowledged = ledger.acknowledged - before
    if sender is None:
        ledger.problems.append("the server did not start")
    tally.problems = [f"point {point.number} (as a server): {p}" for p in ledger.problems]
    ledger.problems.clear()
    return tally


def alive(child: Child) -> bool:
    """Whether a process goes on: not even as a zombie is it counted."""
    stat = Path(f"/proc/{child.pid}/stat").read_text()
    return stat.rpartition(")")[2].split()[0] != "Z"
