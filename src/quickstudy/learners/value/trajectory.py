"""What is remembered of an open run, and features of its progress.

Progress features need no encoder: number of steps, errors, repeats, which actions were taken, and
how similar each step is to the first one and to those before it (a run that makes no progress
returns to inputs that it has seen). They mean the same for every kind of agent, so few runs are
enough to learn from them.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.learners.value.loops import LOOP_TYPES, MOST_TIMES, StepHistory, canonical
from quickstudy.types import Floats

MOST_ROWS = 512  # steps of a run that are remembered for learning
LOOK_BACK = 64  # latest steps that a step is compared with
VERBS = 32  # hashed first words of actions
COUNTS, SIMILARITIES = 10, 8
PROGRESS = COUNTS + SIMILARITIES + VERBS
Row = tuple[Floats, NDArray[np.float32]]  # raw numbers, dense columns
_VERB = re.compile(r"[^\W\d]\w*")
_SAVED_AS = {  # attribute -> name in the saved state
    "history": "trail",
    "similarity": "nearness",
    "latest_progress": "now",
    "progress": "signs",
    "votes": "said",
    "success_at_start": "start",
}


@dataclass(frozen=True)
class Trajectory:
    """The T steps of a run that ended, as experts learn them.

    Attributes:
        numbers: raw numbers, shape (T, a).
        dense: dense columns, shape (T, b).
        progress: progress features, shape (T, PROGRESS).
        rewards: success and return that followed each step, shape (T, 2).
    """

    numbers: Floats
    dense: NDArray[np.float32]
    progress: Floats
    rewards: Floats

    def __len__(self) -> int:
        return len(self.progress)

    def state(self) -> dict[str, Any]:
        return {_SAVED_AS.get(name, name): array for name, array in vars(self).items()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Trajectory:
        """The trajectory that gave this state; the arrays are copied."""
        names = ("numbers", "dense", "progress", "rewards")
        return cls(*(state[_SAVED_AS.get(name, name)].copy() for name in names))


@dataclass
class Episode:
    """One open run."""

    task: str | None
    number: int = 0
    steps: int = 0
    errors: int = 0
    actions: int = 0
    history: StepHistory = field(default_factory=StepHistory)
    verbs: Floats = field(default_factory=lambda: np.zeros(VERBS))
    similarity: Floats = field(default_factory=lambda: np.zeros(8))
    latest: Row = field(default_factory=lambda: (np.zeros(0), np.zeros(0, np.float32)))
    latest_progress: Floats = field(default_factory=lambda: np.zeros(PROGRESS))
    numbers: list[Floats] = field(default_factory=list)
    dense: list[NDArray[np.float32]] = field(default_factory=list)
    progress: list[Floats] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    votes: list[Floats] = field(default_factory=list)  # (experts + base, 2) of every step
    pooled: list[Floats] = field(default_factory=list)  # (2,): success and return
    mean: Floats = field(default_factory=lambda: np.zeros(0))
    success_at_start: float = 0.0  # success probability before the first step
    success: float = 0.0  # success probability after the latest step

    def add(
        self,
        raw: tuple[Floats, NDArray[np.float32]],
        token: str | None,
        *,
        action: str | None,
        error: bool,
    ) -> tuple[str, int, int, bool] | None:
        """Add a step; returns the loop that it closes (see `StepHistory.add`), or None.

        `token` is the text by which steps are compared; None where loops are not looked for.
        """
        self.steps += 1
        self.errors += error
        loop = None
        if action is not None and self.actions == 0:
            self.history = StepHistory()  # from now on actions are compared, not inputs
        if token is not None and (action is not None or self.actions == 0):
            loop = self.history.add(token, canonical(token))
        if action is not None:
            self.actions += 1
            verb = _VERB.search(action)
            self.verbs = self.verbs.copy()
            self.verbs[zlib.crc32((verb.group() if verb else action).encode()) % VERBS] += 1.0
        self.latest = raw
        self._move(raw[1].astype(np.float64))
        self.latest_progress = self._progress(error)
        if len(self.progress) < MOST_ROWS:
            self.numbers.append(raw[0])
            self.dense.append(raw[1])
            self.progress.append(self.latest_progress)
        return loop

    def state(self) -> dict[str, Any]:
        held = {
            **vars(self),
            "numbers": _matrix(self.numbers, np.nan, np.float64),
            "dense": _matrix(self.dense, 0.0, np.float32),
            **{name: np.array(getattr(self, name)) for name in ("progress", "votes", "pooled")},
            "history": self.history.state(),
            "rewards": list(self.rewards),
        }
        return {_SAVED_AS.get(name, name): value for name, value in held.items()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Episode:
        """The episode that gave this state; its arrays are never changed in place."""
        named = {saved: name for name, saved in _SAVED_AS.items()}
        held = {named.get(name, name): value for name, value in state.items()}
        for name in ("numbers", "dense", "progress", "votes", "pooled"):
            held[name] = list(held[name])
        held["history"] = StepHistory.from_state(held["history"])
        held["latest"] = tuple(held["latest"])
        return cls(**held)

    def trajectory(self, rewards: Floats) -> Trajectory:
        """The remembered steps, with the success and return that followed each of them (T, 2)."""
        numbers = _matrix(self.numbers, np.nan, np.float64)
        dense = _matrix(self.dense, 0.0, np.float32)
        return Trajectory(numbers, dense, np.array(self.progress), rewards)

    def so_far(self) -> Row:
        """Raw numbers of the remembered steps (T, columns), and dense columns of the latest step.

        The latest step is always among the T, also where 512 steps were remembered before it.
        """
        known = self.numbers if self.steps <= MOST_ROWS else [*self.numbers, self.latest[0]]
        return _matrix(known, np.nan, np.float64), self.latest[1]

    def _move(self, x: Floats) -> None:
        """Update the mean and the similarities with one dense row."""
        if len(x) > len(self.mean):  # a new dense field: it was 0 before
            self.mean = _padded(self.mean, len(x))
        self._compare(x)
        self.mean = self.mean + (_padded(x, len(self.mean)) - self.mean) / self.steps

    def _compare(self, x: Floats) -> None:
        """Cosines to the first, last and most similar step, then sums, extremes, recent novelty."""
        if len(x) == 0:
            return
        before = self.dense[-LOOK_BACK:]
        if not before:
            self.similarity = np.array([0.5, 0.5, 0.5, 0.0, 0.0, 0.0, 1.0, 0.3])
            return
        rows = np.array([_padded(row, len(x)) for row in (self.dense[0], *before)])
        cosine = _cosines(rows, x)
        first, last, most = cosine[0], cosine[-1], cosine.max()
        novelty = 1.0 - most
        _, _, _, novelties, returns, nearest, least, recent = self.similarity
        self.similarity = np.array(
            [
                first,
                last,
                most,
                novelties + novelty,
                returns + first,
                max(nearest, first),
                min(least, novelty),
                0.75 * recent + 0.25 * novelty,
            ]
        )

    def _progress(self, error: bool) -> Floats:
        t = float(self.steps)
        others = max(t - 1.0, 1.0)
        similar = self.similarity
        worst = [self.history.worst.get(loop, 0) / MOST_TIMES for loop in LOOP_TYPES]
        counts = [
            np.log(t),
            min(t / 20.0, 5.0),
            np.log1p(self.errors),
            min(self.errors, 3) / 3.0,
            float(error),
            np.log1p(self.actions),
            np.log1p(self.history.repeats),
            *worst,
        ]
        similarities = [*similar[:3], similar[3] / others, similar[4] / others, *similar[5:]]
        return np.concatenate([counts, similarities, np.log1p(self.verbs)])


def _matrix(rows: list[NDArray[Any]], missing: float, dtype: type) -> NDArray[Any]:
    """Rows as a matrix; rows that are shorter than the longest are filled up with `missing`."""
    width = max((len(row) for row in rows), default=0)
    out: NDArray[Any] = np.full((len(rows), width), missing, dtype)
    for at, row in enumerate(rows):
        out[at, : len(row)] = row
    return out


def _padded(x: NDArray[Any], width: int) -> Floats:
    if len(x) == width:
        return np.asarray(x, dtype=np.float64)
    out = np.zeros(width)
    out[: len(x)] = x
    return out


def _cosines(rows: Floats, x: Floats) -> Floats:
    lengths = np.sqrt((rows**2).sum(1) * (x**2).sum())
    return np.asarray((rows * x).sum(1) / np.where(lengths > 0.0, lengths, 1.0))


def means(dense: Floats) -> Floats:
    """Running mean at each row of `dense` (T, d), with the bits of `Episode.mean`."""
    out = np.zeros_like(dense)
    mean = np.zeros(dense.shape[1])
    for t, x in enumerate(dense):
        mean = mean + (x - mean) / (t + 1)
        out[t] = mean
    return out


def returns_of(rewards: list[float], outcome: float, discount: float) -> Floats:
    """Return after each step: `G_t = r_{t+1} + discount G_{t+1}`; the last one is `outcome`."""
    out = np.empty(len(rewards))
    out[-1] = outcome
    for t in range(len(rewards) - 2, -1, -1):
        out[t] = rewards[t + 1] + discount * out[t + 1]
    return out
