"""R13 for what there is: one of three sources gives some wrong labels; who notices, and when.

Three sources label a stream by turns, every case of it; "eve" gives another label than the right
one in a share of hers. Now and then two of them speak of the same case. Watched, while she speaks
500 times: the page of sources (how often each contradicts answers that were sure, whether one is
unusual, how they agree) and the guard. Then the champion, who learned all that, is consolidated;
the challenger goes through the gate on cases that are all asked, and that the honest two label.

A table of figures. What it must show: at 10 % she is called unusual within her 500 words. That she
never is at 0 % is looked at as well: it happens by chance to 1 source in 1,000 at each look.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import quickstudy
from tests.crash import data
from tests.crash.forking import Say, parallel
from tests.crash.rows import Row, Scale, Tick

ANNOTATORS = ("ana", "ben", "eve")
RATES, SHORT_RATES = (0.0, 0.01, 0.05, 0.1, 0.3), (0.1,)
STREAMS, SHORT_STREAMS = ("prices", "questions"), ("prices",)
FLIPPED, SHORT_FLIPPED = 500, 300  # words of eve
HONEST, SHORT_HONEST = 600, 60  # cases for the gate
TWICE = 0.1  # share of cases of which two sources speak
LOOK, REST = 10, 100  # words of eve between looks; cases between rests, in which shadows catch up
MUST = 0.1
SETTINGS = {"target": 0.9, "alpha": 0.1, "start": "act", "audit": 0.2, "seed": 1, "budget_mb": 16}
NAME = "t"


def steps(scale: Scale) -> int:
    """Of the progress bar."""
    return len(plans(scale))


def plans(scale: Scale) -> list[tuple[str, float]]:
    """Streams and shares of wrong labels."""
    streams, rates = (STREAMS, RATES) if scale.thorough else (SHORT_STREAMS, SHORT_RATES)
    return [(stream, rate) for stream in streams for rate in rates]


class Life:
    """A deployment, its stream and its sources."""

    def __init__(self, deployment: quickstudy.Deployment, stream: str, rate: float) -> None:
        self.deployment, self.stream, self.rate = deployment, stream, rate
        self.rng = Random(13)
        self.spoken = dict.fromkeys(ANNOTATORS, 0)
        self.cases = self.acted = self.acted_wrong = 0
        self.acts_from: int | None = None  # case
        self.right: list[bool] = []

    def case(self, source: str) -> None:
        """One case, of which a source speaks, and perhaps another one too."""
        x, label = data.draw(self.stream, self.rng)
        answer = self.deployment.predict(NAME, x)
        self.cases += 1
        self.right.append(answer.label == label)
        if answer.decision == "act" and not self.acted:
            self.acts_from = self.cases
        self.acted += answer.decision == "act"
        self.acted_wrong += answer.decision == "act" and answer.label != label
        self.speak(answer.id, source, label)
        if self.rng.random() < TWICE:
            others = [name for name in ANNOTATORS if name not in (source, "eve")]
            self.speak(answer.id, self.rng.choice(others), label)

    def speak(self, case: str, source: str, label: str) -> None:
        """What a source says; of the case itself it counts."""
        flips = source == "eve" and self.rng.random() < self.rate
        said = data.another(self.stream, label, self.rng) if flips else label
        self.deployment.feedback(case, label=said, source=source, wait_learned=True)
        self.spoken[source] += 1


def live(path: Path, stream: str, rate: float, *, words: int, honest: int) -> Callable[[Say], None]:
    """The life of one deployment."""

    def work(say: Say) -> None:
        with quickstudy.open(path) as deployment:
            deployment.create(NAME, **SETTINGS, consolidate=False)
            life = Life(deployment, stream, rate)
            seen = poisoned(life, words)
            told = watched(life) | judged(life, honest)
            say("lived", stream=stream, rate=rate, unusual_after=seen, **told)

    return work


def poisoned(life: Life, words: int) -> int | None:
    """All sources by turns, until eve has spoken often: her words until she was unusual."""
    seen = None
    while life.spoken["eve"] < words:
        for source in ANNOTATORS:
            life.case(source)
        if seen is None and life.spoken["eve"] % LOOK == 0:
            reports = {report.source: report for report in life.deployment.sources(NAME)}
            seen = life.spoken["eve"] if reports["eve"].unusual else None
    return seen


def watched(life: Life) -> dict[str, Any]:
    """What the pages of sources and autonomy show then."""
    autonomy = life.deployment.autonomy(NAME)
    reports = life.deployment.sources(NAME)
    agreed = {
        report.source: [(o, n, same) for o, n, same in report.agreement] for report in reports
    }
    return {
        "sources": {r.source: {"spoke": r.spoke, "against": r.against} for r in reports},
        "unusual": [report.source for report in reports if report.unusual],
        "agreement": agreed,
        "level": autonomy.level,
        "alarms": autonomy.alarms,
        "steps": [step.why for step in autonomy.history[::-1]],
        "cases": life.cases,
        "acts_from": life.acts_from,
        "certified": autonomy.certified,
        "acted": life.acted,
        "acted_right": 1 - life.acted_wrong / life.acted if life.acted else None,
        "right_of_last_300": sum(life.right[-300:]) / 300,
    }


def judged(life: Life, honest: int) -> dict[str, Any]:
    """What the gate makes of a consolidation of all that, while the honest two speak."""
    deployment = life.deployment
    deployment.change(NAME, ceiling="suggest")  # all cases are asked, and count
    version = deployment.challenge(NAME).id
    life.right = []
    for number in range(honest):
        life.case(ANNOTATORS[number % 2])
        if number % REST == REST - 1:
            caught_up(deployment, version)
    caught_up(deployment, version)
    row = next(row for row in deployment.versions(NAME) if row.id == version)
    report = deployment.gate(NAME) if row.role == "challenger" else None
    held = {c.name: c.holds for c in report.conditions} if report else {}
    return {
        "challenger": "promoted" if row.role == "champion" else "not promoted",
        "why": row.why,
        "gate_labelled": report.labelled if report else None,
        "gain": report.gain if report else None,
        "odds": report.log_evidence if report else None,
        "failing": [name for name, holds in held.items() if not holds],
    }


def caught_up(deployment: quickstudy.Deployment, version: str) -> None:
    """Wait until the shadow has seen all there is, or is none any more."""
    hosted, shadows = deployment.classifiers.by_name[NAME], deployment.promotion.shadows
    deployment.flush()
    head, ends = deployment.store.head[0], time.monotonic() + 60
    while hosted.roles.challenger == version and time.monotonic() < ends:
        report = shadows.report(hosted, version)
        if report and report["at"] >= head:
            return
        time.sleep(0.02)


def measure(scale: Scale, tick: Tick) -> Row:
    """All streams and shares."""
    folder = scale.folder / "flips"
    folder.mkdir()
    sizes = {
        "words": FLIPPED if scale.thorough else SHORT_FLIPPED,
        "honest": HONEST if scale.thorough else SHORT_HONEST,
    }
    jobs = [live(folder / f"{s}-{rate}.db", s, rate, **sizes) for s, rate in plans(scale)]
    found = []
    for message in parallel(jobs, scale.workers):
        if message["kind"] == "lived":
            found.append(message)
            tick(1)
    found.sort(key=lambda told: (told["stream"], told["rate"]))
    problems = [
        f"{told['stream']}: at {told['rate']:.0%} nobody called eve unusual"
        for told in found
        if told["rate"] == MUST and "eve" not in told["unusual"] and not told["unusual_after"]
    ]
    if len(found) < len(jobs):
        problems.append(f"{len(found)} of {len(jobs)} came to their end")
    return Row(
        "R13 wrong labels",
        sizes["words"] * len(found),
        "10 % wrong: noticed within 500",
        "; ".join(map(line, found)),
        problems,
        {"lives": [{k: v for k, v in told.items() if k != "kind"} for told in found]},
    )


def line(told: dict[str, Any]) -> str:
    """One life in words."""
    after, acts = told["unusual_after"], told["acts_from"]
    gain = "" if told["gain"] is None else f" ({100 * told['gain']:+.1f} points)"
    return (
        f"{told['stream']} {told['rate']:.0%}: "
        f"{f'unusual after {after}' if after else 'not unusual'}, "
        f"{f'acts from case {acts}' if acts else 'never acts'}, {told['alarms']} alarms, "
        f"its consolidation {told['challenger']}{gain}"
    )
