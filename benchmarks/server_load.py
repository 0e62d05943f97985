"""The load generator of `server.py`: a process of its own, HTTP/1.1 over kept-alive connections.

    python benchmarks/server_load.py '{"port": 8000, "predictions": 300, ...}' out.npz

Open loop: requests leave at random times (a Poisson process of the rate asked for) that are drawn
beforehand, whatever the server does, and latency counts from the time a request was due. Where all
connections are busy it waits here, and that wait counts. So a server that stalls is charged for all
that would have come meanwhile (no coordinated omission).

Predictions go through elec2 row by row, from row `start` on and round again; of every second one
the true label comes back as feedback, in order, one or `batch` at a time. It is lean because it
must not be what is measured: `sent - due` is written as well.
"""

from __future__ import annotations

import asyncio
import functools
import gc
import json
import selectors
import sys
import time
from collections import deque
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from peers_streams import read_stream

CONNECTIONS = 32
SOURCE = "benchmark"
PREDICT, FEEDBACK = 0, 1
SKIPPED = -1  # as status: no prediction was there to give a label to
GRACE = 20.0  # seconds that answers may take after the last request was due
Answered = Callable[[int, bytes], None]


@dataclass(frozen=True)
class Plan:
    """A load: records and labels a second, `batch` of them in each request, for so long.

    `backlog` holds ids and rows of earlier predictions that have not got their label.
    """

    port: int
    predictions: float
    feedbacks: float
    seconds: float
    batch: int = 1
    start: int = 0
    seed: int = 0
    learner: str = "elec2"
    backlog: tuple[tuple[str, int], ...] = ()

    def text(self) -> str:
        """The plan as JSON for the command line."""
        return json.dumps(asdict(self))

    def schedule(self) -> tuple[np.ndarray, np.ndarray]:
        """When each request is due, in seconds from the start, and of which kind it is."""
        rng = np.random.default_rng(self.seed)
        rates = (self.predictions / self.batch, self.feedbacks / self.batch)
        times = [np.sort(rng.uniform(0, self.seconds, round(r * self.seconds))) for r in rates]
        due = np.concatenate(times)
        kind = np.repeat([PREDICT, FEEDBACK], [len(t) for t in times])
        order = np.argsort(due, kind="stable")
        return due[order], kind[order]


class Connection(asyncio.Protocol):
    """One kept-alive connection: a request out, its answer in, then the next."""

    def __init__(self, lost: Callable[[Connection, bool], None]) -> None:
        self._buffer = b""
        self._answered: Answered | None = None
        self._lost = lost

    def connection_made(self, transport: Any) -> None:
        self._transport = transport

    def send(self, request: bytes, answered: Answered) -> None:
        """Send a request; `answered(status, body)` is called once its answer is whole."""
        self._answered = answered
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        head, found, body = self._buffer.partition(b"\r\n\r\n")
        if not found:
            return
        length = int(head.lower().partition(b"content-length:")[2].partition(b"\r\n")[0])
        if len(body) < length or self._answered is None:
            return
        self._buffer = b""
        answered, self._answered = self._answered, None
        answered(int(head[9:12]), body)

    def connection_lost(self, exc: Exception | None) -> None:
        self._lost(self, self._answered is not None)


class Load:
    """Runs a plan against a server, and keeps when each request was due, sent and answered."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.due, self.kind = plan.schedule()
        self.sent, self.done = np.full((2, len(self.due)), np.nan)
        self.status = np.zeros(len(self.due), np.int64)
        self.acknowledged: list[tuple[str, int]] = []
        self.right: list[bool] = []
        self._records, self._labels = read_stream("elec2")
        self._unlabelled = deque(plan.backlog)
        self._idle: deque[Connection] = deque()
        self._waiting: deque[tuple[int, bytes, Any]] = deque()
        self._row = plan.start
        self._open = 0
        self._over: asyncio.Future[None]

    async def run(self) -> None:
        """Send everything and wait for the answers, or until the server is gone."""
        loop = asyncio.get_running_loop()
        self._over = loop.create_future()
        for _ in range(CONNECTIONS):
            await self._connect()
        gc.collect()
        gc.freeze()
        self.began, self.clock = time.time(), time.perf_counter()
        self._at, self._next = loop.time(), 0
        self._tick()
        try:
            await asyncio.wait_for(self._over, self.plan.seconds + GRACE)
        except TimeoutError:
            print("some answers never came", file=sys.stderr)

    async def _connect(self) -> None:
        loop = asyncio.get_running_loop()
        make = functools.partial(Connection, self._lost)
        _, connection = await loop.create_connection(make, "127.0.0.1", self.plan.port)
        self._idle.append(connection)

    def _lost(self, connection: Connection, asked: bool) -> None:
        """A server may close a connection that rests; if it owes an answer, it is gone."""
        if connection in self._idle:
            self._idle.remove(connection)
        if asked:
            self._finish()

    def _finish(self) -> None:
        if not self._over.done():
            self._over.set_result(None)

    def _tick(self) -> None:
        """Send all that is due, and come back when the next one is."""
        loop = asyncio.get_running_loop()
        now = loop.time() - self._at
        while self._next < len(self.due) and self.due[self._next] <= now:
            self._next += 1
            self._dispatch(self._next - 1)
        if self._next < len(self.due) and not self._over.done():
            loop.call_at(self._at + float(self.due[self._next]), self._tick)

    def _dispatch(self, i: int) -> None:
        request, context = self._predict() if self.kind[i] == PREDICT else self._feedback()
        if not request:
            self._answered(i, None, SKIPPED, b"")
        elif self._idle:
            self._send(self._idle.popleft(), i, request, context)
        else:
            self._waiting.append((i, request, context))

    def _send(self, connection: Connection, i: int, request: bytes, context: Any) -> None:
        def answered(status: int, body: bytes) -> None:
            self._answered(i, context, status, body)
            if self._waiting:
                self._send(connection, *self._waiting.popleft())
            else:
                self._idle.append(connection)

        self._open += 1
        self.sent[i] = time.perf_counter() - self.clock
        connection.send(request, answered)

    def _answered(self, i: int, context: Any, status: int, body: bytes) -> None:
        self.status[i] = status
        if status != SKIPPED:
            self._open -= 1
            self.done[i] = time.perf_counter() - self.clock
            if status < 300:
                self._note(i, context, json.loads(body))
        if self._next == len(self.due) and not self._open and not self._waiting:
            self._finish()

    def _note(self, i: int, context: Any, answer: Any) -> None:
        if self.kind[i] == FEEDBACK:
            self.acknowledged += context
            return
        for row, said in zip(context, answer.get("predictions", [answer]), strict=True):
            self.right.append(said["label"] == self._labels[row])
            if row % 2 == 0:
                self._unlabelled.append((said["id"], row))

    def _predict(self) -> tuple[bytes, list[int]]:
        rows = [(self._row + i) % len(self._records) for i in range(self.plan.batch)]
        self._row += self.plan.batch
        records = [self._records[row] for row in rows]
        body = {"record": records[0]} if self.plan.batch == 1 else {"records": records}
        return post(f"/v1/learners/{self.plan.learner}/predictions", body), rows

    def _feedback(self) -> tuple[bytes, list[tuple[str, int]]]:
        if len(self._unlabelled) < self.plan.batch:
            return b"", []
        cases = [self._unlabelled.popleft() for _ in range(self.plan.batch)]
        items = [
            {"prediction_id": name, "label": self._labels[row], "source": SOURCE}
            for name, row in cases
        ]
        body = items[0] if self.plan.batch == 1 else {"feedback": items}
        return post("/v1/feedback", body), cases

    def _unsure(self) -> int:
        """Labels that were sent, and not acknowledged: the server may have them or not."""
        sent = (self.kind == FEEDBACK) & np.isfinite(self.sent) & ~np.isfinite(self.done)
        return int(sent.sum()) * self.plan.batch

    def save(self, path: str) -> None:
        """Save all times in milliseconds, and `due` also as seconds since 1970."""
        np.savez(
            path,
            at=self.began + self.due,
            kind=self.kind,
            wait_ms=1e3 * (self.sent - self.due),
            latency_ms=1e3 * (self.done - self.due),
            status=self.status,
            unsure=self._unsure(),
            right=np.array(self.right),
            acknowledged=np.array([name for name, _ in self.acknowledged], dtype=np.str_),
            rows=np.array([row for _, row in self.acknowledged], dtype=np.int64),
            backlog=np.array(json.dumps(list(self._unlabelled))),
            row=self._row,
        )


def post(path: str, body: Any) -> bytes:
    """A request as it goes over the wire."""
    text = json.dumps(body, separators=(",", ":")).encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(text)}\r\n\r\n"
    )
    return head.encode() + text


def main() -> None:
    """Run one plan."""
    given = json.loads(sys.argv[1])
    load = Load(Plan(**{**given, "backlog": tuple(map(tuple, given["backlog"]))}))
    # select() waits for microseconds, epoll for whole milliseconds
    loop = asyncio.SelectorEventLoop(selectors.SelectSelector())
    loop.run_until_complete(load.run())
    load.save(sys.argv[2])


if __name__ == "__main__":
    main()
