"""The server under load on two cores: latency, durability, memory, start; River's ARF beside it.

    python benchmarks/server.py             a quarter of an hour; nothing else should be running
    python benchmarks/server.py --short     a few minutes, to see that all of it works
    python benchmarks/server.py --no-peer   without River
    python benchmarks/server.py --only beside     one or several measurements
    python benchmarks/server.py --table     print the results there are

Both servers run over loopback with uvicorn, the load generator (`server_load.py`) in a process of
its own, everything on two cores where the system can pin processes. Records are those of elec2,
round and round; every second one gets its label. Arrivals are random, latency counts from the
moment a request was due, and percentiles are over all requests of all repeats.

- refit: predictions at 300 + 150 a second (as below) that came due while slow experts were refitted
  (ours: from the state that was taken to the event that brought it back) or while the model was
  pickled (River);
- single: 300 predictions and 150 durable feedbacks a second, one by one, by a learner that has
  learned some 15,000 examples; batches: 1,000 and 500 a second, ten in a request;
- beside: 40 predictions a second, alone and while batches of 1,000 are predicted all the time
  (`server_beside.py`);
- kill: kill -9 at a random moment of that load. Every feedback that was acknowledged is sent again
  after the restart: what is not known as a repetition was lost. River's server counts what it has
  learned. Then labels come for predictions of before the kill;
- start: from the start of the process to `/readyz`, and to the first prediction, with at least
  100,000 events in the log; after an orderly stop, and after kill -9;
- memory: of a server that did nothing else, and its processes, at 20,000, 100,000 and 200,000
  events (predictions and feedbacks together), filled in requests of a hundred.

River's server (`server_peer.py`) is the usual alternative: ARF, 10 trees, behind FastAPI, a dict of
predictions that wait, a pickle every 1,000 learns. Results go to `benchmarks/results/server.json`;
a loop of ten million additions is timed with them, because machines differ and so do their days.
"""

from __future__ import annotations

import argparse
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from common import Figures, Results
from quickstudy.console import progress_bar
from quickstudy.evaluate.peers.base import require
from quickstudy.warm import warm
from server_beside import LEARNED, beside
from server_load import PREDICT, Plan
from server_process import LEARNER, NEVER_MS, OURS, RIVER, Server, Times, shares, slow_if_failed
from server_table import claims, print_table

SINGLE = Plan(port=0, predictions=300, feedbacks=150, seconds=0)
BATCHES = Plan(port=0, predictions=1_000, feedbacks=500, seconds=0, batch=10)
TREE_SIZES = (12_975, 19_462)  # examples at which the trees are refitted
STEPS = ("refit", "single", "batches", "beside", "kill", "start", "memory")
BEFORE = 150  # labels: a load begins so many before a refit is due
REFIT_SECONDS = 10.0


@dataclass(frozen=True)
class Scale:
    """How much is measured."""

    repeats: int = 2
    seconds: float = 15.0
    batch_seconds: float = 8.0
    beside_seconds: float = 20.0
    sizes: tuple[int, ...] = TREE_SIZES
    kills: int = 3
    start_events: int = 100_000
    starts: int = 2
    memory: tuple[int, ...] = (20_000, 100_000, 200_000)


SHORT = Scale(1, 8.0, 4.0, 5.0, (1_709, 2_563), 2, 8_000, 1, (2_000, 5_000, 10_000))


@contextmanager
def server(kind: str) -> Iterator[Server]:
    """A server with an empty folder, gone at the end."""
    folder = Path(tempfile.mkdtemp(prefix="quickstudy-bench-"))
    made = Server(kind, folder)
    try:
        made.start()
        made.create()
        yield made
    finally:
        made.kill()
        shutil.rmtree(folder)


class Measuring:
    """All measurements of one server, in order; each continues where the last one ended."""

    def __init__(self, made: Server, scale: Scale, seed: int) -> None:
        self.server = made
        self.scale = scale
        self.rng = np.random.default_rng(seed)

    def steps(self) -> Iterator[tuple[str, Callable[[], Figures]]]:
        """Names and measurements."""
        yield "refit", self.refit
        yield "single", lambda: self.loaded(SINGLE, self.scale.seconds)
        yield "batches", lambda: self.loaded(BATCHES, self.scale.batch_seconds)
        yield "beside", self.beside
        yield "kill", self.kill
        yield "start", self.start

    def loaded(self, plan: Plan, seconds: float) -> Figures:
        """Percentiles over all repeats, and the p99 of each."""
        runs = []
        for _ in range(self.scale.repeats):
            self.server.settle()
            runs.append(self.run(plan, seconds))
        each = [shares(run) for run in runs]
        p99 = {k: [e[k]["p99_ms"] for e in each] for k in ("predictions", "feedbacks")}
        return {**shares(joined(runs)), "p99_of_each_ms": p99}

    def run(self, plan: Plan, seconds: float, **settings: Any) -> Times:
        """One load with a seed of its own."""
        seed = int(self.rng.integers(1 << 31))
        given = {**vars(plan), "seconds": seconds, "seed": seed}
        return self.server.load(Plan(**given), **settings)

    def fill_to(self, learned: int) -> None:
        """Teach the learner until it has learned that many examples."""
        self.server.fill(max(0, learned - self.server.learned()))
        self.server.settle()

    def refit(self) -> Figures:
        """Predictions while slow experts are refitted, or while the model is pickled."""
        found, spans = [], 0
        for size in self.scale.sizes:
            self.fill_to(size - BEFORE)
            head, began = self.server.head(), time.time()
            times = self.run(SINGLE, REFIT_SECONDS)
            self.server.settle()
            for first, last in self.spans(head, began):
                inside = (times["at"] >= first) & (times["at"] <= last)
                found.append(slow_if_failed(times)[inside & (times["kind"] == PREDICT)])
                spans += 1
        latency = np.concatenate(found) if found else np.array([NEVER_MS])
        p50, p99 = np.percentile(latency, [50, 99], method="higher")
        most = latency.max()
        return {"times": spans, "n": len(latency), "p50_ms": p50, "p99_ms": p99, "most_ms": most}

    def spans(self, head: int, began: float) -> list[tuple[float, float]]:
        """Start and end of the slow work of the server."""
        if self.server.kind == RIVER:
            report = self.server.ask("GET", f"/v1/learners/{LEARNER}/report")
            return [(a, b) for a, b in report["saves"] if a >= began]
        return self.server.refits(head)

    def beside(self) -> Figures:
        """Single predictions, alone and beside batches of 1,000."""
        self.fill_to(max(LEARNED, self.server.learned()))
        return beside(self.server, self.scale.beside_seconds, int(self.rng.integers(1 << 31)))

    def kill(self) -> Figures:
        """kill -9 under load, again and again; what was lost of what had been acknowledged."""
        found: Figures = dict.fromkeys(
            ("kills", "acknowledged", "lost", "doubled", "late_labels", "refused"), 0
        )
        for _ in range(self.scale.kills):
            self.server.settle()
            before = self.server.learned()
            after = float(self.rng.uniform(2.0, 8.0))
            times = self.run(SINGLE, 12.0, kill_after=after)
            sure = times["acknowledged"].tolist()
            self.server.start()
            lost = self.server.lost(sure, before)
            self.server.settle()
            most = before + len(sure) + int(times["unsure"])
            doubled = max(0, self.server.learned() - most)
            late, refused = self.server.late()
            found["kills"] += 1
            found["acknowledged"] += len(sure)
            found["lost"] += lost
            found["doubled"] += doubled
            found["late_labels"] += late
            found["refused"] += refused
        return found

    def start(self) -> Figures:
        """How long a start takes with many events in the log."""
        self.fill_to(self.scale.start_events // 3)
        found: Figures = {"labels": self.server.learned(), "stop": [], "orderly": [], "killed": []}
        for _ in range(self.scale.starts):
            found["stop"].append(self.server.stop())
            found["orderly"].append(self._started())
            self.server.fill(300)
            self.server.kill()
            found["killed"].append(self._started())
        return found

    def _started(self) -> Figures:
        began = time.perf_counter()
        ready = self.server.start()
        self.server.predict(1)
        self.server.backlog.clear()  # the alternative has forgotten them
        return {"ready": ready, "first_prediction": time.perf_counter() - began}


def memory(made: Server, scale: Scale) -> Figures:
    """Resident memory as events come in."""
    found: Figures = {}
    events = 0
    for size in scale.memory:
        made.fill((size - events) // 3)
        events = size
        made.settle()
        found[str(size)] = made.rss_mb()
    return {**found, "growth": found[str(events)] / found[str(scale.memory[0])]}


def joined(runs: list[Times]) -> Times:
    """Several loads joined into one."""
    names = ("at", "kind", "wait_ms", "latency_ms", "status", "right")
    return {name: np.concatenate([run[name] for run in runs]) for name in names}


def measured(
    results: Results, kind: str, scale: Scale, only: set[str], step: Callable[[int], None]
) -> None:
    """All measurements of one kind of server; memory with a server that did nothing else."""
    with server(kind) as made:
        for name, measure in Measuring(made, scale, seed=len(kind)).steps():
            if name in only:
                results.run(f"{kind} | {name}", measure)
                step(1)
    if "memory" in only:
        with server(kind) as made:
            results.run(f"{kind} | memory", lambda: memory(made, scale))
        step(1)


def pace() -> Figures:
    """Seconds of a loop that is the same everywhere, the best and the worst of five."""
    times = []
    for _ in range(5):
        began, total = time.perf_counter(), 0
        for i in range(10_000_000):
            total += i
        times.append(time.perf_counter() - began)
    return {"loop_seconds": [min(times), max(times)]}


def two_cores() -> None:
    """Keep this process, and all that it starts, on two cores, where the system can."""
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:2])


def main() -> None:
    """Measure both, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="a few minutes; no file is written")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--only", help=f"measurements, of {', '.join(STEPS)}; others are kept")
    parser.add_argument("--table", action="store_true", help="print the results there are")
    given = parser.parse_args()
    results = Results("server", keep=given.table)
    if given.table:
        print_table(results.runs)
        return
    kinds = [OURS] if given.no_peer else [OURS, RIVER]
    if RIVER in kinds:
        require("river.forest")  # before much time has gone by
    only = set((given.only or ",".join(STEPS)).split(","))
    wanted = {"pace"} | {f"{kind} | {name}" for kind in kinds for name in only}
    results.runs = {name: run for name, run in results.runs.items() if name not in wanted}
    if not given.only:
        results.runs.clear()
    if given.short:
        results.path = Path(tempfile.gettempdir()) / "server-short.json"
    two_cores()
    warm()
    results.run("pace", pace)
    with progress_bar("server", len(only) * len(kinds)) as step:
        for kind in kinds:
            measured(results, kind, SHORT if given.short else Scale(), only, step)
    results.save(claims(results.runs))
    print_table(results.runs)
    if given.short:
        print("\nThis was --short: it shows that everything runs; its figures are no results.")


if __name__ == "__main__":
    main()
