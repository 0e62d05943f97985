"""The overview of a learner, and the part of it that keeps itself up to date."""

from __future__ import annotations

from fastapi import Request, Response

from quickstudy.serve.dashboard.base.kinds import pages_of
from quickstudy.serve.dashboard.base.rendering import page_router, render
from quickstudy.serve.dashboard.base.session import Known, Store

router = page_router()


@router.get("/learners/{name}")
def overview_page(request: Request, visitor: Known, store: Store, name: str) -> Response:
    """The state of a learner, at a glance."""
    visitor.require("teach", name)
    info = store.learner(name)
    if why := info.out_of_service:
        return render(request, "learners/out_of_service.html", status=503, name=name, text=why)
    return pages_of(info).overview(request, store, name)


@router.get("/learners/{name}/live")
def live_figures(
    request: Request, visitor: Known, store: Store, name: str, seq: str = ""
) -> Response:
    """The figures once more, or 204 while nothing has happened since event `seq`."""
    visitor.require("teach", name)
    return pages_of(store.learner(name)).live(request, store, name, seq)
