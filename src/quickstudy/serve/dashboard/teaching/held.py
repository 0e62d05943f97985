"""Answers that are held until a person approves them, as far as pages count them."""

from __future__ import annotations

from quickstudy.api.decisions import Ask
from quickstudy.serve.dashboard.base.session import Store

MOST_COUNTED = 99  # a larger number tells nobody more


def held_answers(store: Store, name: str) -> list[Ask]:
    """The answers of a learner that wait for approval, oldest first."""
    return store.held(name, limit=MOST_COUNTED)
