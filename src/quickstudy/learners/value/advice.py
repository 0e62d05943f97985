"""What to do next in a run: the cheapest of going on, stopping and asking a person, in words."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Literal

from quickstudy.errors import SettingError
from quickstudy.types import Costs, Loop

Advice = Literal["continue", "stop", "ask"]


def checked_costs(costs: Costs | Mapping[str, float | None] | None) -> Costs:
    """Costs as the noun, in range.

    Raises:
        SettingError: one is unknown or out of range; names it.
    """
    given = asdict(costs) if isinstance(costs, Costs) else dict(costs or {})
    if unknown := sorted(set(given) - set(Costs.__dataclass_fields__)):
        raise SettingError(f"costs has no {unknown[0]!r}; it has step, failure, ask, help")
    for name, value in given.items():
        if name == "ask" and value is None:
            continue
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise SettingError(f"costs[{name!r}] is {value!r:.40}; it must be a number")
        most = 1.0 if name == "help" else 1e9
        if not 0.0 <= value <= most:
            raise SettingError(f"costs[{name!r}] is {value!r}; it must be 0 to {most:g}")
    numbers = {name: float(value) for name, value in given.items() if value is not None}
    return Costs(**numbers)


def advise(
    costs: Costs, *, value: float, success: float, steps_left: float, worth: float
) -> tuple[Advice, str]:
    """The advice that is worth most, and why.

    Going on is worth `value - failure (1 - success) - step steps_left`; stopping, nothing; asking,
    `help worth - ask`, where `worth` is the return of a success. Nothing is lost by going on where
    steps and failures cost nothing.

    >>> advise(Costs(step=0.02), value=0.1, success=0.1, steps_left=10.0, worth=1.0)
    ('stop', 'going on is worth -0.10: 10 % to succeed, some 10 steps to go')
    """
    ahead = value - costs.failure * (1.0 - success) - costs.step * steps_left
    asked = -math.inf if costs.ask is None else costs.help * worth - costs.ask
    outlook = f"{success:.0%} to succeed, some {steps_left:.0f} steps to go".replace("%", " %")
    if asked > max(ahead, 0.0):
        return "ask", f"asking is worth {asked:.2f}, going on {ahead:.2f}: {outlook}"
    if ahead < 0.0:
        return "stop", f"going on is worth {ahead:.2f}: {outlook}"
    return "continue", f"going on is worth {ahead:.2f}: {outlook}"


def told_to_stop(error: float) -> str:
    """Why a run is stopped by certificate."""
    share = f"{100.0 * error:g} %"
    return f"certified: of the runs stopped like this one, at most {share} would have succeeded"


def with_loop(why: str, loop: Loop | None) -> str:
    """The sentence with the loop that the run is in."""
    if loop is None:
        return why
    told = {
        "repeat": f"the same step {loop.times} times in a row",
        "cycle": f"{loop.times} rounds of the same {loop.period} steps",
        "return": f"the same step {loop.times} times, with others between",
    }[loop.kind]
    known = f"; {loop.success:.0%} of such runs succeed".replace("%", " %") if loop.runs else ""
    return f"{why} ({told}{known})"
