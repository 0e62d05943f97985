"""Limits: what a learner may do, whatever it has learned. Checked last, before it acts.

Limits are independent of the learner: this module uses nothing that learns or predicts.
"""

from __future__ import annotations

import json
import math
import os
import stat
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from pathlib import Path
from typing import Any

from quickstudy.api.guardrails import Allowed, Limits, Pause, in_range
from quickstudy.deploy.core.records import encode
from quickstudy.deploy.guardrails.rules import parse
from quickstudy.errors import SettingError
from quickstudy.types import Label, label_key

SECONDS = 61  # whole seconds that a window of 60 s can touch
DAY = 86_400
MILLION = 1_000_000  # money is counted in whole millionths, so that sums are exact
SHOWN = 5  # labels that a list shows
PAUSE_FILE, LONGEST_REASON = "PAUSE", 1_000


def checked_limits(limits: Limits) -> Limits:
    """The limits with plain types, after every rule was parsed.

    Raises:
        SettingError: a rule cannot be read, or a number is out of its range; names the field.

    >>> checked_limits(Limits(never=["amount > 500"], costs=[("refund", 2)])).costs
    (('refund', 2.0),)
    """
    made = in_range(limits)
    for i, rule in enumerate(made.never):
        _check_rule(rule, f"never[{i}]", f"never.{i}")
    for i, context in enumerate(made.allowed):
        _check_rule(context.when, f"allowed[{i}].when", f"allowed.{i}.when")
    _check_costs(made.costs)
    if made.spend_per_day is not None and not any(cost for _, cost in made.costs):
        why = "spend_per_day is set, but no label has a cost: give some in costs"
        raise SettingError(why, field="spend_per_day")
    return made


def _check_rule(rule: str, name: str, field: str) -> None:
    try:
        parse(rule, name=name)
    except SettingError as error:
        error.field = field
        raise


def _check_costs(costs: Sequence[tuple[Label, float]]) -> None:
    seen: set[tuple[str, Label]] = set()
    for i, (label, _) in enumerate(costs):
        if label_key(label) in seen:
            why = f"costs[{i}]: label {label!r:.60} is there twice; give one cost for each"
            raise SettingError(why, field=f"costs.{i}")
        seen.add(label_key(label))


def encode_limits(limits: Limits) -> str:
    """Limits as JSON; inverse of `decode_limits`."""
    return encode(asdict(limits))


def decode_limits(text: str) -> Limits:
    """Inverse of `encode_limits`; a field that is missing is not limited.

    >>> decode_limits("{}") == Limits()
    True
    """
    values = json.loads(text)
    return Limits(
        never=tuple(values.get("never", ())),
        allowed=tuple(Allowed(a["when"], tuple(a["labels"])) for a in values.get("allowed", ())),
        per_minute=values.get("per_minute"),
        costs=tuple((label, cost) for label, cost in values.get("costs", ())),
        spend_per_day=values.get("spend_per_day"),
    )


class LimitState:
    """Limits with their usage.

    The time of the limits never goes back: if the clock does, the time of the last action applies
    until the clock has caught up, so no usage is freed. An action counts in every window of 60 s
    that may contain it, to the second; a day is one of UTC. Sums of money are exact: each cost is
    rounded up to a millionth, the limit down.

    Args:
        limits: as `checked_limits` returns them.
        usage: the `usage` of another `LimitState`; {} at first.

    >>> state = LimitState(Limits(never=("amount > 500",), per_minute=1), {})
    >>> state.refusal({"amount": 900}, "refund", 0.0)
    'never: amount > 500'
    >>> state.refusal({"amount": 9}, "refund", 0.0)
    ''
    >>> state.acted("refund", 0.0)
    >>> state.refusal({"amount": 9}, "refund", 60.0), state.refusal({}, "refund", 61.0)
    ('rate: 1 action a minute', '')
    """

    def __init__(self, limits: Limits, usage: Mapping[str, Any]) -> None:
        self.limits = limits
        self._never = [parse(rule, name="never") for rule in limits.never]
        self._allowed = [
            (parse(a.when, name="allowed"), {label_key(y) for y in a.labels}, a.labels)
            for a in limits.allowed
        ]
        self._costs = {label_key(y): _millionths(cost) for y, cost in limits.costs}
        most = limits.spend_per_day
        self._most_spent = None if most is None else _millionths(most, ROUND_FLOOR)
        self.restore(usage)

    def restore(self, usage: Mapping[str, Any]) -> None:
        """Set the usage to an earlier one: later actions did not happen."""
        self._second = int(usage.get("second", 0))
        counts = [int(count) for count in usage.get("counts", ())][:SECONDS]
        self._counts = counts + [0] * (SECONDS - len(counts))  # newest second first
        self._spent = int(usage.get("spent", 0))

    @property
    def counting(self) -> bool:
        """Whether a limit depends on earlier actions."""
        return self.limits.per_minute is not None or self._most_spent is not None

    @property
    def usage(self) -> dict[str, Any]:
        """The usage as JSON values: at most 63 whole numbers."""
        last = max((i for i, count in enumerate(self._counts) if count), default=-1)
        counts = self._counts[: last + 1]
        return {"second": self._second, "counts": counts, "spent": self._spent}

    def refusal(self, record: Any, label: Label | None, now: float) -> str:
        """The limit that forbids acting with `label` on `record` at `now`, in words, or "".

        Args:
            record: as the log holds it.
            now: seconds since 1970.
        """
        return self._forbidden(record, label) or self._used_up(label, now)

    def _forbidden(self, record: Any, label: Label | None) -> str:
        for rule in self._never:
            if rule.holds(record, label):
                return f"never: {rule.text}"
        for rule, keys, labels in self._allowed:
            if rule.holds(record, label) and (label is None or label_key(label) not in keys):
                return f"allowed: where {rule.text}, only {_listed(labels)}"
        return ""

    def _used_up(self, label: Label | None, now: float) -> str:
        most = self.limits.per_minute
        if most is not None and self.acted_last_minute(now) >= most:
            return f"rate: {most:,} action{'' if most == 1 else 's'} a minute"
        cost = self._cost(label)
        if self._most_spent is not None and cost and self._spent_at(now) + cost > self._most_spent:
            return f"spend: {self.limits.spend_per_day:,.12g} a day"
        return ""

    def _cost(self, label: Label | None) -> int:
        return 0 if label is None else self._costs.get(label_key(label), 0)

    def acted(self, label: Label | None, now: float) -> None:
        """Count an action."""
        second = self._time(now)
        self._spent = self._spent_at(now) + self._cost(label)
        passed = min(second - self._second, SECONDS)
        self._counts = [0] * passed + self._counts[: SECONDS - passed]
        self._counts[0] += 1
        self._second = second

    def _time(self, now: float) -> int:
        return max(self._second, math.floor(now))

    def _spent_at(self, now: float) -> int:
        return self._spent if self._time(now) // DAY == self._second // DAY else 0

    def acted_last_minute(self, now: float) -> int:
        """Actions of the last 60 s, including the second in which the window begins."""
        passed = self._time(now) - self._second
        return sum(self._counts[: max(SECONDS - passed, 0)])

    def spent_today(self, now: float) -> float:
        """The cost of the actions of the day."""
        return self._spent_at(now) / MILLION


def _millionths(money: float, rounding: str = ROUND_CEILING) -> int:
    return int((Decimal(repr(float(money))) * MILLION).to_integral_value(rounding))


def _listed(labels: Sequence[Label]) -> str:
    if not labels:
        return "a person decides"
    more = f" and {len(labels) - SHOWN:,} more" if len(labels) > SHOWN else ""
    return ", ".join(str(label)[:60] for label in labels[:SHOWN]) + more


class PauseFile:
    """The file PAUSE in the folder of a store: while it exists, all learners are paused.

    Its text is the reason. It works without the server, by `touch`, and is checked at every answer.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / PAUSE_FILE
        self._read: tuple[tuple[int, ...], str] | None = None  # its status and its text

    def reason(self) -> str | None:
        """The reason of the pause, "" if the file is empty; None without the file.

        A file that exists and cannot be read pauses all learners too.
        """
        try:
            found = os.stat(self.path)  # noqa: PTH116 - called at every answer
            if not stat.S_ISREG(found.st_mode):
                return f"{self.path.name} is no plain file"
            like = (found.st_mtime_ns, found.st_size, found.st_ino)
            if self._read is None or self._read[0] != like:
                self._read = like, self._text()
            return self._read[1]
        except FileNotFoundError:
            return None
        except OSError as error:
            return f"{self.path.name} cannot be read: {error.strerror}"

    def pause(self) -> Pause | None:
        """The pause by the file, if it exists."""
        reason = self.reason()
        if reason is None:
            return None
        try:
            since = self.path.stat().st_mtime
        except OSError:  # the file cannot be read, and pauses all learners too
            since = 0.0
        return Pause("", "file", reason, since)

    def _text(self) -> str:
        with self.path.open("rb") as file:
            return file.read(LONGEST_REASON).decode(errors="replace").strip()
