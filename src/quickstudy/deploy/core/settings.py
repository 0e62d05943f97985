"""Settings of a learner as people give them, checked one by one."""

from __future__ import annotations

import math
import secrets
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from quickstudy.api.versions import LEVELS, Level
from quickstudy.deploy.core.records import checked_label, checked_name
from quickstudy.encode.values import plain_flag, plain_scalar, plain_text
from quickstudy.errors import InputError, SettingError
from quickstudy.types import Label

LONGEST_WAIT = 1e9  # seconds
GUARANTEE = ("target", "alpha", "targets", "costs", "audit")  # a change of these proves nothing yet
CHANGEABLE = (
    *GUARANTEE,
    "wait_seconds",
    "trusted",
    "ceiling",
    "approvals",
    "margin",
    "environment",
    "probation",
    "consolidate",
)
MOST_COUNT = 1_000_000


def checked_settings(given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings in their own types; their ranges are checked by what uses them.

    Raises:
        SettingError: one is of another type, or out of range; names it.
    """
    return {name: CHECKS[name](name, value) for name, value in given.items()}


def checked_changes(given: Mapping[str, Any]) -> dict[str, Any]:
    """The same, for settings of a learner that is on duty."""
    unknown = sorted(set(given) - set(CHANGEABLE))
    if unknown:
        raise SettingError(f"{', '.join(unknown)} cannot be changed; {', '.join(CHANGEABLE)} can")
    return checked_settings(given)


def _number(name: str, value: Any) -> float:
    value = plain_scalar(value)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        raise SettingError(f"{name} is {value!r:.60}; it must be a number")
    return float(value)


def _share(name: str, value: Any) -> float:
    number = _number(name, value)
    if not 0.0 < number <= 1.0:
        raise SettingError(f"{name} is {number:g}; it must be above 0, at most 1")
    return number


def _seconds(name: str, value: Any) -> float:
    number = _number(name, value)
    if not 0.0 < number <= LONGEST_WAIT:
        raise SettingError(f"{name} is {number:g}; it must be above 0, at most {LONGEST_WAIT:g}")
    return number


def _seed(name: str, value: Any) -> int:
    value = plain_scalar(value)
    if value is None:
        return secrets.randbits(32)
    if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < 2**63:
        raise SettingError(f"{name} is {value!r:.60}; it must be an integer in [0, 2^63)")
    return value


def _per_label(name: str, value: Any) -> tuple[tuple[Label, float], ...]:
    pairs = value.items() if isinstance(value, Mapping) else value or ()
    try:
        made = [(label, number) for label, number in pairs]
    except (TypeError, ValueError):
        raise SettingError(f"{name} is {value!r:.60}; it must map labels to numbers") from None
    return tuple((checked_label(y), _number(f"{name}[{y!r:.40}]", v)) for y, v in made)


def _names(name: str, value: Any) -> tuple[str, ...]:
    if isinstance(value, str) or not isinstance(value, Iterable):
        raise SettingError(f"{name} is {value!r:.60}; it must be a list of sources")
    try:
        return tuple(checked_name(name, source) for source in value)
    except InputError as error:
        raise SettingError(str(error)) from None


def _schema(name: str, value: Any) -> dict[str, str]:
    if value is None:
        return {}
    if not isinstance(value, Mapping) or not all(
        isinstance(k, str) and isinstance(v, str) for k, v in value.items()
    ):
        raise SettingError(f"{name} is {value!r:.60}; it must map fields to types")
    return {plain_text(field): plain_text(kind) for field, kind in value.items()}


def _level(name: str, value: Any) -> Level:
    value = plain_scalar(value)
    for level in LEVELS:
        if value == level:
            return level
    raise SettingError(f"{name} is {value!r:.60}; it must be one of {', '.join(LEVELS)}")


def _count(name: str, value: Any) -> int:
    value = plain_scalar(value)
    whole = isinstance(value, int) and not isinstance(value, bool)
    if not whole or not 0 <= value <= MOST_COUNT:
        raise SettingError(f"{name} is {value!r:.60}; it must be an integer, 0 to {MOST_COUNT:,}")
    return int(value)


def _margin(name: str, value: Any) -> float:
    number = _number(name, value)
    if not 0.0 <= number < 1.0:
        raise SettingError(f"{name} is {number:g}; it must be at least 0, below 1")
    return number


def _field(name: str, value: Any) -> str:
    if value in ("", None):
        return ""
    try:
        return checked_name(name, value)
    except InputError as error:
        raise SettingError(str(error)) from None


def _switch(name: str, value: Any) -> bool:
    plain = plain_flag(value)
    if not isinstance(plain, bool):
        raise SettingError(f"{name} is {value!r:.60}; it must be true or false")
    return plain


CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "schema": _schema,
    "target": _share,
    "alpha": _share,
    "targets": _per_label,
    "costs": _per_label,
    "audit": _share,
    "wait_seconds": _seconds,
    "budget_mb": _number,
    "seed": _seed,
    "trusted": _names,
    "start": _level,
    "ceiling": _level,
    "approvals": _count,
    "margin": _margin,
    "environment": _field,
    "probation": _count,
    "consolidate": _switch,
}
