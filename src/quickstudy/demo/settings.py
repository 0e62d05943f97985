"""The settings of the demo, and the questions that it streams."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from quickstudy.datasets import load_banking77
from quickstudy.errors import SettingError


@dataclass(frozen=True, slots=True)
class LiveDemo:
    """Settings of the demo.

    Attributes:
        questions: how many of the 13,083 questions, in an order that `seed` decides.
        speed: questions a second; 0: as fast as the server answers.
        target: precision that the answers given without asking must have.
        seed: of the order of the questions, and of the learner.
        port: port of the page; the next free one if it is taken.
        store: a file that is kept; None: a temporary store, deleted at the end.
        once: end when the stream ends. Without a terminal the demo always ends then.

    Raises:
        SettingError: a setting is out of its range, or the store exists already.
    """

    questions: int = 6_000
    speed: float = 20.0
    target: float = 0.95
    seed: int = 0
    port: int = 8321
    store: Path | None = None
    once: bool = False

    def __post_init__(self) -> None:
        if not 0.0 <= self.speed < float("inf"):
            raise SettingError(f"speed is {self.speed}; it must be 0 or more questions a second")
        if not 0.0 < self.target < 1.0:
            raise SettingError(f"target is {self.target}; it must be a share between 0 and 1")
        if self.questions < 1:
            raise SettingError(f"questions is {self.questions}; it must be at least 1")
        if not 1 <= self.port <= 65_535:
            raise SettingError(f"port is {self.port}; it must be 1 to 65535")
        if self.store is not None and self.store.exists():
            raise SettingError(
                f"store is {self.store}, which exists already: the demo starts from nothing. "
                f"To continue with it: quickstudy serve --store {self.store}"
            )


def questions(count: int, seed: int) -> list[tuple[str, str]]:
    """Questions with their right answers; the same seed gives the same ones in the same order."""
    texts, labels = load_banking77()
    order = np.random.default_rng(seed).permutation(len(texts))[:count]
    return [(texts[i], labels[i]) for i in order]
