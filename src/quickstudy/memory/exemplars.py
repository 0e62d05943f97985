"""Remembered examples: the most recent half, and a uniform reservoir of all before them."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from quickstudy.encode.record import Raw
from quickstudy.memory.expert import State
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
        self._fit_columns(raw)
        for at in range(0, len(raw), self.recent):
            part = slice(at, at + self.recent)
            self._add(raw.rows(part), y[part], last[part])

    def _add(self, raw: Raw, y: NDArray[np.int64], last: NDArray[np.int64]) -> None:
        """Remember no more examples than the ring has slots."""
        t = np.arange(self.count, self.count + len(y))
        slots = t % self.recent
        self._retire(t[t >= self.recent] - self.recent)
        self._fit_rows(int(slots.max()) + 1)
        self._numbers[slots] = raw.numbers
        self._dense[slots] = raw.dense
        self._facts[slots] = np.stack([y, last, t], axis=1)
        for slot, text in zip(slots.tolist(), raw.texts, strict=True):
            self._texts[slot] = text[:TEXT_KEPT]
        self.count += len(y)

    def _retire(self, out: NDArray[np.int64]) -> None:
        """Let examples `out` (numbers, oldest first) leave the ring for the reservoir's draw."""
        room = self.capacity - self.recent
        drawn = (_mixed(self.seed, out) % (out + 1).astype(np.uint64)).astype(np.int64)
        keep = np.where(out < room, out, drawn)
        kept = np.flatnonzero(keep < room)
        if not len(kept):
            return
        places, slots = self.recent + keep[kept], out[kept] % self.recent
        self._fit_rows(int(places.max()) + 1)
        for place, slot in zip(places.tolist(), slots.tolist(), strict=True):
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


def _mixed(seed: int, numbers: NDArray[np.int64]) -> NDArray[np.uint64]:
    """Well-mixed 64-bit numbers (the finaliser of splitmix64, Steele et al. 2014)."""
    h = numbers.astype(np.uint64) * np.uint64(0xD1B54A32D192ED03)
    h += np.uint64((seed * 0x9E3779B97F4A7C15 + 0x632BE59BD9B4E019) % (1 << 64))
    h = (h ^ (h >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    h = (h ^ (h >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(h ^ (h >> np.uint64(31)), dtype=np.uint64)


def _grown(array: NDArray[Any], rows: int, columns: int, fill: float) -> NDArray[Any]:
    if array.shape == (rows, columns):
        return array
    out = np.full((rows, columns), fill, array.dtype)
    out[: len(array), : array.shape[1]] = array
    return out
