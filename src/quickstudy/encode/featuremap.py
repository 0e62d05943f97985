"""The frozen map from raw columns to the vectors that experts learn on.

A map is chosen from remembered examples and never changes; a new one replaces it. It holds the
scaling of the columns that vary, the labels that are inputs as "last label", and the landmarks of
each view.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quickstudy.encode.landmarks import (
    Landmarks,
    choose_landmarks,
    kernel_features,
    kernel_features_blas,
)
from quickstudy.encode.record import Raw
from quickstudy.encode.room import hash_rows
from quickstudy.types import Floats

CLIP = 4.0  # standard deviations to which scaled columns are clipped
KERNEL_SCALE = 3.0  # with a ridge of 1 this is a ridge of 1/9 on the unit-norm kernel
DENSE_FIELD = 8.0  # a dense field weighs as much in distances as this many numeric fields
MISSING = -1.0  # the code of "is missing"
MOST_CODES = 32  # values of a category with a column of their own: the most frequent
AT_ONCE = 256  # columns whose scale is computed at once
LAST_LABELS = 16  # labels that get a column of their own as "last label received"


@dataclass(frozen=True)
class View:
    """The parts of a feature matrix: scaled columns, last label, kernel features.

    If there are more than `most` scaled columns (0: no limit), they are hashed to this number.
    """

    linear: bool = True
    last: bool = False
    width: float = 0.0
    landmarks: int = 0
    most: int = 0


@dataclass(frozen=True)
class Scaling:
    """How raw columns are scaled; one entry for each scaled column.

    `source` is the raw column; `code` is NaN for its value, -1 for "is missing", else the code that
    it is compared with; `mean` and `scale` standardise; a missing value is replaced by the mean.
    """

    source: NDArray[np.int64]
    code: Floats
    mean: Floats
    scale: Floats

    def apply(self, numbers: Floats) -> Floats:
        """Scaled columns of `numbers` (n, d1), clipped to 4 standard deviations."""
        out = np.empty((len(numbers), len(self.source)))
        _scale(numbers, self.source, self.code, self.mean, self.scale, out)
        return out


@dataclass(frozen=True)
class FeatureMap:
    """Scaling and landmarks, frozen.

    `dense_scale` holds a factor for every dense column; `last_labels` are the label indices with a
    column of their own.
    """

    scaling: Scaling
    dense_scale: Floats
    last_labels: NDArray[np.int64]
    landmarks: dict[str, Landmarks]
    views: dict[str, View]

    @property
    def dim(self) -> int:
        """Number of scaled columns."""
        return len(self.scaling.source) + len(self.dense_scale)

    def scaled(self, numbers: Floats, dense: NDArray[np.float32]) -> Floats:
        """Scaled columns, shape (n, dim); columns added after the choice are not read."""
        columns = len(self.scaling.source)
        z = np.empty((len(numbers), self.dim))
        z[:, :columns] = self.scaling.apply(numbers)
        np.multiply(dense[:, : len(self.dense_scale)], self.dense_scale, out=z[:, columns:])
        return z

    def features(
        self, z: Floats, last: NDArray[np.int64], *, blas: bool = False
    ) -> dict[str, Floats]:
        """The matrix of every view for scaled columns `z` (n, dim) and last labels (n,).

        Without `blas` the bits of a row do not depend on the other rows.
        """
        with_last = z
        if any(view.last for view in self.views.values()):
            with_last = np.concatenate([z, _one_hot(last, self.last_labels)], axis=1)
        return {
            name: self._view(view, with_last if view.last else z, self.landmarks.get(name), blas)
            for name, view in self.views.items()
        }

    def _view(self, view: View, z: Floats, landmarks: Landmarks | None, blas: bool) -> Floats:
        linear = z.shape[1] if view.linear else 0
        wide = 0 < view.most < linear
        linear = view.most if wide else linear
        kernel = landmarks.size if landmarks else 0
        out = np.empty((len(z), linear + 1 + kernel))
        if wide:
            hash_rows(z, out[:, :linear])
        else:
            out[:, :linear] = z[:, :linear]
        out[:, linear] = 1.0
        if landmarks and blas:
            out[:, linear + 1 :] = kernel_features_blas(z, landmarks, KERNEL_SCALE)
        elif landmarks:
            kernel_features(
                z,
                landmarks.centres,
                landmarks.whiten,
                landmarks.rate,
                KERNEL_SCALE,
                out,
                linear + 1,
            )
        return out

    def state(self) -> dict[str, NDArray[Any]]:
        """Its arrays by name."""
        s = self.scaling
        out: dict[str, NDArray[Any]] = {
            "source": s.source,
            "code": s.code,
            "mean": s.mean,
            "scale": s.scale,
            "dense_scale": self.dense_scale,
            "last_labels": self.last_labels,
        }
        for name, marks in self.landmarks.items():
            out[f"{name}/centres"] = marks.centres
            out[f"{name}/whiten"] = marks.whiten
            out[f"{name}/rate"] = np.array([marks.rate])
        for name, view in self.views.items():
            if 0 < view.most < self.dim:
                out[f"{name}/most"] = np.array([view.most])
        return out


def map_from_state(state: dict[str, NDArray[Any]], views: dict[str, View]) -> FeatureMap:
    """The map with this `state`, for the same views."""
    landmarks = {
        name: Landmarks(
            state[f"{name}/centres"], state[f"{name}/whiten"], float(state[f"{name}/rate"][0])
        )
        for name, view in views.items()
        if view.landmarks
    }
    scaling = Scaling(state["source"], state["code"], state["mean"], state["scale"])
    none = np.zeros(1, np.int64)
    views = {n: replace(v, most=int(state.get(f"{n}/most", none)[0])) for n, v in views.items()}
    return FeatureMap(scaling, state["dense_scale"], state["last_labels"], landmarks, views)


def choose_map(
    raw: Raw,
    last: NDArray[np.int64],
    *,
    categories: NDArray[np.bool_],
    dense_fields: list[tuple[int, int]],
    views: dict[str, View],
    rng: np.random.Generator,
    columns: int = 10_000,
) -> FeatureMap:
    """Choose scaling and landmarks from n >= 1 remembered examples.

    Args:
        raw: raw columns of the examples.
        last: the last label known at each example, shape (n,), -1 for none.
        categories: which number columns hold codes, shape (d1,).
        dense_fields: (start, stop) columns of each dense field.
        views: the views that the experts read.
        rng: samples the candidates of landmarks.
        columns: the most scaled columns to keep: those of largest variance.
    """
    scaling = _choose_scaling(raw.numbers, categories, columns)
    dense_scale = np.empty(raw.dense.shape[1])
    for start, stop in dense_fields:
        dense_scale[start:stop] = _dense_factor(raw.dense[:, start:stop], len(scaling.source))
    counts = np.bincount(last[last >= 0])
    frequent = np.sort(np.argsort(-counts, kind="stable")[:LAST_LABELS])
    z = FeatureMap(scaling, dense_scale, frequent, {}, {}).scaled(raw.numbers, raw.dense)
    with_last = np.hstack([z, _one_hot(last, frequent)])
    landmarks = {
        name: choose_landmarks(
            with_last if view.last else z, most=view.landmarks, width=view.width, rng=rng
        )
        for name, view in views.items()
        if view.landmarks
    }
    return FeatureMap(scaling, dense_scale, frequent, landmarks, views)


def _choose_scaling(numbers: Floats, categories: NDArray[np.bool_], most: int) -> Scaling:
    source: list[int] = []
    code: list[float] = []
    for column in range(numbers.shape[1]):
        values = numbers[:, column]
        missing = np.isnan(values)
        codes = [np.nan]
        if categories[column]:
            found, often = np.unique(values[~missing], return_counts=True)
            codes = sorted(found[np.argsort(-often, kind="stable")[:MOST_CODES]])
        if missing.any() and not missing.all():
            codes.append(MISSING)
        source += [column] * len(codes)
        code += codes
    place, value = np.array(source, np.int64), np.array(code)
    mean, spread, rank = (np.empty(len(code)) for _ in range(3))
    for at in range(0, len(code), AT_ONCE):
        part = slice(at, at + AT_ONCE)
        columns = np.empty((len(numbers), len(value[part])))
        _expand(numbers, place[part], value[part], columns)
        known = ~np.isnan(columns)
        count = np.maximum(known.sum(0), 1)
        mean[part] = np.where(known, columns, 0.0).sum(0) / count
        off = np.where(known, columns - mean[part], 0.0)
        spread[part] = np.sqrt((off**2).sum(0) / count)
        # a number is ranked like a balanced boolean, a rare code far lower
        rank[part] = np.where(np.isnan(value[part]), 0.25 * known.mean(0), spread[part] ** 2)
    varies = np.flatnonzero(spread > 1e-9 * np.abs(mean) + 1e-300)
    if len(varies) > most:
        varies = np.sort(varies[np.argsort(-rank[varies], kind="stable")[:most]])
    return Scaling(place[varies], value[varies], mean[varies], spread[varies])


def _one_hot(last: NDArray[np.int64], labels: NDArray[np.int64]) -> Floats:
    return np.asarray(last[:, None] == labels[None, :], dtype=float)


def _dense_factor(block: NDArray[np.float32], numeric_columns: int) -> float:
    """Scale of a dense field: 1 without numeric columns, else it weighs like eight of them."""
    if numeric_columns == 0:
        return 1.0
    spread = float(block.var(0, dtype=np.float64).sum())
    return float(np.sqrt(DENSE_FIELD / spread)) if spread > 0 else 1.0


@njit(cache=True)
def _expand(numbers, source, code, out):  # type: ignore[no-untyped-def]
    for i in range(len(numbers)):
        for j in range(len(source)):
            value = numbers[i, source[j]]
            if np.isnan(code[j]):
                out[i, j] = value
            elif code[j] == MISSING:
                out[i, j] = 1.0 if np.isnan(value) else 0.0
            else:
                out[i, j] = 1.0 if value == code[j] else 0.0


@njit(cache=True)
def _scale(numbers, source, code, mean, scale, out):  # type: ignore[no-untyped-def]
    _expand(numbers, source, code, out)
    for i in range(len(numbers)):
        for j in range(len(source)):
            q = (out[i, j] - mean[j]) / scale[j]
            out[i, j] = 0.0 if np.isnan(q) else min(max(q, -CLIP), CLIP)
