"""Loops: detects that a run repeats itself, and counts how runs with such loops ended.

Steps are compared exactly, and in a canonical form that ignores case, spaces, the order of JSON
arguments, and the time of day. There are three types of loops: `repeat` A-A-A; `cycle` A-B-A-B and
longer periods, found by matching the end of the sequence with the steps before it; and `return`, a
step that occurs for the third time with other steps between. Whether a loop predicts failure is
learned: re-running tests is normal work.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np

from quickstudy import snapshot
from quickstudy.types import Loop

LONGEST = 12  # steps of the longest period that is looked for
KEPT = 256  # latest steps of a run that are compared
LONGEST_NAME = 40  # characters of a step that are kept
LEAST_RETURNS = 3
MOST_TIMES = 4  # numbers of rounds that are counted apart: 2, 3, 4 or more
PRIOR_RUNS = 2.0  # runs that the base rate counts for in the success rate after a loop
LOOP_TYPES: tuple[Literal["repeat", "cycle", "return"], ...] = ("repeat", "cycle", "return")
_VOLATILE = re.compile(
    r"(?:\b\d{4}-\d\d-\d\d[t ]|\b)\d\d:\d\d(?::\d\d(?:\.\d+)?)?z?\b"
)  # a time of day, with its date: a date alone is an argument


def canonical(action: str) -> str:
    """The canonical form of an action: equal for actions that differ only in spelling.

    >>> canonical('Search {"b": 1,  "a": "X"}') == canonical('search {"a":"x","b":1}')
    True
    >>> canonical("read 2024-05-01 10:00") == canonical("read 2024-06-02 11:30")
    True
    >>> canonical("page 1") == canonical("page 2")
    False
    """
    start, stop = action.find("{"), action.rfind("}") + 1
    if 0 <= start < stop:
        action = action[:start] + _sorted(action[start:stop]) + action[stop:]
    return _VOLATILE.sub("#", " ".join(action.casefold().split())).strip(" .;!")


def short_name(text: str) -> str:
    """A name of at most 40 characters: the text itself, or its length and digest."""
    if len(text) <= LONGEST_NAME:
        return text
    return f"{len(text)}:{hashlib.blake2b(text.encode(), digest_size=12).hexdigest()}"


def step_text(step: Any) -> str:
    """The text by which a step is compared: an action, a text, a record or a vector.

    >>> step_text({"b": 1.00001, "a": "x"})
    "{'a':'x','b':1}"
    """
    if isinstance(step, str):
        return step
    if isinstance(step, Mapping):
        return "{" + ",".join(f"{name!r}:{_value(step[name])}" for name in sorted(step)) + "}"
    return _value(step)


def _value(value: Any) -> str:
    """The text of a field's value, or of a vector; numbers are rounded to four digits."""
    if isinstance(value, float):
        return f"{value:.4g}"
    if value is None or isinstance(value, str | bool | int):
        return repr(value)
    return "v_" + snapshot.digest({"x": np.asarray(value, dtype=np.float32)}, {})


def _sorted(text: str) -> str:
    try:
        return json.dumps(json.loads(text), sort_keys=True, ensure_ascii=False)
    except (ValueError, RecursionError):
        return text


@dataclass
class StepHistory:
    """The latest steps of one run, exact and canonical, and the loops among them.

    >>> history = StepHistory()
    >>> [history.add(step, step) for step in "abab"][-1]
    ('cycle', 2, 2, True)
    """

    exact: list[str] = field(default_factory=list)
    canonical: list[str] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    worst: dict[str, int] = field(default_factory=dict)  # type of loop -> most rounds so far
    repeats: int = 0  # steps that had occurred before

    def add(self, exact: str, canonical: str) -> tuple[str, int, int, bool] | None:
        """Add a step; returns type, period, rounds and exactness of the loop that it closes."""
        exact, canonical = short_name(exact), short_name(canonical)
        self.exact = [*self.exact, exact][-KEPT:]
        self.canonical = [*self.canonical, canonical][-KEPT:]
        if canonical in self.counts or len(self.counts) < KEPT:
            self.counts[canonical] = self.counts.get(canonical, 0) + 1
        self.repeats += self.counts.get(canonical, 0) > 1
        found = self._loop()
        if found:
            self.worst[found[0]] = max(self.worst.get(found[0], 0), min(found[2], MOST_TIMES))
        return found

    def _loop(self) -> tuple[str, int, int, bool] | None:
        period, times = _rounds(self.canonical)
        if times >= 2 and (period > 1 or times > 2):
            exact = _rounds_of(self.exact, period) >= times
            return ("cycle" if period > 1 else "repeat", period, times, exact)
        times = self.counts.get(self.canonical[-1], 0)
        if times < LEAST_RETURNS:
            return None
        back = self.canonical[-2::-1]
        period = back.index(self.canonical[-1]) + 1 if self.canonical[-1] in back else len(back)
        return "return", period, times, self.exact.count(self.exact[-1]) >= times

    def state(self) -> dict[str, Any]:
        return {
            "exact": self.exact,
            "canonical": self.canonical,
            "counts": list(self.counts.items()),
            "worst": self.worst,
            "repeats": self.repeats,
        }

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> StepHistory:
        """The history that gave this state."""
        return cls(**{**state, "counts": dict(state["counts"])})


def _rounds(steps: list[str]) -> tuple[int, int]:
    """Period and number of the rounds at the end, for the period that covers most steps."""
    best = (1, 1)
    for period in range(1, min(LONGEST, len(steps) // 2) + 1):
        times = _rounds_of(steps, period)
        if times > 1 and times * period > best[0] * best[1]:
            best = (period, times)
    return best


def _rounds_of(steps: list[str], period: int) -> int:
    times = 1
    end = steps[-period:]
    while steps[-(times + 1) * period : -times * period] == end:
        times += 1
    return times


class LoopRecord:
    """Success rates of runs by type of loop and number of rounds.

    A run counts once for its largest number of rounds of each type, and for every smaller number;
    a run without a loop counts under "none".
    """

    def __init__(self) -> None:
        self.counts: dict[str, list[float]] = {}  # "type/rounds" -> [successes, runs]

    def learn(self, worst: dict[str, int], success: bool) -> None:
        """Count a run that ended: its types of loops with their most rounds, and its success."""
        keys = [f"{loop}/{n}" for loop in worst for n in range(2, worst[loop] + 1)] or ["none"]
        for key in keys:
            won, runs = self.counts.get(key, (0.0, 0.0))
            self.counts[key] = [won + success, runs + 1.0]

    def rate(self, loop: str, times: int, base: float) -> tuple[float, int]:
        """Success rate after such a loop, smoothed to `base` by two runs; and its runs."""
        won, runs = self.counts.get(f"{loop}/{min(times, MOST_TIMES)}", (0.0, 0.0))
        return (won + PRIOR_RUNS * base) / (runs + PRIOR_RUNS), int(runs)

    def success_rate(self, worst: dict[str, int], base: float) -> float:
        """Success rate after the loop whose rate is farthest from `base`; without loops, of such
        runs."""
        if not worst:
            won, runs = self.counts.get("none", (0.0, 0.0))
            return (won + 10.0 * base) / (runs + 10.0)
        rates = [self.rate(loop, times, base)[0] for loop, times in sorted(worst.items())]
        return max(rates, key=lambda rate: abs(rate - base))


def with_rate(found: tuple[str, int, int, bool], record: LoopRecord, base: float) -> Loop:
    """The loop that `StepHistory.add` found, with its success rate."""
    loop_type, period, times, exact = found
    rate, runs = record.rate(loop_type, times, base)
    name = next(known for known in LOOP_TYPES if known == loop_type)
    return Loop(name, period, times, exact, rate, runs)
