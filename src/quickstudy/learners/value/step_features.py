"""Features of steps: the rows on which the experts of a value function learn.

A record describes a state, so its numbers become scaled columns and kernel features; the running
means of the columns hold what earlier records contained and this one does not. A text or an
embedding is one utterance of many, so the mean of all so far is used; a short vector may be a state
or an utterance, so both are used. Progress features are added to all of them.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.encode.featuremap import (
    KERNEL_SCALE,
    FeatureMap,
    View,
    choose_map,
    map_from_state,
)
from quickstudy.encode.parsing import Parsed
from quickstudy.encode.record import Raw, RecordEncoder
from quickstudy.errors import InputError
from quickstudy.learners.value.trajectory import PROGRESS, Row, Trajectory, means
from quickstudy.types import Floats, Input

Views = tuple[Floats, Floats, Floats]  # all features, the present state, the position
VIEWS = {"state": View(linear=True, width=2.0, landmarks=64)}
NARROW = 128  # a vector of at most this many numbers may be a state
WIDEST, PROJECTED = 400, 256  # wider texts and vectors are projected on shared random directions
PROGRESS_SCALE = 0.3  # gives progress features the size of the differences of unit vectors
RENEWED = (1, 2, 5, 10, 20, 40, 80, 160)  # numbers of ended runs at which the map is chosen


class StepFeatures:
    """The encoder of steps, and the map from raw rows to features; frozen after 160 runs."""

    def __init__(self, encoder: RecordEncoder, *, seed: int) -> None:
        self.encoder = encoder
        self.seed = seed
        self.width = 0  # dense columns that the features read
        self.map: FeatureMap | None = None
        self._projections: dict[tuple[int, int], Floats] = {}

    def parse(self, x: Input | None, action: str | None) -> Parsed:
        """The typed values of a step's input; without an input, the text of its action.

        Raises:
            InputError, RecordError: there is neither, or it cannot be read.
        """
        if x is None and action is None:
            raise InputError("x is None and so is action: a step needs one of them")
        if x is None:
            return [("text", "text", str(action))]
        return self.encoder.parse([x])[0]

    def raw(self, parsed: Parsed) -> Row:
        """Raw numbers and dense columns of one step; new fields join the encoder."""
        raw, _ = self.encoder.admit([parsed])
        return raw.numbers[0], self._placed(raw.dense[0])

    def _placed(self, row: NDArray[np.float32]) -> NDArray[np.float32]:
        """Dense columns: narrow fields unchanged, the others projected on random directions."""
        slots, width = self._slots()
        out = np.zeros(width)
        for (start, stop), (at, projected) in zip(self.encoder.dense_fields, slots, strict=True):
            if projected:
                projection = self._projection(start, stop)
                out[at : at + PROJECTED] += (row[start:stop, None] * projection).sum(0)
            else:
                out[at : at + stop - start] = row[start:stop]
        return out.astype(np.float32)

    def _slots(self) -> tuple[list[tuple[int, bool]], int]:
        """Start of each dense field, whether it is projected, and the width of all fields.

        These never change for a field, since new fields are appended.
        """
        slots: list[tuple[int, bool]] = []
        width, direct, shared = 0, 0, None
        for start, stop in self.encoder.dense_fields:
            if direct + stop - start <= WIDEST:
                slots.append((width, False))
                direct += stop - start
                width += stop - start
                continue
            if shared is None:
                shared, width = width, width + PROJECTED
            slots.append((shared, True))
        return slots, width

    def _projection(self, start: int, stop: int) -> Floats:
        """The random projection of one dense field; its columns seed it."""
        if (start, stop) not in self._projections:
            rng = np.random.default_rng([self.seed, start, stop])
            directions = rng.standard_normal((stop - start, PROJECTED)) / np.sqrt(PROJECTED)
            self._projections[start, stop] = directions
        return self._projections[start, stop]

    @property
    def dim(self) -> int:
        """Features of a row, the constant included."""
        return self.state_dim + self._columns + self.width + PROGRESS

    @property
    def state_dim(self) -> int:
        """Features of the present state alone, the constant included; 1 if there are no others."""
        return self._columns + self._kernel + self._dense_state_dim + 1

    @property
    def position_dim(self) -> int:
        """Features of a run's position, for the memory of episodes."""
        return max(self._kernel + self.width, 1)

    @property
    def _columns(self) -> int:
        return self.map.dim if self.map else 0

    @property
    def _kernel(self) -> int:
        return self.map.landmarks["state"].size if self.map else 0

    @property
    def _dense_state_dim(self) -> int:
        return self.width if self.width <= NARROW else 0

    def of_trajectory(self, steps: Trajectory) -> Views:
        """All features (T, dim), states (T, state_dim) and positions (T, position_dim)."""
        dense = fitted(steps.dense, self.width, 0.0)
        numbers = fitted(steps.numbers, self.encoder.widths[0], np.nan)
        return self._joined(self._states(numbers), dense, means(dense), steps.progress)

    def of_latest(
        self, numbers: Floats, dense: NDArray[Any], mean: Floats, progress: Floats
    ) -> Views:
        """The same three views of the latest step of an open run, one row each.

        Args:
            numbers: raw numbers of all steps so far (T, columns).
            dense: dense columns of the latest step, shape (w,).
            mean: mean of all dense rows so far, shape (w,).
            progress: features after the latest step, shape (PROGRESS,).
        """
        dense, mean = (fitted(row[None], self.width, 0.0) for row in (dense, mean))
        return self._joined(self._states(numbers, last=1), dense, mean, progress[None])

    def _joined(
        self, states: tuple[Floats, Floats, Floats], dense: Floats, mean: Floats, progress: Floats
    ) -> Views:
        columns, so_far, kernel = states
        one = np.ones((len(progress), 1))
        present = [columns, kernel, dense[:, : self._dense_state_dim]]
        position = [kernel / KERNEL_SCALE, dense if self._dense_state_dim else mean]
        if kernel.shape[1] + self.width == 0:
            position = [np.zeros((len(progress), 1))]
        return (
            np.concatenate([*present, so_far, mean, progress * PROGRESS_SCALE, one], axis=1),
            np.concatenate([*present, one], axis=1),
            np.concatenate(position, axis=1),
        )

    def _states(self, numbers: Floats, last: int | None = None) -> tuple[Floats, Floats, Floats]:
        """Scaled columns, their running means, kernel features; of the `last` rows (None: all)."""
        cut = slice(None if last is None else -last, None)
        if self.map is None:
            none = np.zeros((len(numbers[cut]), 0))
            return none, none, none
        z = self.map.scaled(numbers, np.zeros((len(numbers), 0), np.float32))
        views = self.map.features(z[cut], np.full(len(z[cut]), -1))
        return z[cut], means(z)[cut], views["state"][:, self.map.dim + 1 :]  # no second constant

    def renew(self, runs: list[Trajectory]) -> bool:
        """Choose the map from all runs so far; returns whether the features have changed."""
        _, width = self._slots()
        wider, self.width = width != self.width, width
        columns = self.encoder.widths[0]
        if columns == 0:
            return wider
        rows = np.vstack([fitted(steps.numbers, columns, np.nan) for steps in runs])
        n = len(rows)
        raw = Raw(rows, np.zeros((n, 0), np.float32), [""] * n, np.zeros(n, np.uint64))
        self.map = choose_map(
            raw,
            np.full(n, -1),
            categories=self.encoder.category_columns,
            dense_fields=[],
            views=VIEWS,
            rng=np.random.default_rng([self.seed, len(runs)]),
            columns=256,
        )
        return True

    def state(self) -> dict[str, Any]:
        chosen = self.map.state() if self.map else None
        encoder = json.dumps(self.encoder.state())  # one text: field names may be any text
        return {"encoder": encoder, "width": self.width, "map": chosen}

    def restore(self, state: dict[str, Any]) -> None:
        self.encoder.restore(json.loads(state["encoder"]))
        self.width = state["width"]
        self.map = map_from_state(state["map"], VIEWS) if state["map"] else None


def fitted(rows: NDArray[Any], width: int, missing: float) -> Floats:
    """Rows (T, w) cut to (T, width), or filled up with `missing`."""
    out = np.full((len(rows), width), missing)
    held = min(width, rows.shape[1])
    out[:, :held] = rows[:, :held]
    return out
