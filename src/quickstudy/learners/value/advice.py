"""Advice on an open run: continue, stop or ask a person, whichever has the largest value."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict
from typing import Literal

from quickstudy.errors import SettingError
from quickstudy.types import Costs, Loop

Advice = Literal["continue", "stop", "ask"]


def checked_costs(costs: Costs | Mapping[str, float | None] | None) -> Costs:
    """The costs as `Costs`, all of them in their ranges.

    Raises:
        SettingError: a cost is unknown or out of its range; the message names it.
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
    """The advice with the largest expected value, and the reason in words.

    The value of continuing is `value - failure (1 - success) - step steps_left`; of stopping, 0; of
    asking, `help worth - ask`, where `worth` is the return of a success. Continuing never loses
    where steps and failures cost nothing.

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
    """The reason given for a run that is stopped by certificate."""
    share = f"{100.0 * error:g} %"
    return f"certified: of the runs stopped like this one, at most {share} would have succeeded"


def with_loop(why: str, loop: Loop | None) -> str:
    """The reason, with the loop that the run is in."""
    if loop is None:
        return why
    shape = {
        "repeat": f"the same step {loop.times} times in a row",
        "cycle": f"{loop.times} rounds of the same {loop.period} steps",
        "return": f"the same step {loop.times} times, with others between",
    }[loop.kind]
    known = f"; {loop.success:.0%} of such runs succeed".replace("%", " %") if loop.runs else ""
    return f"{why} ({shape}{known})"
