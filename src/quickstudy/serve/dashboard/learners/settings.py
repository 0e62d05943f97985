"""The settings of a learner, and how to change or delete it."""

from __future__ import annotations

from functools import partial
from typing import Any

from fastapi import Request, Response
from starlette.datastructures import FormData

from quickstudy.errors import InputError, SettingError
from quickstudy.serve.dashboard.base.forms import Form, field, share
from quickstudy.serve.dashboard.base.kinds import classifier, pages_of
from quickstudy.serve.dashboard.base.rendering import go, home, page_router, render, settle
from quickstudy.serve.dashboard.base.session import Known, Session, Store

router = page_router()
DAY = 86_400.0  # seconds


@router.get("/learners/{name}/settings")
def settings_page(request: Request, visitor: Known, store: Store, name: str) -> Response:
    """Its settings."""
    visitor.require("teach", name)
    return _page(request, visitor, store, name)


@router.post("/learners/{name}/settings")
def change(request: Request, visitor: Known, store: Store, form: Form, name: str) -> Response:
    """Change what may be changed."""
    visitor.require("manage", name)

    def act() -> str:
        info = store.learner(name)
        given = pages_of(info).changes(form, info.settings)
        store.change(name, **given, actor=visitor.actor)
        return f"{home(name)}/settings?saved=yes"

    return settle(request, act, partial(_page, request, visitor, store, name))


@router.post("/learners/{name}/delete")
def delete(request: Request, visitor: Known, store: Store, form: Form, name: str) -> Response:
    """Delete it, once its name was typed."""
    visitor.require("manage", name)
    if field(form, "confirm").strip() != name:
        problem = InputError("type the learner's name to delete it")
        return _page(request, visitor, store, name, status=422, problem=str(problem))
    store.delete(name, actor=visitor.actor)
    return go(request, "/")


def changes(form: FormData, now: Any) -> dict[str, Any]:
    """What a form says of the settings of a classifier that may change."""
    days = field(form, "wait").strip().replace(",", ".")
    try:
        wait = float(days) * DAY
    except ValueError:
        raise SettingError(f"the wait is {days!r}; it must be a number of days") from None
    trusted = [name.strip() for name in field(form, "trusted").split(",")]
    return {
        "target": share(form, "target"),
        "audit": share(form, "audit"),
        "wait_seconds": wait,
        "trusted": tuple(name for name in trusted if name),
    }


def _page(
    request: Request,
    visitor: Session,
    store: Store,
    name: str,
    *,
    status: int = 200,
    problem: str = "",
) -> Response:
    """The settings, and, after a refused change, why it was refused."""
    page = pages_of(store.learner(name)).settings
    return page(request, visitor, store, name, status=status, problem=problem)


def classifier_settings_page(
    request: Request,
    visitor: Session,
    store: Store,
    name: str,
    *,
    status: int = 200,
    problem: str = "",
) -> Response:
    """The settings of a classifier."""
    info = classifier(store, name)
    return render(
        request, "learners/settings.html", status=status, name=name, info=info, problem=problem,
        may=visitor.may("manage", name), saved=request.query_params.get("saved") == "yes",
        address=str(request.base_url),
    )  # fmt: skip
