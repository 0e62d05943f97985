"""Forecasts of the outcome of a run: agents' runs, loops, stops, exact values, speed.

    python benchmarks/value.py                  everything, most of an hour on one core
    python benchmarks/value.py --only runs      one part: runs, loops, stop, controls, speed
    python benchmarks/value.py --only runs,stop --quick     a short form, not kept
    python benchmarks/value.py --table

One default `ValueFunction()` on both sets of runs (200 of tau-bench's airline agent, 50 tasks four
times; 500 of a webshop agent, success is reward 1.0, no task twice), test-then-train: every run is
forecast at each of its steps by a learner that has seen the ends of earlier runs only, and learned
at its end. Rivals (`value_rivals.py`) are run in the same way. Differences have 95 % intervals of a
paired bootstrap of whole runs, 2,000 resamples.

- runs: AUROC and Brier of success at steps 4, 8, 12, 16 and at 25, 50, 75, 100 % of the run; share
  of outcomes inside the 90 % interval; the same for texts (of rivals: the vectors still) and for
  five other orders;
- loops: compared with the same learner with `loops=False`;
- stop: runs that are told to stop are cut there, and their ends are never told to the learner;
- controls: random walks and chains whose values are known (`value_controls.py`);
- speed: 100,000 steps with 384-dimensional vectors (`value_speed.py`).

The runs are read from `$QUICKSTUDY_DATA/trajectories`, or from `../shared/data/trajectories` next
to the repository. The last message of 40 webshop runs has the log's scores in it, and is left out.
Results go to `benchmarks/results/value.json`.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import os
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

ALONE = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
os.environ |= dict.fromkeys(ALONE, "1")  # before numpy is loaded: one core, the same sums

import numpy as np  # noqa: E402
from rich.console import Console  # noqa: E402
from rich.progress import Progress  # noqa: E402
from rich.table import Table  # noqa: E402

import value_controls  # noqa: E402
import value_loops  # noqa: E402
import value_speed  # noqa: E402
import value_stop  # noqa: E402
from common import Figures, Results, claim  # noqa: E402
from quickstudy import ValueFunction  # noqa: E402
from value_rivals import Chosen, rivals  # noqa: E402
from value_scores import (  # noqa: E402
    POINTS,
    SETS,
    STEPS,
    Watched,
    difference,
    follow,
    forecast_of,
    ordered,
    rows_at,
    scores,
    successes,
)

FILE_ORDER = "file order"
TO_BEAT = ("LSTD(0) + task mean", "logistic")
COVERAGE = (0.85, 0.95)  # wanted of intervals of nominally 90 %
FEW_SEEDS = 2  # for what is not promised
PARTS = ("runs", "loops", "stop", "controls", "speed")


@dataclass(frozen=True)
class Size:
    """How much is run: everything, or a short form."""

    runs: int | None = None
    shuffles: int = 5
    seeds: int = 8
    streams: int = 200
    stream_runs: int = 5000
    steps: int = 100_000

    @classmethod
    def quick(cls, runs: int | None) -> Size:
        return cls(runs or 120, 1, 4, 20, 500, 10_000)


Job = tuple[str, Callable[..., Figures]]


def jobs(size: Size, results: Results) -> Iterator[Job]:
    """Everything to be measured, by name; each takes the progress bar's `tick`."""
    shuffles = [f"shuffle {i}" for i in range(size.shuffles)]
    for name in SETS:
        for order, inputs in (
            (FILE_ORDER, "vectors"),
            (FILE_ORDER, "texts"),
            *((shuffle, "vectors") for shuffle in shuffles),
        ):
            job = f"runs | {name} | {inputs} | {order}"
            yield job, partial(runs, name, inputs, order, size=size, results=results)
    for name in SETS:
        yield f"loops | {name}", partial(value_loops.loops, name, shuffles, most=size.runs)
    for name in (*SETS, "simulated"):
        for q in value_stop.ERRORS:
            work = partial(value_stop.stop, name, q, shuffles, most=size.runs)
            if name == "simulated":
                work = partial(value_stop.simulated, q, size.stream_runs)
            yield f"stop | {name} | {q:.0%}", work
    for kind in value_stop.NULLS:
        yield f"stop | promise | {kind}", partial(value_stop.promise, kind, size.streams)
    for form, seeds in (("record", size.seeds), ("vector", min(size.seeds, FEW_SEEDS))):
        for kind in value_controls.PROCESSES:
            work = partial(value_controls.control, kind, form, seeds)
            yield f"controls | {kind} | {form}", work
    yield "controls | LSTD(lambda)", value_controls.batch
    yield "speed | quickstudy", partial(value_speed.ours, size.steps)
    yield "speed | logistic", partial(value_speed.logistic, size.steps)


def runs(
    name: str, inputs: str, order: str, *, size: Size, results: Results, tick: Callable[..., None]
) -> Figures:
    """Forecasts of ours and of the rivals, scored at every point."""
    courses = ordered(name, order, size.runs)
    tick(0, total=len(courses))
    watched = follow(ValueFunction(), courses, text=inputs == "texts", tick=tick)
    best = results.runs.get(f"runs | {name} | vectors | {FILE_ORDER}", {}).get("variants")
    chosen: Chosen | None = best and {rival: tuple(v) for rival, v in best.items()}
    if order == FILE_ORDER and inputs == "vectors":
        chosen = None
    theirs, variants = rivals(courses, lambda what: tick(0, says=what), chosen)
    won, ours = successes(courses), forecast_of(watched)
    found: Figures = {"runs": len(courses), "variants": variants, "points": {}}
    for point in POINTS:
        here = rows_at(point, courses)
        found["points"][point] = {
            "runs": len(here),
            "success": float(np.mean([won[i] for i, _ in here])),
            "ours": scores(point, won, ours) | interval(watched, courses, here),
            "rivals": {rival: scores(point, won, said) for rival, said in theirs.items()},
            "less": {rival: difference(point, won, ours, said) for rival, said in theirs.items()},
        }
    return found


def interval(watched: list[Watched], courses: list[Any], here: list[tuple[int, int]]) -> Figures:
    """Share of outcomes that lie in their interval, and its mean width."""
    low, high = (np.array([getattr(watched[i], end)[k] for i, k in here]) for end in END)
    outcome = np.array([courses[i].outcome for i, _ in here])
    return {
        "coverage": float(np.mean((low <= outcome) & (outcome <= high))),
        "width": float(np.mean(high - low)),
    }


END = ("low", "high")


def print_runs(console: Console, found: dict[str, Figures]) -> None:
    """AUROC, Brier and coverage of each set of runs; then differences."""
    for name, run in found.items():
        if not name.startswith("runs | "):
            continue
        points, full = run["points"], "shuffle" not in name and "texts" not in name
        variants = ", ".join(f"{k}: {v[0]} {v[1]:g}" for k, v in run["variants"].items())
        table = Table(title=f"{name} ({run['runs']} runs; {variants})", title_justify="left")
        table.add_column("AUROC / Brier")
        for point in points:
            table.add_column(point.replace(" of the run", ""), justify="right")
        table.add_row("runs (successes)", *(f"{p['runs']} ({p['success']:.2f})" for p in each(run)))
        table.add_row("Quickstudy", *(pair(p["ours"]) for p in each(run)))
        for rival in next(iter(points.values()))["rivals"]:
            if full or rival in TO_BEAT:
                table.add_row(rival, *(pair(p["rivals"][rival]) for p in each(run)))
        table.add_section()
        for rival in (*TO_BEAT, "base rate") if full else TO_BEAT:
            for score in ("auroc", "brier"):
                cells = (signed(p["less"][rival][score]) for p in each(run))
                table.add_row(f"{score} less {rival}", *cells)
        table.add_section()
        cells = (f"{p['ours']['coverage']:.1%} ({p['ours']['width']:.2f})" for p in each(run))
        table.add_row("in the 90 % interval (width)", *cells)
        console.print(table)


def each(run: Figures) -> Iterator[Figures]:
    return iter(run["points"].values())


def pair(said: Figures) -> str:
    return f"{said['auroc']:.3f} / {said['brier']:.3f}"


def signed(gap: list[float]) -> str:
    return f"{gap[0]:+.3f}\n[{gap[1]:+.3f}, {gap[2]:+.3f}]"


def claims(found: dict[str, Figures]) -> list[Figures]:
    """The promises, each with the measured value."""
    made = []
    for name in SETS:
        points = found.get(f"runs | {name} | vectors | {FILE_ORDER}", {}).get("points", {})
        for rival in TO_BEAT:
            for step in STEPS:
                what = f"{name}, AUROC at step {step} less {rival}"
                gap = points.get(f"step {step}", {}).get("less", {}).get(rival)
                made.append(claim(what, gap and gap["auroc"][0], ">", 0.0))
            shares = [points[p]["less"][rival]["auroc"][0] for p in POINTS[len(STEPS) :] if points]
            what = f"{name}, AUROC at 25 to 100 % less {rival}, least"
            made.append(claim(what, min(shares, default=None), ">", 0.0))
        gaps = [-p["less"]["base rate"]["brier"][0] for p in points.values()]
        made.append(claim(f"{name}, Brier below the base rate's, least", least(gaps), ">", 0.0))
        inside = [p["ours"]["coverage"] for p in points.values()]
        made.append(claim(f"{name}, in the 90 % interval, least", least(inside), ">=", COVERAGE[0]))
        most = max(inside, default=None)
        made.append(claim(f"{name}, in the 90 % interval, most", most, "<=", COVERAGE[1]))
    return [
        *made,
        *value_stop.claims(found),
        *value_controls.claims(found),
        *value_speed.claims(found),
    ]


def least(values: list[float]) -> float | None:
    return min(values, default=None)


def measured(name: str, work: Callable[..., Figures]) -> Figures:
    """One job under a progress bar."""
    with Progress(console=Console(stderr=True)) as progress:
        task = progress.add_task(name, total=None)

        def tick(count: int = 0, *, total: int | None = None, says: str = "") -> None:
            more = {"total": total} if total else {}
            text = f"{name}: {says}" if says else name
            progress.update(task, advance=count, description=text, **more)

        return work(tick=tick)


def parts(text: str) -> list[str]:
    """Names of parts, or beginnings of names of jobs, separated by commas."""
    chosen = text.split(",")
    if wrong := [c for c in chosen if c.partition(" | ")[0] not in PARTS]:
        raise argparse.ArgumentTypeError(f"{', '.join(wrong)}: there are {', '.join(PARTS)}")
    return chosen


def main() -> None:
    """Make the measurements that are missing, then print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", type=parts, default=list(PARTS), help='as "runs | tau,controls"')
    parser.add_argument("--quick", action="store_true", help="a short form, which is not kept")
    parser.add_argument("--runs", type=int, metavar="N", help="the first N runs; not kept either")
    parser.add_argument("--keep", action="store_true", help="do not repeat runs of older code")
    parser.add_argument("--again", action="store_true", help="repeat what is there")
    parser.add_argument("--table", action="store_true", help="print the results there are")
    parser.add_argument("--results", type=Path, help="another file for the results")
    given = parser.parse_args()
    results = Results("value", keep=given.keep or given.table)
    size = Size.quick(given.runs) if given.quick else Size(runs=given.runs)
    if size != Size() or given.results:
        results.path = given.results or Path(tempfile.mkdtemp()) / "value.json"
        there = results.path.exists()
        results.runs = json.loads(results.path.read_text())["runs"] if there else {}
    for name, work in [] if given.table else jobs(size, results):
        if any(name.startswith(chosen) for chosen in given.only):
            if given.again:
                results.runs.pop(name, None)
            with contextlib.redirect_stdout(io.StringIO()):  # a line of it would be pages long
                results.run(name, partial(measured, name, work))
    console = Console(width=None if sys.stdout.isatty() else 200)
    for show in (print_runs, value_loops.show, value_stop.show, value_controls.show):
        show(console, results.runs)
    value_speed.show(console, results.runs)
    results.conclude(claims(results.runs))


if __name__ == "__main__":
    main()
