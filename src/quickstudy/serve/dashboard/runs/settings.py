"""The settings of a value learner: costs, when it may stop a run, when a run expires."""

from __future__ import annotations

import math
import re
from dataclasses import asdict, replace
from typing import Any

from fastapi import Request, Response

from quickstudy.api.runs import ValueInfo
from quickstudy.api.settings import ValueSettings
from quickstudy.errors import SettingError
from quickstudy.serve.dashboard.base.forms import Form, field
from quickstudy.serve.dashboard.base.rendering import render
from quickstudy.serve.dashboard.base.session import Session, Store
from quickstudy.types import Costs

HOUR = 3_600.0  # seconds
NUMBER = re.compile(r"\s*(-?\d+(?:[.,]\d+)?(?:e[+-]?\d+)?)\s*%?\s*", re.ASCII | re.IGNORECASE)
WORDS = {
    "success": "the outcome of a success",
    "lowest": "the lowest outcome",
    "highest": "the highest outcome",
    "step": "the cost of a step",
    "failure": "the cost of a failure",
    "ask": "the cost of asking",
    "help": "how often asking helps",
    "stop_error": "the share of stopped runs",
    "hours": "the wait",
    "most_open": "the number of runs",
}


def new_value(form: Form) -> dict[str, Any]:
    """What a form says of a value learner that is to be made."""
    return {
        "success": number(form, "success"),
        "outcome_range": (number(form, "lowest"), number(form, "highest")),
        "costs": _costs(form),
        "stop_error": number(form, "stop_error") / 100.0,
        "wait_seconds": number(form, "hours") * HOUR,
    }


def shown(settings: ValueSettings) -> dict[str, str]:
    """The settings that may change, as the fields of the form show them.

    >>> shown(ValueSettings(stop_error=0.07, wait_seconds=5400.0))["stop_error"]
    '7'
    """
    costs = settings.costs
    return {
        "stop_error": f"{100.0 * settings.stop_error:.12g}",
        "step": f"{costs.step:.12g}",
        "failure": f"{costs.failure:.12g}",
        "ask": "" if costs.ask is None else f"{costs.ask:.12g}",
        "help": f"{100.0 * costs.help:.12g}",
        "hours": f"{settings.wait_seconds / HOUR:.12g}",
        "most_open": str(settings.most_open),
    }


def value_changes(form: Form, now: ValueSettings) -> dict[str, Any]:
    """What a form says of the settings that may change; a field left as shown changes nothing.

    What is shown is rounded: read back, it would be another guarantee, which needs a new proof.
    """
    same = {name for name, text in shown(now).items() if field(form, name).strip() == text}
    said, costs = _costs(form), now.costs
    changed = {name: value for name, value in asdict(said).items() if name not in same}
    percent, hours, most = (number(form, name) for name in ("stop_error", "hours", "most_open"))
    if not most.is_integer():
        raise SettingError(f"{WORDS['most_open']} is {most:g}; it must be a whole number")
    return {
        "costs": replace(costs, **changed),
        "stop_error": now.stop_error if "stop_error" in same else percent / 100.0,
        "wait_seconds": now.wait_seconds if "hours" in same else hours * HOUR,
        "most_open": int(most),
    }


def value_settings_page(
    request: Request,
    visitor: Session,
    store: Store,
    name: str,
    *,
    status: int = 200,
    problem: str = "",
) -> Response:
    """Its settings."""
    info = store.learner(name)
    assert isinstance(info, ValueInfo)  # who calls this knows
    return render(
        request, "runs/settings.html", status=status, name=name, problem=problem,
        info=info, shown=shown(info.settings), may=visitor.may("manage", name),
        saved=request.query_params.get("saved") == "yes", address=str(request.base_url),
    )  # fmt: skip


def number(form: Form, name: str) -> float:
    """A number from a form, with a point or a comma.

    Raises:
        SettingError: it is none, or too large; says what it should be.
    """
    text = field(form, name)
    found = NUMBER.fullmatch(text)
    if found is None:
        raise SettingError(f"{WORDS[name]} is {text[:20]!r}; it must be a number")
    value = float(found[1].replace(",", "."))
    if not math.isfinite(value):
        raise SettingError(f"{WORDS[name]} is {text[:20]!r}; that is too large")
    return value


def _costs(form: Form) -> Costs:
    asked = field(form, "ask").strip()
    return Costs(
        step=number(form, "step"),
        failure=number(form, "failure"),
        ask=number(form, "ask") if asked else None,
        help=number(form, "help") / 100.0,
    )
