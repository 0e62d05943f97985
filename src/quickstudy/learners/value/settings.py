"""Checks of a value function's settings, and of the arguments of `step` and `end`."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

from quickstudy.encode.values import plain_number, plain_scalar
from quickstudy.errors import InputError, SettingError

LARGEST = 1e12  # reward or outcome: sums of squares of larger ones lose precision


def _number(value: Any) -> bool:
    real = isinstance(value, int | float) and not isinstance(value, bool)
    return real and math.isfinite(value)


def _whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def _span(value: Any) -> bool:
    numbers = isinstance(value, tuple | list) and len(value) == 2 and all(map(_number, value))
    return numbers and -LARGEST <= value[0] < value[1] <= LARGEST


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
    "seed": (lambda v: _whole(v) and 0 <= v < 2**64, "it must be an integer in [0, 2^64)"),
}


def checked_number(name: str, value: Any, low: float, high: float) -> float:
    """The argument as a float in its range; True is 1.0.

    Raises:
        InputError: it is not a number, or out of range; the message names it.
    """
    number = plain_number(value)
    if not _number(number) or not low <= number <= high:
        raise InputError(f"{name} is {value!r:.60}; it must be a number from {low:g} to {high:g}")
    return float(number)


def check_text(name: str, value: Any) -> None:
    """Check that a name or an action is a text in valid Unicode.

    Raises:
        InputError: it is not; the message names it.
    """
    if not isinstance(value, str):
        raise InputError(f"{name} is {value!r:.60}; it must be a text")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise InputError(f"{name} holds {value!r:.60}, which is not valid Unicode")


def plain_settings(**given: Any) -> dict[str, Any]:
    """The settings as plain values, all of them in their ranges.

    Raises:
        SettingError: a setting is out of its range; the message names it.
    """
    made = {name: plain_scalar(value) for name, value in given.items()}
    if isinstance(span := made.get("outcome_range"), tuple | list):
        made["outcome_range"] = tuple(map(plain_scalar, span))
    for name, value in made.items():
        good, range_of_it = RANGES[name]
        if not good(value):
            raise SettingError(f"{name} is {given[name]!r:.60}; {range_of_it}")
    if "outcome_range" in made:
        low, high = made["outcome_range"]
        if not low < made["success"] <= high:
            raise SettingError(
                f"success is {made['success']!r}; it must be above {low:g}, at most {high:g}: "
                "an outcome in outcome_range that counts as a success, and not each one"
            )
    return made
