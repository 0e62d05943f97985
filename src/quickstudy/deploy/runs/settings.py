"""Settings of a value learner as people give them, checked one by one."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import fields
from typing import Any

from quickstudy.api.runs import ValueSettings
from quickstudy.deploy.core.settings import CHECKS
from quickstudy.errors import SettingError
from quickstudy.types import Costs

KIND = "value"  # what the settings of a value learner are marked with, in store and log
CHANGEABLE = ("costs", "stop_error", "wait_seconds", "most_open")
MOST_OPEN = 100_000
_number, _count = CHECKS["budget_mb"], CHECKS["approvals"]
COSTS = tuple(field.name for field in fields(Costs))


def value_settings(given: Mapping[str, Any]) -> ValueSettings:
    """Settings in their own types; what uses them checks ranges once more.

    Raises:
        SettingError: one is of another type, or out of range; names it.

    >>> value_settings({"costs": {"step": 0.01}, "outcome_range": [0, 5]}).outcome_range
    (0.0, 5.0)
    """
    return ValueSettings(**{name: VALUE_CHECKS[name](name, v) for name, v in given.items()})


def value_changes(given: Mapping[str, Any]) -> dict[str, Any]:
    """The same, for settings of a value learner that is on duty."""
    unknown = sorted(set(given) - set(CHANGEABLE))
    if unknown:
        raise SettingError(
            f"{', '.join(unknown)} cannot be changed: for a value learner {', '.join(CHANGEABLE)} "
            "can"
        )
    return {name: VALUE_CHECKS[name](name, value) for name, value in given.items()}


def read_value_settings(values: Mapping[str, Any]) -> ValueSettings:
    """Settings as they were before they were written down."""
    low, high = values["outcome_range"]
    made = {"costs": Costs(**values["costs"]), "outcome_range": (low, high)}
    return ValueSettings(**{k: v for k, v in values.items() if k != "kind"} | made)


def _range(name: str, value: Any) -> tuple[float, float]:
    if not isinstance(value, list | tuple) or len(value) != 2:
        raise SettingError(
            f"{name} is {value!r:.60}; it must be the lowest and the highest outcome"
        )
    low, high = (_number(name, bound) for bound in value)
    if not low < high:
        raise SettingError(f"{name} is {value!r:.60}; the lowest must be below the highest")
    return low, high


def _costs(name: str, value: Any) -> Costs:
    if value is None:
        return Costs()
    if isinstance(value, Costs):
        value = {field: getattr(value, field) for field in COSTS}
    if not isinstance(value, Mapping) or set(value) - set(COSTS):
        raise SettingError(f"{name} is {value!r:.60}; it may have {', '.join(COSTS)}")
    made = {k: _cost(f"{name}.{k}", v) for k, v in value.items() if v is not None or k != "ask"}
    if made.get("help", 1.0) > 1.0:
        raise SettingError(f"{name}.help is {made['help']:g}; a probability is at most 1")
    return Costs(**made)


def _cost(name: str, value: Any) -> float:
    number: float = _number(name, value)
    if number < 0.0:
        raise SettingError(f"{name} is {number:g}; it must be at least 0")
    return number


def _most_open(name: str, value: Any) -> int:
    number: int = _count(name, value)
    if not 1 <= number <= MOST_OPEN:
        raise SettingError(f"{name} is {number}; it must be 1 to {MOST_OPEN:,}")
    return number


VALUE_CHECKS: dict[str, Callable[[str, Any], Any]] = {
    "success": _number,
    "discount": CHECKS["alpha"],
    "outcome_range": _range,
    "costs": _costs,
    "stop_error": CHECKS["alpha"],
    "alpha": CHECKS["alpha"],
    "audit": CHECKS["audit"],
    "loops": CHECKS["consolidate"],
    "wait_seconds": CHECKS["wait_seconds"],
    "most_open": _most_open,
    "budget_mb": _number,
    "schema": CHECKS["schema"],
    "seed": CHECKS["seed"],
}
