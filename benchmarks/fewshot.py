"""Accuracy from few labels: sentence vectors and texts, learned one example at a time.

    python benchmarks/fewshot.py --quick   3 a class only, some minutes
    python benchmarks/fewshot.py           all of it; stop and start it as you like
    python benchmarks/fewshot.py --table

banking77 (77 intents) and clinc150 (150 intents), as MiniLM vectors or as text for the built-in
encoder. Draw s of k a class: `rng = default_rng(s)`, for every class in sorted order
`rng.permutation(flatnonzero(y == c))[:k]`, all of them then shuffled by the same rng; "all" is one
shuffle, s = 0. One pass, then the authors' test set; a default learner throughout.

- ECE: expected calibration error on the test set, 15 equal-mass bins, in points;
- AUROC: does `novelty` tell out-of-scope queries (clinc150's `oos_test`) from the test set's;
- groups: the same draw, but the classes arrive in 10 groups, drawn by `default_rng(1000 + s)`;
- lifelong experts: the votes of "kernel" and "gaussian" alone, which no order should matter to.

Vectors are read from `$QUICKSTUDY_DATA/text`, or from `../shared/data/text` next to the repository,
texts from the package; results go to `benchmarks/results/fewshot.json`.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from sklearn.metrics import roc_auc_score

from common import Figures, Results, claim, data_file
from quickstudy import Classifier
from quickstudy.datasets import load_banking77, load_clinc150
from quickstudy.evaluate.prequential import evaluate
from quickstudy.stats.calibration import expected_calibration_error
from quickstudy.types import PredictionBatch

SETS = {"banking77": load_banking77, "clinc150": load_clinc150}
FLOORS = {"banking77": {3: 72.5, 10: 85.0, 0: 93.0}, "clinc150": {3: 82.3, 10: 90.5, 0: 94.0}}
TEXT_FLOORS = {10: 76.0, 0: 90.0}
NOVELTY_FLOORS = {5: 0.95, 0: 0.97}
ECE_AT_MOST = 3.0
LIFELONG = ("kernel", "gaussian")
LIFELONG_WITHIN, POOL_WITHIN = 0.5, 2.0
DRAWS, GROUPS = (0, 1, 2), 10


@dataclass(frozen=True)
class Job:
    """One pass: `k` examples a class, 0 for all."""

    data: str
    k: int
    draw: int = 0
    inputs: str = "minilm"
    order: str = "shuffled"

    @property
    def kind(self) -> str:
        """The description of the job without the draw."""
        return f"{self.data} | {self.inputs} | {size(self.k)} | {self.order}"

    @property
    def name(self) -> str:
        return f"{self.kind} | draw {self.draw}"


def size(k: int) -> str:
    """Examples a class, in words."""
    return f"{k} a class" if k else "all"


def draws(data: str, k: int, **kind: str) -> list[Job]:
    """The jobs with the same description, one for each draw."""
    return [Job(data, k, draw, **kind) for draw in (DRAWS if k else (0,))]


def jobs(quick: bool) -> list[Job]:
    """All jobs, the longest last."""
    found = draws("banking77", 3) + draws("clinc150", 3)
    if quick:
        return found
    found += draws("banking77", 10) + draws("banking77", 10, inputs="text")
    found += draws("banking77", 10, order="groups") + draws("clinc150", 5) + draws("clinc150", 10)
    found += draws("banking77", 0) + draws("banking77", 0, order="groups")
    return found + draws("banking77", 0, inputs="text") + draws("clinc150", 0)


def read(data: str, inputs: str, split: str) -> tuple[Sequence[Any], np.ndarray]:
    """Inputs and labels of a split, in the authors' order."""
    load = SETS[data]
    texts, labels = load(split)
    if inputs == "text":
        return texts, np.array(labels)
    vectors = np.load(data_file(f"text/{data}_minilm.npy")).astype(np.float64)
    at = next(i for i, text in enumerate(load(None).texts) if text == texts[0])
    if load(None).texts[at : at + len(texts)] != texts:
        raise ValueError(f"{data} {split}: rows of a split do not follow one another")
    return vectors[at : at + len(texts)], np.array(labels)


def drawn(job: Job, labels: np.ndarray) -> np.ndarray:
    """Rows to learn, in the order in which they come."""
    rng = np.random.default_rng(job.draw)
    k = job.k or len(labels)
    rows = [rng.permutation(np.flatnonzero(labels == c))[:k] for c in sorted(set(labels))]
    order = rng.permutation(np.concatenate(rows))
    if job.order == "shuffled":
        return order
    classes = np.random.default_rng(1000 + job.draw).permutation(sorted(set(labels)))
    group = {c: i * GROUPS // len(classes) for i, c in enumerate(classes)}
    return order[np.argsort([group[y] for y in labels[order]], kind="stable")]


def run(job: Job) -> Figures:
    """Learn the draw, then answer the test set."""
    inputs, labels = read(job.data, job.inputs, "train")
    order = drawn(job, labels)
    learner, start = Classifier(), time.process_time()
    records, given = [inputs[i] for i in order], [str(labels[i]) for i in order]
    outcome = evaluate(learner, records, given, progress=Ticker(job.name, len(order)))
    cpu = time.process_time() - start
    inputs, truth = read(job.data, job.inputs, "test")
    batch = learner.predict_many(list(inputs))
    answers = np.array(batch.labels)
    right = answers[batch.probabilities.argmax(axis=1)] == truth
    alone = answers[batch.votes.argmax(axis=2)] == truth[:, None]
    return {
        "examples": len(order),
        "accuracy": 100 * right.mean(),
        "ece": 100 * expected_calibration_error(batch.confidence, right),
        "auroc": novelty_auroc(job, learner, batch),
        "experts": {n: 100 * alone[:, e].mean() for e, (n, _) in enumerate(learner.experts)},
        "weights": dict(learner.experts),
        "prequential_accuracy": 100 * outcome.right.mean(),
        "seconds": outcome.seconds,
        "cpu_seconds": cpu,
        "size_mb": learner.size_bytes / 1e6,
    }


def novelty_auroc(job: Job, learner: Classifier, batch: PredictionBatch) -> float | None:
    """AUROC of novelty for out-of-scope queries against the test set; None for banking77."""
    if job.data != "clinc150":
        return None
    outside = learner.predict_many(list(read(job.data, job.inputs, "oos_test")[0])).novelty
    new = np.r_[np.zeros(len(batch)), np.ones(len(outside))]
    return float(roc_auc_score(new, np.r_[batch.novelty, outside]))


class Ticker:
    """Prints the progress of a pass every ten seconds."""

    def __init__(self, name: str, total: int) -> None:
        self._name, self._total = name, total
        self._done, self._next = 0, time.monotonic() + 10

    def __call__(self, rows: int) -> None:
        self._done += rows
        if time.monotonic() > self._next:
            print(f"  {self._name}: {self._done:,} of {self._total:,}", flush=True)
            self._next = time.monotonic() + 10


def mean(runs: dict[str, Figures], of: list[Job], *path: str) -> float | None:
    """Mean of a figure over the draws; None unless all of them are there."""
    values = [value(runs.get(job.name), *path) for job in of]
    return None if None in values else float(np.mean(values))


def value(figures: Figures | None, *path: str) -> float | None:
    """A figure of a run."""
    found: Any = figures
    for step in path:
        found = None if found is None else found.get(step)
    return None if found is None else float(found)


def print_table(runs: dict[str, Figures]) -> None:
    """Print means and standard deviations over the draws, a row for each description."""
    print(
        f"\n{'':40s}{'draws':>6s}{'accuracy':>15s}{'ECE':>6s}{'AUROC':>7s}{'before':>8s}"
        f"{'kernel':>8s}{'gaussian':>9s}{'logistic':>9s}{'CPU s':>7s}{'MB':>6s}"
    )
    by_kind: dict[str, list[Figures]] = {}
    for job in jobs(quick=False):
        if job.name in runs:
            by_kind.setdefault(job.kind, []).append(runs[job.name])
    for kind, found in by_kind.items():
        accuracy = [r["accuracy"] for r in found]
        spread = f" (sd {np.std(accuracy, ddof=1):.1f})" if len(found) > 1 else " " * 9
        alone = [np.mean([r["experts"][n] for r in found]) for n in (*LIFELONG, "logistic")]
        auroc = "-" if found[0]["auroc"] is None else f"{np.mean([r['auroc'] for r in found]):.3f}"
        print(
            f"{kind:40s}{len(found):6d}{np.mean(accuracy):6.1f}{spread}"
            f"{np.mean([r['ece'] for r in found]):6.1f}{auroc:>7s}"
            f"{np.mean([r['prequential_accuracy'] for r in found]):8.1f}"
            f"{alone[0]:8.1f}{alone[1]:9.1f}{alone[2]:9.1f}"
            f"{np.mean([r['cpu_seconds'] for r in found]):7.0f}"
            f"{np.mean([r['size_mb'] for r in found]):6.0f}"
        )
    print("(ECE in points; before: share right before each was learned; experts on their own)")


def claims(runs: dict[str, Figures]) -> list[Figures]:
    """The promises, each with the measured value."""
    found = []
    for data, floors in FLOORS.items():
        for k, floor in floors.items():
            of = draws(data, k)
            found.append(
                claim(f"{data}, {size(k)}, % right", mean(runs, of, "accuracy"), ">=", floor)
            )
            if k != 3:
                what = f"{data}, {size(k)}, calibration error, points"
                found.append(claim(what, mean(runs, of, "ece"), "<=", ECE_AT_MOST))
    for k, floor in TEXT_FLOORS.items():
        of = draws("banking77", k, inputs="text")
        what = f"banking77, {size(k)}, built-in text encoder, % right"
        found.append(claim(what, mean(runs, of, "accuracy"), ">=", floor))
        what = f"banking77, {size(k)}, text encoder, calibration error, points"
        found.append(claim(what, mean(runs, of, "ece"), "<=", ECE_AT_MOST))
    for k, floor in NOVELTY_FLOORS.items():
        of = draws("clinc150", k)
        what = f"clinc150, {size(k)}, out-of-scope AUROC"
        found.append(claim(what, mean(runs, of, "auroc"), ">=", floor))
    for k in (10, 0):
        for path in (("accuracy",), *(("experts", name) for name in LIFELONG)):
            lost = points_lost(runs, k, *path)
            within = POOL_WITHIN if path == ("accuracy",) else LIFELONG_WITHIN
            who = "whole pool" if path == ("accuracy",) else path[-1]
            what = f"banking77, {size(k)}, in groups, points lost by the {who}"
            found.append(claim(what, lost, "<=", within))
    return found


def points_lost(runs: dict[str, Figures], k: int, *path: str) -> float | None:
    """Points of accuracy lost when the classes arrive in groups instead of shuffled."""
    shuffled = mean(runs, draws("banking77", k), *path)
    groups = mean(runs, draws("banking77", k, order="groups"), *path)
    return None if shuffled is None or groups is None else round(shuffled - groups, 3)


def main() -> None:
    """Make the runs that are missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="3 examples a class only")
    parser.add_argument("--only", default="", help='jobs whose name has this, as "| 10 a class"')
    parser.add_argument("--keep", action="store_true", help="do not repeat runs of older code")
    parser.add_argument("--table", action="store_true", help="print the results there are")
    given = parser.parse_args()
    results = Results("fewshot", keep=given.keep)
    for job in [] if given.table else jobs(given.quick):
        if given.only in job.name:
            results.run(job.name, partial(run, job))
    print_table(results.runs)
    results.conclude(claims(results.runs))


if __name__ == "__main__":
    main()
