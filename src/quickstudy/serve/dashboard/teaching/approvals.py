"""Approvals: answers that are held until a person approves, corrects or refuses them."""

from __future__ import annotations

from typing import Any

from quickstudy.api.decisions import Ask
from quickstudy.errors import InputError, QuickstudyError
from quickstudy.serve.dashboard.base.forms import field
from quickstudy.serve.dashboard.base.kinds import classifier
from quickstudy.serve.dashboard.base.records import label_text, read_label
from quickstudy.serve.dashboard.teaching.choices import KEYS, choices
from quickstudy.serve.dashboard.teaching.explanation import explanation
from quickstudy.serve.dashboard.teaching.held import held_answers
from quickstudy.serve.dashboard.teaching.queue_page import Decision, QueuePage
from quickstudy.serve.dashboard.teaching.turn import Turn
from quickstudy.types import same_label

VERDICTS = {"yes": True, "no": False}


class ApprovalQueue(QueuePage):
    """Answers to approve."""

    address = "approve"
    template = "approvals.html"
    only_left = "That is the only one left."

    def is_open(self, turn: Turn, case: str) -> bool:
        """Whether its answer is held."""
        return case in {ask.id for ask in held_answers(turn.store, turn.name)}

    def claim(self, turn: Turn, skipped: list[str]) -> Ask | None:
        """Claim the oldest answer; those that this tab skipped come last."""
        place = {id: i for i, id in enumerate(skipped)}
        waiting = [ask.id for ask in held_answers(turn.store, turn.name)]
        for id in sorted(waiting, key=lambda id: place.get(id, -1)):
            try:
                ask = turn.claim(id)
            except QuickstudyError:  # it was decided or forgotten meanwhile: there are others
                continue
            if ask is not None:
                return ask
        return None

    def decision(self, turn: Turn, case: str) -> Decision:
        """Yes, no, or the label that is right instead."""
        form, verdict = turn.form, field(turn.form, "verdict")
        answer = turn.store.history(case).answer.label
        if verdict:
            if verdict not in VERDICTS or answer is None:
                raise InputError(f"verdict is {verdict[:20]!r}; it must be yes or no, to an answer")
            correct = VERDICTS[verdict]
            said = f"{'Approved' if correct else 'Refused'}: {label_text(answer)}."
            return Decision(answer, {"correct": correct}, said)
        known = classifier(turn.store, turn.name).labels
        label = read_label(field(form, "label"), field(form, "text"), known)
        said = f"Corrected: {label_text(label)}, not {label_text(answer)}."
        return Decision(label, {"label": label}, said)

    def shown(self, turn: Turn, ask: Ask | None) -> dict[str, Any]:
        """The answer, the most similar case, and other labels to choose from."""
        waiting = turn.store.report(turn.name).waiting
        if ask is None:
            return {"choices": [], "case": None, "why": None, "waiting": waiting}
        case = turn.store.history(ask.id)
        why, answer = explanation(turn.store, ask.id), case.answer.label
        others = [c for c in choices(turn.store, ask, why) if not same_label(c.label, answer)]
        return {"choices": others[:KEYS], "case": case, "why": why, "waiting": waiting}


router = ApprovalQueue().router()
