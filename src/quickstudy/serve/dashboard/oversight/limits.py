"""The limits page: what a learner may never do, how far the limits are used, and their hits."""

from __future__ import annotations

from fastapi import Request, Response

from quickstudy.errors import QuickstudyError
from quickstudy.serve.dashboard.base.forms import LongForm
from quickstudy.serve.dashboard.base.kinds import classifier
from quickstudy.serve.dashboard.base.rendering import go, home, page_router, render
from quickstudy.serve.dashboard.base.session import Known, Session, Store
from quickstudy.serve.dashboard.oversight.limits_form import Draft, drafted, read_draft, typed
from quickstudy.serve.http.problems import of_error

router = page_router()


@router.get("/learners/{name}/limits")
def limits_page(request: Request, visitor: Known, store: Store, name: str) -> Response:
    """The rules in force, and a form to change them."""
    visitor.require("teach", name)
    return _page(request, visitor, store, name)


@router.post("/learners/{name}/limits")
def change(request: Request, visitor: Known, store: Store, form: LongForm, name: str) -> Response:
    """Replace all limits, or say at each field what is wrong with it."""
    visitor.require("manage", name)
    draft = typed(form)
    limits = read_draft(draft, classifier(store, name).labels)
    if limits is not None:
        try:
            store.limit(name, limits, actor=visitor.actor)
        except QuickstudyError as error:
            draft.blame(error)
            return _page(request, visitor, store, name, status=of_error(error).status, draft=draft)
        return go(request, f"{home(name)}/limits?done=kept")
    return _page(request, visitor, store, name, status=422, draft=draft)


def _page(
    request: Request,
    visitor: Session,
    store: Store,
    name: str,
    *,
    status: int = 200,
    draft: Draft | None = None,
) -> Response:
    report = store.limits(name)
    return render(
        request, "oversight/limits.html", status=status, name=name, r=report,
        draft=draft or drafted(report.limits), may=visitor.may("manage", name),
        may_pause_all=visitor.may_pause_all, done=request.query_params.get("done", ""),
    )  # fmt: skip
