"""Latency and memory over 100,000 steps: 20 runs open at a time, vectors of 384 numbers.

Each run has 20 to 30 steps and one of 200 tasks; a step's vector is its task's, its run's and its
own, of unit length; success hangs on the task and on the run. Beside it a logistic regression on
the same vectors, which would be refitted every 20 runs: one refit at 10,000, 50,000 and 100,000
steps is timed.
"""

from __future__ import annotations

import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from common import Figures, claim
from quickstudy import ValueFunction

WIDTH, TASKS, OPEN = 384, 200, 20
MARKS = (10_000, 50_000, 100_000)
TOLD = 500  # steps between signs of life
AROUND = 5_000  # steps up to a mark whose times are taken
LATENCY_MS, FLAT = 5.0, 1.2
TIMES = ("p50", "cpu_p50", "p99", "cpu_p99", "most")
HEADS = ("step p50", "(CPU)", "p99", "(CPU)")


@dataclass
class Simulated:
    """A run under way."""

    task: int
    centre: Any
    left: int
    success: bool
    handle: Any = None


class Source:
    """Runs to draw from, all by one seed."""

    def __init__(self, seed: int = 0) -> None:
        self._rng = np.random.default_rng(seed)
        self._tasks = unit(self._rng.normal(size=(TASKS, WIDTH)))
        self._good = unit(self._rng.normal(size=WIDTH))

    def run(self) -> Simulated:
        rng, task = self._rng, int(self._rng.integers(TASKS))
        own = unit(rng.normal(size=WIDTH))
        score = 20 * (self._tasks[task] + own) @ self._good
        won = bool(rng.random() < 1 / (1 + np.exp(-score)))
        return Simulated(task, self._tasks[task] + 0.7 * own, int(rng.integers(20, 31)), won)

    def step(self, run: Simulated) -> tuple[Any, str, bool]:
        """Vector, action, error."""
        rng = self._rng
        x = unit(run.centre + 0.7 * unit(rng.normal(size=WIDTH))).astype(np.float32)
        run.left -= 1
        return x, f"act {int(rng.integers(12))}", bool(rng.random() < 0.05)


def unit(x: Any) -> Any:
    return x / np.linalg.norm(x, axis=-1, keepdims=True)


def turns(source: Source, steps: int) -> Iterator[Simulated]:
    """Whose turn it is, `OPEN` runs at a time, each to its end."""
    running = [source.run() for _ in range(OPEN)]
    for i in range(steps):
        if running[i % OPEN].left == 0:
            running[i % OPEN] = source.run()
        yield running[i % OPEN]


@dataclass
class Clocked:
    """Wall and processor time of calls, in milliseconds."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    def call(self, work: Callable[..., Any], *given: Any, **named: Any) -> None:
        wall, cpu = time.perf_counter_ns(), time.thread_time_ns()
        work(*given, **named)
        self.cpu.append((time.thread_time_ns() - cpu) / 1e6)
        self.wall.append((time.perf_counter_ns() - wall) / 1e6)

    def summary(self, of: str, latest: int) -> Figures:
        """Percentiles of the latest calls."""
        found: Figures = {f"{of}_most_ms": max(self.wall[-latest:])}
        for clock, times in (("", self.wall), ("cpu_", self.cpu)):
            p50, p99 = map(float, np.percentile(times[-latest:], [50, 99]))
            found |= {f"{of}_{clock}p50_ms": p50, f"{of}_{clock}p99_ms": p99}
        return found


def ours(steps: int, *, tick: Callable[..., None]) -> Figures:
    """Times of all steps and ends, size and memory at the marks, in a process of its own."""
    tick(0, total=steps)
    command, last = [sys.executable, __file__, str(steps)], "{}"
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as alone:
        for last in alone.stdout or ():
            tick(TOLD if last == "\n" else 0)
    if alone.returncode:
        raise subprocess.CalledProcessError(alone.returncode, command)
    found: Figures = json.loads(last)
    return found


def measured(steps: int) -> Figures:
    """The same in this process; prints an empty line for every 500 steps."""
    source, learner = Source(), ValueFunction()
    step, end = Clocked(), Clocked()
    found: Figures = {"before_mb": memory_mb(), "marks": {}}
    for i, run in enumerate(turns(source, steps), 1):
        run.handle = run.handle or learner.start(f"task {run.task}")
        x, action, error = source.step(run)
        step.call(run.handle.step, x, action=action, error=error)
        if run.left == 0:
            end.call(run.handle.end, float(run.success))
        if i in marks(steps):
            late = step.summary("step", AROUND) | end.summary("end", AROUND // 25)
            sizes = {"size_mb": learner.size_bytes / 1e6, "process_mb": memory_mb()}
            found["marks"][str(i)] = late | sizes
        if i % TOLD == 0:
            print(flush=True)
    return found | step.summary("step", steps) | end.summary("end", steps)


def marks(steps: int) -> list[int]:
    """Those that are reached, and the last step."""
    return sorted({m for m in MARKS if m <= steps} | {steps})


def memory_mb() -> float | None:
    """What the process holds in memory now; None where the system does not say."""
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    line = next(line for line in status.read_text().splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1e3


def logistic(steps: int, *, tick: Callable[..., None]) -> Figures:
    """Seconds that one refit takes, and milliseconds of one forecast."""
    from sklearn.linear_model import LogisticRegression

    tick(0, total=steps)
    source, rows, won, found = Source(), [], [], {}
    for i, run in enumerate(turns(source, steps), 1):
        rows.append(source.step(run)[0])
        won.append(run.success)
        if i in marks(steps):
            start = time.perf_counter()
            model = LogisticRegression(C=10.0, max_iter=300).fit(np.array(rows), won)
            found[str(i)] = {"refit_seconds": time.perf_counter() - start}
            calls = Clocked()
            for row in rows[-1000:]:
                calls.call(model.predict_proba, row[None])
            found[str(i)] |= calls.summary("step", 1000)
        tick(1)
    return {"marks": found}


def show(console: Console, found: dict[str, Figures]) -> None:
    """A row a mark."""
    table = Table(title="Milliseconds and megabytes after so many steps", title_justify="left")
    heads = ("", "steps", *HEADS, "longest", "end p50", "p99", "MB", "process MB")
    for head in heads:
        table.add_column(head, justify="right" if head else "left")
    for who in ("quickstudy", "logistic"):
        for mark, m in found.get(f"speed | {who}", {}).get("marks", {}).items():
            row = [f"{m[f'step_{p}_ms']:.2f}" for p in TIMES]
            if who == "logistic":
                row += [f"refit every 20 runs: {m['refit_seconds']:.1f} s"]
            else:
                row += [f"{m[f'end_{p}_ms']:.2f}" for p in ("p50", "p99")]
                row += ["-" if m[x] is None else f"{m[x]:.1f}" for x in ("size_mb", "process_mb")]
            table.add_row(who, f"{int(mark):,}", *row)
    console.print(table)


def claims(found: dict[str, Figures]) -> list[Figures]:
    """Fast, and flat."""
    by_mark = found.get("speed | quickstudy", {}).get("marks", {})
    _, middle, last = (by_mark.get(str(m), {}) for m in MARKS)

    def ratio(figure: str, early: Figures) -> float | None:
        return last[figure] / early[figure] if last and early and last[figure] else None

    return [
        claim("step p99 after 100,000 steps, ms", last.get("step_p99_ms"), "<=", LATENCY_MS),
        claim("step p50 at 100,000, in that at 50,000", ratio("step_p50_ms", middle), "<=", FLAT),
        claim("learner's size at 100,000, in that at 50,000", ratio("size_mb", middle), "<=", FLAT),
        claim("process memory, the same", ratio("process_mb", middle), "<=", FLAT),
    ]


if __name__ == "__main__":
    print(json.dumps(measured(int(sys.argv[1]))))
