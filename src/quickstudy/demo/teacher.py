"""The simulated teacher of the demo: it labels most asks, and leaves some for the visitor."""

from __future__ import annotations

from collections import deque
from typing import Protocol

from quickstudy.api.decisions import Answer, Ask, Case, Receipt
from quickstudy.types import Label

NAME = "simulated teacher"
LEAVE_EVERY = 20  # asks: one in so many stays for the visitor
MOST_LEFT = 12  # cases in the queue: what a visitor can label in two minutes


class LabelClient(Protocol):
    """The methods of a client that the teacher uses."""

    def feedback(
        self, prediction_id: str | None, *, label: Label | None, source: str | None
    ) -> Receipt: ...
    def claim(self, name: str, *, holder: str, id: str | None) -> Ask | None: ...
    def history(self, prediction_id: str) -> Case: ...


class Teacher:
    """Labels what the learner asks about and what it audits, at once.

    A visitor wants to find something to teach at any moment: recent cases, and not a backlog. So
    every 20th ask stays in the queue, and at most twelve stay: where a thirteenth would stay, the
    teacher claims the case that has waited longest, as the page does, and labels it. The teacher
    leaves alone what the visitor has claimed or labelled. Which asks stay does not depend on their
    content, so the visitor sees a fair sample and the figures stay honest.

    Args:
        client: sends the labels.
        learner: name of the learner.
    """

    def __init__(self, client: LabelClient, learner: str) -> None:
        self._client = client
        self._learner = learner
        self._asked = 0
        self._left: deque[tuple[str, Label]] = deque()

    def see(self, answer: Answer, right: Label) -> None:
        """Send the right label if the answer asks for one."""
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
        while len(self._left) > MOST_LEFT and not self._take(*self._left.popleft()):
            pass  # the visitor answered that one: fewer cases wait than were counted

    def _take(self, prediction_id: str, right: Label) -> bool:
        """Label a case of the queue; False if somebody else has labelled or claimed it."""
        if self._client.history(prediction_id).status != "waiting":
            return False
        if self._client.claim(self._learner, holder=NAME, id=prediction_id) is None:
            return False
        self._client.feedback(prediction_id, label=right, source=NAME)
        return True
