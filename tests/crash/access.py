"""R17: endpoint x role x scope, from the document of a real server, over its socket."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from http.client import HTTPConnection
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

import quickstudy
from quickstudy.serve.app import create_app
from quickstudy.serve.server import listen, run
from quickstudy.serve.settings import ServerSettings
from tests.crash.forking import LONGEST, Child, Say
from tests.crash.rows import Row, Scale, Tick
from tests.serve import matrix
from tests.serve.matrix import Cell, Key, Knock, Operation

READ = 1 << 20  # bytes of an answer in which canaries are looked for
STRANGERS = ("no key", "a wrong key", "a key of another store", "a revoked key")
Visitor = Key | str


def serve(path: Path) -> Callable[[Say], None]:
    """The server, with two learners full of canaries and a key of every role and scope."""

    def work(say: Say) -> None:
        deployment = quickstudy.open(path)
        ids = matrix.furnish(deployment)
        secrets = {
            f"{key}": deployment.create_key(f"{key}", key[0], key[1])[1] for key in matrix.KEYS
        }
        gone, secrets["a revoked key"] = deployment.create_key("gone", "manage")
        deployment.revoke_key(gone.id)
        settings = ServerSettings(port=0)
        listening, address = listen(settings)
        app = create_app(deployment, settings=settings)
        host = address.removeprefix("http://")
        run(app, listening, ready=lambda: say("ready", host=host, ids=ids, secrets=secrets))

    return work


def send(host: str, asked: Knock, secret: str | None) -> tuple[int, str]:
    """Status and beginning of the answer; of one without an end the status alone."""
    connection = HTTPConnection(host, timeout=60)
    headers = {"authorization": f"Bearer {secret}"} if secret is not None else {}
    if asked.body is not None:
        headers["content-type"] = "application/json"
    query = f"?{urlencode(asked.query)}" if asked.query else ""
    body = None if asked.body is None else json.dumps(asked.body)
    connection.request(asked.method.upper(), quote(asked.path) + query, body=body, headers=headers)
    response = connection.getresponse()
    endless = response.getheader("content-type", "").startswith("text/event-stream")
    text = "" if endless else response.read(READ).decode("utf-8", "replace")
    connection.close()
    return response.status, text


def visits(document: Any) -> Iterator[tuple[Cell, Visitor]]:
    """Every cell with who comes: those that take something away last, a learner after its parts."""
    found: list[Operation] = list(matrix.operations(document))
    for operation in sorted(found, key=lambda o: (o.method == "delete", -o.path.count("/"))):
        for cell in matrix.cells(operation):
            yield cell, cell.key or ""
        for stranger in STRANGERS:
            for name in matrix.NAMES:
                yield Cell(operation, None, name), stranger


def steps(scale: Scale) -> int:
    """Of the progress bar: one an operation."""
    return sum(1 for _ in matrix.operations(create_app(object()).openapi()))  # type: ignore[arg-type]


def measure(scale: Scale, tick: Tick) -> Row:
    """All cells once."""
    folder = scale.folder / "access"
    folder.mkdir()
    server = Child(serve(folder / "work.db"))
    server.until = server.started + LONGEST
    try:
        ready = next(m for m in server.messages() if m["kind"] == "ready")
        return visited(ready, tick)
    finally:
        server.close()


def visited(ready: dict[str, Any], tick: Tick) -> Row:
    """What the server let happen."""
    host = ready["host"]
    status, text = send(host, Knock("get", "/openapi.json", None, None), None)
    document = json.loads(text)
    strange = {
        "no key": None,
        "a wrong key": ready["secrets"][f"{('manage', None)}"][:-1] + "!",
        "a key of another store": "qs_0123456789ab_" + "A" * 43,
        "a revoked key": ready["secrets"]["a revoked key"],
    }
    count = refused = 0
    faults: list[str] = []
    seen: set[Operation] = set()
    for cell, visitor in visits(document):
        secret = strange[visitor] if visitor in strange else ready["secrets"][f"{visitor}"]
        status, text = send(host, cell.request(ready["ids"]), secret)
        fault = cell.fault(status, text)
        faults += [f"{fault} [{visitor}]"] if fault else []
        count, refused = count + 1, refused + (status in (401, 403, 404))
        if cell.operation not in seen:
            seen.add(cell.operation)
            tick(1)
    exposures = sum("is let in" in fault or "shows" in fault for fault in faults)
    return Row(
        "R17 endpoint x role x scope",
        count,
        "0 exposures",
        f"{len(seen)} endpoints, {len(matrix.KEYS)} keys and {len(STRANGERS)} strangers on "
        f"{len(matrix.NAMES)} learners: {count:,} cells, {refused:,} refused, "
        f"{exposures} exposures",
        faults,
        {"cells": count, "refused": refused, "exposures": exposures, "endpoints": len(seen)},
    )
