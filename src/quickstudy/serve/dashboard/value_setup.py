"""The settings of a value learner: what runs cost, when it may stop one, when one expires."""

from __future__ import annotations

import re
from typing import Any

from fastapi import Request, Response

from quickstudy.errors import SettingError
from quickstudy.serve.dashboard.shell import render
from quickstudy.serve.dashboard.visitor import Form, Store, Visitor, field
from quickstudy.types import Costs

HOUR = 3_600.0  # seconds
NUMBER = re.compile(r"\s*(-?\d+(?:[.,]\d+)?)\s*%?\s*", re.ASCII)
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


def value_changes(form: Form) -> dict[str, Any]:
    """What a form says of the settings that may change."""
    return {
        "costs": _costs(form),
        "stop_error": number(form, "stop_error") / 100.0,
        "wait_seconds": number(form, "hours") * HOUR,
        "most_open": round(number(form, "most_open")),
    }


def value_settings_page(
    request: Request,
    visitor: Visitor,
    store: Store,
    name: str,
    *,
    status: int = 200,
    problem: str = "",
) -> Response:
    """What it holds to."""
    return render(
        request, "value_settings.html", status=status, name=name, kind="value", problem=problem,
        info=store.learner(name), may=visitor.may("manage", name),
        saved=request.query_params.get("saved") == "yes", address=str(request.base_url),
    )  # fmt: skip


def number(form: Form, name: str) -> float:
    """A number from a form, with a point or a comma.

    Raises:
        SettingError: it is none; says what it should be.
    """
    text = field(form, name)
    found = NUMBER.fullmatch(text)
    if found is None:
        raise SettingError(f"{WORDS[name]} is {text[:20]!r}; it must be a number")
    return float(found[1].replace(",", "."))


def _costs(form: Form) -> Costs:
    asked = field(form, "ask").strip()
    return Costs(
        step=number(form, "step"),
        failure=number(form, "failure"),
        ask=number(form, "ask") if asked else None,
        help=number(form, "help") / 100.0,
    )
