"""R5: a long stream with many restarts is, at every restart, what one replay says it must be.

Half of the restarts are after a peaceful close, half after a kill -9. Each life says its state when
it opens and before it ends; a replay of the whole log, never interrupted and without any snapshot,
must come by the same states at the same events.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import quickstudy
from quickstudy.api.decisions import Feedback
from quickstudy.log import failpoints
from tests.crash import spare
from tests.crash.data import LEARNERS, SMALL, draw
from tests.crash.forking import Say, outcome
from tests.crash.rows import Row, Scale, Tick
from tests.crash.truth import replayed_hashes
from tests.failpoints import arm

AT_ONCE = 50
QUESTIONS = 0.2  # share of rounds that go to the slower learner
UNLABELLED = 0.1
REAL_REFITS = 0.2


def live(path: Path, life: int, events: int, *, killed: bool) -> Callable[[Say], None]:
    """A life that goes on until so many events are there, or is killed not long before."""

    def work(say: Say) -> None:
        rng = Random(f"R5 {life}")
        if rng.random() > REAL_REFITS:
            spare.prepare()
        deployment = quickstudy.open(path)
        if not deployment.learners():
            for name in LEARNERS:
                deployment.create(name, **SMALL)
        tell(deployment, say)
        if killed:
            visits = rng.randrange(2, 2 + (events - deployment.report(LEARNERS[0]).seq) // AT_ONCE)
            arm(f"{rng.choice(failpoints.NAMES[:4])}:{visits}")
        while deployment.report(LEARNERS[0]).seq < events:
            rounds(deployment, "questions" if rng.random() < QUESTIONS else "prices", rng)
        tell(deployment, say)
        deployment.close()

    return work


def rounds(deployment: Any, learner: str, rng: Random) -> None:
    """Some predictions, and most of their labels."""
    drawn = [draw(learner, rng) for _ in range(AT_ONCE)]
    answers = deployment.predict_many(learner, [r for r, _ in drawn])
    words = [
        Feedback(prediction_id=a.id, label=y, source="teacher")
        for a, (_, y) in zip(answers, drawn, strict=True)
        if rng.random() > UNLABELLED
    ]
    deployment.feedback_many(words)


def tell(deployment: Any, say: Say) -> None:
    """State of every learner, and after which event; again if one came in between."""
    for name in LEARNERS:
        for _ in range(20):
            before = deployment.report(name).seq
            found = deployment.state_hash(name)
            if deployment.report(name).seq == before:
                say("state", learner=name, seq=before, hash=found)
                break


def steps(scale: Scale) -> int:
    """Of the progress bar."""
    return scale.restarts + 1


def measure(scale: Scale, tick: Tick) -> Row:
    """All lives, then the replay."""
    path = scale.folder / "restarts" / "work.db"
    path.parent.mkdir()
    states: list[tuple[str, int, str]] = []
    problems: list[str] = []
    restarts, kills = 0, 0
    for life in range(scale.restarts + 1):
        events = scale.events * (life + 1) // (scale.restarts + 1)
        found = outcome(live(path, life, events, killed=bool(life % 2)), 600.0)
        states += [(m["learner"], m["seq"], m["hash"]) for m in found if m["kind"] == "state"]
        if found[-1]["kind"] == "failed":
            problems.append(f"life {life}: {found[-1]['error']}\n{found[-1]['at']}")
        kills += found[-1]["kind"] == "died"
        restarts += life > 0
        tick(1)
    seconds = time.perf_counter()
    compared = 0
    for name in LEARNERS:
        due = {seq: found for learner, seq, found in states if learner == name}
        for learner, seq, found in states:
            if learner == name and due[seq] != found:
                problems.append(f"{name} after event {seq}: {found} and {due[seq]}")
        replayed = replayed_hashes(path, name, set(due))
        for seq, found in due.items():
            compared += 1
            if replayed[seq] != found:
                problems.append(f"{name} after event {seq}: {found}, replayed {replayed[seq]}")
    seconds = time.perf_counter() - seconds
    last = max(seq for _, seq, _ in states)
    return Row(
        "R5 replay with restarts",
        last,
        "bit-identical",
        f"{last:,} events, {restarts} restarts ({kills} after kill -9), {compared} states compared "
        f"with one replay of {seconds:.0f} s; {len(problems)} differ",
        problems,
        {"events": last, "restarts": restarts, "kills": kills, "compared": compared},
    )
