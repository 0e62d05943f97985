"""The list of learners, and a new one."""

from __future__ import annotations

import re
from typing import Any

from fastapi import Request, Response

from quickstudy.errors import QuickstudyError, SettingError
from quickstudy.serve.dashboard.figures import headline
from quickstudy.serve.dashboard.shell import go, home, page_router, render
from quickstudy.serve.dashboard.visitor import Form, Known, Store, Visitor, field
from quickstudy.serve.problems import of_error

router = page_router()


@router.get("/")
def learners_page(request: Request, visitor: Known, store: Store) -> Response:
    """Every learner this visitor may see, as a card."""
    return _page(request, visitor, store)


@router.post("/learners")
def create(request: Request, visitor: Known, store: Store, form: Form) -> Response:
    """Create a learner and open it."""
    visitor.require("manage")
    name = field(form, "name").strip()
    try:
        made = store.create(name, target=share(form, "target"), actor=visitor.actor)
    except QuickstudyError as problem:
        given = {"name": name, "target": field(form, "target"), "problem": str(problem)}
        return _page(request, visitor, store, status=of_error(problem).status, **given)
    return go(request, home(made.name))


def share(form: Any, name: str) -> float:
    """A percentage from a form, as a share.

    Raises:
        SettingError: it is not a number.
    """
    text = field(form, name)
    number = re.fullmatch(r"\s*(\d+(?:[.,]\d+)?)\s*%?\s*", text)
    if number is None:
        raise SettingError(f"{name} is {text!r}; it must be a percentage, 95 say")
    return float(number[1].replace(",", ".")) / 100.0


def _page(
    request: Request,
    visitor: Visitor,
    store: Store,
    *,
    status: int = 200,
    name: str = "",
    target: str = "95",
    problem: str = "",
) -> Response:
    seen = [info for info in store.learners() if visitor.may("teach", info.name)]
    reports = [store.report(info.name) for info in seen]
    cards = [(r, headline(r, store.autonomy(r.learner.name).level)) for r in reports]
    given = {"name": name, "target": target, "problem": problem}
    return render(
        request, "learners.html", status=status, cards=cards, given=given, may=visitor.may("manage")
    )
