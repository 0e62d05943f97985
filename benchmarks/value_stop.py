"""Certified stops: what they save and what they cost, and whether the certificate keeps its word.

A run that is told to stop is cut there, and its end is never told to the learner (`run.expire()`);
what would have come of it is known to the benchmark alone. Audited runs are not told to stop.

- the agents' runs, in file order and in others;
- simulated: 5,000 walks between two ends with a hidden drift each (hopeless, even, good), of which
  a noisy hint is seen in addition to the position;
- the promise: streams in which the runs to stop succeed with probability exactly q = 20 %, where a
  certificate is wrong. "noise": every run; "pointed": half of the runs, told by their input, while
  the others nearly always succeed, so that it is plain which to stop; "falling": as pointed, but
  success falls to q only over 150 runs. Beside them "hopeless", where half of the runs succeed in
  2 % of cases, and a certificate is right.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from common import Figures, claim
from quickstudy import ValueFunction
from quickstudy.stats.calibration import exact_interval
from value_scores import Course, Watched, follow, ordered

ERRORS = (0.05, 0.10, 0.20)
ALPHA = 0.05
NULLS = ("noise", "pointed", "falling", "hopeless")
Q, PROMISED_RUNS, SHORT_RUN, FALL = 0.2, 300, 3, 150
DRIFTS, END, LONGEST = (-0.35, 0.0, 0.3), 6, 40


def stop(
    name: str, q: float, shuffles: list[str], *, most: int | None, tick: Callable[..., None]
) -> Figures:
    """The agents' runs, in several orders."""
    orders = ("file order", *shuffles)
    tick(0, total=len(ordered(name, "file order", most)) * len(orders))
    return {order: obeyed(q, ordered(name, order, most), tick) for order in orders}


def simulated(q: float, count: int, *, tick: Callable[..., None]) -> Figures:
    """Walks with hidden drifts."""
    tick(0, total=count)
    rng = np.random.default_rng(0)
    return {"walks": obeyed(q, [walk(rng) for _ in range(count)], tick)}


def walk(rng: np.random.Generator) -> Course:
    """From 0 to an end, or too long: success is the right end."""
    drift, at, rows = rng.choice(DRIFTS), 0, []
    while abs(at) < END and len(rows) < LONGEST:
        rows.append([at / END, drift + 0.3 * rng.normal()])
        at += 1 if rng.random() < (1 + drift) / 2 else -1
    return course(rows, at >= END)


def course(rows: Sequence[Any], won: bool, task: str = "walk") -> Course:
    """A run of vectors without actions."""
    messages = [{"text": "", "action": None, "error": False}] * len(rows)
    return Course(task, float(won), messages, np.array(rows, dtype=np.float32))


def obeyed(q: float, runs: Sequence[Course], tick: Callable[..., None]) -> Figures:
    """Steps saved, runs stopped, and those of them that would have succeeded."""
    learner, certified = ValueFunction(stop_error=q), []

    def look(count: int) -> None:
        certified.append(bool(learner.stopping["level"]))
        tick(count)

    watched = follow(learner, runs, obey=True, tick=look)
    stopped = [i for i, seen in enumerate(watched) if seen.stops]
    lost = sum(runs[i].success for i in stopped)
    return {
        "runs": len(runs),
        "steps": sum(map(len, runs)),
        "saved": 1.0 - sum(len(seen.success) for seen in watched) / sum(map(len, runs)),
        "stopped": len(stopped),
        "would have succeeded": int(lost),
        "interval": list(exact_interval(float(lost), len(stopped))),
        "certified after": certified.index(True) + 1 if True in certified else None,
        "certified for": float(np.mean(certified)),
        "log_evidence": float(np.max(learner.stopping["log_evidence"])),
        "failures": int(sum(not run.success for run in runs)),
    }


def promise(kind: str, streams: int, *, tick: Callable[..., None]) -> Figures:
    """In how many streams anything was ever certified, and after how many runs."""
    tick(0, total=streams)
    first = []
    for seed in range(streams):
        first.append(first_certified(kind, seed))
        tick(1)
    found = [runs for runs in first if runs]
    return {
        "streams": streams,
        "certified": len(found),
        "share": len(found) / streams,
        "interval": list(exact_interval(float(len(found)), streams)),
        "median runs until": float(np.median(found)) if found else None,
    }


def first_certified(kind: str, seed: int) -> int | None:
    """Run after which the first certificate came, or None."""
    rng = np.random.default_rng([NULLS.index(kind), seed])
    learner = ValueFunction(stop_error=Q, alpha=ALPHA, seed=seed)
    for i in range(PROMISED_RUNS):
        watched: Watched = follow(learner, [short_run(kind, i, rng)], obey=True)[0]
        if learner.stopping["level"] or watched.stops:
            return i + 1
    return None


def short_run(kind: str, number: int, rng: np.random.Generator) -> Course:
    """A run of a stream: whether it may be stopped is the first number of its rows."""
    poor = kind == "noise" or rng.random() < 0.5
    low = {"hopeless": 0.02, "falling": max(Q, 0.8 - (0.8 - Q) * number / FALL)}.get(kind, Q)
    rows = rng.normal(size=(SHORT_RUN, 3))
    rows[:, 0] = 0.0 if kind == "noise" else -1.0 if poor else 1.0
    return course(rows, rng.random() < (low if poor else 0.95), "short")


def show(console: Console, found: dict[str, Figures]) -> None:
    """What was saved, what it cost, and how the promise was kept."""
    table = Table(title="Certified stops", title_justify="left")
    for head in ("runs", "q", "order", "steps saved", "stopped", "would have succeeded", "after"):
        table.add_column(head)
    for name, orders in found.items():
        if name.startswith("stop | ") and "promise" not in name:
            _, runs, q = name.split(" | ")
            for order, s in orders.items():
                if isinstance(s, dict):
                    table.add_row(runs, q, order, *cells(s))
    console.print(table)
    for kind in NULLS:
        if p := found.get(f"stop | promise | {kind}"):
            low, high = p["interval"]
            console.print(
                f"{kind:9s} certified in {p['certified']} of {p['streams']} streams: "
                f"{p['share']:.1%} ({low:.1%} to {high:.1%}); runs until then, median: "
                f"{p['median runs until'] or '-'}"
            )


def cells(s: Figures) -> list[str]:
    low, high = s["interval"]
    lost = f"{s['would have succeeded']} ({low:.0%} to {high:.0%})" if s["stopped"] else "-"
    after = s["certified after"]
    return [f"{s['saved']:.1%}", f"{s['stopped']} of {s['runs']}", lost, str(after or "never")]


def claims(found: dict[str, Figures]) -> list[Figures]:
    """That it is rarely certified where it must not be."""
    made = []
    for kind in NULLS[:-1]:
        share = found.get(f"stop | promise | {kind}", {}).get("share")
        made.append(claim(f"stop, wrongly certified, {kind}", share, "<=", ALPHA))
    return made
