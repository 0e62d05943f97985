"""A learner that knows nothing answers a bank's questions, and asks until it has proved itself.

    python examples/bank_questions.py --plot bank.png      less than a minute

Real questions of 77 kinds arrive one after another. A simulated teacher labels what the learner
asks about; the learner learns from these labels alone. Once they prove that its answers have the
target precision, it answers what it is sure of without asking, and a part of those answers is
audited. All of it runs in this process: a classifier, and the decision to act or to ask.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rich.console import Console
from rich.progress import track

from quickstudy import Classifier
from quickstudy.datasets import load_banking77
from quickstudy.stats.calibration import weighted_share
from quickstudy.stats.risk import ActOrAsk

WINDOW = 500  # questions that the shares look back on
MISTAKES = 3  # printed
REPORT = """\
{labels:,} labels needed for {questions:,} questions
{start}
{handled:.0%} of the last {window:,} questions handled without asking
{precision}"""
KNOWN = """\
{precision:.1%} of those answers right, by {audits} audits (95 % interval {low:.1%} to {high:.1%})
{truth:.1%} in truth, which the simulation alone knows"""


class Case(NamedTuple):
    """One question: what was answered, and what came of it."""

    question: str
    answer: str | None
    label: str
    acted: bool  # answered without asking
    labelled: bool  # asked about, or audited
    label_probability: float  # chance that a label was asked for


def questions(count: int, seed: int) -> list[tuple[str, str]]:
    """Questions with their kinds, in an order that the seed decides."""
    texts, labels = load_banking77()
    order = np.random.default_rng(seed).permutation(len(texts))[:count]
    return [(texts[i], labels[i]) for i in order]


def live(stream: Sequence[tuple[str, str]], learner: Classifier, control: ActOrAsk) -> list[Case]:
    """Predict each question, decide, and learn where a label was asked for."""
    cases = []
    for question, label in track(stream, "questions", console=Console(stderr=True)):
        p = learner.predict(question)
        decision = control.decide(p.confidence, p.label)
        control.record(decision, p.label != label if decision.labelled else None)
        if decision.labelled:
            learner.learn(question, label, prediction=p)
        outcome = (decision.act, decision.labelled, decision.label_probability)
        cases.append(Case(question, p.label, label, *outcome))
    return cases


def columns(cases: Sequence[Case]) -> np.ndarray:
    """Three rows: whether each case was acted on, answered correctly, and labelled."""
    return np.array([(c.acted, c.answer == c.label, c.labelled) for c in cases], dtype=bool).T


def told(cases: Sequence[Case]) -> dict[str, float | None]:
    """The figures; `precision` is estimated from audits, `truth` counts every answer."""
    acted, right, labelled = columns(cases)
    audited = acted & labelled
    probability = np.array([c.label_probability for c in cases])
    precision, low, high = weighted_share(right[audited], probability[audited])
    return {
        "questions": len(cases),
        "labels": int(labelled.sum()),
        "acts_from": int(acted.argmax()) if acted.any() else None,
        "handled": float(acted[-WINDOW:].mean()),
        "audits": int(audited.sum()),
        "precision": float(precision) if audited.any() else None,
        "low": low,
        "high": high,
        "truth": float(right[acted].mean()) if acted.any() else None,
    }


def summary(story: dict[str, float | None], target: float) -> str:
    """The figures in a few lines."""
    start = f"it never proved {target:.0%} precision, so it asked about everything"
    if story["acts_from"] is not None:
        start = "it answers without asking from question {:,} on".format(story["acts_from"] + 1)
    known = KNOWN.format(**story) if story["audits"] else "no audits, so no precision is known"
    window = min(WINDOW, story["questions"])
    return REPORT.format(start=start, window=window, **{**story, "precision": known})


def mistakes(cases: Sequence[Case]) -> list[Case]:
    """Wrong answers that were given without asking, and that an audit found."""
    return [c for c in cases if c.acted and c.labelled and c.answer != c.label]


def plot(cases: Sequence[Case], target: float, path: Path) -> None:
    """Draw moving shares over the stream: labels needed, questions handled, answers correct."""
    from matplotlib.figure import Figure

    acted, right, labelled = columns(cases)
    at, window = np.arange(len(cases)) + 1, np.ones(WINDOW)
    sums = [np.convolve(v, window)[: len(at)] for v in (acted, acted & right, right, labelled)]
    handled, correct, asked = (sums[i] / np.minimum(at, WINDOW) for i in (0, 2, 3))
    precision = np.where(sums[0] >= 20, sums[1] / np.maximum(sums[0], 1), np.nan)
    figure = Figure(figsize=(9, 4.5), layout="constrained")
    axes = figure.add_subplot(xlabel="questions so far", ylabel=f"share of the last {WINDOW}")
    axes.plot(at, correct, color="0.6", label="correct, asked about or not")
    axes.plot(at, asked, color="C1", label="labels needed")
    axes.plot(at, handled, color="C0", label="handled without asking")
    axes.plot(at, precision, color="C2", label="correct among those")
    axes.axhline(target, color="k", ls="--", lw=1, label=f"target: {target:.0%}")
    axes.legend(loc="lower right", fontsize=8)
    figure.savefig(path, dpi=100)


def main() -> None:
    """Run the stream, and print what came of it."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--questions", type=int, default=1500, help="of 13,083")
    parser.add_argument("--target", type=float, default=0.9, help="precision to be proved")
    parser.add_argument("--seed", type=int, default=0, help="order of the questions")
    parser.add_argument("--plot", type=Path, help="write the chart to this file")
    parser.add_argument("--json", action="store_true", help="for machines")
    asked = parser.parse_args()
    control, learner = ActOrAsk(asked.target, seed=asked.seed), Classifier(seed=asked.seed)
    cases = live(questions(asked.questions, asked.seed), learner, control)
    if asked.plot:
        plot(cases, asked.target, asked.plot)
    print(json.dumps(told(cases)) if asked.json else summary(told(cases), asked.target))
    for case in [] if asked.json else mistakes(cases)[-MISTAKES:]:
        print(f'wrong: "{case.question}" is {case.label}, not {case.answer}')


if __name__ == "__main__":
    main()
