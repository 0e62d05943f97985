"""The simulated teacher of the demo, and what it leaves for the visitor."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from quickstudy.api.decisions import Answer, Ask, Case, Receipt
from quickstudy.types import Label

NAME = "simulated teacher"
LEAVE_EVERY = 20  # asks: one of so many stays for the visitor
DESK = 12  # cases left at most: a desk that a visitor can clear in two minutes


class Line(Protocol):
    """What the teacher needs of a client."""

    def feedback(
        self, prediction_id: str | None, *, label: Label | None, source: str | None
    ) -> Receipt: ...
    def claim(self, name: str, *, holder: str, id: str | None) -> Ask | None: ...
    def history(self, prediction_id: str) -> Case: ...


class Teacher:
    """Answers what the learner asks and checks what it audits, at once, as a colleague would.

    A visitor wants to find something to teach at any moment, that is recent, and not a backlog. So
    every 20th ask stays in the queue, and at most twelve stay: where a thirteenth is left, the
    teacher takes the one that has waited longest, in the way the page does, by claiming it. What
    the visitor holds or has answered it leaves alone. Which asks stay does not depend on what they
    are about, so the visitor sees a fair sample and the figures stay honest.

    Args:
        client: where the learner is.
        learner: its name.
    """

    def __init__(self, client: Line, learner: str) -> None:
        self._client = client
        self._learner = learner
        self._asked = 0
        self._left: deque[tuple[str, Label]] = deque()

    def see(self, answer: Answer, right: Label) -> None:
        """Say what is right where that is asked for."""
        if answer.decision == "ask":
            self._asked += 1
            if self._asked % LEAVE_EVERY == 0:
                self._leave(answer.id, right)
                return
        elif not answer.audit:
            return
        self._client.feedback(answer.id, label=right, source=NAME)

    def _leave(self, prediction_id: str, right: Label) -> None:
        self._left.append((prediction_id, right))
        while len(self._left) > DESK and not self._take(*self._left.popleft()):
            pass  # that one had been answered by the visitor: there is one less than we thought

    def _take(self, prediction_id: str, right: Label) -> bool:
        """Answer a case that was left; False if somebody else did or is about to."""
        if self._client.history(prediction_id).status != "waiting":
            return False
        if self._client.claim(self._learner, holder=NAME, id=prediction_id) is None:
            return False
        self._client.feedback(prediction_id, label=right, source=NAME)
        return True
