"""How well the learner does on five real streams, test-then-train, compared with twelve peers.

    python benchmarks/peers_streams.py     first: the peers, about an hour on one core
    python benchmarks/streams.py           some minutes; what the present code has run is not rerun
    python benchmarks/streams.py --table

Rows come in file order (of `sea` the first 20,000), one default learner for all streams. Each row
is predicted before its label is learned; the label arrives right away, or 100 rows later. In a
third run the labels are permuted from the middle row on (swapped, or moved on by one in sorted
order): accuracy over the 1,000 rows before it is compared with rows 500 to 1,500 after it, and
with the same rows without the permutation, since streams also change on their own.

Log loss is over labels already seen, as peers have no probability for a new one. The floors are
what the throw-away prototype of the design reached. Data is read from `$QUICKSTUDY_DATA/streams`,
or from `../shared/data/streams` next to the repository; results go to
`benchmarks/results/streams.json`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable
from functools import partial
from typing import Any

import numpy as np

from common import Figures, Results, claim, read_results
from peers_streams import DELAYS, NO_CHANGE, STREAMS, read_stream
from quickstudy import Classifier
from quickstudy.evaluate.measures import FIRST, measure
from quickstudy.evaluate.prequential import Outcome, evaluate

FLOORS = {
    "elec2": 0.900,
    "weather": 0.813,
    "phishing": 0.959,
    "sea": 0.889,
    "covertype_shuffled": 0.759,
}
PERMUTED = ("elec2", "weather", "phishing", "sea")  # not covertype, which is shuffled
BEFORE, AFTER = 1000, (500, 1500)
WITHIN = 5.0  # points of accuracy


def run(stream: str, delay: int) -> Figures:
    """One pass over a stream."""
    records, labels = read_stream(stream)
    outcome, cpu = timed(records, labels, delay)
    found = measure(outcome)
    return {
        "rows": found["examples"],
        "accuracy": found["accuracy"],
        "balanced_accuracy": found["balanced_accuracy"],
        "log_loss": found["log_loss"],
        **{f"accuracy_first_{n}": found["first"][str(n)] for n in FIRST},
        "expected_calibration_error": found["expected_calibration_error"],
        "no_change": found["baselines"]["no_change"],
        "majority": found["baselines"]["majority"],
        "examples_per_second": found["examples_per_second"],
        "examples_per_cpu_second": found["examples"] / cpu,
        **({} if delay else {"middle": windows(outcome.right)}),
    }


def timed(records: list[Any], labels: list[str], delay: int = 0) -> tuple[Outcome, float]:
    """The outcome of a fresh learner, and its processor time."""
    start = time.process_time()
    outcome = evaluate(Classifier(), records, labels, delay=delay)
    return outcome, time.process_time() - start


def run_permuted(stream: str) -> Figures:
    """A pass up to 1,500 rows after the middle, from which on the labels are permuted."""
    records, labels = read_stream(stream)
    middle, names = len(labels) // 2, sorted(set(labels))
    moved = {name: names[(i + 1) % len(names)] for i, name in enumerate(names)}
    stop = middle + AFTER[1]
    given = labels[:middle] + [moved[y] for y in labels[middle:stop]]
    outcome, _ = timed(records[:stop], given)
    return {"labels": len(names), **windows(outcome.right, middle)}


def windows(right: Any, middle: int | None = None) -> Figures:
    """Accuracy shortly before and some time after the middle."""
    middle = len(right) // 2 if middle is None else middle
    after = slice(middle + AFTER[0], middle + AFTER[1])
    return {"before": right[middle - BEFORE : middle].mean(), "after": right[after].mean()}


def peers_of(stream: str, delay: int) -> dict[str, Figures]:
    """The peers' runs of a stream, by name."""
    found = {}
    for name, figures in read_results("peers_streams").get("runs", {}).items():
        of, peer, late, _ = name.split(" | ")
        if (of, late) == (stream, f"delay {delay}") and peer != NO_CHANGE:
            found[peer] = figures
    return found


def best(peers: dict[str, Figures], figure: str, choose: Callable[..., str] = max) -> str | None:
    """The name of the peer that is best by a figure."""
    return choose(peers, key=lambda name: peers[name][figure]) if peers else None


def print_streams(runs: dict[str, Figures], delay: int) -> None:
    """A row a stream: ours, the prototype's, the best peer's and the baselines'."""
    print(f"\nlabels {delay} rows late" if delay else "\nlabels right away")
    print(
        f"{'':20s}{'accuracy':>9s}{'floor':>7s}  {'best peer':22s}{'no-change':>9s}"
        f"{'majority':>9s}  {'log loss':9s}{'best peer':24s}{'examples a second (CPU)':>12s}"
    )
    for stream in STREAMS:
        if name_of(stream, delay) not in runs:
            continue
        r, peers = runs[name_of(stream, delay)], peers_of(stream, delay)
        right, loss = best(peers, "accuracy"), best(peers, "log_loss", min)
        floor = "-" if delay else f"{FLOORS[stream]:.3f}"
        print(
            f"{stream:20s}{r['accuracy']:9.4f}{floor:>7s}  {cell(peers, right, 'accuracy'):22s}"
            f"{r['no_change']:9.4f}{r['majority']:9.4f}  {r['log_loss']:<9.4f}"
            f"{cell(peers, loss, 'log_loss'):24s}"
            f"{r['examples_per_second']:,.0f} ({r['examples_per_cpu_second']:,.0f})"
        )


def cell(peers: dict[str, Figures], name: str | None, figure: str) -> str:
    """A peer's figure with its name."""
    return "-" if name is None else f"{peers[name][figure]:.4f} {name}"


def averages(runs: dict[str, Figures], delay: int) -> list[tuple[int, float, float, str]]:
    """Mean over the streams in the first rows: (rows, ours, best peer's, its name)."""
    if any(name_of(stream, delay) not in runs for stream in STREAMS):
        return []
    everyone = [peers_of(stream, delay) for stream in STREAMS]
    complete = set.intersection(*(set(peers) for peers in everyone))
    found = []
    for n in FIRST:
        figure = f"accuracy_first_{n}"
        ours = np.mean([runs[name_of(stream, delay)][figure] for stream in STREAMS])
        theirs = {peer: np.mean([p[peer][figure] for p in everyone]) for peer in complete}
        name = max(theirs, key=theirs.__getitem__, default="")
        found.append((n, float(ours), float(theirs.get(name, np.nan)), name))
    return found


def print_starts(runs: dict[str, Figures], delay: int) -> None:
    """Print accuracy on the first rows."""
    for n, ours, theirs, name in averages(runs, delay):
        print(f"mean accuracy, first {n:5,d} rows: {ours:.4f}, best peer {theirs:.4f} {name}")
    for stream in STREAMS:
        r = runs.get(name_of(stream, delay))
        if r:
            starts = " / ".join(f"{r[f'accuracy_first_{n}']:.3f}" for n in FIRST)
            print(f"    {stream:20s} first {' / '.join(map(str, FIRST))} rows: {starts}")


def print_permuted(runs: dict[str, Figures]) -> None:
    """Accuracy before and after the labels change their meaning."""
    print("\nlabels permuted from the middle row on: accuracy before, after; after if not permuted")
    for stream in STREAMS:
        r, usual = runs.get(name_of(stream, None)), runs.get(name_of(stream, 0))
        if r and usual:
            print(
                f"{stream:20s}{r['before']:7.3f}{r['after']:7.3f}"
                f"{100 * (r['after'] - r['before']):+7.1f} points   {usual['middle']['after']:.3f}"
            )


def claims(runs: dict[str, Figures]) -> list[Figures]:
    """The promises, each with the measured value."""
    found = []
    for stream, floor in FLOORS.items():
        ours = runs.get(name_of(stream, 0), {}).get("accuracy")
        found.append(claim(f"accuracy on {stream}", ours, ">=", floor))
    for delay in DELAYS:
        for stream in STREAMS:
            peers = peers_of(stream, delay)
            name = best(peers, "accuracy")
            ours = runs.get(name_of(stream, delay), {}).get("accuracy")
            if name is not None:
                what = f"accuracy on {stream}, delay {delay}, best peer {name}"
                found.append(claim(what, ours, ">", peers[name]["accuracy"]))
        for n, mean, theirs, name in averages(runs, delay):
            what = f"mean accuracy, first {n} rows, delay {delay}, best peer {name}"
            found.append(claim(what, round(mean, 5), ">=", round(theirs, 5)))
    for stream in PERMUTED:
        r = runs.get(name_of(stream, None))
        loss = None if r is None else round(100 * (r["before"] - r["after"]), 2)
        found.append(claim(f"points lost by permuted labels on {stream}", loss, "<=", WITHIN))
    return found


def name_of(stream: str, delay: int | None) -> str:
    """The key of a run in the results; None is the permuted one."""
    return f"{stream} | " + ("permuted" if delay is None else f"delay {delay}")


def main() -> None:
    """Make the runs that are missing, then print the tables."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--streams", nargs="+", choices=STREAMS, default=list(STREAMS))
    parser.add_argument("--delays", nargs="*", type=int, choices=DELAYS, default=list(DELAYS))
    parser.add_argument("--no-permuted", action="store_true")
    parser.add_argument("--keep", action="store_true", help="do not repeat runs of older code")
    parser.add_argument("--table", action="store_true", help="print the results there are")
    given = parser.parse_args()
    results = Results("streams", keep=given.keep)
    jobs = [(s, d) for d in given.delays for s in given.streams]
    jobs += [] if given.no_permuted else [(s, None) for s in given.streams]
    for stream, delay in [] if given.table else jobs:
        job = partial(run_permuted, stream) if delay is None else partial(run, stream, delay)
        results.run(name_of(stream, delay), job)
    for delay in DELAYS:
        print_streams(results.runs, delay)
        print_starts(results.runs, delay)
    print_permuted(results.runs)
    results.conclude(claims(results.runs))


if __name__ == "__main__":
    main()
