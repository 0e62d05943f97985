"""Limits and pauses: what a learner may do, whatever it has learned."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quickstudy.api.codec import envelope
from quickstudy.api.guardrails import Limits, LimitsReport, Pause, ToPause
from quickstudy.serve.http.auth import (
    Manager,
    Predictor,
    Principal,
    Teacher,
    check_learner,
    check_unscoped,
)
from quickstudy.serve.http.body import takes
from quickstudy.serve.http.responses import Served, reply
from quickstudy.serve.openapi.document import says

router = APIRouter(tags=["limits"])
PAUSES = envelope(pauses=list[Pause])
LIMITS, PAUSE = "/v1/learners/{name:part}/limits", "/v1/pause"


@router.get(
    LIMITS,
    summary="Limits of a learner",
    **says("teach", LimitsReport, refuses=(404,)),
)
async def show(name: str, visitor: Teacher, served: Served) -> Response:
    """With the pauses in force, the usage, and the latest hits."""
    return reply(await run_in_threadpool(served.limits, name))


@router.put(
    LIMITS,
    summary="Set the limits of a learner",
    **says("manage", LimitsReport, takes=Limits, refuses=(404,)),
)
async def limit(
    name: str,
    visitor: Manager,
    served: Served,
    body: Annotated[Limits, Depends(takes(Limits, "setting"))],
) -> Response:
    """All limits at once, from the next answer on; a limit that is not given is removed."""

    def limit() -> LimitsReport:
        return served.limit(name, body, actor=visitor.name)

    return reply(await run_in_threadpool(limit))


@router.post(PAUSE, summary="Pause", **says("manage", takes=ToPause, refuses=(404,), status=204))
async def pause(
    visitor: Manager, served: Served, body: Annotated[ToPause, Depends(takes(ToPause))]
) -> Response:
    """From now on a learner asks at every case; without `learner`, all do (key for all learners).

    A pause that is in force already stays as it is.
    """
    _check(visitor, body.learner)

    def pause() -> None:
        served.pause(body.learner, reason=body.reason, actor=visitor.name)

    await run_in_threadpool(pause)
    return Response(status_code=204)


@router.delete(PAUSE, summary="Resume", **says("manage", refuses=(404,), status=204))
async def resume(
    visitor: Manager,
    served: Served,
    learner: Annotated[str | None, Query(max_length=256)] = None,
) -> Response:
    """End a learner's pause; without `learner`, that of all.

    A pause by the file PAUSE ends when the file is removed.
    """
    _check(visitor, learner)
    await run_in_threadpool(lambda: served.resume(learner, actor=visitor.name))
    return Response(status_code=204)


@router.get(
    PAUSE,
    summary="Pauses in force",
    **says("predict", PAUSES),
)
async def index(visitor: Predictor, served: Served) -> Response:
    """Pauses of learners that the key may see, and the pause of all."""
    found = await run_in_threadpool(served.pauses)
    return reply({"pauses": [p for p in found if not p.scope or visitor.sees(p.scope)]}, PAUSES)


def _check(visitor: Principal, learner: str | None) -> None:
    if learner is None:
        check_unscoped(visitor)
    else:
        check_learner(visitor, learner)
