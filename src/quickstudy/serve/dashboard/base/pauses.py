"""Pause and resume, from the head of every page."""

from __future__ import annotations

from urllib.parse import urlsplit

from fastapi import Request, Response
from starlette.datastructures import FormData

from quickstudy.serve.dashboard.base.forms import Form, field
from quickstudy.serve.dashboard.base.rendering import go, page_router
from quickstudy.serve.dashboard.base.session import Known, Session, Store, own_path
from quickstudy.serve.http.problems import Problem

router = page_router()


@router.post("/pause")
def pause(request: Request, visitor: Known, store: Store, form: Form) -> Response:
    """Have one learner, or all, ask about everything from now on."""
    scope = _scope(visitor, form)
    store.pause(scope, reason=field(form, "reason").strip(), actor=visitor.source)
    return go(request, _back(form))


@router.post("/resume")
def resume(request: Request, visitor: Known, store: Store, form: Form) -> Response:
    """Let it act again, as far as it was allowed to before."""
    store.resume(_scope(visitor, form), actor=visitor.source)
    return go(request, _back(form))


def _scope(visitor: Session, form: FormData) -> str | None:
    """The learner to pause, None for all, if this visitor may pause it."""
    name = field(form, "learner")
    visitor.require("manage", name or None)
    if not name and not visitor.may_pause_all:
        raise Problem(403, "access", "this key is for some learners: pause each of them")
    return name or None


def _back(form: FormData) -> str:
    """The page with the button that was pressed, without its query."""
    return urlsplit(own_path(field(form, "next"))).path
