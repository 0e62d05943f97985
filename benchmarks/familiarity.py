"""Unfamiliar records are not acted on: their fields are renamed, dropped or retyped.

    python benchmarks/familiarity.py --quick   phishing and banking77 only, about a minute
    python benchmarks/familiarity.py           all of it, about ten minutes; stop and start it
    python benchmarks/familiarity.py --table

Five streams and three kinds of text. A default learner goes through the first 6,000 cases (3,000 of
the texts) as in a deployment: `ActOrAsk` acts or asks at the target named in the table, and only
asked and audited labels are learned. Every tenth case is set aside. Then learner and certificate
are kept as they are, and answer the cases that were set aside

- undisturbed: the share handled, with the check of the form and without it;
- with one field renamed, dropped or retyped, each field in turn: a field is called weighty where
  the learner asks for most of the cases because of it;
- with all fields renamed, dropped or retyped, repeated up to 10,000 cases.

Without the check means: acting on the confidence that the same learner had before its form was
judged. Targets are such that each learner is certified at all. Then come ordinary gaps: streams in
which fields are missing at random, alone or together, or in which records hold only the words that
occur; told is the share of undisturbed cases that are called unfamiliar.

Last, what wide inputs cost (`familiarity_width.py`): a process a shape, that learns it within 64
MiB, and the start of a store of five wide learners. Times are processor times.

Data is read from `$QUICKSTUDY_DATA`, or from `../shared/data` next to the repository; results go to
`benchmarks/results/familiarity.json`.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np

from common import Figures, Results, claim
from familiarity_width import NAMED, SHAPES, print_width, run_shape, run_store, width_claims
from fewshot import read as read_text
from peers_streams import STREAMS, read_stream
from quickstudy import Classifier
from quickstudy.stats.risk import ActOrAsk
from quickstudy.types import PredictionBatch

# target precision of each data set: what its learner can be certified for
TARGETS = {
    "elec2": 0.9,
    "weather": 0.85,
    "phishing": 0.95,
    "sea": 0.8,
    "covertype_shuffled": 0.75,
    "banking77 text": 0.95,
    "clinc150 text": 0.95,
    "banking77 minilm": 0.95,
}
QUICK = ("phishing", "banking77 text")
LEARNED, LEARNED_TEXTS, EVERY, GONE = 6000, 3000, 10, 10_000
KINDS = ("renamed", "dropped", "retyped")
ASKS_FOR_IT = 0.5  # share of cases asked because of a field from which on the field is weighty
FEWEST_ACTED = 50  # acted cases below which a precision says nothing
MOST_LOST = 1.0  # points of share handled
Case = dict[str, Any] | str | np.ndarray


@dataclass(frozen=True)
class Trained:
    """A learner that was certified on the beginning of a stream, with its certificate."""

    learner: Classifier
    control: ActOrAsk
    acted: int
    lost: int
    cases: int
    seconds: float


def read(name: str) -> tuple[list[Case], list[str]]:
    """The cases of a data set in the order in which they come."""
    if name in STREAMS:
        records, labels = read_stream(name)
        return list(records), labels
    data, inputs = name.split()
    xs, ys = read_text(data, inputs, "train")
    order = np.random.default_rng(0).permutation(len(ys))
    return [xs[i] for i in order], [str(ys[i]) for i in order]


def chosen(values: list[Any], which: np.ndarray) -> list[Any]:
    """The values at the marked positions."""
    return [value for value, mark in zip(values, which, strict=False) if mark]


def train(xs: list[Case], ys: list[str], target: float) -> Trained:
    """The learner and its certificate after these cases, learned from asked and audited labels."""
    learner, control = Classifier(), ActOrAsk(target, seed=0)
    acted = lost = 0
    start = time.process_time()
    for x, y in zip(xs, ys, strict=True):
        p = learner.predict(x)
        would = control.level() > 0 and p.confidence >= threshold(control)
        decision = control.decide(p.confidence, p.label, eligible=p.unfamiliar is None)
        control.record(decision, p.label != y if decision.labelled else None)
        acted += decision.act
        lost += p.unfamiliar is not None or (would and not decision.act)
        if decision.labelled:
            learner.learn(x, y)
    return Trained(learner, control, acted, lost, len(ys), time.process_time() - start)


def threshold(control: ActOrAsk) -> float:
    """The confidence from which on the certified policy acts."""
    level = control.level()
    return float(control.report()["thresholds"][level - 1]) if level else np.inf


def acts(trained: Trained, batch: PredictionBatch) -> np.ndarray:
    """Which cases of a batch are acted on."""
    sure = batch.confidence >= threshold(trained.control)
    sure[list(batch.unfamiliar)] = False
    return sure


def unchecked(trained: Trained, xs: list[Case]) -> np.ndarray:
    """Which cases would be acted on if no form was judged."""
    learner = trained.learner
    raw = learner._encoder.encode(xs)
    return learner._mixture.predict(raw).confidence >= threshold(trained.control)


def right(batch: PredictionBatch, ys: list[str]) -> np.ndarray:
    """Which answers of a batch are right."""
    return np.array(batch.labels)[batch.probabilities.argmax(axis=1)] == np.array(ys)


def disturbed(case: Case, kind: str, field: str | None = None) -> Case:
    """A case with one field, or all of them, renamed, dropped or retyped."""
    if not isinstance(case, dict):
        renamed = {"message": case}
        return {"renamed": renamed, "dropped": {}, "retyped": {"text": [0.6, 0.8]}}[kind]
    found = dict(case)
    for name in [field] if field else list(case):
        value = found.pop(name)
        if kind == "renamed":
            found[f"{name}_v2"] = value
        elif kind == "retyped":
            found[name] = f"about {value}"
    return found


def run(name: str) -> Figures:
    """One data set: certified once, then disturbed in every way."""
    xs, ys = read(name)
    learned = LEARNED if name in STREAMS else LEARNED_TEXTS
    aside = np.arange(learned) % EVERY == EVERY - 1
    tested, truth = chosen(xs, aside), chosen(ys, aside)
    trained = train(chosen(xs, ~aside), chosen(ys, ~aside), TARGETS[name])
    batch = trained.learner.predict_many(tested)
    acted, ok = acts(trained, batch), right(batch, truth)
    plain = unchecked(trained, tested)
    fields = list(tested[0]) if isinstance(tested[0], dict) else []
    singles = [
        single(trained, tested, truth, field=f, kind=k) for f, k in itertools.product(fields, KINDS)
    ]
    weighty = [s for s in singles if s["asked"] >= ASKS_FOR_IT]
    return {
        "target": TARGETS[name],
        "level": trained.control.level(),
        "cases": learned,
        "handled": float(acted.mean()),
        "handled_unchecked": float(plain.mean()),
        "points_lost": 100 * (trained.lost + int((plain & ~acted).sum())) / learned,
        "precision": precision(ok, acted),
        "fields": len(fields),
        "weighty": sorted({s["field"] for s in weighty}),
        "weighty_precision": lowest(weighty),
        "other_precision": lowest([s for s in singles if s not in weighty]),
        "unchecked_precision": lowest(singles, "unchecked_precision"),
        "acted_with_all_gone": {k: all_gone(trained, tested, k) for k in KINDS},
        "milliseconds": 1000 * trained.seconds / trained.cases,
    }


def single(trained: Trained, xs: list[Case], ys: list[str], *, field: str, kind: str) -> Figures:
    """The share of cases handled, and their precision, with one field disturbed."""
    changed = [disturbed(x, kind, field) for x in xs]
    batch = trained.learner.predict_many(changed)
    acted, ok = acts(trained, batch), right(batch, ys)
    plain = unchecked(trained, changed)
    return {
        "field": field,
        "kind": kind,
        "asked": len(batch.unfamiliar) / len(xs),
        "handled": float(acted.mean()),
        "precision": precision(ok, acted),
        "unchecked_handled": float(plain.mean()),
        "unchecked_precision": precision(ok, plain),
    }


def all_gone(trained: Trained, xs: list[Case], kind: str) -> int:
    """Cases acted on of 10,000 in which every field is disturbed."""
    cases = [disturbed(x, kind) for x in itertools.islice(itertools.cycle(xs), GONE)]
    return int(acts(trained, trained.learner.predict_many(cases)).sum())


def precision(ok: np.ndarray, acted: np.ndarray) -> float | None:
    """Share right of the cases acted on; None of too few."""
    return float(ok[acted].mean()) if acted.sum() >= FEWEST_ACTED else None


def lowest(singles: list[Figures], figure: str = "precision") -> float | None:
    """The lowest precision among disturbances with enough acted cases."""
    return min((s[figure] for s in singles if s[figure] is not None), default=None)


def alone(rng: np.random.Generator) -> list[Case]:
    """30 fields, each missing in a fifth of the records, independently."""
    rows = rng.integers(0, 5, (3000, 30))
    return [{f"f{j}": int(v) for j, v in enumerate(row) if rng.random() > 0.2} for row in rows]


def together(rng: np.random.Generator) -> list[Case]:
    """Eight fields, of which five are missing together in a fifth of the records."""
    rows = rng.integers(0, 5, (3000, 8))
    short = rng.random(3000) < 0.2
    return [
        {f"f{j}": int(v) for j, v in enumerate(row) if j < 3 or not gap}
        for row, gap in zip(rows, short, strict=True)
    ]


def apart(rng: np.random.Generator) -> list[Case]:
    """Records of three senders, each with four fields of its own."""
    rows, sender = rng.integers(0, 5, (3000, 4)), rng.integers(0, 3, 3000)
    return [
        {f"{'abc'[s]}{j}": int(v) for j, v in enumerate(row)}
        for row, s in zip(rows, sender, strict=True)
    ]


def words(rng: np.random.Generator) -> list[Case]:
    """Records that hold the words that occur, out of 400, often ones and rare ones."""
    chance = 1.0 / np.arange(1, 401)
    draws = rng.choice(400, (1500, 12), p=chance / chance.sum())
    return [{f"w{j}": 1 for j in row} for row in draws.tolist()]


GAPS: dict[str, Callable[[np.random.Generator], list[Case]]] = {
    "each of 30 fields missing in 20 %": alone,
    "5 of 8 fields missing together in 20 %": together,
    "three senders, each with its fields": apart,
    "12 words of 400, as they occur": words,
}


def run_gaps(name: str) -> Figures:
    """Share of undisturbed records that are called unfamiliar, each before it is learned."""
    rng = np.random.default_rng(0)
    xs = GAPS[name](rng)
    ys = ["yes" if sum(map(float, x.values())) > 2 * len(x) else "no" for x in xs]
    if GAPS[name] is words:
        ys = ["yes" if "w0" in x or "w3" in x else "no" for x in xs]
    batch = Classifier().test_then_train(xs, ys)
    return {"records": len(xs), "unfamiliar": len(batch.unfamiliar) / len(xs)}


def print_table(runs: dict[str, Figures]) -> None:
    """Print a row for each data set, then the ordinary gaps."""
    print(
        f"\n{'':20s}{'target':>7s}{'handled':>9s}{'unchecked':>10s}{'lost':>6s}{'precision':>10s}"
        f"{'weighty':>12s}{'precision':>10s}{'others':>8s}{'unchecked':>10s}  acted with all gone"
    )
    for name in TARGETS:
        r = runs.get(name)
        if r:
            gone = ", ".join(f"{n:,} {k}" for k, n in r["acted_with_all_gone"].items())
            weighty = f"{len(r['weighty'])} of {r['fields']}"
            print(
                f"{name:20s}{r['target']:7.2f}{r['handled']:9.1%}{r['handled_unchecked']:10.1%}"
                f"{r['points_lost']:6.2f}{told(r['precision']):>10s}"
                f"{weighty:>12s}{told(r['weighty_precision']):>10s}{told(r['other_precision']):>8s}"
                f"{told(r['unchecked_precision']):>10s}  {gone}"
            )
    print("(lowest precision of one field disturbed: weighty ones, others, all without the check)")
    for name in GAPS:
        if name in runs:
            print(f"{name:40s}{runs[name]['unfamiliar']:7.2%} of the records called unfamiliar")


def told(share: float | None) -> str:
    """A share as text, or a note that no case was acted on."""
    return "-" if share is None else f"{share:.1%}"


def claims(runs: dict[str, Figures]) -> list[Figures]:
    """The promises, each with the measured value."""
    found = []
    for name, target in TARGETS.items():
        r = runs.get(name)
        acted = None if r is None else sum(r["acted_with_all_gone"].values())
        found.append(claim(f"{name}: acted on with all fields gone", acted, "<=", 0))
        lost = None if r is None else r["points_lost"]
        found.append(claim(f"{name}: points handled lost undisturbed", lost, "<=", MOST_LOST))
        if r is not None and r["fields"]:
            shares = [r["weighty_precision"], r["other_precision"]]
            least = min((s for s in shares if s is not None), default=1.0)
            found.append(claim(f"{name}: precision with one field gone", least, ">=", target))
    return found


def main() -> None:
    """Make the runs that are missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="phishing and banking77 only")
    parser.add_argument("--only", nargs="+", choices=list(TARGETS), default=None)
    parser.add_argument("--keep", action="store_true", help="do not repeat runs of older code")
    parser.add_argument("--table", action="store_true", help="print the results there are")
    given = parser.parse_args()
    results = Results("familiarity", keep=given.keep)
    names = given.only or (QUICK if given.quick else list(TARGETS))
    for name in [] if given.table else names:
        results.run(name, partial(run, name))
    for name in [] if given.table else GAPS:
        results.run(name, partial(run_gaps, name))
    for shape in [] if given.table else NAMED if given.quick else SHAPES:
        results.run(shape, partial(run_shape, shape))
    if not given.table:
        results.run("store", run_store)
    print_table(results.runs)
    print_width(results.runs)
    results.conclude(claims(results.runs) + width_claims(results.runs))


if __name__ == "__main__":
    main()
