"""What the pages of a value learner show, computed from its report and its runs."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quickstudy.serve.dashboard.base import words
from quickstudy.serve.dashboard.base.figures import Headline, Share
from quickstudy.serve.dashboard.base.formatting import count, percent, plural
from quickstudy.serve.dashboard.base.records import snippet
from quickstudy.serve.dashboard.base.terms import filled

if TYPE_CHECKING:
    from quickstudy.api.runs import RunInfo, RunReport, StepReport, ValueReport
    from quickstudy.types import Estimate, Loop

LIKELY, UNLIKELY = 2 / 3, 1 / 3  # success probabilities at which the colour changes
BINS = 10  # of the live runs, by success probability
LEAST_LOSS = 0.02  # a step that cost less has lost nothing
DRAWN = 1_000  # steps in the chart, the latest
SHOWN = 40  # characters of an action in the chart
EXPIRY = "expiry"  # closes runs that get no step in time
UNKNOWN = 0.5  # where a run without steps is sorted in
ADVICE = {
    "continue": ("Go on", "good"),
    "ask": ("Ask a person", "busy"),
    "stop": ("Better stopped", "bad"),
}


@dataclass(frozen=True, slots=True)
class Stopping:
    """Whether it may stop runs: `filled` 0 to 1 of the proof."""

    figure: str
    mood: str
    text: str
    filled: float


def mood(probability: float | None) -> str:
    """The colour of a success probability.

    >>> mood(0.9), mood(0.5), mood(0.1), mood(None)
    ('good', 'busy', 'bad', 'calm')
    """
    if probability is None:
        return "calm"
    return "good" if probability >= LIKELY else "busy" if probability >= UNLIKELY else "bad"


def advice(run: RunInfo | Estimate) -> tuple[str, str]:
    """What to do with a run, and the colour of that."""
    return ("Stop it now", "bad") if run.stop else ADVICE[run.advice]


def standing(report: RunReport) -> tuple[str, str]:
    """A run in a few words, and the colour of that."""
    run = report.run
    if run.status == "live":
        return advice(run) if report.steps else ("It has just begun", "calm")
    if run.success is None:
        never = "Its end never came" if report.expired_by in (None, EXPIRY) else "It was closed"
        return ("It was told to stop" if run.stop else never), "calm"
    return ("It succeeded", "good") if run.success else ("It failed", "bad")


def needy(live: Sequence[RunInfo]) -> list[RunInfo]:
    """Runs that somebody should look at."""
    return [run for run in live if run.stop or run.advice != "continue"]


def headline(v: ValueReport, live: Sequence[RunInfo]) -> Headline:
    """The state of a value learner."""
    stop, needs = sum(run.stop for run in live), len(needy(live))
    if not v.live + v.ended + v.expired + v.late:
        text = "Start one, and tell each step. Every run that ends teaches it at once."
        return Headline("calm", "No run has come in yet", text)
    if stop:
        text = f"It is proved that of such runs at most {percent(v.stopping.error)} succeed."
        return Headline("bad", f"{plural(stop, 'run')} should be stopped now", text)
    if needs:
        text = "By what steps, failures and questions cost, going on is not the best there."
        title = f"{count(needs)} of {plural(v.live, 'live run')} need{'s' * (needs == 1)} a look"
        return Headline("busy", title, text)
    if not v.ended:
        text = "None has ended yet. Until some have, its predictions are guesses."
        return Headline("busy", "It sees its first runs", text)
    share = f"{percent(v.successes / v.ended)} of {plural(v.ended, 'run')} so far ended well."
    if v.live:
        return Headline("good", f"{plural(v.live, 'run')} under way, none in trouble", share)
    return Headline("calm", "No run is under way", share)


def bins(live: Sequence[RunInfo]) -> list[tuple[float, str, str]]:
    """Live runs by success probability, low to high: height 0 to 1, colour, and words."""
    counts = [0] * BINS
    for run in live:
        if run.success_probability is not None:
            counts[min(BINS - 1, int(run.success_probability * BINS))] += 1
    top = max([*counts, 1])
    rows = []
    for i, n in enumerate(counts):
        said = f"{plural(n, 'run')} between {percent(i / BINS)} and {percent((i + 1) / BINS)}"
        rows.append((n / top, mood((i + 0.5) / BINS), said))
    return rows


def stopping(v: ValueReport) -> Stopping:
    """Whether it may stop runs, as a tile says it."""
    s = v.stopping
    guarantee = f"of the runs it stops, at most {percent(s.error)} would have succeeded"
    if s.certified:
        text = f"It is proved: {guarantee}. It has stopped {plural(v.stopped, 'run')}."
        return Stopping("yes", "good", text, 1.0)
    text = f"To be proved first: {guarantee}. Until then it only advises."
    if s.unknown:
        text += f" Against it: {plural(s.unknown, 'run')} in doubt whose end never came."
    return Stopping("not yet", "busy", text, filled(s.log_evidence, s.log_bar))


def experts(v: ValueReport) -> list[Share]:
    """Experts, by their weight."""
    total = sum(weight for _, weight in v.experts) or 1.0
    order = sorted(((w / total, name) for name, w in v.experts), reverse=True)
    return [Share(*words.of_runs(name), percent(w), 100.0 * w) for w, name in order]


def ordered(runs: Sequence[RunInfo], sort: str) -> list[RunInfo]:
    """Runs as they are asked for: by chance (lowest first), by last change, by steps."""
    if sort == "latest":
        return sorted(runs, key=lambda run: -run.updated)
    if sort == "steps":
        return sorted(runs, key=lambda run: (-run.steps, -run.updated))
    return sorted(runs, key=lambda run: (_chance(run), -run.updated))


def lost(steps: Sequence[StepReport]) -> StepReport | None:
    """The step that cost most, if one cost anything to speak of."""
    worst = min(steps, key=lambda step: step.estimate.credit, default=None)
    return worst if worst is not None and worst.estimate.credit < -LEAST_LOSS else None


def latest(steps: Sequence[StepReport], most: int) -> tuple[StepReport, ...]:
    """The latest steps, and before them the one that cost most wherever it was."""
    shown, worst = tuple(steps[-most:]), lost(steps)
    return shown if worst is None or worst in shown else (worst, *shown)


def points(credit: float) -> str:
    """A change of a probability, in points.

    >>> points(-0.342), points(0.05), points(0.001)
    ('−34 points', '+5 points', '±0 points')
    """
    whole = round(100 * credit)
    sign = "±" if not whole else "+" if whole > 0 else "−"
    return f"{sign}{abs(whole)} point{'' if abs(whole) == 1 else 's'}"


def circles(loop: Loop) -> str:
    """A loop in words.

    >>> from quickstudy.types import Loop
    >>> circles(Loop("repeat", 1, 3, True, 0.1, 40))
    'the same step 3 times in a row'
    >>> circles(Loop("cycle", 2, 4, False, 0.1, 40))
    'the same 2 steps, or nearly so, 4 times in a row'
    >>> circles(Loop("return", 1, 3, True, 0.1, 40))
    'the same step 3 times, with others in between'
    """
    often = f"{'' if loop.exact else ', or nearly so,'} {loop.times} times"
    if loop.kind == "return":
        return f"the same step{often}, with others in between"
    what = "step" if loop.period == 1 else f"{loop.period} steps"
    return f"the same {what}{often} in a row"


def figure(value: float | None) -> str:
    """A value or an outcome, short.

    >>> figure(0.2149), figure(1.0), figure(-1234.5), figure(None)
    ('0.21', '1', '-1,234', '–')
    """
    if value is None or not math.isfinite(value):
        return "–"
    if abs(value) >= 100.0:
        return f"{value:,.0f}"
    text = f"{value:.2f}".rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def band(said: Estimate, outcome_range: tuple[float, float]) -> tuple[float, float, float]:
    """Where low, value and high of an estimate lie on a scale that holds them, 0 to 100."""
    low, high = min(said.low, outcome_range[0]), max(said.high, outcome_range[1])
    length = max(high - low, 1e-9)
    lowest, middle, highest = ((v - low) / length for v in (said.low, said.value, said.high))
    return 100.0 * lowest, 100.0 * middle, 100.0 * highest


def what(step: StepReport, longest: int = 140) -> str:
    """What happened in a step, on one line: its action, else its input."""
    if step.action:
        return snippet(step.action, longest)
    return snippet(step.input, longest)


def trajectory(report: RunReport, outcome_range: tuple[float, float]) -> dict[str, Any]:
    """A run as the chart reads it, the latest `DRAWN` steps: columns from before the first of them.

    `first` is the number of the step before; a live run is sent again with every step.
    """
    steps = report.steps[-DRAWN:]
    said = [step.estimate for step in steps]
    before = len(report.steps) - len(steps)
    worst = lost(steps)
    first = said[0].success_probability - said[0].credit if said else None
    return {
        "first": before,
        "p": [first, *(round(e.success_probability, 4) for e in said)],
        "value": [None, *(_short(e.value) for e in said)],
        "low": [None, *(_short(e.low) for e in said)],
        "high": [None, *(_short(e.high) for e in said)],
        "loops": _stretches([e.loop is not None for e in said], before + 1),
        "lost": worst.number if worst else None,
        "range": list(outcome_range),
        "acts": ["", *(what(step, SHOWN) for step in steps)],
        "end": report.run.outcome if report.run.status in ("ended", "late") else None,
        "success": report.run.success,
    }


def mark_of(report: RunReport) -> str:
    """Changes whenever there is something new to show."""
    run = report.run
    return f"{run.status}.{run.steps}.{run.updated:.3f}.{run.advice}"


def _chance(run: RunInfo) -> float:
    return UNKNOWN if run.success_probability is None else run.success_probability


def _short(value: float) -> float:
    return float(f"{value:.6g}")


def _stretches(looping: Sequence[bool], start: int) -> list[tuple[int, int]]:
    """First and last step of every stretch in a loop; the first of all has the number `start`."""
    out: list[tuple[int, int]] = []
    for number, yes in enumerate(looping, start):
        if yes and out and out[-1][1] == number - 1:
            out[-1] = (out[-1][0], number)
        elif yes:
            out.append((number, number))
    return out
