"""The ranges of a value function's settings."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from quickstudy.errors import SettingError


def _number(value: Any) -> bool:
    real = isinstance(value, int | float) and not isinstance(value, bool)
    return real and math.isfinite(value)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _span(value: Any) -> bool:
    numbers = isinstance(value, tuple | list) and len(value) == 2 and all(map(_number, value))
    return numbers and -1e100 < value[0] < value[1] < 1e100


RANGES: dict[str, tuple[Callable[[Any], bool], str]] = {
    "success": (_number, "it must be a finite number"),
    "discount": (lambda v: _number(v) and 0.0 < v <= 1.0, "it must be above 0, at most 1"),
    "outcome_range": (_span, "it must be two numbers, the lower one first"),
    "stop_error": (lambda v: _number(v) and 0.0 < v < 1.0, "it must be between 0 and 1"),
    "alpha": (lambda v: _number(v) and 0.0 < v < 1.0, "it must be between 0 and 1"),
    "audit": (lambda v: _number(v) and 0.0 < v <= 1.0, "it must be above 0, at most 1"),
    "most_open": (lambda v: _whole(v) and 1 <= v <= 10**6, "it must be 1 to 1,000,000"),
    "trace": (lambda v: _number(v) and 0.0 <= v <= 1.0, "it must be 0 to 1"),
    "budget_mb": (lambda v: _number(v) and 16 <= v <= 65_536, "it must be 16 to 65,536"),
    "seed": (lambda v: _whole(v) and v >= 0, "it must be an integer of at least 0"),
}


def check_settings(**given: Any) -> None:
    """Whether settings are in range.

    Raises:
        SettingError: one is not; names it.
    """
    for name, value in given.items():
        good, range_of_it = RANGES[name]
        if not good(value):
            raise SettingError(f"{name} is {value!r:.60}; {range_of_it}")
