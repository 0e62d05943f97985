"""Test-then-train results of other libraries on five real streams.

    pip install 'quickstudy[peers]'        (CapyMOA also needs Java 17 or later)
    python benchmarks/peers_streams.py     about an hour on one core; stop and start it as you like
    python benchmarks/peers_streams.py --table

Rows come in file order (of `sea` the first 20,000), each is predicted before its label is learned,
and the label arrives right away or 100 rows later. Every peer runs at its library's defaults, one
process a run, one core. Speed is given by wall clock and by processor time: the second does not
depend on what else the machine was doing. Results go to `benchmarks/results/peers_streams.json`
after every run; a run that is already there, of the same library version, is not repeated.

The streams are not part of this repository: they are read from `$QUICKSTUDY_DATA/streams`, or from
`../shared/data/streams` next to it.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import json
import multiprocessing
import os
import platform
import sys
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from pathlib import Path
from typing import Any

import numpy as np

from quickstudy.errors import DataFileError, MissingExtraError
from quickstudy.evaluate.measures import FIRST, measure, no_change
from quickstudy.evaluate.peers.registry import PEERS, PeerRun, peer_version, run_peer
from quickstudy.evaluate.prequential import label_indices

ROOT = Path(__file__).resolve().parent.parent
RESULTS = ROOT / "benchmarks" / "results" / "peers_streams.json"
DATA = Path(os.environ.get("QUICKSTUDY_DATA", ROOT.parent / "shared" / "data")) / "streams"
STREAMS = ("elec2", "weather", "phishing", "sea", "covertype_shuffled")
ROWS = {"sea": 20_000}
DELAYS = (0, 100)
SLOW = ("capymoa.ARF", "capymoa.SRP", "river.ARF", "river.KNN", "river.SRP")
ORDER = (*(name for name in PEERS if name not in SLOW), *SLOW)
NO_CHANGE = "no-change"
ONE_CORE = {
    "OMP_NUM_THREADS": "1",
    "CAPYMOA_JVM_ARGS": "-Xmx4g -XX:+UseSerialGC -XX:ActiveProcessorCount=1",
}

Results = dict[str, dict[str, Any]]


def read_stream(name: str) -> tuple[list[dict[str, float | None]], list[str]]:
    """Records and labels of a stream, in file order."""
    path = DATA / f"{name}.csv.gz"
    if not path.exists():
        raise DataFileError(f"{path} is missing: set QUICKSTUDY_DATA to the folder with streams/")
    with gzip.open(path, "rt", newline="") as file:
        head, *rows = csv.reader(file)
    rows = rows[: ROWS.get(name)]
    fields = head[:-1]
    records = [
        {field: float(text) if text else None for field, text in zip(fields, row, strict=False)}
        for row in rows
    ]
    return records, [row[-1] for row in rows]


def baseline(labels: list[str], delay: int) -> dict[str, Any]:
    """The figures of repeating the last label received."""
    truth = label_indices(labels)[1]
    right = no_change(truth, delay) == truth
    figures = {
        "accuracy": right.mean(),
        "balanced_accuracy": np.mean([right[truth == label].mean() for label in np.unique(truth)]),
        **{f"accuracy_first_{n}": right[:n].mean() for n in FIRST},
    }
    return {"library": "-", "rows": len(truth), **rounded(figures)}


def summary(run: PeerRun) -> dict[str, Any]:
    """The figures that are kept of a run."""
    found = measure(run.outcome)
    figures = {
        "accuracy": found["accuracy"],
        "balanced_accuracy": found["balanced_accuracy"],
        **{f"accuracy_first_{n}": found["first"][str(n)] for n in FIRST},
        "log_loss": found["log_loss"],
        "examples_per_second": run.examples_per_second,
        "examples_per_cpu_second": found["examples"] / run.cpu_seconds,
        "peak_rss_growth_mb": run.memory_growth_mb,
    }
    return {"library": run.version, "rows": found["examples"], **rounded(figures)}


def rounded(figures: dict[str, float]) -> dict[str, float]:
    """The value with five digits, as more would be noise."""
    return {name: float(f"{value:.5g}") for name, value in figures.items()}


def run_here(stream: str, peer: str, delay: int) -> dict[str, Any]:
    """One run, in a process of its own."""
    records, labels = read_stream(stream)
    return summary(run_peer(peer, records, labels, delay=delay))


def run_apart(stream: str, peer: str, delay: int) -> dict[str, Any]:
    """`run_here` in a fresh process, so that memory is its own and a crash ends only this run."""
    spawn = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(1, mp_context=spawn) as pool:
        return pool.submit(run_here, stream, peer, delay).result()


def key(stream: str, peer: str, delay: int) -> str:
    """The key of a run in the results: a new version of a library is a new run."""
    version = "-" if peer == NO_CHANGE else peer_version(peer)
    return f"{stream} | {peer} | delay {delay} | {version}"


def save(runs: Results) -> None:
    """Write all results; the old file stays whole until the new one is."""
    setting = {
        "what": "test-then-train in file order; library defaults; seed 1; one core",
        "python": platform.python_version(),
        "machine": f"{platform.system()} {platform.machine()}, other jobs running beside it",
    }
    RESULTS.parent.mkdir(exist_ok=True)
    draft = RESULTS.with_suffix(".tmp")
    draft.write_text(json.dumps({**setting, "runs": dict(sorted(runs.items()))}, indent=1) + "\n")
    draft.replace(RESULTS)


def load() -> Results:
    """The results so far."""
    return json.loads(RESULTS.read_text())["runs"] if RESULTS.exists() else {}


def run_all(streams: list[str], peers: list[str], delays: list[int]) -> None:
    """Make all missing runs, without delay first and fast peers first."""
    for delay in delays:
        runs = load()
        for stream in streams:
            runs[key(stream, NO_CHANGE, delay)] = baseline(read_stream(stream)[1], delay)
        save(runs)
        for peer in peers:
            for stream in streams:
                run_one(stream, peer, delay)


def run_one(stream: str, peer: str, delay: int) -> None:
    """Make a run, unless there is one or the library is not installed."""
    try:
        name = key(stream, peer, delay)
        if name in load():
            return
        result = run_apart(stream, peer, delay)
    except (MissingExtraError, BrokenProcessPool) as error:
        print(f"{stream} {peer}: skipped, {error}", file=sys.stderr)
        return
    save({**load(), name: result})
    print(name, json.dumps(result), flush=True)


def print_table(streams: list[str], peers: list[str], delay: int) -> None:
    """Accuracy on all rows and on the first 50, 200, 1,000; log loss; examples a CPU second."""
    runs = load()
    print(
        f"\ndelay {delay}: accuracy (first 50 / 200 / 1,000 rows) log loss, examples a CPU second"
    )
    print(f"{'':15s}" + "".join(f"{stream:>39s}" for stream in streams))
    for peer in [NO_CHANGE, *peers]:
        cells = [cell(runs.get(key(stream, peer, delay))) for stream in streams]
        print(f"{peer:15s}" + "".join(f"{text:>39s}" for text in cells))


def cell(run: dict[str, Any] | None) -> str:
    """One run in a table."""
    if run is None:
        return "-"
    starts = "/".join(f"{run[f'accuracy_first_{n}']:.2f}" for n in FIRST)
    text = f"{run['accuracy']:.4f} ({starts})"
    if "log_loss" in run:
        text += f" {run['log_loss']:.2f}  {run['examples_per_cpu_second']:,.0f}"
    return text


def main() -> None:
    """Make the runs that are missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", nargs="+", choices=STREAMS, default=list(STREAMS))
    parser.add_argument("--peers", nargs="+", choices=PEERS, default=list(ORDER))
    parser.add_argument("--delays", nargs="+", type=int, default=list(DELAYS))
    parser.add_argument("--table", action="store_true", help="print the results there are")
    given = parser.parse_args()
    for name, value in ONE_CORE.items():
        os.environ.setdefault(name, value)
    if not given.table:
        run_all(given.streams, given.peers, given.delays)
    for delay in given.delays:
        print_table(given.streams, given.peers, delay)


if __name__ == "__main__":
    main()
