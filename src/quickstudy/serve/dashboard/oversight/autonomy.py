"""How much a learner may do, what it takes to do more, and the ceiling that people set."""

from __future__ import annotations

from functools import partial

from fastapi import Request, Response

from quickstudy.api.guardrails import LEVELS
from quickstudy.serve.dashboard.base.forms import Form, field, whole
from quickstudy.serve.dashboard.base.kinds import classifier
from quickstudy.serve.dashboard.base.rendering import home, page_router, render, settle
from quickstudy.serve.dashboard.base.session import Known, Session, Store
from quickstudy.serve.dashboard.teaching.held import held_answers

router = page_router()


@router.get("/learners/{name}/autonomy")
def autonomy_page(request: Request, visitor: Known, store: Store, name: str) -> Response:
    """The levels, and the one that it has."""
    visitor.require("teach", name)
    return _page(request, visitor, store, name)


@router.post("/learners/{name}/autonomy")
def change(request: Request, visitor: Known, store: Store, form: Form, name: str) -> Response:
    """Set the ceiling, and how many approvals it takes to act alone."""
    visitor.require("manage", name)

    def act() -> str:
        approvals = whole(form, "approvals", "a whole number, 20 say")
        store.change(name, ceiling=field(form, "ceiling"), approvals=approvals, actor=visitor.actor)
        return f"{home(name)}/autonomy?done=kept"

    return settle(request, act, partial(_page, request, visitor, store, name))


def _page(
    request: Request,
    visitor: Session,
    store: Store,
    name: str,
    *,
    status: int = 200,
    problem: str = "",
) -> Response:
    report = store.autonomy(name)
    return render(
        request, "oversight/autonomy.html", status=status, name=name, problem=problem, a=report,
        settings=classifier(store, name).settings, held=len(held_answers(store, name)),
        done=request.query_params.get("done", ""), may=visitor.may("manage", name),
        at=LEVELS.index(report.level), top=LEVELS.index(report.ceiling),
    )  # fmt: skip
