"""Raw columns become batches for the experts, through the frozen feature map."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from quickstudy.encode.featuremap import FeatureMap, choose_map
from quickstudy.encode.record import Raw, RecordEncoder
from quickstudy.experts.base import Batch
from quickstudy.experts.exemplars import Exemplars
from quickstudy.learners.classifier.order import Ints, Order
from quickstudy.learners.classifier.recipe import Recipe
from quickstudy.types import Floats

Mapped = tuple[Floats, dict[str, Floats]]  # scaled columns, views
RowKey = tuple[bytes, bytes, int]  # raw numbers, dense columns, last label


@dataclass(frozen=True)
class LastMapped:
    """The latest single input and what it was mapped to; valid for one feature map."""

    map: FeatureMap
    key: RowKey
    mapped: Mapped


class BatchMaker:
    """Makes batches; holds the feature map, and whether experts are told the last label."""

    def __init__(self, encoder: RecordEncoder, order: Order) -> None:
        self._encoder = encoder
        self._order = order
        self.map: FeatureMap | None = None
        self._codes: NDArray[np.bool_] | None = None  # a cache: which columns hold codes
        self._last_mapped: LastMapped | None = None  # a cache, not state

    def make(
        self, raw: Raw, last: Ints, y: Ints | None = None, *, labels: int, blas: bool = False
    ) -> Batch:
        """The batch of some rows; `blas` maps many rows faster, with other rounding."""
        last = self._visible(last)
        z, features = self._mapped(raw, last, blas)
        return Batch(
            features=features,
            z=z,
            raw=raw.numbers,
            last=last,
            labels=labels,
            y=np.zeros(0, np.int64) if y is None else y,
            familiarity=np.zeros(len(raw)),
            age=np.zeros(0),
            weight=np.zeros(0),
            evidence=np.ones(len(raw)),
            categories=self._categories(raw.numbers.shape[1]),
        )

    def remembered(self, exemplars: Exemplars, slots: Ints, *, labels: int, count: int) -> Batch:
        """Remembered examples as a batch, oldest first, with their ages and weights."""
        y, last, seen = np.ascontiguousarray(exemplars.facts(slots).T)
        return replace(
            self.make(exemplars.raw(slots), last, y, labels=labels, blas=True),
            age=(count - 1 - seen).astype(float),
            weight=exemplars.weight(slots),
        )

    def choose_map(
        self, exemplars: Exemplars, slots: Ints, recipe: Recipe, rng: np.random.Generator
    ) -> None:
        """Choose the feature map from remembered examples."""
        raw, last = exemplars.raw(slots), exemplars.facts(slots)[:, 1]
        self.map = choose_map(
            raw,
            self._visible(last),
            categories=self._encoder.category_columns,
            dense_fields=self._encoder.dense_fields,
            views=recipe.views,
            columns=recipe.columns,
            rng=rng,
        )

    def _categories(self, columns: int) -> NDArray[np.bool_]:
        """Which of the first unscaled columns hold codes of categories."""
        if self._codes is None or len(self._codes) != self._encoder.widths[0]:
            self._codes = self._encoder.category_columns
        return self._codes[:columns]

    def _visible(self, last: Ints) -> Ints:
        """The last label known at each row as experts see it: -1 where the order is hidden."""
        return last if self._order.told else np.full(len(last), -1)

    def _mapped(self, raw: Raw, last: Ints, blas: bool) -> Mapped:
        """Scaled columns and views of some rows.

        The latest single input is cached: it is usually learned right after it was predicted, so
        the cache halves the mapping.
        """
        if self.map is None:
            return np.zeros((len(raw), 0)), {}
        key = (raw.numbers.tobytes(), raw.dense.tobytes(), int(last[0])) if len(raw) == 1 else None
        cached = self._last_mapped
        if key is not None and cached and cached.map is self.map and cached.key == key:
            return cached.mapped
        z = self.map.scaled(raw.numbers, raw.dense)
        mapped = z, self.map.features(z, last, blas=blas)
        if key is not None and not blas:
            self._last_mapped = LastMapped(self.map, key, mapped)
        return mapped
