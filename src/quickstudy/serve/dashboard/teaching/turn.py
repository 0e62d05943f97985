"""One request of one browser tab in a queue.

A queue page keeps nothing on the server: which cases the tab decided (its trail, for undo), which
it skipped and which it put aside travel with the form, so a restart of the server loses nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData

from quickstudy.api.decisions import Ask
from quickstudy.serve.dashboard.base.forms import Form, field
from quickstudy.serve.dashboard.base.session import Known, Session, Store

TRAIL = 30  # cases that can be undone
MOST_SKIPPED = 50
CLAIM_SECONDS = 120.0


@dataclass(frozen=True, slots=True)
class Turn:
    """Who asks, about which learner, and where the tab is in the queue."""

    request: Request
    visitor: Session
    store: Store
    form: FormData
    name: str

    @property
    def holder(self) -> str:
        """Who claims cases for this tab."""
        return self.visitor.holder(field(self.form, "tab"))

    @property
    def case(self) -> str:
        """The case that the tab shows; "" if it shows none."""
        return field(self.form, "id")

    @property
    def aside(self) -> str:
        """The case that was put aside when an earlier one was opened again; "" if none was."""
        return field(self.form, "aside")

    @property
    def trail(self) -> list[str]:
        """The cases that the tab decided, the latest last."""
        return _ids(self.form, "trail")[-TRAIL:]

    @property
    def skipped(self) -> list[str]:
        """The cases that the tab skipped, the latest last."""
        return _ids(self.form, "skipped")[-MOST_SKIPPED:]

    def claim(self, case: str | None = None) -> Ask | None:
        """Claim a case for the tab, without an id the most useful one; None if there is none."""
        return self.store.claim(self.name, holder=self.holder, id=case, seconds=CLAIM_SECONDS)

    def release(self, case: str) -> None:
        """Give a case back to the queue."""
        self.store.release(case, holder=self.holder)


def turn_of(request: Request, visitor: Known, store: Store, form: Form, name: str) -> Turn:
    """The turn that a request is, if its visitor may teach this learner."""
    visitor.require("teach", name)
    return Turn(request, visitor, store, form, name)


def _ids(form: FormData, name: str) -> list[str]:
    return [id for id in field(form, name).split(",") if id]


Here = Annotated[Turn, Depends(turn_of)]
