"""Settings of a value learner as the log and the rows hold them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quickstudy.api.settings import ValueSettings
from quickstudy.types import Costs

KIND = "value"  # what the settings of a value learner are marked with, in store and log


def read_value_settings(values: Mapping[str, Any]) -> ValueSettings:
    """Settings as they were before they were written down."""
    low, high = values["outcome_range"]
    made = {"costs": Costs(**values["costs"]), "outcome_range": (low, high)}
    return ValueSettings(**{k: v for k, v in values.items() if k != "kind"} | made)
