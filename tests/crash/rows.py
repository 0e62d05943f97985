"""What a test is asked to do, and the line that it adds to the table."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

Tick = Callable[[int], None]


@dataclass(frozen=True)
class Scale:
    """How much to do.

    Attributes:
        points: kills of R1, and damages of R4.
        thorough: every failing write of every operation in R3, in every way to fail; R18 timed.
        events, restarts: of R5.
        ids: of R6.
        workers: processes at once.
        folder: an empty one, for stores; what failed stays there.
    """

    folder: Path
    points: int = 1000
    thorough: bool = True
    events: int = 100_000
    restarts: int = 50
    ids: int = 10_000
    workers: int = 2
    seed: int = 0

    @classmethod
    def short(cls, folder: Path) -> Scale:
        """For every change of the code."""
        return cls(folder, points=100, thorough=False, events=5000, restarts=10, ids=1000)


@dataclass
class Row:
    """A line of the table: what was done, what it must show, what it showed."""

    test: str
    runs: int
    must: str
    measured: str
    problems: list[str] = field(default_factory=list)
    figures: dict[str, Any] = field(default_factory=dict)

    @property
    def holds(self) -> bool:
        """Whether it showed what it must."""
        return not self.problems
