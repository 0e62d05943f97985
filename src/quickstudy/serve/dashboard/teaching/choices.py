"""The labels that a queue offers for a case, each with a remembered case that has it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from quickstudy.api.decisions import Ask
from quickstudy.serve.dashboard.base.kinds import classifier
from quickstudy.serve.dashboard.base.session import Store
from quickstudy.types import Explanation, Label, label_key

KEYS, LIKELY = 9, 5  # labels that have a key of their own, and those for being probable


@dataclass(frozen=True, slots=True)
class Choice:
    """A label to choose: how probable it is, and a remembered case that has it."""

    label: Label
    probability: float | None
    example: Any


def choices(store: Store, ask: Ask, why: Explanation | None) -> list[Choice]:
    """The likeliest labels now, those of similar cases, and, where few are known, all of them.

    `why` is the present explanation of the case; None: nothing is learned.
    """
    now = why.prediction.probabilities if why else {}
    others = [n for n in why.neighbours if n.record != ask.record] if why else []
    near = {label_key(n.label): n.record for n in reversed(others)}
    known = classifier(store, ask.learner).labels
    likely = sorted(now, key=lambda y: -now[y])[:LIKELY]
    alike = [n.label for n in others]
    rest = known if len(known) <= KEYS else ()
    order = {label_key(y): y for y in (*likely, *alike, *rest)}
    return [
        Choice(y, now.get(y), near.get(key) or _example(store, ask, y))
        for key, y in list(order.items())[:KEYS]
    ]


def _example(store: Store, ask: Ask, label: Label) -> Any:
    """The latest other case with this label."""
    found = store.cases(ask.learner, label=label, status="labelled", limit=2)
    return next((c.record for c in found if c.id != ask.id), None)
