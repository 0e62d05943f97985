"""Pages of a value learner: its state, its runs, and one run step by step."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlencode

from fastapi import Request, Response

from quickstudy.api.runs import ValueReport
from quickstudy.serve.dashboard.base.rendering import home, page_router, render
from quickstudy.serve.dashboard.base.session import Known, Store
from quickstudy.serve.dashboard.runs import figures
from quickstudy.serve.http.paths import PART

router = page_router()
ONE = f"/learners/{{name}}/runs/{{run:{PART}}}"
MOST = 1_000  # live runs that are looked at
SHOWN = 100  # runs of a list
FEW = 5  # runs of a list on the overview
STEPS_SHOWN = 150  # of one run, the latest: a live one is sent again with every step
SORTS = {"chance": "least likely first", "latest": "latest change first", "steps": "longest first"}
LISTS = {"live": "Live", "ended": "Ended", "expired": "Expired", "late": "Too late"}


def value_page(request: Request, store: Store, name: str) -> Response:
    """The state of a value learner, at a glance."""
    shown = _overview(request, store, name, store.value(name))
    return render(request, "runs/overview.html", **shown)


def live_value(request: Request, store: Store, name: str, seq: str) -> Response:
    """The same figures once more, or 204 while nothing has happened since event `seq`."""
    report = store.value(name)
    if str(report.seq) == seq:
        return Response(status_code=204)
    return render(request, "runs/parts/overview.html", **_overview(request, store, name, report))


@router.get("/learners/{name}/runs")
def runs_page(
    request: Request,
    visitor: Known,
    store: Store,
    name: str,
    status: str = "live",
    sort: str = "chance",
) -> Response:
    """Runs of one status."""
    visitor.require("teach", name)
    return render(request, "runs/runs.html", **_list(store, name, store.value(name), status, sort))


@router.get("/learners/{name}/runs-live")
def live_runs(
    request: Request,
    visitor: Known,
    store: Store,
    name: str,
    status: str = "live",
    sort: str = "chance",
    seq: str = "",
) -> Response:
    """The list once more, or 204 while nothing has happened since event `seq`."""
    visitor.require("teach", name)
    report = store.value(name)
    if str(report.seq) == seq:
        return Response(status_code=204)
    return render(request, "runs/parts/runs.html", **_list(store, name, report, status, sort))


@router.get(ONE)
def run_page(request: Request, visitor: Known, store: Store, name: str, run: str) -> Response:
    """One run, step by step."""
    visitor.require("teach", name)
    return render(request, "runs/run.html", **_run(store, name, run))


@router.get(f"{ONE}/live")
def live_run(
    request: Request, visitor: Known, store: Store, name: str, run: str, seq: str = ""
) -> Response:
    """The run once more, or 204 while nothing has happened to it."""
    visitor.require("teach", name)
    found = _run(store, name, run)
    if found["mark"] == seq:
        return Response(status_code=204)
    return render(request, "runs/parts/run_live.html", **found)


def _overview(request: Request, store: Store, name: str, v: ValueReport) -> dict[str, Any]:
    live = store.runs(name, status="live", limit=MOST)
    return {
        "v": v,
        "name": name,
        "figures": figures,
        "address": str(request.base_url),
        "headline": figures.headline(v, live),
        "bins": figures.bins(live),
        "stopping": figures.stopping(v),
        "experts": figures.experts(v),
        "needy": len(figures.needy(live)),
        "weakest": figures.ordered(live, "chance")[:FEW],
        "latest": store.runs(name, status="ended", limit=FEW),
    }


def _list(store: Store, name: str, v: ValueReport, status: str, sort: str) -> dict[str, Any]:
    """What the list shows; `v` is read before the runs, so that nothing newer goes unseen."""
    status = status if status in LISTS else "live"
    sort = sort if sort in SORTS else "chance"
    found = store.runs(name, status=status, limit=MOST)
    if status == "live":
        found = figures.ordered(found, sort)
    counts = {"live": v.live, "ended": v.ended, "expired": v.expired - v.late, "late": v.late}
    here = urlencode({"status": status, "sort": sort})
    return {
        "v": v,
        "name": name,
        "figures": figures,
        "runs": found[:SHOWN],
        "more": max(counts[status] - SHOWN, 0),
        "counts": counts,
        "lists": {k: t for k, t in LISTS.items() if k != "late" or v.late or status == "late"},
        "sorts": SORTS,
        "listed": status,
        "sort": sort,
        "live": f"{home(name)}/runs-live?{here}",
    }


def _run(store: Store, name: str, run: str) -> dict[str, Any]:
    report = store.run(name, run)
    settings = store.value(name).learner.settings
    steps = report.steps
    shown = figures.latest(steps, STEPS_SHOWN)
    return {
        "name": name,
        "figures": figures,
        "run": report.run,
        "closed_by": None if report.expired_by == figures.EXPIRY else report.expired_by,
        "told": figures.standing(report),
        "last": steps[-1].estimate if steps else None,
        "steps": shown[::-1] if report.run.status == "live" else shown,
        "largest": max((abs(step.estimate.credit) for step in shown), default=0.0) or 1.0,
        "hidden": len(steps) - len(shown),
        "lost": figures.lost(steps),
        "looped": [step for step in steps if step.estimate.loop is not None],
        "settings": settings,
        "trajectory": figures.trajectory(report, settings.outcome_range),
        "mark": figures.mark_of(report),
    }
