"""Runs of agents, the steps at which forecasts are scored, and scores with paired bootstraps.

A forecast is one probability of success per step of a run. It is scored at absolute steps, over
the runs that have at least as many, and at shares of the whole run. The latter tell something to
whoever knows the step number (how long a run becomes says how it ends): they are for comparison.
"""

from __future__ import annotations

import gzip
import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from common import Figures, data_file
from quickstudy import ValueFunction

SETS = {"tau": "tau_gpt4o_airline", "webshop": "webshop_react"}
STEPS = (4, 8, 12, 16)
SHARES = (0.25, 0.5, 0.75, 1.0)
POINTS = (*(f"step {t}" for t in STEPS), *(f"{s:.0%} of the run" for s in SHARES))
RESAMPLES = 2000
SCORE_LINE = "\n-------------"  # what webshop's log ends a failed run with, scores before it
Floats = NDArray[np.float64]
Forecast = list[Floats]


@dataclass(frozen=True)
class Course:
    """One run of an agent as it was recorded, a message a step; `vectors` has a row for each."""

    task: str
    outcome: float
    messages: list[dict[str, Any]]
    vectors: NDArray[np.float32]

    @property
    def success(self) -> bool:
        return self.outcome >= 1.0

    def __len__(self) -> int:
        return len(self.messages)


@cache
def courses(name: str) -> tuple[Course, ...]:
    """All runs of a set in file order, without the messages that give away the outcome."""
    vectors = np.load(data_file(f"trajectories/{SETS[name]}_minilm.npy"))
    found, row = [], 0
    with gzip.open(data_file(f"trajectories/{SETS[name]}.jsonl.gz"), "rt") as lines:
        for run in map(json.loads, lines):
            messages, start = run["messages"], row
            row += len(messages)
            if messages[-1]["text"].rstrip().endswith(SCORE_LINE):
                messages = messages[:-1]
            rows = vectors[start : start + len(messages)].astype(np.float32)
            found.append(Course(run["task"], float(run["reward"]), messages, rows))
    return tuple(found)


def ordered(name: str, order: str, most: int | None = None) -> list[Course]:
    """The runs in "file order", or in an order such as "shuffle 3"; the first `most` of them."""
    runs = list(courses(name))[:most]
    if order == "file order":
        return runs
    rng = np.random.default_rng(int(order.split()[-1]))
    return [runs[i] for i in rng.permutation(len(runs))]


def successes(runs: Sequence[Course]) -> NDArray[np.bool_]:
    return np.array([run.success for run in runs])


def place(point: str, steps: int) -> int | None:
    """Index of a point in a run of so many steps; None if it is shorter.

    >>> place("step 4", 10), place("step 12", 10), place("25% of the run", 10)
    (3, None, 2)
    """
    if point.startswith("step "):
        step = int(point.removeprefix("step "))
        return step - 1 if step <= steps else None
    return math.ceil(float(point.split("%")[0]) / 100.0 * steps) - 1


def rows_at(point: str, runs: Sequence[Any]) -> list[tuple[int, int]]:
    """(run, index of the step) of each run that has the point."""
    places = [place(point, len(run)) for run in runs]
    return [(i, at) for i, at in enumerate(places) if at is not None]


def auroc(won: NDArray[np.bool_], said: Floats, weights: Floats | None = None) -> Floats:
    """Share of pairs (a success, a failure) in which the success was given more; ties half.

    `weights`: how often each run is in each resample, shape (resamples, runs); the result has one
    AUROC for each, nan where one kind is missing.

    >>> won = np.array([True, False, True, False])
    >>> auroc(won, np.array([0.9, 0.1, 0.4, 0.4])).tolist()
    [0.875]
    """
    weights = np.ones((1, len(won))) if weights is None else weights
    above = said[won][:, None] - said[~won][None, :]
    right = (above > 0) + 0.5 * (above == 0)
    pairs = weights[:, won].sum(1) * weights[:, ~won].sum(1)
    with np.errstate(invalid="ignore"):
        return np.asarray(((weights[:, won] @ right) * weights[:, ~won]).sum(1) / pairs)


def brier(won: NDArray[np.bool_], said: Floats, weights: Floats | None = None) -> Floats:
    """Mean squared distance of forecast and outcome, for each resample."""
    weights = np.ones((1, len(won))) if weights is None else weights
    return np.asarray(weights @ (said - won) ** 2 / weights.sum(1))


SCORES: dict[str, Callable[..., Floats]] = {"auroc": auroc, "brier": brier}


@cache
def resamples(runs: int, count: int = RESAMPLES) -> Floats:
    """How often each run is drawn, shape (count, runs): the same for whatever is compared."""
    return np.random.default_rng(0).multinomial(runs, np.full(runs, 1 / runs), count).astype(float)


def at(point: str, forecast: Forecast) -> Floats:
    """What was said at a point by the runs that have it."""
    return np.array([forecast[i][k] for i, k in rows_at(point, forecast)])


def scores(point: str, won: NDArray[np.bool_], forecast: Forecast) -> Figures:
    """AUROC and Brier at a point."""
    here = [i for i, _ in rows_at(point, forecast)]
    found = {n: float(f(won[here], at(point, forecast))[0]) for n, f in SCORES.items()}
    return {n: None if np.isnan(x) else x for n, x in found.items()}


def difference(point: str, won: NDArray[np.bool_], ours: Forecast, theirs: Forecast) -> Figures:
    """Ours less theirs, with 95 % intervals of a bootstrap of whole runs."""
    here = [i for i, _ in rows_at(point, ours)]
    return compared(won[here], at(point, ours), at(point, theirs), resamples(len(won))[:, here])


def compared(won: NDArray[np.bool_], ours: Floats, theirs: Floats, weights: Floats) -> Figures:
    """[difference, low, high] of each score; None where there is only one kind of run."""
    found: Figures = {}
    for name, score in SCORES.items():
        if name == "auroc" and len(set(won)) < 2:
            found[name] = [None, None, None]
            continue
        gap = float((score(won, ours) - score(won, theirs))[0])
        drawn = score(won, ours, weights) - score(won, theirs, weights)
        low, high = np.nanquantile(drawn, [0.025, 0.975])
        found[name] = [gap, float(low), float(high)]
    return found


@dataclass
class Watched:
    """What a value function said of a run, step by step; cut where it said stop, if obeyed."""

    success: list[float]
    low: list[float]
    high: list[float]
    loops: list[Any]
    stops: int | None = None

    @classmethod
    def new(cls) -> Watched:
        return cls([], [], [], [])

    def add(self, e: Any) -> None:
        self.success.append(e.success_probability)
        self.low.append(e.low)
        self.high.append(e.high)
        self.loops.append(e.loop)
        if e.stop and self.stops is None:
            self.stops = e.step


def follow(
    learner: ValueFunction,
    runs: Sequence[Course],
    *,
    text: bool = False,
    obey: bool = False,
    tick: Callable[[int], None] = lambda _: None,
) -> list[Watched]:
    """Each run step by step, then its outcome; `obey`: cut at the first stop, its end not told."""
    found = []
    for course in runs:
        run, seen = learner.start(course.task), Watched.new()
        for message, vector in zip(course.messages, course.vectors, strict=True):
            x = message["text"] if text else vector
            seen.add(run.step(x, action=message["action"], error=message["error"]))
            if obey and seen.stops:
                break
        if obey and seen.stops:
            run.expire()
        else:
            run.end(course.outcome)
        found.append(seen)
        tick(1)
    return found


def forecast_of(watched: Sequence[Watched]) -> Forecast:
    return [np.array(seen.success) for seen in watched]
