"""The labelling queue: the cases that wait for a label, the most useful first."""

from __future__ import annotations

from typing import Any

from quickstudy.api.decisions import Ask
from quickstudy.serve.dashboard.base.forms import field
from quickstudy.serve.dashboard.base.kinds import classifier
from quickstudy.serve.dashboard.base.records import read_label
from quickstudy.serve.dashboard.teaching.choices import choices
from quickstudy.serve.dashboard.teaching.explanation import explanation
from quickstudy.serve.dashboard.teaching.queue_page import Decision, QueuePage
from quickstudy.serve.dashboard.teaching.turn import Turn


class LabelQueue(QueuePage):
    """Cases to label."""

    address = "queue"
    template = "queue.html"
    only_left = "That is the only case left."

    def is_open(self, turn: Turn, case: str) -> bool:
        """Whether it waits for a label."""
        return turn.store.history(case).status == "waiting"

    def claim(self, turn: Turn, skipped: list[str]) -> Ask | None:
        """Claim the most useful case; the store gives what this tab skipped again last."""
        return turn.claim()

    def decision(self, turn: Turn, case: str) -> Decision:
        """The label that was chosen or typed."""
        known = classifier(turn.store, turn.name).labels
        label = read_label(field(turn.form, "label"), field(turn.form, "text"), known)
        return Decision(label, {"label": label})

    def shown(self, turn: Turn, ask: Ask | None) -> dict[str, Any]:
        """Labels to choose from, the label that it had before, and what else waits."""
        report = turn.store.report(turn.name)
        return {
            "choices": choices(turn.store, ask, explanation(turn.store, ask.id)) if ask else [],
            "before": turn.store.history(ask.id).label if ask else None,
            "waiting": report.waiting,
            "contested": report.contested,
        }


router = LabelQueue().router()
