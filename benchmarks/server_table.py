"""The results of `server.py` with the promised values, one row each."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

from common import Figures, claim
from server_process import OURS, RIVER


@dataclass(frozen=True)
class Row:
    """A figure: its name, where it is in a run, how it is written, and what it must be.

    A path that leads to a list means its largest number.
    """

    what: str
    path: str
    form: str = ".1f"
    sign: str = ""
    need: float = math.nan

    @property
    def must(self) -> str:
        """What it must be, in a few characters."""
        return f"{self.sign} {self.need:g}" if self.sign else ""

    def value(self, runs: dict[str, Figures], kind: str) -> float | None:
        """The figure; None where it was not measured."""
        step, *rest = self.path.split("/")
        found: Any = runs.get(f"{kind} | {step}")
        for name in rest:
            if isinstance(found, list):
                found = [item[name] for item in found]
            else:
                found = None if found is None else found.get(name)
        if isinstance(found, list):
            found = max(found, default=None)
        return found


ROWS = (
    Row("300 + 150/s, one by one: predictions, p50, ms", "single/predictions/p50_ms"),
    Row("  predictions, p99, ms", "single/predictions/p99_ms", ".1f", "<=", 20),
    Row("  durable feedbacks, p50, ms", "single/feedbacks/p50_ms"),
    Row("  durable feedbacks, p99, ms", "single/feedbacks/p99_ms", ".1f", "<=", 20),
    Row("  requests answered", "single/answered", ".2%", ">=", 1),
    Row("  answers right", "single/right", ".1%"),
    Row(
        "1,000 + 500/s in tens: predictions, p99, ms", "batches/predictions/p99_ms", ".1f", "<=", 20
    ),
    Row("  durable feedbacks, p99, ms", "batches/feedbacks/p99_ms", ".1f", "<=", 20),
    Row("  requests answered", "batches/answered", ".2%", ">=", 1),
    Row("  answers right", "batches/right", ".1%"),
    Row("40/s, one by one: predictions, p99, ms", "beside/alone/p99_ms"),
    Row("  beside batches of 1,000: p50, ms", "beside/beside/p50_ms"),
    Row("  p99, ms", "beside/beside/p99_ms"),
    Row("  p99, times that without batches", "beside/ratio/p99_ms"),
    Row("predictions during a refit (River: a pickle), p99, ms", "refit/p99_ms", ".1f", "<=", 30),
    Row("  longest, ms", "refit/most_ms"),
    Row("kill -9 under load: feedbacks acknowledged", "kill/acknowledged", ",.0f"),
    Row("  lost", "kill/lost", ",.0f", "<=", 0),
    Row("  learned twice", "kill/doubled", ",.0f", "<=", 0),
    Row("  labels for predictions of before: refused", "kill/refused", ",.0f", "<=", 0),
    Row("  of", "kill/late_labels", ",.0f"),
    Row(
        "start, 100,000 events or more: ready, slowest, s",
        "start/orderly/ready",
        ".2f",
        "<=",
        5,
    ),
    Row("  first prediction, s", "start/orderly/first_prediction", ".2f"),
    Row("  after kill -9: ready, s", "start/killed/ready", ".2f", "<=", 5),
    Row("memory at 20,000 events, MiB", "memory/20000", ".0f"),
    Row("  at 100,000", "memory/100000", ".0f"),
    Row("  at 200,000", "memory/200000", ".0f"),
    Row("  200,000 in 20,000s", "memory/growth", ".2f", "<=", 1.1),
)


def print_table(runs: dict[str, Figures]) -> None:
    """What, what it must be, ours, River's."""
    print(f"\n{'on two cores, over loopback':54s}{'must':>10s}{OURS:>14s}{RIVER:>14s}")
    for row in ROWS:
        ours, theirs = (row.value(runs, kind) for kind in (OURS, RIVER))
        missed = row.sign and claim(row.what, ours, row.sign, row.need)["reached"] is False
        cells = f"{_cell(row, ours):>14s}{_cell(row, theirs):>14s}"
        print(f"{row.what:54s}{row.must:>10s}{cells}{'  MISSED' if missed else ''}")


def _cell(row: Row, value: float | None) -> str:
    return "-" if value is None else f"{value:{row.form}}"


def claims(runs: dict[str, Figures]) -> list[Figures]:
    """The promises, each with the measured value."""
    head, found = "", []
    for row in ROWS:
        name = row.what.strip() if not row.what.startswith(" ") else f"{head}: {row.what.strip()}"
        head = head if row.what.startswith(" ") else row.what.partition(":")[0]
        if row.sign:
            found.append(claim(name, row.value(runs, OURS), row.sign, row.need))
    return found
