"""The servers that `server.py` measures: started, talked to, watched and killed."""

from __future__ import annotations

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from peers_streams import ONE_CORE, read_stream
from server_load import FEEDBACK, PREDICT, SKIPPED, SOURCE, Plan

HERE = Path(__file__).resolve().parent
OURS, RIVER = "Quickstudy", "River ARF"
LEARNER = "elec2"
POLL = 0.005  # seconds between looks at a server that starts
START_WITHIN, STOP_WITHIN = 120.0, 60.0
CHUNK = 100  # records in one request when the point is to get many in
KEPT = 400  # predictions that wait for their label when a load begins
NEVER_MS = 1e6
Times = dict[str, Any]


class Server:
    """One server with its files in a folder of its own; a benchmark starts it again and again.

    It goes through elec2 row by row, round and round: every second row gets its label.
    """

    def __init__(self, kind: str, folder: Path) -> None:
        self.kind = kind
        self.folder = folder
        self.row = 0
        self.backlog: deque[tuple[str, int]] = deque()
        self.records, self.labels = read_stream("elec2")
        self.port = 0
        self.sent: dict[str, int] = {}  # prediction id -> row, of the last load's feedbacks
        self._process: subprocess.Popen[bytes] | None = None
        self._connection: http.client.HTTPConnection | None = None

    def _command(self) -> list[str]:
        if self.kind == OURS:
            store = str(self.folder / "work.db")
            command = ["-m", "quickstudy.cli", "serve", "--store", store]
        else:
            command = [str(HERE / "server_peer.py"), "--model", str(self.folder / "model.pkl")]
        return [sys.executable, *command, "--port", str(self.port)]

    def start(self) -> float:
        """Start it; the seconds until it said that it was ready."""
        self.port = free_port()
        log = (self.folder / "server.log").open("ab")
        began = time.perf_counter()
        self._process = subprocess.Popen(
            self._command(), stdout=log, stderr=log, env={**os.environ, **ONE_CORE}
        )
        while not self._ready():
            if self._process.poll() is not None or time.perf_counter() - began > START_WITHIN:
                raise SystemExit((self.folder / "server.log").read_text()[-2000:])
            time.sleep(POLL)
        seconds = time.perf_counter() - began
        log.close()
        return seconds

    def _ready(self) -> bool:
        try:
            return self.call("GET", "/readyz")[0] == 200
        except (OSError, http.client.HTTPException):
            return False

    def create(self) -> None:
        """Make the learner; the alternative has it from the start."""
        if self.kind == OURS:
            self.ask("POST", "/v1/learners", {"name": LEARNER})

    def call(self, method: str, path: str, body: Any = None) -> tuple[int, Any]:
        """One request over a kept connection: status and JSON."""
        if self._connection is None or self._connection.port != self.port:
            self._connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=120)
        text = None if body is None else json.dumps(body).encode()
        try:
            self._connection.request(method, path, text, {"Content-Type": "application/json"})
            answer = self._connection.getresponse()
            said = answer.read()
        except (OSError, http.client.HTTPException):
            self._connection.close()
            raise
        return answer.status, json.loads(said) if said[:1] in (b"{", b"[") else said

    def ask(self, method: str, path: str, body: Any = None) -> Any:
        """The JSON of a request that must succeed; a closed connection is opened again."""
        try:
            status, said = self.call(method, path, body)
        except (OSError, http.client.HTTPException):
            status, said = self.call(method, path, body)
        if status >= 300:
            raise SystemExit(f"{method} {path}: {status} {said}")
        return said

    def predict(self, count: int) -> list[tuple[str, int]]:
        """Send the next `count` records; (id, row) of those that are to get their label."""
        rows = [(self.row + i) % len(self.records) for i in range(count)]
        self.row += count
        body = {"records": [self.records[row] for row in rows]}
        said = self.ask("POST", f"/v1/learners/{LEARNER}/predictions", body)["predictions"]
        named = zip(said, rows, strict=True)
        return [(answer["id"], row) for answer, row in named if row % 2 == 0]

    def feedback(self, cases: list[tuple[str, int]]) -> Any:
        """Send the labels of `cases`."""
        items = [
            {"prediction_id": name, "label": self.labels[row], "source": SOURCE}
            for name, row in cases
        ]
        return self.ask("POST", "/v1/feedback", {"feedback": items})

    def fill(self, labels: int) -> None:
        """Predict twice as many records as `labels`, and learn every second one."""
        while len(self.backlog) < KEPT // 2:
            self.backlog += self.predict(CHUNK)
        while labels > 0:
            self.backlog += self.predict(CHUNK)
            cases = [self.backlog.popleft() for _ in range(min(CHUNK // 2, labels))]
            self.feedback(cases)
            labels -= len(cases)

    def learned(self) -> int:
        """Labels learned so far."""
        report = self.ask("GET", f"/v1/learners/{LEARNER}/report")
        return int(report["learned"] if self.kind == RIVER else report["learner"]["examples"])

    def settle(self) -> None:
        """Wait until it has learned all that it was told, and nothing is under way."""
        before = -1
        while (now := self.learned()) != before:
            before = now
            time.sleep(0.5)

    def rss_mb(self) -> float:
        """Resident memory of the server and the processes it started, MiB."""
        assert self._process is not None
        lines = subprocess.run(
            ["ps", "-eo", "pid=,ppid=,rss="], capture_output=True, text=True, check=True
        ).stdout.splitlines()
        facts = [tuple(map(int, line.split())) for line in lines]
        family = {self._process.pid}
        for _ in range(3):  # a child has a child at most
            family |= {pid for pid, parent, _ in facts if parent in family}
        return sum(rss for pid, _, rss in facts if pid in family) / 1024.0

    def load(self, plan: Plan, *, kill_after: float | None = None) -> Times:
        """Put a load on it from another process; what became of each request."""
        plan = replace(plan, port=self.port, start=self.row, backlog=tuple(self.backlog))
        with tempfile.TemporaryDirectory() as folder:
            out = Path(folder) / "times.npz"
            command = [sys.executable, str(HERE / "server_load.py"), plan.text(), str(out)]
            generator = subprocess.Popen(command, env={**os.environ, **ONE_CORE})
            if kill_after is not None:
                self._wait_for_load(generator)
                time.sleep(kill_after)
                self.kill()
            if generator.wait() != 0:
                raise SystemExit("the load generator failed")
            with np.load(out) as file:
                times: Times = {name: file[name] for name in file.files}
        self.row = int(times["row"])
        self.sent = dict(zip(times["acknowledged"].tolist(), times["rows"].tolist(), strict=True))
        self.backlog = deque((name, row) for name, row in json.loads(str(times["backlog"])))
        return times

    def lost(self, acknowledged: list[str], before: int) -> int:
        """How many of the feedbacks that were acknowledged before it was killed it does not know.

        Ours is sent each again, and must call it a repetition; the other says what it has learned.
        """
        if self.kind == RIVER:
            return max(0, before + len(acknowledged) - self.learned())
        rows, found = self.sent, []
        for at in range(0, len(acknowledged), CHUNK):
            cases = [(name, rows[name]) for name in acknowledged[at : at + CHUNK]]
            found += self.feedback(cases)["receipts"]
        return sum(receipt["status"] != "repeated" for receipt in found)

    def late(self) -> tuple[int, int]:
        """Labels for predictions of before the kill: how many were sent, how many refused."""
        cases = [self.backlog.popleft() for _ in range(min(CHUNK, len(self.backlog)))]
        refused = 0
        for name, row in cases:
            body = {"prediction_id": name, "label": self.labels[row], "source": SOURCE}
            refused += self.call("POST", "/v1/feedback", body)[0] >= 300
        if refused:
            self.backlog.clear()
        return len(cases), refused

    def head(self) -> int:
        """Sequence number of the last event."""
        return int(self.ask("GET", f"/v1/learners/{LEARNER}/report").get("seq", 0))

    def refits(self, after: int) -> list[tuple[float, float]]:
        """Start and end of the refits of slow experts since the event `after`."""
        times, found = {}, []
        while events := self.ask("GET", f"/v1/log?after={after}&limit=1000")["events"]:
            after = events[-1]["seq"]
            times |= {event["seq"]: event["time"] for event in events}
            found += [event for event in events if event["type"] == "refitted"]
        known = [event for event in found if event["payload"]["asof"] in times]
        return [(times[event["payload"]["asof"]], event["time"]) for event in known]

    def _wait_for_load(self, generator: subprocess.Popen[bytes]) -> None:
        before = self.learned()
        while generator.poll() is None and self.learned() == before:
            time.sleep(0.05)

    def stop(self) -> float:
        """Ask it to end; the seconds it took."""
        assert self._process is not None
        began = time.perf_counter()
        self._process.send_signal(signal.SIGTERM)
        self._process.wait(STOP_WITHIN)
        return time.perf_counter() - began

    def kill(self) -> None:
        """kill -9, in the middle of whatever it does."""
        assert self._process is not None
        self._process.kill()
        self._process.wait()


def free_port() -> int:
    """A port that nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def shares(times: Times) -> dict[str, Any]:
    """Latency percentiles in ms of predictions and feedbacks; the share of requests answered well.

    A request that was never answered, or with an error, counts as slower than any other.
    """
    sent = times["status"] != SKIPPED
    latency = slow_if_failed(times)
    found: dict[str, Any] = {"right": float(np.mean(times["right"]))}
    for name, kind in (("predictions", PREDICT), ("feedbacks", FEEDBACK)):
        these = latency[sent & (times["kind"] == kind)]
        p50, p99 = np.percentile(these, [50, 99], method="higher")
        found[name] = {"p50_ms": p50, "p99_ms": p99, "most_ms": these.max(), "n": len(these)}
    found["answered"] = float((latency[sent] < NEVER_MS).mean())
    found["skipped"] = int((~sent).sum())
    found["generator_late_p99_ms"] = float(np.nanpercentile(times["wait_ms"], 99))
    return found


def slow_if_failed(times: Times) -> np.ndarray:
    """Latencies in ms; what was not answered with a 2xx was slower than anything."""
    good = (times["status"] >= 200) & (times["status"] < 300)
    return np.where(good, times["latency_ms"], NEVER_MS)
