"""How fast it is: elec2 in one run, one by one, after 100,000 examples, and from a cold start.

    python benchmarks/speed.py             a few minutes on one idle core
    python benchmarks/speed.py --no-peers
    python benchmarks/speed.py --table

- the stream: all of elec2, test-then-train in chunks of 100 rows, slow expert included;
- one by one: `predict` and then `learn` of each of the first 12,000 rows. Calls in which the
  feature map is re-chosen or the slow expert refitted are counted apart: they come at sizes that
  grow geometrically, as consolidation;
- the 100,000th example: the same call around the 10,000th and around the 100,000th example, elec2
  being repeated from its start, by two learners in turn, so that both meet the same machine;
- start: `from quickstudy import Classifier`, and a first prediction, in fresh processes;
- saving: the learner that has seen elec2 once;
- the doors: what making values plain and taking the lock add to one `learn`.

Beside it River's ARF (10 trees), Vowpal Wabbit and LightGBM (refitted every 1,000 rows) in the same
run, where they are installed, each in a process of its own. Times are wall-clock times; processor
times next to them do not depend on what else the machine was doing. Results go to
`benchmarks/results/speed.json`; elec2 is read from `$QUICKSTUDY_DATA/streams`, or from
`../shared/data/streams` next to the repository.
"""

from __future__ import annotations

import argparse
import itertools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from common import Figures, Results, claim
from peers_streams import ONE_CORE, read_stream, run_apart
from quickstudy import Classifier
from quickstudy.encode.inputs import plain_input
from quickstudy.encode.values import plain_label
from quickstudy.errors import MissingExtraError
from quickstudy.evaluate.measures import measure
from quickstudy.evaluate.prequential import CHUNK, evaluate
from quickstudy.learners.base import Saved, atomic
from quickstudy.warm import warm

PEERS = ("river.ARF", "vw", "lightgbm")
ONE_BY_ONE = 12_000
EARLY, LATE, AROUND = 10_000, 100_000, 1_000
REPEATS = 5
START = {
    "import quickstudy": "import quickstudy",
    "import Classifier": "from quickstudy import Classifier",
    "first prediction": """
from quickstudy import Classifier
c = Classifier()
for i in range(20):
    c.learn({"amount": i % 7, "kind": "card"}, "yes" if i % 7 > 3 else "no")
assert c.predict({"amount": 6, "kind": "card"}).label == "yes"
""",
    "first prediction from a text": """
from quickstudy import Classifier
c = Classifier()
c.learn("where is my card", "card")
c.learn("how do I top up", "money")
assert c.predict("where is my card").label == "card"
""",
    "load and predict": """
import sys
from quickstudy import Classifier
c = Classifier.load(sys.argv[1])
assert c.predict({"f0_period": 0.5}).label in c.labels
""",
}


@dataclass
class Calls:
    """Wall and processor time of `predict` + `learn`, in milliseconds, a call each."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    event: list[bool] = field(default_factory=list)

    def one(self, learner: Classifier, x: Any, y: str) -> None:
        """Predict and learn one example."""
        before = schedule(learner)
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        learner.predict(x)
        learner.learn(x, y)
        wall, cpu = time.perf_counter_ns() - wall, time.thread_time_ns() - cpu
        self.wall.append(wall / 1e6)
        self.cpu.append(cpu / 1e6)
        self.event.append(schedule(learner) != before)

    def learn(self, learner: Classifier, x: Any, y: str) -> None:
        """Learn one example."""
        before = schedule(learner)
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        learner.learn(x, y)
        wall, cpu = time.perf_counter_ns() - wall, time.thread_time_ns() - cpu
        self.wall.append(wall / 1e6)
        self.cpu.append(cpu / 1e6)
        self.event.append(schedule(learner) != before)

    def summary(self) -> Figures:
        """Percentiles of calls without map choice or refit; number and longest of the others."""
        event = np.array(self.event)
        found: Figures = {"calls": int((~event).sum()), "events": int(event.sum())}
        for clock, values in (("wall", np.array(self.wall)), ("cpu", np.array(self.cpu))):
            p50, p99 = np.percentile(values[~event], [50, 99])
            found[clock] = {
                "p50_ms": p50,
                "p99_ms": p99,
                "longest_event_ms": values[event].max(initial=0.0),
                "mean_ms_with_events": values.mean(),
            }
        return found


def schedule(learner: Classifier) -> tuple[int, int]:
    """When the map is re-chosen and the slow expert refitted next: both move when it happens."""
    mixture = learner._mixture  # no public name says when
    return mixture.map_schedule.due, mixture.refit_schedule.due


def stream() -> Figures:
    """All of elec2 in chunks."""
    records, labels = read_stream("elec2")
    cpu = time.process_time()
    outcome = evaluate(Classifier(), records, labels)
    cpu = time.process_time() - cpu
    return {
        "rows": len(labels),
        "accuracy": measure(outcome)["accuracy"],
        "examples_per_second": len(labels) / outcome.seconds,
        "examples_per_cpu_second": len(labels) / cpu,
        "peak_rss_mb": outcome.peak_rss_mb,
    }


def single() -> Figures:
    """One by one, from the first row on."""
    records, labels = read_stream("elec2")
    learner, calls = Classifier(), Calls()
    for x, y in zip(records[:ONE_BY_ONE], labels, strict=False):
        calls.one(learner, x, y)
    return calls.summary()


def later() -> Figures:
    """Around the 10,000th and the 100,000th example, in turn: both meet the same load."""
    rows = list(zip(*read_stream("elec2"), strict=True))
    found = {}
    pairs = []
    for count in (EARLY, LATE):
        learner, stream = Classifier(), itertools.cycle(rows)
        while learner.examples < count - AROUND // 2:
            size = min(CHUNK, count - AROUND // 2 - learner.examples)
            learner.learn_many(*zip(*itertools.islice(stream, size), strict=True))
        pairs.append((learner, stream, Calls()))
    for _ in range(AROUND):
        for learner, stream, calls in pairs:
            calls.one(learner, *next(stream))
    for count, (_, _, calls) in zip((EARLY, LATE), pairs, strict=True):
        found[f"around {count:,}"] = calls.summary()
    return found


def saving() -> Figures:
    """The learner that has seen elec2 once: its file, and fresh processes that read it."""
    records, labels = read_stream("elec2")
    learner = Classifier()
    learner.learn_many(records, labels)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "elec2.qs"
        seconds = [clocked(lambda: learner.save(path)) for _ in range(REPEATS)]
        loading = [clocked(lambda: Classifier.load(path)) for _ in range(REPEATS)]
        start = {name: started(code, path) for name, code in START.items()}
        size = path.stat().st_size
    return {
        "file_mb": size / 1e6,
        "save_ms": 1e3 * statistics.median(s[0] for s in seconds),
        "save_cpu_ms": 1e3 * statistics.median(s[1] for s in seconds),
        "load_ms": 1e3 * statistics.median(s[0] for s in loading),
        "start": start,
    }


def doors() -> Figures:
    """What plain values and the lock cost, and the call of `learn` that they are a part of."""
    records, labels = read_stream("elec2")
    learner, calls = Classifier(), Calls()
    learner.learn_many(records[:EARLY], labels[:EARLY])
    lock = learner._lock = Counted()
    for x, y in zip(records[EARLY : EARLY + AROUND], labels[EARLY:], strict=False):
        calls.learn(learner, x, y)
    taken = lock.taken / AROUND
    x, y = records[0], labels[0]
    free, held = Empty(), Empty()
    bare = nanoseconds(free.bare)
    return {
        "learn_us": 1e3 * calls.summary()["cpu"]["p50_ms"],
        "lock_us": taken * (nanoseconds(held.atomic) - bare) / 1e3,
        "taken": taken,
        "values_us": (nanoseconds(lambda: (plain_input(x), plain_label(y))) - bare) / 1e3,
    }


class Counted:
    """A lock that counts how often it is taken."""

    def __init__(self) -> None:
        self.taken = 0
        self.shared = self

    def __enter__(self) -> None:
        self.taken += 1

    def __exit__(self, *_: object) -> None:
        pass


class Empty(Saved):
    """A learner that does nothing, with the lock and without."""

    def bare(self) -> None:
        """Nothing."""

    @atomic
    def atomic(self) -> None:
        """Nothing, under the lock."""


def nanoseconds(work: Callable[[], Any]) -> float:
    """Processor time of one call: the least of several rounds."""
    rounds = []
    for _ in range(20):
        start = time.thread_time_ns()
        for _ in range(10_000):
            work()
        rounds.append((time.thread_time_ns() - start) / 10_000)
    return min(rounds)


def clocked(work: Callable[[], Any]) -> tuple[float, float]:
    """Wall and processor seconds."""
    wall, cpu = time.perf_counter(), time.process_time()
    work()
    return time.perf_counter() - wall, time.process_time() - cpu


def started(code: str, path: Path) -> Figures:
    """Median seconds of a fresh process that runs `code`, Python's own start taken off."""
    empty = [fresh("pass", path) for _ in range(REPEATS)]
    whole = [fresh(code, path) for _ in range(REPEATS)]
    return {
        clock: statistics.median(w[i] for w in whole) - statistics.median(e[i] for e in empty)
        for i, clock in enumerate(("seconds", "cpu_seconds"))
    }


def fresh(code: str, path: Path) -> tuple[float, float]:
    """Wall and processor seconds of a process from its start to its end."""
    wall, before = time.perf_counter(), os.times()
    subprocess.run([sys.executable, "-c", code, str(path)], check=True)
    after = os.times()
    cpu = after.children_user - before.children_user + after.children_system
    return time.perf_counter() - wall, cpu - before.children_system


def print_table(runs: dict[str, Figures]) -> None:
    """Everything there is, wall clock first."""
    print(f"\n{'elec2, test-then-train':26s}{'accuracy':>9s}{'examples/s':>12s}{'CPU':>9s}")
    for name in ("stream", *PEERS):
        r = runs.get(name, {})
        if "accuracy" in r:
            print(
                f"{'Quickstudy' if name == 'stream' else name:26s}{r['accuracy']:9.4f}"
                f"{r['examples_per_second']:12,.0f}{r['examples_per_cpu_second']:9,.0f}"
            )
    if "single" in runs and "later" in runs:
        print(f"\n{'predict + learn, ms':26s}{'p50':>8s}{'(CPU)':>8s}{'p99':>8s}{'(CPU)':>8s}")
        for name, r in {f"first {ONE_BY_ONE:,}": runs["single"], **runs["later"]}.items():
            if isinstance(r, dict):
                print_calls(name, r)
    if "saving" in runs:
        r = runs["saving"]
        print(
            f"\nsaved {r['file_mb']:.2f} MB in {r['save_ms']:.0f} ms "
            f"(CPU {r['save_cpu_ms']:.0f}), loaded in {r['load_ms']:.0f} ms"
        )
        for name, s in r["start"].items():
            print(f"{name:30s}{s['seconds']:6.2f} s (CPU {s['cpu_seconds']:.2f})")
    if "doors" in runs:
        print_doors(runs["doors"])


def print_doors(r: Figures) -> None:
    """The parts of one `learn` that are no learning."""
    for name, part in (("cost of the lock", "lock_us"), ("cost of plain values", "values_us")):
        share = 100.0 * r[part] / r["learn_us"]
        print(f"{name:26s}{r[part]:8.2f} us of {r['learn_us']:,.0f} us a learn ({share:.2f} %)")


def print_calls(name: str, r: Figures) -> None:
    """Percentiles of calls one by one."""
    cells = [r[clock][p] for p in ("p50_ms", "p99_ms") for clock in ("wall", "cpu")]
    print(
        f"{name:26s}" + "".join(f"{cell:8.3f}" for cell in cells),
        f"  {r['events']} re-choices apart, longest {r['wall']['longest_event_ms']:,.0f} ms; "
        f"mean with them {r['wall']['mean_ms_with_events']:.3f} ms",
    )


def claims(runs: dict[str, Figures]) -> list[Figures]:
    """The promises, each with the measured value."""

    def found(*path: str) -> Any:
        value: Any = runs
        for step in path:
            value = None if value is None else value.get(step)
        return value

    early = found("later", f"around {EARLY:,}", "wall", "p50_ms")
    late = found("later", f"around {LATE:,}", "wall", "p50_ms")
    ratio = None if early is None else round(late / early, 4)
    start = ("saving", "start")
    taken = found("doors", "lock_us")
    share = None if taken is None else round(taken / found("doors", "learn_us"), 4)
    return [
        claim("accuracy on elec2", found("stream", "accuracy"), ">=", 0.899),
        claim("examples a second on elec2", found("stream", "examples_per_second"), ">=", 5000),
        claim("predict + learn, p50, ms", found("single", "wall", "p50_ms"), "<=", 0.3),
        claim("predict + learn, p99, ms", found("single", "wall", "p99_ms"), "<=", 2.0),
        claim("100,000th example, in 10,000ths", ratio, "<=", 1.2),
        claim("import quickstudy, s", found(*start, "import quickstudy", "seconds"), "<=", 0.5),
        claim("import Classifier, s", found(*start, "import Classifier", "seconds"), "<=", 0.5),
        claim("first prediction, s", found(*start, "first prediction", "seconds"), "<=", 2.0),
        claim("saved learner, MB", found("saving", "file_mb"), "<=", 5.0),
        claim("cost of the lock, share of learn", share, "<=", 0.03),
        claim("save, ms", found("saving", "save_ms"), "<=", 100.0),
    ]


def main() -> None:
    """Make the measurements that are missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-peers", action="store_true")
    parser.add_argument("--keep", action="store_true", help="keep what is there")
    parser.add_argument("--table", action="store_true", help="print the results there are")
    given = parser.parse_args()
    for name, value in ONE_CORE.items():
        os.environ.setdefault(name, value)
    results = Results("speed", keep=given.keep or given.table)
    if not given.table:
        if not given.keep:
            results.runs.clear()  # "in the same run": times of another day are no comparison
        print(f"hot loops compiled or read from the cache in {warm():.1f} s", flush=True)
        for part in (stream, single, later, saving, doors):
            results.run(part.__name__, part)
    for peer in () if given.table or given.no_peers else PEERS:
        try:
            results.run(peer, partial(run_apart, "elec2", peer, 0))
        except MissingExtraError as error:
            print(f"{peer}: skipped, {error}", file=sys.stderr)
    print_table(results.runs)
    results.conclude(claims(results.runs))


if __name__ == "__main__":
    main()
