"""Steps to rows of features: what the steps of a run look like to the experts of its value.

A record describes a state, so its numbers enter by their own features, scaled columns and a kernel;
the means of the columns so far tell what earlier records said and this one does not. A text or an
embedding is one utterance of many, so what counts is the mean of all so far; a short vector may be
either. The signs of the course come beside both.
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
from quickstudy.learners.value.trajectory import SIGNS, Row, Steps, means
from quickstudy.types import Floats, Input

Views = tuple[Floats, Floats, Floats]  # all features, the present state, and where a run stands
VIEWS = {"state": View(linear=True, width=2.0, landmarks=64)}
NARROW = 128  # a vector of so many numbers may be a state
WIDEST, THROWN = 400, 256  # wider texts and vectors are thrown onto shared random directions
SIGN_SCALE = 0.3  # signs are about as large as the differences of unit vectors then
RENEWED = (1, 2, 5, 10, 20, 40, 80, 160)  # runs that ended when the map is chosen anew


class StepFeatures:
    """The encoder of steps, and the map from raw rows to features; frozen after 160 runs."""

    def __init__(self, encoder: RecordEncoder, *, seed: int) -> None:
        self.encoder = encoder
        self.seed = seed
        self.width = 0  # dense columns that count
        self.map: FeatureMap | None = None
        self._thrown: dict[tuple[int, int], Floats] = {}

    def parse(self, x: Input | None, action: str | None) -> Parsed:
        """The input of a step, checked; without one, the text of its action.

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
        """Dense columns: narrow fields as they are, the others on shared random directions."""
        slots, width = self._slots()
        out = np.zeros(width)
        for (start, stop), (at, thrown) in zip(self.encoder.dense_fields, slots, strict=True):
            if thrown:
                out[at : at + THROWN] += (row[start:stop, None] * self._throws(start, stop)).sum(0)
            else:
                out[at : at + stop - start] = row[start:stop]
        return out.astype(np.float32)

    def _slots(self) -> tuple[list[tuple[int, bool]], int]:
        """Where each dense field begins, whether it is thrown, and the width of all: for ever the
        same for a field, as fields only come at the end."""
        slots: list[tuple[int, bool]] = []
        width, direct, shared = 0, 0, None
        for start, stop in self.encoder.dense_fields:
            if direct + stop - start <= WIDEST:
                slots.append((width, False))
                direct += stop - start
                width += stop - start
                continue
            if shared is None:
                shared, width = width, width + THROWN
            slots.append((shared, True))
        return slots, width

    def _throws(self, start: int, stop: int) -> Floats:
        if (start, stop) not in self._thrown:
            rng = np.random.default_rng([self.seed, start, stop])
            throw = rng.standard_normal((stop - start, THROWN)) / np.sqrt(THROWN)
            self._thrown[start, stop] = throw
        return self._thrown[start, stop]

    @property
    def dim(self) -> int:
        """Features of a row, the constant included."""
        return self.state_dim + self._columns + self.width + SIGNS

    @property
    def state_dim(self) -> int:
        """Features of the present state alone, the constant included; 1 where there are none."""
        return self._columns + self._kernel + self._now_dim + 1

    @property
    def place_dim(self) -> int:
        """Numbers that say where a run stands, for the memory of episodes."""
        return max(self._kernel + self.width, 1)

    @property
    def _columns(self) -> int:
        return self.map.dim if self.map else 0

    @property
    def _kernel(self) -> int:
        return self.map.landmarks["state"].size if self.map else 0

    @property
    def _now_dim(self) -> int:
        return self.width if self.width <= NARROW else 0

    def of_run(self, steps: Steps) -> Views:
        """All features (T, dim), states (T, state_dim) and places (T, place_dim) of a run."""
        now = fitted(steps.dense, self.width, 0.0)
        numbers = fitted(steps.numbers, self.encoder.widths[0], np.nan)
        return self._joined(self._states(numbers), now, means(now), steps.signs)

    def of_latest(self, numbers: Floats, now: NDArray[Any], mean: Floats, signs: Floats) -> Views:
        """The same of the latest step, one row each.

        Args:
            numbers: raw numbers of all steps so far (T, columns).
            now: dense columns of the latest step, shape (w,).
            mean: of all dense rows so far, shape (w,).
            signs: after the latest step, shape (SIGNS,).
        """
        now, mean = (fitted(row[None], self.width, 0.0) for row in (now, mean))
        return self._joined(self._states(numbers, last=1), now, mean, signs[None])

    def _joined(
        self, states: tuple[Floats, Floats, Floats], now: Floats, mean: Floats, signs: Floats
    ) -> Views:
        columns, so_far, kernel = states
        one = np.ones((len(signs), 1))
        present = [columns, kernel, now[:, : self._now_dim]]
        place = [kernel / KERNEL_SCALE, now if self._now_dim else mean]
        if kernel.shape[1] + self.width == 0:
            place = [np.zeros((len(signs), 1))]
        return (
            np.concatenate([*present, so_far, mean, signs * SIGN_SCALE, one], axis=1),
            np.concatenate([*present, one], axis=1),
            np.concatenate(place, axis=1),
        )

    def _states(self, numbers: Floats, last: int | None = None) -> tuple[Floats, Floats, Floats]:
        """Scaled columns, their means so far, and kernel features, of the `last` rows."""
        cut = slice(None if last is None else -last, None)
        if self.map is None:
            none = np.zeros((len(numbers[cut]), 0))
            return none, none, none
        z = self.map.scaled(numbers, np.zeros((len(numbers), 0), np.float32))
        views = self.map.features(z[cut], np.full(len(z[cut]), -1))
        return z[cut], means(z)[cut], views["state"][:, self.map.dim + 1 :]  # no second constant

    def renew(self, runs: list[Steps]) -> bool:
        """Choose the map from all runs so far; whether features are others now."""
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
        encoder = json.dumps(self.encoder.state())  # names of fields are people's: kept as a text
        return {"encoder": encoder, "width": self.width, "map": chosen}

    def restore(self, state: dict[str, Any]) -> None:
        self.encoder.restore(json.loads(state["encoder"]))
        self.width = state["width"]
        self.map = map_from_state(state["map"], VIEWS) if state["map"] else None


def fitted(rows: NDArray[Any], width: int, missing: float) -> Floats:
    """Rows (T, w) of another width (T, width): cut, or filled up with `missing`."""
    out = np.full((len(rows), width), missing)
    held = min(width, rows.shape[1])
    out[:, :held] = rows[:, :held]
    return out
