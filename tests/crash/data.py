"""What the crash tests say to a deployment: records with labels, and words about them."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from random import Random
from typing import Any

from quickstudy.datasets.text import load_banking77

LEARNERS = ("prices", "questions")
SMALL: dict[str, Any] = {"seed": 7, "budget_mb": 16}  # settings of a learner: less to copy and hash
QUESTION_LABELS = 12


@functools.cache
def _questions() -> tuple[list[str], list[str]]:
    texts, labels = load_banking77("train")
    kept = sorted(set(labels))[:QUESTION_LABELS]
    chosen = [(t, y) for t, y in zip(texts, labels, strict=True) if y in kept]
    return [t for t, _ in chosen], [y for _, y in chosen]


def draw(learner: str, rng: Random) -> tuple[Any, str]:
    """A record that no other draw gives, and its label: a price of electricity, or a question."""
    if learner == "prices":
        demand, other, transfer = rng.random(), rng.random(), rng.random()
        record = {
            "day": str(rng.randrange(1, 8)),
            "period": rng.randrange(48) / 47,
            "nswprice": round(0.3 * demand + 0.05 * rng.random(), 6),
            "nswdemand": round(demand, 6),
            "vicprice": round(0.01 * other, 6),
            "vicdemand": round(other, 6),
            "transfer": round(transfer, 6),
        }
        return record, "UP" if demand + 0.2 * transfer > 0.6 else "DOWN"
    texts, labels = _questions()
    i = rng.randrange(len(texts))
    return f"{texts[i]} (case {rng.randrange(10**9)})", labels[i]


def another(learner: str, label: str, rng: Random) -> str:
    """A label that is not this one."""
    if learner == "prices":
        return "UP" if label == "DOWN" else "DOWN"
    return rng.choice(sorted({y for y in _questions()[1] if y != label}))


@dataclass(frozen=True)
class Word:
    """A feedback about a prediction, and what it may be called by the deployment.

    `keyed`: it needs a key, as its source says the same again after something else.
    """

    source: str
    label: str | None
    correct: bool | None
    statuses: tuple[str, ...]
    keyed: bool = False


def words(learner: str, label: str, rng: Random, *, answered: bool) -> list[Word]:
    """What is said of one prediction, in order: mostly its label, at times a dispute."""
    other = another(learner, label, rng)
    right = Word("teacher", label, None, ("accepted",))
    wrong = Word("teacher", other, None, ("accepted",))
    plans = {
        "label": (50, [right]),
        "nothing": (8, []),
        "yes": (5 * answered, [Word("user", None, True, ("accepted",))]),
        "no": (5 * answered, [Word("user", None, False, ("accepted",))]),
        "correction": (12, [wrong, Word("teacher", label, None, ("superseded",))]),
        "agreement": (8, [right, Word("checker", label, None, ("confirmed",))]),
        "conflict": (8, [wrong, Word("checker", label, None, ("conflicting",))]),
        "circle": (4, _circle(label, other)),
    }
    (plan,) = rng.choices(list(plans), [weight for weight, _ in plans.values()])
    return plans[plan][1]


def _circle(label: str, other: str) -> list[Word]:
    """Two sources who teach against each other: the third change of label is contested."""
    changed = ("superseded", "confirmed", "conflicting", "contested")
    turns = [
        ("teacher", label, ("accepted",)),
        ("checker", other, ("conflicting",)),
        ("teacher", other, changed),
        ("checker", label, changed),
        ("teacher", label, changed),
        ("checker", other, changed),
    ]
    return [Word(who, said, None, statuses, keyed=True) for who, said, statuses in turns]
