"""The list of learners, and a new one."""

from __future__ import annotations

from functools import partial

from fastapi import Request, Response
from starlette.datastructures import FormData

from quickstudy.serve.dashboard.base.forms import Form, field
from quickstudy.serve.dashboard.base.kinds import KINDS, KindPages, pages_of
from quickstudy.serve.dashboard.base.rendering import home, page_router, render, settle
from quickstudy.serve.dashboard.base.session import Known, Session, Store

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

    def act() -> str:
        _chosen(form).create(store, name, form, visitor.actor)
        return home(name)

    return settle(request, act, partial(_page, request, visitor, store, form=form))


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
