"""How much of a stream is handled alone at 95 % precision, and after how many labels.

    python benchmarks/autonomy.py             20 shuffles of each; stop and start as you like
    python benchmarks/autonomy.py --shuffles 3 --data banking77 --inputs minilm
    python benchmarks/autonomy.py --table

6,000 training questions of banking77 (77 intents) and clinc150 (150 intents, in scope), shuffled by
`default_rng(shuffle)`, come one by one, as MiniLM vectors or as text. `ActOrAsk` acts or asks at a
target of 95 %, alpha 5 %; the learner learns from asked and audited labels only. The baseline is
what many teams do: logistic regression, refitted every 200 labels, acting at a probability >= 0.95.

- handled: share of cases acted on, in each thousand;
- precision: right answers among all cases acted on, audited or not, which only a simulation knows;
- first act: labels used, and cases seen, before the first case acted on;
- violations: shuffles in which the precision of all cases acted on ended below the target.

Data is read from `$QUICKSTUDY_DATA/text`, or from `../shared/data/text` next to the repository.
Results go to `benchmarks/results/autonomy.json` after every run; what is there is not run again.
"""

from __future__ import annotations

import argparse
import gzip
import importlib
import json
import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from quickstudy.errors import DataFileError
from quickstudy.stats.risk import ActOrAsk

ROOT = Path(__file__).resolve().parent.parent
DATA = Path(os.environ.get("QUICKSTUDY_DATA", ROOT.parent / "shared" / "data")) / "text"
RESULTS = ROOT / "benchmarks" / "results" / "autonomy.json"
TARGET, ALPHA = 0.95, 0.05
LATE = 3000
REFIT, PENALTY = 200, 10.0  # labels between refits; C of the logistic regression
REGRESSION = "logistic regression"
Stream = tuple[Any, list[str]]


@dataclass
class Run:
    """The decision and the result for every case of a stream."""

    truth: list[str]
    answers: list[str | None] = field(default_factory=list)
    acted: list[bool] = field(default_factory=list)
    labelled: list[bool] = field(default_factory=list)
    certified: list[dict[str, int]] = field(default_factory=list)
    alarms: int = 0

    def note(self, answer: str | None, acted: bool, labelled: bool) -> None:
        self.answers.append(answer)
        self.acted.append(acted)
        self.labelled.append(labelled)


def read_stream(data: str, inputs: str, shuffle: int, limit: int) -> Stream:
    """Inputs and labels of one shuffle."""
    path = DATA / f"{data}.jsonl.gz"
    if not path.exists():
        raise DataFileError(f"{path} is missing: set QUICKSTUDY_DATA to the folder with text/")
    with gzip.open(path, "rt") as file:
        rows = [json.loads(line) for line in file]
    train = np.array([i for i, row in enumerate(rows) if row["split"] == "train"])
    order = np.random.default_rng(shuffle).permutation(train)[:limit]
    labels = [rows[i]["label"] for i in order]
    if inputs == "text":
        return [rows[i]["text"] for i in order], labels
    return np.load(DATA / f"{data}_minilm.npy")[order].astype(np.float64), labels


def with_certificate(stream: Stream, learner: Any, shuffle: int) -> Run:
    """The learner and `ActOrAsk`, case by case."""
    run = Run(stream[1])
    control = ActOrAsk(TARGET, seed=shuffle, alpha=ALPHA)
    for x, y in zip(*stream, strict=True):
        p = learner.predict(x)
        decision = control.decide(p.confidence, p.label)
        control.record(decision, p.label != y if decision.labelled else None)
        run.note(p.label, decision.act, decision.labelled)
        if decision.labelled:
            learner.learn(x, y)
        if control.level() > len(run.certified):
            run.certified.append({"labels": sum(run.labelled), "case": len(run.acted)})
    run.alarms = control.report()["alarms"]
    return run


def with_regression(stream: Stream, shuffle: int) -> Run:
    """Logistic regression refitted every 200 labels, acting at probability >= 0.95."""
    xs, ys = stream
    run = Run(ys)
    learned: list[int] = []
    answers: list[str | None] = [None] * len(ys)
    probability = np.zeros(len(ys))
    for i in range(len(ys)):
        acted = bool(probability[i] >= TARGET)
        run.note(answers[i], acted, not acted)
        if acted:
            continue
        learned.append(i)
        if len(learned) % REFIT == 0:
            rest = slice(i + 1, len(ys))
            answers[rest], probability[rest] = regress(xs, ys, learned, i + 1)
    return run


def regress(xs: Any, ys: list[str], learned: list[int], start: int) -> tuple[list[Any], Any]:
    """Answers and their probabilities from `start` on, after fitting the labelled cases."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    if start >= len(ys):
        return [], np.zeros(0)
    classify = LogisticRegression(C=PENALTY, max_iter=300)
    text = isinstance(xs[0], str)
    model = make_pipeline(TfidfVectorizer(ngram_range=(1, 2)), classify) if text else classify
    model.fit([xs[i] for i in learned], [ys[i] for i in learned])
    p = model.predict_proba(xs[start:])
    return [model.classes_[j] for j in p.argmax(axis=1)], p.max(axis=1)


def summary(run: Run) -> dict[str, Any]:
    """The figures that are kept of a run."""
    acted = np.array(run.acted)
    labels = np.cumsum(run.labelled)
    right = np.array([a == y for a, y in zip(run.answers, run.truth, strict=True)])
    first = int(acted.argmax()) if acted.any() else None
    late = acted[LATE:]
    return {
        "handled": [round(float(part.mean()), 4) for part in thousands(acted)],
        "accuracy": [round(float(part.mean()), 4) for part in thousands(right)],
        "labels": int(labels[-1]),
        "precision": round(float(right[acted].mean()), 5) if acted.any() else None,
        "handled_late": round(float(late.mean()), 4) if len(late) else None,
        "precision_late": round(float(right[LATE:][late].mean()), 5) if late.any() else None,
        "first_act": None if first is None else {"labels": int(labels[first]), "case": first + 1},
        "certified": run.certified,
        "alarms": run.alarms,
        "per_label": per_label(run, acted, labels, right),
    }


def thousands(values: Any) -> Iterator[Any]:
    """Pieces of a thousand cases."""
    for start in range(0, len(values), 1000):
        yield values[start : start + 1000]


def per_label(run: Run, acted: Any, labels: Any, right: Any) -> dict[str, dict[str, int]]:
    """By answer: cases acted on, right ones, and labels and cases before the first."""
    found: dict[str, dict[str, int]] = {}
    for i in np.flatnonzero(acted):
        fresh = {"acted": 0, "right": 0, "labels": int(labels[i]), "case": int(i) + 1}
        entry = found.setdefault(str(run.answers[i]), fresh)
        entry["acted"] += 1
        entry["right"] += int(right[i])
    return found


def learner_factory(name: str) -> Callable[[], Any]:
    """A learner by `module:name`."""
    module, attribute = name.split(":")
    factory: Callable[[], Any] = getattr(importlib.import_module(module), attribute)
    return factory


def run_one(name: str, stream: Stream, shuffle: int) -> dict[str, Any]:
    """One run and its processor time."""
    start = time.process_time()
    if name == REGRESSION:
        run = with_regression(stream, shuffle)
    else:
        run = with_certificate(stream, learner_factory(name)(), shuffle)
    return {**summary(run), "cpu_seconds": round(time.process_time() - start, 1)}


def load(path: Path) -> dict[str, Any]:
    """The results so far."""
    return json.loads(path.read_text()) if path.exists() else {}


def save(path: Path, results: dict[str, Any]) -> None:
    """Write the results, one run a line; the old file is replaced only by a complete new one."""
    path.parent.mkdir(exist_ok=True)
    draft = path.with_suffix(".tmp")
    lines = ",\n".join(f"{json.dumps(k)}: {json.dumps(v)}" for k, v in sorted(results.items()))
    draft.write_text(f"{{\n{lines}\n}}\n")
    draft.replace(path)


def key(data: str, inputs: str, learner: str, limit: int, shuffle: int) -> str:
    """The key of a run in the results."""
    return f"{data} | {inputs} | {learner} | {limit} rows | shuffle {shuffle}"


def print_table(results: dict[str, Any], learners: list[str], given: argparse.Namespace) -> None:
    """Print a block for each data set and input, with medians and means over the shuffles."""
    for data in given.data:
        for inputs in given.inputs:
            print(f"\n{data}, {inputs}, target {TARGET:.0%}: handled in each thousand cases")
            for learner in learners:
                names = [
                    key(data, inputs, learner, given.limit, shuffle)
                    for shuffle in range(given.shuffles)
                ]
                print_runs(learner, [results[name] for name in names if name in results])


def print_runs(learner: str, runs: list[dict[str, Any]]) -> None:
    """The rows of one learner."""
    if not runs:
        print(f"{learner:24s} -")
        return
    acting = [r for r in runs if r["first_act"]]
    never = {"labels": np.inf, "case": np.inf}
    firsts = [r["first_act"] or never for r in runs]
    handled = np.mean([r["handled"] for r in runs], axis=0)
    precision = [r["precision"] for r in acting]
    late = [r["handled_late"] for r in runs if r["handled_late"] is not None]
    late_precision = [r["precision_late"] for r in runs if r["precision_late"] is not None]
    entries = [e for r in acting for e in r["per_label"].values()]
    often = [e["right"] / e["acted"] for e in entries if e["acted"] >= 20]
    print(
        f"{learner:24s} {len(runs)} shuffles  " + " ".join(f"{share:.0%}" for share in handled),
        f"  first act: {np.median([f['labels'] for f in firsts]):.0f} labels, "
        f"case {np.median([f['case'] for f in firsts]):.0f} (median)",
        f"  labels used {np.mean([r['labels'] for r in runs]):,.0f}, "
        f"alarms {sum(r['alarms'] for r in runs)}",
        sep="\n",
    )
    if not acting:
        return
    violations = sum(p < TARGET for p in precision)
    print(
        f"  precision {np.mean(precision):.2%} (lowest {min(precision):.2%}), "
        f"violations {violations} of {len(runs)}"
    )
    if late and late_precision:
        print(f"  from case {LATE:,}: {np.mean(late):.1%} handled at {np.mean(late_precision):.2%}")
    print(
        f"  per label: acted on after {np.median([e['labels'] for e in entries]):.0f} labels "
        f"(median), {len(entries) / len(acting):.0f} labels acted on; precision of those with 20 "
        f"or more: tenth {np.quantile(often, 0.1) if often else np.nan:.1%}, "
        f"median {np.median(often) if often else np.nan:.1%}"
    )


def main() -> None:
    """Run what is missing, then print the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--shuffles", type=int, default=20)
    parser.add_argument("--data", nargs="+", default=["banking77", "clinc150"])
    parser.add_argument("--inputs", nargs="+", default=["minilm", "text"])
    parser.add_argument("--limit", type=int, default=6000)
    parser.add_argument("--learner", default="quickstudy:Classifier", help="module:name")
    parser.add_argument("--no-regression", action="store_true")
    parser.add_argument("--results", type=Path, default=RESULTS)
    parser.add_argument("--table", action="store_true", help="print the results there are")
    given = parser.parse_args()
    learners = [given.learner] + ([] if given.no_regression else [REGRESSION])
    runs = [(s, d, i) for s in range(given.shuffles) for d in given.data for i in given.inputs]
    for shuffle, data, inputs in [] if given.table else runs:
        stream = None
        for learner in learners:
            name = key(data, inputs, learner, given.limit, shuffle)
            if name not in load(given.results):
                stream = stream or read_stream(data, inputs, shuffle, given.limit)
                result = run_one(learner, stream, shuffle)
                save(given.results, {**load(given.results), name: result})
                print(name, f"{result['cpu_seconds']} s", flush=True)
    print_table(load(given.results), learners, given)


if __name__ == "__main__":
    main()
