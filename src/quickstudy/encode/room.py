"""The number of columns that a learner may have, and their allocation to fields.

The width of a learner is bounded by its memory budget. Numbers, booleans and categories take one
column each while there are free columns. Texts and vectors take dense columns of their own, fewer
each if many appear at once; if too few are left, they share columns: each is hashed to all of them
with signs derived from its name, and they are added.

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
WHOLE_TEXT = 768  # dense columns of a text at full width
LEAST_OWN = 96  # with fewer columns a text loses too much information: it shares columns
SHARED = 512  # columns shared by all texts and vectors without columns of their own


@dataclass(frozen=True)
class Room:
    """Limits: columns of plain values, dense columns of texts and vectors, codes of categories."""

    numbers: int
    dense: int
    codes: int


def room_for(budget_mb: float) -> Room:
    """The room within a memory budget; enough for the 768 columns of at least one text.

    >>> room_for(64)
    Room(numbers=10240, dense=1536, codes=25600)
    """
    dense = max(WHOLE_TEXT, int(DENSE_PER_MB * budget_mb))
    return Room(int(NUMBERS_PER_MB * budget_mb), dense, int(CODES_PER_MB * budget_mb))


def own_columns(wanted: list[int], free: int) -> list[int]:
    """Columns for fields that appear together, as even as possible; 0 means shared columns.

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
    """Lengths to read of several texts so that the total is `most`; short texts are read whole.

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


def hashed(values: NDArray[np.float32], size: int, seed: int) -> NDArray[np.float32]:
    """`values` hashed to `size` columns: a hash of position and `seed` gives column and sign.

    Inner products are preserved up to noise of about `1/sqrt(size)`.

    >>> a = hashed(np.ones(5000, np.float32), 64, 7)
    >>> bool(abs(float(a @ a) / 5000 - 1) < 0.5)
    True
    """
    out = np.zeros(size, np.float32)
    _add_hashed(values, np.uint64(seed), out)
    return out


def hash_rows(rows: Floats, out: Floats) -> None:
    """Hash each row of `rows` (n, d) to the columns of `out` (n, m)."""
    out[:] = 0.0
    for i in range(len(rows)):
        _add_hashed(rows[i], np.uint64(0), out[i])


@njit(cache=True)
def _add_hashed(values, seed, out):  # type: ignore[no-untyped-def]
    for i in range(len(values)):
        h = (np.uint64(i) + seed * np.uint64(0x9E3779B97F4A7C15)) * np.uint64(0xBF58476D1CE4E5B9)
        h = (h ^ (h >> np.uint64(30))) * np.uint64(0x94D049BB133111EB)
        h = h ^ (h >> np.uint64(31))
        place = np.int64((h >> np.uint64(1)) % np.uint64(len(out)))
        out[place] += values[i] if h & np.uint64(1) else -values[i]
