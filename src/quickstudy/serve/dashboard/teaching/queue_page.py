"""A queue page: one case at a time, claimed for one browser tab, decided by a keystroke.

The labelling queue and the approvals are its two uses.
"""

from __future__ import annotations

import secrets
import time
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any, ClassVar

from fastapi import APIRouter, Request, Response

from quickstudy.api.decisions import Ask
from quickstudy.errors import NotFoundError, QuickstudyError
from quickstudy.serve.dashboard.base import words
from quickstudy.serve.dashboard.base.forms import field
from quickstudy.serve.dashboard.base.kinds import classifier
from quickstudy.serve.dashboard.base.records import label_code, label_text
from quickstudy.serve.dashboard.base.rendering import home, page_router, render
from quickstudy.serve.dashboard.base.session import Known, Store
from quickstudy.serve.dashboard.teaching.held import held_answers
from quickstudy.serve.dashboard.teaching.turn import MOST_SKIPPED, TRAIL, Here, Turn
from quickstudy.types import Label

PATIENCE = 0.3  # seconds


@dataclass(frozen=True, slots=True)
class Decision:
    """What a person decided on a case.

    Attributes:
        label: the label that the decision is about; given: the arguments of `feedback`.
        said: what the page confirms it with; "": what `words.receipt` says of the label.
    """

    label: Label
    given: dict[str, Any]
    said: str = ""


@dataclass(frozen=True, slots=True)
class Step:
    """Where the tab goes next.

    Attributes:
        trail, skipped: the cases that it decided and skipped, the latest last.
        wanted: the case to show if it can be claimed; aside: the case to come back to after it.
        said: what the page says; left: the case that was skipped just now.
    """

    trail: list[str]
    skipped: list[str]
    wanted: str = ""
    aside: str = ""
    said: str = ""
    left: str = ""


class QueuePage(ABC):
    """One case at a time for each tab. A subclass says which cases, and how one is decided.

    Attributes:
        address: the last part of its address; template: of the page and of its part with a case.
        only_left: what it says when the case that was skipped is the only one.
    """

    address: ClassVar[str]
    template: ClassVar[str]
    only_left: ClassVar[str]

    @abstractmethod
    def is_open(self, turn: Turn, case: str) -> bool:
        """Whether a case still waits for a decision here."""

    @abstractmethod
    def claim(self, turn: Turn, skipped: list[str]) -> Ask | None:
        """Claim the next case that nobody else has; those skipped come last."""

    @abstractmethod
    def decision(self, turn: Turn, case: str) -> Decision:
        """What the form decides on a case."""

    @abstractmethod
    def shown(self, turn: Turn, ask: Ask | None) -> dict[str, Any]:
        """What the part shows besides the case itself."""

    def router(self) -> APIRouter:
        """The routes of the page."""
        made, base = page_router(), f"/learners/{{name}}/{self.address}"
        made.add_api_route(base, self.page, methods=["GET"])
        for act in (self.next, self.hold, self.decide, self.skip, self.undo):
            made.add_api_route(f"{base}/{act.__name__}", act, methods=["POST"])
        return made

    def page(self, request: Request, visitor: Known, store: Store, name: str) -> Response:
        """The page; it fetches its first case at once, as this tab."""
        visitor.require("teach", name)
        info = classifier(store, name)
        counts = not info.settings.trusted or visitor.source in info.settings.trusted
        return render(
            request,
            f"teaching/{self.template}",
            name=name,
            labels=info.labels,
            counts=counts,
            **self._place(name),
        )

    def next(self, turn: Here) -> Response:
        """A case for this tab: the one that it has, else the next one that nobody has."""
        wanted = turn.case if turn.case and self._is_open(turn, turn.case) else ""
        return self._show(turn, Step(turn.trail, turn.skipped, wanted))

    def hold(self, turn: Here) -> Response:
        """Extend the claim: somebody is still reading."""
        turn.claim(turn.case)
        return Response(status_code=204)

    def decide(self, turn: Here) -> Response:
        """Teach what the form decides, and bring the next case."""
        case = _own_case(turn, turn.case)
        decision = self.decision(turn, case)
        visitor, key = turn.visitor, field(turn.form, "key") or None
        receipt = turn.store.feedback(
            case, **decision.given, key=key, source=visitor.source, actor=visitor.actor
        )
        _let_learn(turn)
        label, skipped = decision.label, turn.skipped
        said = decision.said or words.receipt(receipt.status, label)
        if self._is_open(turn, case):  # a check that the word of this source does not settle
            turn.release(case)
            skipped = _latest(skipped, case, MOST_SKIPPED)
            said = f"{said} {words.STILL_WAITS}"
        step = Step(_latest(turn.trail, case, TRAIL), skipped, turn.aside, said=said)
        taught = {"id": case, "label": label_text(label), "code": label_code(label)}
        return self._show(turn, step, events={"taught": taught})

    def skip(self, turn: Here) -> Response:
        """Leave the case to others, or for later."""
        turn.release(turn.case)
        skipped = _latest(turn.skipped, turn.case, MOST_SKIPPED)
        step = Step(turn.trail, skipped, turn.aside, said="Skipped.", left=turn.case)
        return self._show(turn, step)

    def undo(self, turn: Here) -> Response:
        """Open the last case again: a new decision replaces the one before."""
        trail, skipped = turn.trail, turn.skipped
        if not trail:
            return self._show(turn, Step([], skipped, turn.case, said="Nothing to undo."))
        last, aside = _own_case(turn, trail.pop()), turn.aside or turn.case
        said = "Opened again: what you say now replaces it."
        return self._show(turn, Step(trail, skipped, last, aside=aside, said=said))

    def _show(self, turn: Turn, step: Step, events: dict[str, Any] | None = None) -> Response:
        """The case to show next, with all that the page needs to go on from it."""
        ask = _claim_wanted(turn, step.wanted) or self.claim(turn, step.skipped)
        alone = ask is not None and ask.id == step.left
        return render(
            turn.request,
            f"teaching/parts/{self.template}",
            said=self.only_left if alone else step.said,
            events=events,
            name=turn.name,
            ask=ask,
            held=len(held_answers(turn.store, turn.name)),
            trail=",".join(step.trail),
            skipped=",".join(step.skipped),
            aside=step.aside,
            key=secrets.token_urlsafe(12),
            **self._place(turn.name),
            **self.shown(turn, ask),
        )

    def _place(self, name: str) -> dict[str, Any]:
        """Which queue it is, and where."""
        return {"queue": self.address, "base": f"{home(name)}/{self.address}"}

    def _is_open(self, turn: Turn, case: str) -> bool:
        try:
            return self.is_open(turn, case)
        except QuickstudyError:  # it was forgotten meanwhile
            return False


def _own_case(turn: Turn, case: str) -> str:
    """The id, if this learner has such a case."""
    if turn.store.history(case).learner != turn.name:
        raise NotFoundError(f"{turn.name!r} has no case {case!r}")
    return case


def _claim_wanted(turn: Turn, case: str) -> Ask | None:
    try:
        return turn.claim(case) if case else None
    except QuickstudyError:  # it was closed or forgotten meanwhile: there are others
        return None


def _let_learn(turn: Turn) -> None:
    """Give it a moment to learn, so that the next case shows what it makes of the last."""
    ends = time.monotonic() + PATIENCE
    while turn.store.lag(turn.name) and time.monotonic() < ends:
        time.sleep(0.01)


def _latest(ids: list[str], id: str, most: int) -> list[str]:
    """The ids with one put last, at most so many."""
    return [*(i for i in ids if i != id), id][-most:]
