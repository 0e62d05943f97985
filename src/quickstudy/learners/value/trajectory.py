"""What is remembered of a run while it is under way, and the signs of how it goes.

The signs need no encoder: how long it has been going, errors, repeats, which kinds of action, and
how far each step is from the first one and from all before it (a run that gets nowhere comes back
to what it has seen). They are the same for every kind of agent, so few runs are enough to read
them.
"""

from __future__ import annotations

import re
import zlib
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.learners.value.loops import KINDS, MOST_TIMES, Trail, canonical
from quickstudy.types import Floats

MOST_ROWS = 512  # steps of a run that are remembered for learning
LOOK_BACK = 64  # latest steps that a step is compared with
VERBS = 32  # hashed first words of actions
PLAIN, DISTANCES = 10, 8
SIGNS = PLAIN + DISTANCES + VERBS
Row = tuple[Floats, NDArray[np.float32]]  # raw numbers, dense columns
_VERB = re.compile(r"[^\W\d]\w*")


@dataclass(frozen=True)
class Steps:
    """The steps of a run, as they are learned: raw numbers (T, a), dense (T, b), signs (T, SIGNS).

    `rewards` (T, 2) is what followed each step of success and of return.
    """

    numbers: Floats
    dense: NDArray[np.float32]
    signs: Floats
    rewards: Floats

    def __len__(self) -> int:
        return len(self.signs)


@dataclass
class Episode:
    """One open run."""

    task: str | None
    number: int = 0
    steps: int = 0
    errors: int = 0
    actions: int = 0
    trail: Trail = field(default_factory=Trail)
    verbs: Floats = field(default_factory=lambda: np.zeros(VERBS))
    nearness: Floats = field(default_factory=lambda: np.zeros(8))
    latest: Row = field(default_factory=lambda: (np.zeros(0), np.zeros(0, np.float32)))
    now: Floats = field(default_factory=lambda: np.zeros(SIGNS))  # signs after the latest step
    numbers: list[Floats] = field(default_factory=list)
    dense: list[NDArray[np.float32]] = field(default_factory=list)
    signs: list[Floats] = field(default_factory=list)
    rewards: list[float] = field(default_factory=list)
    said: list[Floats] = field(default_factory=list)  # (experts, 2) of every step
    pooled: list[Floats] = field(default_factory=list)  # (2,): success and return
    mean: Floats = field(default_factory=lambda: np.zeros(0))
    start: float = 0.0  # success probability before the first step
    success: float = 0.0  # and after the latest

    def add(
        self,
        raw: tuple[Floats, NDArray[np.float32]],
        token: str | None,
        *,
        action: str | None,
        error: bool,
    ) -> tuple[str, int, int, bool] | None:
        """One more step: raw columns, and what it is compared by, if it is; the loop it closes."""
        self.steps += 1
        self.errors += error
        loop = None
        if action is not None and self.actions == 0:
            self.trail = Trail()  # from now on actions are compared, not inputs
        if token is not None and (action is not None or self.actions == 0):
            loop = self.trail.add(token, canonical(token))
        if action is not None:
            self.actions += 1
            verb = _VERB.search(action)
            self.verbs = self.verbs.copy()
            self.verbs[zlib.crc32((verb.group() if verb else action).encode()) % VERBS] += 1.0
        self.latest = raw
        self._move(raw[1].astype(np.float64))
        self.now = self._signs(error)
        if len(self.signs) < MOST_ROWS:
            self.numbers.append(raw[0])
            self.dense.append(raw[1])
            self.signs.append(self.now)
        return loop

    def state(self) -> dict[str, Any]:
        rows = {
            "numbers": _matrix(self.numbers, np.nan, np.float64),
            "dense": _matrix(self.dense, 0.0, np.float32),
            **{name: np.array(getattr(self, name)) for name in ("signs", "said", "pooled")},
        }
        return {**vars(self), **rows, "trail": self.trail.state(), "rewards": list(self.rewards)}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Episode:
        """The course that gave this state; its arrays are never changed in place."""
        rows = {name: list(state[name]) for name in ("numbers", "dense", "signs", "said", "pooled")}
        trail, latest = Trail.from_state(state["trail"]), tuple(state["latest"])
        return cls(**{**state, **rows, "trail": trail, "latest": latest})

    def ended(self, rewards: Floats) -> Steps:
        """The steps to learn from, now that it is known what followed each of them (T, 2)."""
        numbers = _matrix(self.numbers, np.nan, np.float64)
        dense = _matrix(self.dense, 0.0, np.float32)
        return Steps(numbers, dense, np.array(self.signs), rewards)

    def so_far(self) -> Row:
        """Raw numbers of the remembered steps, beyond 512 of these and the latest, (T, columns);
        and the dense columns of the latest."""
        known = self.numbers if self.steps <= MOST_ROWS else [*self.numbers, self.latest[0]]
        return _matrix(known, np.nan, np.float64), self.latest[1]

    def _move(self, x: Floats) -> None:
        """Fold a dense row into the mean and the distances."""
        if len(x) > len(self.mean):  # a new dense field: it was nothing before
            self.mean = _padded(self.mean, len(x))
        self._compare(x)
        self.mean = self.mean + (_padded(x, len(self.mean)) - self.mean) / self.steps

    def _compare(self, x: Floats) -> None:
        """nearness: to first, to last, largest, then sums, extremes and the recent novelty."""
        if len(x) == 0:
            return
        before = self.dense[-LOOK_BACK:]
        if not before:
            self.nearness = np.array([0.5, 0.5, 0.5, 0.0, 0.0, 0.0, 1.0, 0.3])
            return
        rows = np.array([_padded(row, len(x)) for row in (self.dense[0], *before)])
        near = _cosines(rows, x)
        first, last, most = near[0], near[-1], near.max()
        novelty = 1.0 - most
        _, _, _, total, far, reach, least, lately = self.nearness
        self.nearness = np.array(
            [
                first,
                last,
                most,
                total + novelty,
                far + first,
                max(reach, first),
                min(least, novelty),
                0.75 * lately + 0.25 * novelty,
            ]
        )

    def _signs(self, error: bool) -> Floats:
        t = float(self.steps)
        others = max(t - 1.0, 1.0)
        near = self.nearness
        worst = [self.trail.worst.get(kind, 0) / MOST_TIMES for kind in KINDS]
        plain = [
            np.log(t),
            min(t / 20.0, 5.0),
            np.log1p(self.errors),
            min(self.errors, 3) / 3.0,
            float(error),
            np.log1p(self.actions),
            np.log1p(self.trail.repeats),
            *worst,
        ]
        distances = [*near[:3], near[3] / others, near[4] / others, *near[5:]]
        return np.concatenate([plain, distances, np.log1p(self.verbs)])


def _matrix(rows: list[NDArray[Any]], missing: float, kind: type) -> NDArray[Any]:
    """Rows that may have grown wider in between, as a matrix."""
    width = max((len(row) for row in rows), default=0)
    out: NDArray[Any] = np.full((len(rows), width), missing, kind)
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
    """Mean so far at each row of `dense` (T, d), as `Episode` adds it up."""
    out = np.zeros_like(dense)
    mean = np.zeros(dense.shape[1])
    for t, x in enumerate(dense):
        mean = mean + (x - mean) / (t + 1)
        out[t] = mean
    return out


def returns_of(rewards: list[float], outcome: float, discount: float) -> Floats:
    """Return that is still to come after each step: `G_t = r_{t+1} + discount G_{t+1}`."""
    out = np.empty(len(rewards))
    out[-1] = outcome
    for t in range(len(rewards) - 2, -1, -1):
        out[t] = rewards[t + 1] + discount * out[t + 1]
    return out
