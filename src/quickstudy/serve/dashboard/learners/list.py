"""The list of learners, and a new one."""

from __future__ import annotations

from fastapi import Request, Response
from starlette.datastructures import FormData

from quickstudy.errors import QuickstudyError
from quickstudy.serve.dashboard.base.forms import Form, field
from quickstudy.serve.dashboard.base.kinds import KINDS, KindPages, pages_of
from quickstudy.serve.dashboard.base.rendering import go, home, page_router, render
from quickstudy.serve.dashboard.base.session import Known, Session, Store
from quickstudy.serve.http.problems import of_error

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
        _chosen(form).create(store, name, form, visitor.actor)
    except QuickstudyError as problem:
        status = of_error(problem).status
        return _page(request, visitor, store, status=status, form=form, problem=str(problem))
    return go(request, home(name))


def _chosen(form: FormData) -> KindPages:
    """The kind of learner that a form asks for, the first one if it names none."""
    return KINDS.get(field(form, "kind"), next(iter(KINDS.values())))


def _page(
    request: Request,
    visitor: Session,
    store: Store,
    *,
    status: int = 200,
    form: FormData | None = None,
    problem: str = "",
) -> Response:
    form = form or FormData()
    seen = [
        info for info in store.learners() if info.kind in KINDS and visitor.may("teach", info.name)
    ]
    usual = {name: text for pages in KINDS.values() for name, text in pages.new.usual.items()}
    typed = {name: field(form, name) for name in (*usual, "name") if name in form}
    return render(
        request,
        "learners/list.html",
        status=status,
        cards=[pages_of(i).card(store, i.name) for i in seen if not i.out_of_service],
        out=[info for info in seen if info.out_of_service],
        kinds=list(KINDS.values()),
        chosen=_chosen(form).kind,
        given={"name": "", **usual, **typed},
        problem=problem,
        may=visitor.may("manage"),
    )
