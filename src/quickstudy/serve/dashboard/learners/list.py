"""The list of learners, and a new one."""

from __future__ import annotations

import re
from typing import Any

from fastapi import Request, Response

from quickstudy.api.runs import ValueInfo
from quickstudy.errors import QuickstudyError, SettingError
from quickstudy.serve.dashboard.base.rendering import go, home, page_router, render
from quickstudy.serve.dashboard.base.session import Form, Known, Session, Store, field
from quickstudy.serve.dashboard.learners.figures import Headline, headline
from quickstudy.serve.dashboard.runs import figures
from quickstudy.serve.dashboard.runs.runs import MOST
from quickstudy.serve.dashboard.runs.settings import new_value
from quickstudy.serve.http.problems import of_error

router = page_router()
USUAL = {
    "kind": "cases",
    "name": "",
    "target": "95",
    "success": "1",
    "lowest": "0",
    "highest": "1",
    "step": "0",
    "failure": "0",
    "ask": "",
    "help": "100",
    "stop_error": "5",
    "hours": "24",
    "problem": "",
}


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
        if field(form, "kind") == "runs":
            store.create_value(name, **new_value(form), actor=visitor.actor)
        else:
            store.create(name, target=share(form, "target"), actor=visitor.actor)
    except QuickstudyError as problem:
        given = {field: str(form[field]) for field in USUAL if field in form}
        told = {**given, "name": name, "problem": str(problem)}
        return _page(request, visitor, store, status=of_error(problem).status, given=told)
    return go(request, home(name))


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
    visitor: Session,
    store: Store,
    *,
    status: int = 200,
    given: dict[str, str] | None = None,
) -> Response:
    seen = [info for info in store.learners() if visitor.may("teach", info.name)]
    out = [info for info in seen if info.out_of_service]
    cards = [
        _card(store, info.name, isinstance(info, ValueInfo)) for info in seen if info not in out
    ]
    return render(
        request, "learners/list.html", status=status, cards=cards, out=out,
        given={**USUAL, **(given or {})}, may=visitor.may("manage"),
    )  # fmt: skip


def _card(store: Store, name: str, of_runs: bool) -> tuple[Any, Headline, bool]:
    """What a card shows: the report, its headline, and whether it is about runs."""
    if of_runs:
        v = store.value(name)
        return v, figures.headline(v, store.runs(name, status="live", limit=MOST)), True
    r = store.report(name)
    return r, headline(r, store.autonomy(name).level), False
