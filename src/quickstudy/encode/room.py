"""How many columns the fields of a learner may take, and who gets them.

Whatever comes, the width of a learner is bounded by its memory budget. Numbers, booleans and
categories take a column each until there are no more. Texts and vectors take dense columns of their
own, fewer each where many come at once; where even that does not fit, they share columns: each is
thrown onto all of them with signs that follow from its name, and they add up.

Reference:
    Weinberger et al. (2009), Feature hashing for large scale multitask learning, ICML.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from quickstudy.types import Floats

NUMBERS_PER_MB, DENSE_PER_MB, CODES_PER_MB = 160, 24, 400
WHOLE_TEXT = 768  # dense columns of a text that has all it can use
LEAST_OWN = 96  # columns below which a text tells too little of itself: it shares then
SHARED = 512  # columns that all texts and vectors without columns of their own share


@dataclass(frozen=True)
class Room:
    """The most columns: `numbers` of plain values, `dense` of texts and vectors, `codes` of values
    of categories with a code of their own."""

    numbers: int
    dense: int
    codes: int


def room_for(budget_mb: float) -> Room:
    """The room within a memory budget; a single text always finds its 768 columns.

    >>> room_for(64)
    Room(numbers=10240, dense=1536, codes=25600)
    """
    dense = max(WHOLE_TEXT, int(DENSE_PER_MB * budget_mb))
    return Room(int(NUMBERS_PER_MB * budget_mb), dense, int(CODES_PER_MB * budget_mb))


def own_columns(wanted: list[int], free: int) -> list[int]:
    """Columns for fields that come at once and want so many each: an even share, 0 for "share".

    >>> own_columns([768], 1536), own_columns([768, 768, 16], 1536)
    ([768], [760, 760, 16])
    >>> own_columns([768] * 20, 1536)[:2]
    [0, 0]
    """
    if sum(wanted) <= free:
        return list(wanted)
    out = [0] * len(wanted)
    left = max(free, 0)
    order = sorted(range(len(wanted)), key=lambda i: wanted[i])
    for rank, i in enumerate(order):
        share = left // (len(order) - rank)
        if wanted[i] > share and share < LEAST_OWN:
            break
        out[i] = min(wanted[i], share)
        left -= out[i]
    return out


def even_shares(lengths: list[int], most: int) -> list[int]:
    """How much is read of each of several texts so that it is `most` in all: short ones whole.

    >>> even_shares([10, 500, 900], 600)
    [10, 295, 295]
    """
    out = list(lengths)
    if sum(lengths) <= most:
        return out
    left = most
    order = sorted(range(len(lengths)), key=lambda i: lengths[i])
    for rank, i in enumerate(order):
        out[i] = min(lengths[i], left // (len(order) - rank))
        left -= out[i]
    return out


def thrown(values: NDArray[np.float32], size: int, seed: int) -> NDArray[np.float32]:
    """`values` on `size` columns: each number on one, with a sign, both by its place and `seed`.

    Inner products are kept up to noise of about `1/sqrt(size)`.

    >>> a = thrown(np.ones(5000, np.float32), 64, 7)
    >>> bool(abs(float(a @ a) / 5000 - 1) < 0.5)
    True
    """
    out = np.zeros(size, np.float32)
    _throw(values, np.uint64(seed), out)
    return out


def throw_rows(rows: Floats, out: Floats) -> None:
    """Throw each row of `rows` (n, d) onto the columns of `out` (n, m)."""
    out[:] = 0.0
    for i in range(len(rows)):
        _throw(rows[i], np.uint64(0), out[i])


@njit(cache=True)
def _throw(values, seed, out):  # type: ignore[no-untyped-def]
    for i in range(len(values)):
        h = (np.uint64(i) + seed * np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
        h = (h ^ (h >> np.uint64(30))) * np.uint64(0x94D049BB133111EB)
        h = h ^ (h >> np.uint64(31))
        place = np.int64((h >> np.uint64(1)) % np.uint64(len(out)))
        out[place] += values[i] if h & np.uint64(1) else -values[i]
