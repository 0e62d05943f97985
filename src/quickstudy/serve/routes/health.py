"""Liveness, readiness and metrics."""

from __future__ import annotations

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import PlainTextResponse, Response

from quickstudy.serve.http.auth import Predictor, check_unscoped
from quickstudy.serve.http.problems import Problem
from quickstudy.serve.http.responses import Served, reply
from quickstudy.serve.metrics import Metrics
from quickstudy.serve.openapi.document import refusal, says_text

router = APIRouter(tags=["health"])
FAILING = {"type": "integer", "description": "Learners that cannot learn, if there are any."}
OK = {
    "type": "object",
    "properties": {"status": {"const": "ok"}, "failing": FAILING},
    "required": ["status"],
}
FINE = {"description": "Fine.", "content": {"application/json": {"schema": OK}}}
PROMETHEUS = "text/plain; version=0.0.4; charset=utf-8"


@router.get("/healthz", summary="Does it live?", responses={200: FINE})
async def healthz() -> Response:
    """The process responds."""
    return reply({"status": "ok"})


@router.get("/readyz", summary="Can it work?", responses={200: FINE, 503: refusal(503)})
async def readyz(request: Request, served: Served) -> Response:
    """The store can be read, a learner can answer, and the server is not stopping.

    A failing learner does not affect the others: `failing` is the number of failing learners.
    """
    if request.app.state.stopping:
        raise Problem(503, "store", "the server is about to stop")
    learners = await run_in_threadpool(served.learners)
    if learners and all(info.out_of_service for info in learners):
        raise Problem(503, "store", "no learner is in service; the server's log says why")
    failing = len(served.faults())
    return reply({"status": "ok"} | ({"failing": failing} if failing else {}))


@router.get(
    "/metrics",
    summary="Figures for Prometheus",
    **says_text("predict", "Figures for Prometheus.", "text/plain", PlainTextResponse),
)
async def metrics(request: Request, visitor: Predictor) -> Response:
    """Requests, latencies, and figures of each learner. For keys for all learners."""
    check_unscoped(visitor)
    found: Metrics = request.app.state.metrics
    return Response(await run_in_threadpool(found.text), media_type=PROMETHEUS)
