"""Curves over a stream, for plots and reports."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

from quickstudy.types import Floats


def running_mean(values: ArrayLike, window: int) -> Floats:
    """Mean of the last `window` values at every point; of all so far at the first points.

    >>> running_mean([1, 0, 0, 1], window=2).tolist()
    [1.0, 0.5, 0.0, 0.5]
    """
    total = np.concatenate([[0.0], np.cumsum(np.asarray(values, dtype=np.float64))])
    end = np.arange(1, len(total))
    start = np.maximum(end - window, 0)
    return np.asarray((total[end] - total[start]) / (end - start))


def cumulative_mean(values: ArrayLike) -> Floats:
    """Mean of all values so far at every point.

    >>> cumulative_mean([1, 0, 1, 1]).round(2).tolist()
    [1.0, 0.5, 0.67, 0.75]
    """
    array = np.asarray(values, dtype=np.float64)
    return np.asarray(np.cumsum(array) / np.arange(1, len(array) + 1))


def thin(length: int, points: int = 300) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    """At most `points` indices, evenly spread over 0..length-1, both ends included.

    >>> thin(1000, points=5).tolist()
    [0, 249, 499, 749, 999]
    """
    return np.unique(np.linspace(0, length - 1, min(points, length)).astype(np.int64))
