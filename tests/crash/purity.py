"""R20: reading changes no bit: predict, explain, save, evaluate, and all that is shown."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import numpy as np

import quickstudy
from quickstudy import Classifier
from quickstudy.evaluate.prequential import evaluate
from tests.crash import spare
from tests.crash.data import SMALL, draw
from tests.crash.forking import Say, outcome
from tests.crash.rows import Row, Scale, Tick
from tests.crash.truth import content

EXAMPLES, MORE = 60, 12
Example = tuple[Any, Any]


def _vector(rng: Random) -> Example:
    x = np.array([rng.gauss(0.0, 1.0) for _ in range(16)])
    return x, int(x[0] > x[1])


STREAMS: dict[str, Callable[[Random], Example]] = {
    "records": lambda rng: draw("prices", rng),
    "texts": lambda rng: draw("questions", rng),
    "vectors": _vector,
}


def examples(kind: str, count: int) -> tuple[list[Any], list[Any]]:
    """A stream of one kind of input."""
    rng = Random(f"R20 {kind}")
    drawn = [STREAMS[kind](rng) for _ in range(count)]
    return [x for x, _ in drawn], [y for _, y in drawn]


def of_learner(folder: Path, kind: str, say: Say) -> None:
    """A learner by itself."""
    xs, ys = examples(kind, EXAMPLES + MORE)
    learner = Classifier()
    learner.learn_many(xs[:EXAMPLES], ys[:EXAMPLES])
    before = learner.state_hash()

    def same(what: str) -> None:
        say("compared", what=f"{kind}: {what}", same=learner.state_hash() == before)

    for x in xs:
        learner.predict(x)
    same("predict")
    learner.predict_many(xs)
    same("predict_many")
    learner.explain(xs[-1])
    same("explain")
    path = folder / f"{kind}.model"
    learner.save(path)
    same("save")
    evaluate(Classifier.load(path), xs[EXAMPLES:], ys[EXAMPLES:])
    same("evaluate")
    learner.copy().learn_many(xs[EXAMPLES:], ys[EXAMPLES:])
    same("learning by a copy")


def of_deployment(folder: Path, kind: str, say: Say) -> None:
    """A hosted learner: whatever is read, everything that can be read stays the same."""
    spare.none()
    xs, ys = examples(kind, EXAMPLES + MORE)
    deployment = quickstudy.open(folder / f"{kind}.db")
    deployment.create("it", **SMALL)
    for x, y in zip(xs[:EXAMPLES], ys, strict=False):
        deployment.feedback(deployment.predict("it", x).id, label=y)
    ids = [deployment.predict("it", x).id for x in xs[EXAMPLES:]]
    before = content(deployment)

    reads: dict[str, Callable[[], Any]] = {
        "explain": lambda: [deployment.explain(i) for i in ids[:5]],
        "history": lambda: [deployment.history(i) for i in ids],
        "asks": lambda: deployment.asks("it"),
        "cases": lambda: [
            deployment.cases("it", text="a"),
            deployment.cases("it", status="waiting"),
        ],
        "report": lambda: deployment.report("it"),
        "events": lambda: deployment.events(),
        "learners": lambda: deployment.learners(),
        "doctor": lambda: deployment.doctor(),
        "backup": lambda: deployment.backup(folder / f"{kind}.backup"),
        "release": lambda: deployment.release(ids[0], holder="nobody"),
    }
    for what, read in reads.items():
        read()
        say("compared", what=f"{kind} hosted: {what}", same=content(deployment) == before)
    learned = what_was_learned(deployment)
    for x in xs:
        deployment.predict("it", x)
    say("compared", what=f"{kind} hosted: predict", same=what_was_learned(deployment) == learned)
    saved = deployment.state_hash("it")
    deployment.close()
    with quickstudy.open(folder / f"{kind}.db") as again:
        say("compared", what=f"{kind} hosted: save", same=again.state_hash("it") == saved)


def of_runs(folder: Path, kind: str, say: Say) -> None:
    """A hosted value learner, whose runs are steps of this kind."""
    xs, _ = examples(kind, EXAMPLES)
    deployment = quickstudy.open(folder / f"{kind}-runs.db")
    deployment.create_value("it", seed=1)
    for i, x in enumerate(xs):
        run = deployment.start("it", task=str(i % 3), id=f"run-{i}").id
        for step in range(1 + i % 3):
            deployment.step("it", run, x, action=f"act({step})")
        if i % 4:
            deployment.end("it", run, float(i % 2))
    before = content(deployment)
    reads: dict[str, Callable[[], Any]] = {
        "runs": lambda: [deployment.runs("it", status=s) for s in (None, "live", "ended")],
        "run": lambda: [deployment.run("it", f"run-{i}") for i in range(EXAMPLES)],
        "value": lambda: deployment.value("it"),
        "learners": lambda: deployment.learners(),
        "events": lambda: deployment.events(learner="it"),
        "doctor": lambda: deployment.doctor(),
        "backup": lambda: deployment.backup(folder / f"{kind}-runs.backup"),
    }
    for what, read in reads.items():
        read()
        say("compared", what=f"{kind} in runs: {what}", same=content(deployment) == before)
    deployment.close()
    with quickstudy.open(folder / f"{kind}-runs.db") as again:
        say("compared", what=f"{kind} in runs: save", same=content(again) == before)


def steps(scale: Scale) -> int:
    """Of the progress bar."""
    return 3 * len(STREAMS)


def what_was_learned(deployment: Any) -> str:
    """State of the learner alone: a prediction moves risk control on, which has to remember it."""
    with deployment.classifiers.by_name["it"].replicas.reading() as learner:
        return str(learner.state_hash())


def measure(scale: Scale, tick: Tick) -> Row:
    """Every kind of learner, by itself and hosted."""
    folder = scale.folder / "purity"
    folder.mkdir()
    problems, compared = [], 0
    for kind in STREAMS:
        for work in (of_learner, of_deployment, of_runs):
            found = outcome(lambda say, work=work, kind=kind: work(folder, kind, say), 300.0)
            for m in found:
                if m["kind"] == "compared":
                    compared += 1
                    problems += [] if m["same"] else [m["what"]]
            if found[-1]["kind"] != "done":
                problems.append(f"{found[-1]}")
            tick(1)
    return Row(
        "R20 reading changes nothing",
        compared,
        "hash before = after, for every learner",
        f"{compared - len(problems)} of {compared} equal",
        problems,
        {"compared": compared},
    )
