"""Who taught what, how annotators agree, and whose labels count as checks."""

from __future__ import annotations

from fastapi import Request, Response

from quickstudy.api.annotators import SourceReport
from quickstudy.errors import InputError
from quickstudy.serve.dashboard.base.forms import Form, field
from quickstudy.serve.dashboard.base.kinds import classifier
from quickstudy.serve.dashboard.base.rendering import go, home, page_router, render
from quickstudy.serve.dashboard.base.session import Known, Store

router = page_router()
COMPARED = 8  # sources whose agreement is shown: more columns fit no screen
Cell = tuple[int, int] | None  # cases that both labelled, and on which they agree


@router.get("/learners/{name}/sources")
def sources_page(request: Request, visitor: Known, store: Store, name: str) -> Response:
    """Every source."""
    visitor.require("teach", name)
    found = store.sources(name)
    return render(
        request, "oversight/annotators.html", name=name, sources=found, matrix=matrix(found),
        trusted=classifier(store, name).settings.trusted, may=visitor.may("manage", name),
        done=request.query_params.get("done", ""),
    )  # fmt: skip


@router.post("/learners/{name}/sources")
def trust(request: Request, visitor: Known, store: Store, form: Form, name: str) -> Response:
    """Trust a source, or stop trusting it."""
    visitor.require("manage", name)
    source, trusted = field(form, "source"), classifier(store, name).settings.trusted
    if not source:
        raise InputError("source is missing; say who is meant")
    others = tuple(s for s in trusted if s != source)
    chosen = (*others, source) if field(form, "trusted") == "yes" else others
    store.change(name, trusted=chosen, actor=visitor.actor)
    return go(request, f"{home(name)}/sources?done=kept")


def matrix(sources: list[SourceReport]) -> list[tuple[str, list[Cell]]]:
    """How the first few sources agree: a row and a column each, None on the diagonal."""
    first = sources[:COMPARED]
    pairs = {(s.source, other): (both, agree) for s in first for other, both, agree in s.agreement}
    names = [s.source for s in first if any(a == s.source for a, _ in pairs)]
    return [
        (a, [None if a == b else pairs.get((a, b), pairs.get((b, a), (0, 0))) for b in names])
        for a in names
    ]
