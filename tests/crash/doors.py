"""R18: what is too large, too deep or too many, sent to a real server process."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from http.client import HTTPConnection
from pathlib import Path

import quickstudy
from quickstudy.serve.app import create_app
from quickstudy.serve.server import listen, run
from quickstudy.serve.settings import ServerSettings
from tests.crash import spare
from tests.crash.forking import LONGEST, Child, Say
from tests.crash.rows import Row, Scale, Tick

PREDICT, FEEDBACK = "/v1/learners/cards/predictions", "/v1/feedback"
MIB = 1 << 20
LARGE = b'{"record": "' + b"x" * (10 * MIB) + b'"}'
ROUNDS = 30  # of every attack while memory is watched
MOST_GROWTH = 16.0  # MiB, for several GB sent
AT_ONCE = 0.05  # seconds for a refusal, bodies that are read in vain apart


@dataclass(frozen=True)
class Attack:
    """A request that must be refused. `long`: its body alone takes longer than a refusal may."""

    name: str
    body: bytes
    path: str = PREDICT
    long: bool = False


def attacks() -> Iterator[Attack]:
    """One of each kind."""
    fields = b",".join(b'"f%d":1' % i for i in range(1_000_000))
    yield Attack("a body of 10 MB", LARGE, long=True)
    yield Attack("1,000,000 fields", b'{"record": {' + fields + b"}}", long=True)
    some = b",".join(b'"f%d":1' % i for i in range(90_000))
    yield Attack("90,000 fields", b'{"record": {' + some + b"}}")
    yield Attack("lists in lists", b'{"record": ' + b"[" * 100_000 + b"]" * 100_000 + b"}")
    yield Attack("records in records", b'{"record": ' + b'{"a":' * 5000 + b"1" + b"}" * 5001)
    yield Attack("a long name", b'{"record": {"' + b"n" * 500_000 + b'": 1}}')
    yield Attack("a long number", b'{"record": ' + b"9" * 900_000 + b"}")
    yield Attack("infinity", b'{"record": {"a": 1e999}}')
    yield Attack("half a character", b'{"record": "\\ud83d"}')
    yield Attack("a key that runs backwards", '{"record": {"\u202ea": 1}}'.encode())
    yield Attack("1,001 records", json.dumps({"records": ["x"] * 1001}).encode())
    label = {"learner": "cards", "record": "x", "label": "y" * 1001}
    yield Attack("a long label", json.dumps(label).encode(), FEEDBACK)


def serve(path: Path) -> Callable[[Say], None]:
    """The server, with one learner."""

    def work(say: Say) -> None:
        spare.none()
        deployment = quickstudy.open(path)
        deployment.create("cards", budget_mb=16, seed=7)
        deployment.feedback(learner="cards", record="my card is lost", label="lost")
        settings = ServerSettings(port=0)
        listening, address = listen(settings)
        app = create_app(deployment, settings=settings)
        run(app, listening, ready=lambda: say("ready", host=address.removeprefix("http://")))

    return work


def send(host: str, attack: Attack) -> tuple[int, float]:
    """Status of the answer, and the seconds until it came."""
    connection = HTTPConnection(host, timeout=30)
    start = time.perf_counter()
    with suppress(BrokenPipeError, ConnectionResetError):  # while it was being told
        headers = {"content-type": "application/json"}
        connection.request("POST", attack.path, body=attack.body, headers=headers)
    status = connection.getresponse().status
    connection.close()
    return status, time.perf_counter() - start


def labels(host: str) -> list[int]:
    """10,000 new labels, a hundred at a time: what was answered."""
    found = []
    for at in range(0, 10_000, 100):
        items = [
            {"learner": "cards", "record": f"text {i}", "label": f"label {i}", "key": f"{i}"}
            for i in range(at, at + 100)
        ]
        body = json.dumps({"feedback": items}).encode()
        found.append(send(host, Attack("labels", body, FEEDBACK))[0])
    return found


def resident(pid: int) -> float:
    """Memory of a process that is in use, MiB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS")) / 1024


def steps(scale: Scale) -> int:
    """Of the progress bar."""
    return ROUNDS + 2


def measure(scale: Scale, tick: Tick) -> Row:
    """Each attack often, then the labels."""
    folder = scale.folder / "doors"
    folder.mkdir()
    server = Child(serve(folder / "work.db"))
    server.until = server.started + LONGEST
    try:
        host = next(m["host"] for m in server.messages() if m["kind"] == "ready")
        return attacked(server, host, scale, tick)
    finally:
        server.close()


def attacked(server: Child, host: str, scale: Scale, tick: Tick) -> Row:
    """What the server at `host` did."""
    kinds = list(attacks())
    took: dict[str, list[float]] = {}
    problems: set[str] = set()
    before = 0.0
    for attack in kinds * (ROUNDS + 1):
        status, seconds = send(host, attack)
        took.setdefault(attack.name, []).append(seconds)
        if not 400 <= status < 500:
            problems.add(f"{attack.name}: answered with {status}")
        if attack is kinds[-1]:
            before = before or resident(server.pid)  # after the first of each
            tick(1)
    grown = resident(server.pid) - before
    fastest = {a.name: min(took[a.name]) for a in kinds if not a.long}
    if scale.thorough:  # a machine that runs tests beside other work proves nothing about time
        problems |= {f"{n}: {s * 1000:.0f} ms at best" for n, s in fastest.items() if s > AT_ONCE}
    if grown > MOST_GROWTH:
        problems.add(f"memory grew by {grown:.0f} MiB")
    statuses = labels(host)
    tick(1)
    if set(statuses) - {200, 422} or statuses[-1] != 422:
        problems.add(f"10,000 new labels: {sorted(set(statuses))}, at last {statuses[-1]}")
    refused = sum(map(len, took.values()))
    middle = sorted(s for a in kinds if not a.long for s in took[a.name])
    return Row(
        "R18 too large, too deep, too many",
        refused,
        "4xx, memory flat",
        f"{len(kinds)} kinds refused {refused} times, in {middle[len(middle) // 2] * 1000:.1f} ms "
        f"(median); memory grew by {max(grown, 0.0):.1f} MiB; new labels stop at "
        f"{100 * statuses.count(200):,}",
        sorted(problems),
        {"fastest_ms": {n: round(s * 1000, 1) for n, s in fastest.items()}, "grown_mib": grown},
    )
