"""Single predictions alone, and while batches of 1,000 are answered one after the other.

A batch is the longest request that reads a learner. The next one is sent as soon as the last one is
answered, so a single prediction meets one at any stage: its records are read, computed, put on
record, or its answers are written out. The load of single predictions is open, as in `server.py`.
"""

from __future__ import annotations

import http.client
import json
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from common import Figures
from server_load import Plan
from server_process import LEARNER, Server, Times, slow_if_failed

SIZE = 1_000
LEARNED = 2_000  # examples, at least
PLAN = Plan(port=0, predictions=40, feedbacks=0, seconds=0)


def beside(server: Server, seconds: float, seed: int) -> Figures:
    """Percentiles of single predictions alone and beside batches, and the ratio of the two."""
    load = {**vars(PLAN), "seconds": seconds, "seed": seed}
    alone = percentiles(server.load(Plan(**load)))
    with batches(server) as took:
        under = percentiles(server.load(Plan(**load)))
    batch = {"n": len(took), "p50_ms": 1e3 * float(np.median(took)) if took else None}
    ratio = {name: under[name] / alone[name] for name in ("p50_ms", "p99_ms")}
    return {"alone": alone, "beside": under, "ratio": ratio, "batch": batch}


def percentiles(times: Times) -> Figures:
    """Latencies of the predictions of a load."""
    latency = slow_if_failed(times)
    p50, p99 = np.percentile(latency, [50, 99], method="higher")
    return {"p50_ms": p50, "p99_ms": p99, "most_ms": latency.max(), "n": len(latency)}


@contextmanager
def batches(server: Server) -> Iterator[list[float]]:
    """Have batches sent until the context ends; the seconds that each took."""
    over, took = threading.Event(), list[float]()
    sender = threading.Thread(target=_send, args=(server, over, took))
    sender.start()
    try:
        yield took
    finally:
        over.set()
        sender.join()


def _send(server: Server, over: threading.Event, took: list[float]) -> None:
    body = json.dumps({"records": server.records[:SIZE]}).encode()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)
    path = f"/v1/learners/{LEARNER}/predictions"
    while not over.is_set():
        began = time.perf_counter()
        connection.request("POST", path, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        answer.read()
        if answer.status >= 300:
            raise SystemExit(f"a batch was refused: {answer.status}")
        took.append(time.perf_counter() - began)
    connection.close()
