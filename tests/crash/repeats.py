"""R6: feedback sent one to five times, shuffled, by eight threads, counts as if sent once.

The other store gets each once, in the order in which the first took them in. Without refits, which
come when their process is done, the two states must be the same bits.
"""

from __future__ import annotations

import threading
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from random import Random
from typing import Any

import quickstudy
from quickstudy.api.decisions import Feedback, Receipt
from tests.crash import spare
from tests.crash.data import SMALL, draw
from tests.crash.forking import Say, outcome
from tests.crash.rows import Row, Scale, Tick
from tests.crash.truth import all_events

NAME, WRITERS, MOST_TIMES, MOST_TOGETHER = "prices", 8, 5, 20
FIRST, PAGE = 200, 100
COMPARED = (
    "cases",
    "acted",
    "labels_used",
    "precision",
    "audits",
    "waiting",
    "policies",
    "sources",
)


def begin(path: Path, ids: int) -> tuple[Any, list[Feedback]]:
    """A store in which so many predictions wait, and the one feedback for each."""
    rng = Random("R6")
    spare.none()
    deployment = quickstudy.open(path)
    deployment.create(NAME, **SMALL)
    taught = [draw(NAME, rng) for _ in range(FIRST)]
    deployment.feedback_many(
        [
            Feedback(learner=NAME, record=r, label=y, key=f"first-{i}")
            for i, (r, y) in enumerate(taught)
        ]
    )
    deployment.flush()
    feedback = []
    for at in range(0, ids, PAGE):
        cases = [draw(NAME, rng) for _ in range(min(PAGE, ids - at))]
        names = [f"case-{at + i}" for i in range(len(cases))]
        deployment.predict_many(NAME, [r for r, _ in cases], ids=names)
        for name, (_, label) in zip(names, cases, strict=True):
            key = f"key-{name}" if rng.random() < 0.8 else None
            feedback.append(Feedback(prediction_id=name, label=label, source="teacher", key=key))
    return deployment, feedback


def shuffled(feedback: list[Feedback], seed: int) -> list[list[list[Feedback]]]:
    """For each writer its requests: every feedback one to five times, in any order."""
    rng = Random(seed)
    sent = [f for f in feedback for _ in range(rng.randint(1, MOST_TIMES))]
    rng.shuffle(sent)
    writers: list[list[list[Feedback]]] = [[] for _ in range(WRITERS)]
    while sent:
        size = rng.randint(1, MOST_TOGETHER)
        rng.choice(writers).append(sent[:size])
        del sent[:size]
    return writers


def many(path: Path, ids: int, seed: int, say: Say) -> None:
    """Send all, then count."""
    deployment, feedback = begin(path, ids)
    receipts: dict[str, list[Receipt]] = defaultdict(list)
    lock = threading.Lock()

    def write(requests: list[list[Feedback]]) -> None:
        for items in requests:
            got = deployment.feedback_many(items)
            with lock:
                for item, receipt in zip(items, got, strict=True):
                    receipts[str(item.prediction_id)].append(receipt)

    writers = [threading.Thread(target=write, args=(w,)) for w in shuffled(feedback, seed)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join()
    for name, got in receipts.items():
        if len({r.seq for r in got}) != 1 or sum(r.status != "repeated" for r in got) != 1:
            say("problem", text=f"{name}: {[(r.seq, r.status) for r in got]}")
    order = sorted(receipts, key=lambda name: receipts[name][0].seq)
    conclude(deployment, ids, say, order=order, sent=sum(map(len, receipts.values())))


def once(path: Path, ids: int, order: list[str], say: Say) -> None:
    """Send each once, in the order in which the other store took them in."""
    deployment, feedback = begin(path, ids)
    by_name = {f.prediction_id: f for f in feedback}
    for at in range(0, ids, PAGE):
        deployment.feedback_many([by_name[name] for name in order[at : at + PAGE]])
    conclude(deployment, ids, say)


def conclude(deployment: Any, ids: int, say: Say, **more: Any) -> None:
    """What the store came to: its counts and its state."""
    deployment.flush()
    logged = Counter(
        e.subject for e in all_events(deployment) if e.type == "feedback" and e.subject
    )
    if len(logged) != ids or set(logged.values()) != {1}:
        say("problem", text=f"{sum(logged.values())} feedbacks in the log for {len(logged)} ids")
    report = asdict(deployment.report(NAME))
    figures = {name: report[name] for name in COMPARED}
    figures["examples"] = deployment.learner(NAME).examples
    figures["state"] = deployment.state_hash(NAME)
    deployment.close()
    say("figures", figures=figures, **more)


def steps(scale: Scale) -> int:
    """Of the progress bar."""
    return 2


def measure(scale: Scale, tick: Tick) -> Row:
    """Both stores, compared."""
    folder = scale.folder / "repeats"
    folder.mkdir()
    problems: list[str] = []

    def run(work: Callable[[Say], None]) -> dict[str, Any]:
        found = outcome(work, 900.0)
        problems.extend(m["text"] for m in found if m["kind"] == "problem")
        if found[-1]["kind"] != "done":
            problems.append(str(found[-1]))
        figures = [m for m in found if m["kind"] == "figures"]
        return figures[0] if figures else {"figures": {}, "order": [], "sent": 0}

    first = run(lambda say: many(folder / "many.db", scale.ids, scale.seed, say))
    tick(1)
    second = run(lambda say: once(folder / "once.db", scale.ids, first["order"], say))
    tick(1)
    for name, value in first["figures"].items():
        if second["figures"].get(name) != value:
            problems.append(f"{name}: {value} sent often, {second['figures'].get(name)} sent once")
    return Row(
        "R6 sent one to five times, shuffled, 8 writers",
        scale.ids,
        "equals once each",
        f"{first['sent']:,} sent, {scale.ids - len(problems):,} of {scale.ids:,} counted once; "
        f"{len(problems)} differences",
        problems,
        {"sent": first["sent"], "figures": first["figures"]},
    )
