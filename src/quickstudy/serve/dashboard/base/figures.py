"""Figures that the pages of every kind of learner show."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Headline:
    """The state of a learner in a sentence. `mood`: good, busy, calm or bad."""

    mood: str
    title: str
    text: str


@dataclass(frozen=True, slots=True)
class Share:
    """A line of a list with a bar: 0 to 100 of the largest."""

    name: str
    about: str
    value: str
    filled: float
