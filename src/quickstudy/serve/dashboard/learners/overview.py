"""The overview of a learner, and the part of it that keeps itself up to date."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response

from quickstudy.api.runs import ValueInfo
from quickstudy.serve.dashboard.base.kinds import is_value
from quickstudy.serve.dashboard.base.rendering import page_router, render
from quickstudy.serve.dashboard.base.session import Known, Store
from quickstudy.serve.dashboard.learners import figures
from quickstudy.serve.dashboard.runs.runs import live_value, value_page
from quickstudy.serve.dashboard.teaching.held import held_answers

router = page_router()
ASKS_SHOWN = 4


@router.get("/learners/{name}")
def overview_page(request: Request, visitor: Known, store: Store, name: str) -> Response:
    """How it does, at a glance."""
    visitor.require("teach", name)
    info = store.learner(name)
    if why := info.out_of_service:
        return render(request, "learners/out_of_service.html", status=503, name=name, text=why)
    if isinstance(info, ValueInfo):
        return value_page(request, store, name)
    return render(request, "learners/overview.html", **_figures(request, store, name))


@router.get("/learners/{name}/live")
def live_figures(
    request: Request, visitor: Known, store: Store, name: str, seq: str = ""
) -> Response:
    """The figures once more, or 204 while nothing has happened since event `seq`."""
    visitor.require("teach", name)
    if is_value(store, name):
        return live_value(request, store, name, seq)
    found = _figures(request, store, name)
    if str(found["r"].seq) == seq:
        return Response(status_code=204)
    return render(request, "learners/parts/live.html", **found)


def _figures(request: Request, store: Store, name: str) -> dict[str, Any]:
    r = store.report(name)
    return {
        "r": r,
        "name": name,
        "address": str(request.base_url),
        "headline": figures.headline(r, store.autonomy(name).level),
        "held": len(held_answers(store, name)),
        "better": figures.better(r.curve),
        "trust": figures.trust(r),
        "proofs": figures.proofs(r),
        "proof_text": figures.proof_text(r),
        "curve": figures.curve_data(r),
        "sources": figures.sources(r),
        "experts": figures.experts(r),
        "asks": store.asks(name, limit=ASKS_SHOWN),
    }
