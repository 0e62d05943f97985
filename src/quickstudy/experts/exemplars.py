"""Remembered examples: the most recent half, and a uniform reservoir of all before them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quickstudy.encode.record import Raw
from quickstudy.experts.base import State
from quickstudy.types import Floats

TEXT_KEPT = 200  # characters of a text that are kept to be shown as evidence


class Exemplars:
    """At most `capacity` examples in slots; example t goes into the ring at `t mod recent`.

    What falls out of the ring enters a reservoir, so that both the present and all of the past
    stay represented at a fixed cost. `weight` says how many past examples one stands for.

    Reference:
        Vitter (1985), Random sampling with a reservoir, ACM TOMS 11.
    """

    def __init__(self, capacity: int, *, seed: int) -> None:
        self.capacity = capacity
        self.recent = capacity // 2
        self.seed = seed
        self.count = 0
        self._numbers: Floats = np.zeros((0, 0))
        self._dense: NDArray[np.float32] = np.zeros((0, 0), np.float32)
        self._facts = np.zeros((0, 3), np.int64)  # label, last label, number of the example
        self._texts: list[str] = []

    def __len__(self) -> int:
        return len(self._used())

    def add(self, raw: Raw, y: NDArray[np.int64], last: NDArray[np.int64]) -> None:
        """Remember n examples, one after the other."""
        slots, places = _draw(self.count, len(y), self.recent, self.capacity, self.seed)
        self._fit_columns(raw)
        self._fit_rows(1 + max(int(slots.max()), int(places.max())))
        for i, (slot, place) in enumerate(zip(slots.tolist(), places.tolist(), strict=True)):
            if place >= 0:
                self._move(slot, place)
            self._numbers[slot] = raw.numbers[i]
            self._dense[slot] = raw.dense[i]
            self._facts[slot] = y[i], last[i], self.count
            self._texts[slot] = raw.texts[i][:TEXT_KEPT]
            self.count += 1

    def shrink(self, capacity: int) -> None:
        """Remember at most `capacity` examples from now on: the latest half, a sample of the rest.

        Each example of the past stays as likely to be in the sample as every other.
        """
        if capacity >= self.capacity:
            return
        slots, weight = self.order(), self.weight(self.order())
        recent = capacity // 2
        past = self._facts[slots, 2] < self.count - recent
        kept, room = slots[past], capacity - recent
        if len(kept) > room:
            share = weight[past] / weight[past].sum()
            rng = np.random.default_rng([self.seed, self.count])
            kept = np.sort(rng.choice(len(kept), room, replace=False, p=share))
            kept = slots[past][kept]
        ring = slots[~past]
        places = np.concatenate([self._facts[ring, 2] % recent, recent + np.arange(len(kept))])
        self._rearrange(np.concatenate([ring, kept]), places.astype(np.int64))
        self.capacity, self.recent = capacity, recent

    def _rearrange(self, slots: NDArray[np.int64], places: NDArray[np.int64]) -> None:
        """Keep the examples of some slots, each in a new place."""
        rows = int(places.max()) + 1 if len(places) else 0
        for name, fill in (("_numbers", np.nan), ("_dense", 0.0), ("_facts", 0)):
            array = getattr(self, name)
            out = np.full((rows, array.shape[1]), fill, array.dtype)
            out[places] = array[slots]
            setattr(self, name, out)
        texts = [""] * rows
        for slot, place in zip(slots.tolist(), places.tolist(), strict=True):
            texts[place] = self._texts[slot]
        self._texts = texts

    def _move(self, slot: int, place: int) -> None:
        """Let the example in a slot of the ring go into a place of the reservoir."""
        for array in (self._numbers, self._dense, self._facts):
            array[place] = array[slot]
        self._texts[place] = self._texts[slot]

    def _fit_rows(self, rows: int) -> None:
        have = len(self._facts)
        if rows <= have:
            return
        size = min(self.capacity, max(64, rows + rows // 2))
        self._numbers = _grown(self._numbers, size, self._numbers.shape[1], np.nan)
        self._dense = _grown(self._dense, size, self._dense.shape[1], 0.0)
        self._facts = _grown(self._facts, size, 3, 0)
        self._texts += [""] * (size - len(self._texts))

    def _fit_columns(self, raw: Raw) -> None:
        rows = len(self._facts)
        have = self._numbers.shape[1], self._dense.shape[1]
        if have == (raw.numbers.shape[1], raw.dense.shape[1]):
            return
        self._numbers = _grown(self._numbers, rows, raw.numbers.shape[1], np.nan)
        self._dense = _grown(self._dense, rows, raw.dense.shape[1], 0.0)

    def order(self) -> NDArray[np.int64]:
        """Slots of all remembered examples, oldest first."""
        used = self._used()
        slots: NDArray[np.int64] = used[np.argsort(self._facts[used, 2], kind="stable")]
        return slots

    def _used(self) -> NDArray[np.int64]:
        ring = min(self.count, self.recent)
        kept = min(max(self.count - self.recent, 0), self.capacity - self.recent)
        reservoir = np.arange(self.recent, self.recent + kept, dtype=np.int64)
        return np.concatenate([np.arange(ring, dtype=np.int64), reservoir])

    def raw(self, slots: NDArray[np.int64]) -> Raw:
        """Raw columns of some slots."""
        texts = [self._texts[s] for s in slots]
        salt = np.zeros(len(slots), np.uint64)
        return Raw(self._numbers[slots], self._dense[slots], texts, salt)

    def facts(self, slots: NDArray[np.int64]) -> NDArray[np.int64]:
        """Label, last label and number of some slots, shape (n, 3)."""
        facts: NDArray[np.int64] = self._facts[slots]
        return facts

    def weight(self, slots: NDArray[np.int64]) -> Floats:
        """How many examples each slot stands for: 1 in the ring, (fallen out)/(kept) beyond."""
        fallen = max(self.count - self.recent, 0)
        kept = min(fallen, self.capacity - self.recent)
        return np.where(slots < self.recent, 1.0, fallen / max(kept, 1))

    def state(self) -> tuple[State, dict[str, Any]]:
        used = self._used()
        arrays: State = {
            "numbers": self._numbers[used],
            "dense": self._dense[used],
            "facts": self._facts[used],
        }
        texts = [self._texts[s] for s in used]
        return arrays, {"count": self.count, "texts": texts if any(texts) else []}

    def restore(self, arrays: State, plain: dict[str, Any]) -> None:
        self.count = int(plain["count"])
        used = self._used()
        rows = int(used.max()) + 1 if len(used) else 0
        self._numbers = np.full((rows, arrays["numbers"].shape[1]), np.nan)
        self._dense = np.zeros((rows, arrays["dense"].shape[1]), np.float32)
        self._facts = np.zeros((rows, 3), np.int64)
        self._texts = [""] * rows
        self._numbers[used], self._dense[used] = arrays["numbers"], arrays["dense"]
        self._facts[used] = arrays["facts"]
        for slot, text in zip(used, plain["texts"], strict=False):
            self._texts[slot] = text


@njit(cache=True)
def _draw(count, n, recent, capacity, seed):  # type: ignore[no-untyped-def]
    """Ring slots of the next n examples, and where in the reservoir the one in each slot goes.

    The i-th example to leave the ring takes place i while there is room, then a place drawn by a
    mixed counter (the finaliser of splitmix64, Steele et al. 2014); -1 where it is dropped.
    """
    slots = np.empty(n, np.int64)
    places = np.full(n, -1)
    room = capacity - recent
    for i in range(n):
        t = count + i
        slots[i] = t % recent
        out = t - recent
        if out < 0:
            continue
        keep = out
        if out >= room:
            h = np.uint64(out) * np.uint64(0xD1B54A32D192ED03) + np.uint64(seed)
            h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
            h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
            keep = np.int64((h ^ (h >> np.uint64(31))) % np.uint64(out + 1))
        if keep < room:
            places[i] = recent + keep
    return slots, places


def _grown(array: NDArray[Any], rows: int, columns: int, fill: float) -> NDArray[Any]:
    if array.shape == (rows, columns):
        return array
    out = np.full((rows, columns), fill, array.dtype)
    out[: len(array), : array.shape[1]] = array
    return out
