"""What a classifier brings to the pages."""

from __future__ import annotations

from typing import Any

from fastapi import Request, Response
from starlette.datastructures import FormData

from quickstudy.api.decisions import Report
from quickstudy.serve.dashboard.base.forms import share
from quickstudy.serve.dashboard.base.kinds import Card, KindPages, NewForm
from quickstudy.serve.dashboard.base.rendering import render
from quickstudy.serve.dashboard.base.session import Store
from quickstudy.serve.dashboard.learners import figures
from quickstudy.serve.dashboard.learners.settings import changes, classifier_settings_page
from quickstudy.serve.dashboard.teaching.held import held_answers

ASKS_SHOWN = 4


def _card(store: Store, name: str) -> Card:
    report = store.report(name)
    headline = figures.headline(report, store.autonomy(name).level)
    return Card("learners/parts/card.html", report, headline)


def _overview(request: Request, store: Store, name: str) -> Response:
    shown = _figures(request, store, name, store.report(name))
    return render(request, "learners/overview.html", **shown)


def _live(request: Request, store: Store, name: str, seq: str) -> Response:
    report = store.report(name)
    if str(report.seq) == seq:
        return Response(status_code=204)
    return render(request, "learners/parts/live.html", **_figures(request, store, name, report))


def _create(store: Store, name: str, form: FormData, actor: str) -> None:
    store.create(name, target=share(form, "target"), actor=actor)


def _figures(request: Request, store: Store, name: str, r: Report) -> dict[str, Any]:
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


CLASSIFIER = KindPages(
    kind="classifier",
    tabs=(("/queue", "Queue"), ("/cases", "Cases"), ("/try", "Try it"), ("/autonomy", "Control")),
    instead="it answers cases, see its cases",
    card=_card,
    overview=_overview,
    live=_live,
    settings=classifier_settings_page,
    changes=changes,
    new=NewForm(
        about=("Cases", ": it answers each with a label"),
        template="learners/parts/new.html",
        usual={"target": "95"},
    ),
    create=_create,
)
