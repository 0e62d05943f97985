"""Limits and pauses: what a learner may do, whatever it has learned."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quickstudy.api.json_schema import schema, several
from quickstudy.api.versions import LimitsReport, Pause
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
from quickstudy.serve.openapi import examples_oversight as examples
from quickstudy.serve.openapi.document import says
from quickstudy.serve.openapi.forms_oversight import ToLimit, ToPause

router = APIRouter(tags=["limits"])
LIMITS, PAUSE = "/v1/learners/{name:part}/limits", "/v1/pause"


@router.get(
    LIMITS,
    summary="Limits of a learner",
    **says("teach", schema(LimitsReport), examples.LIMITS, refuses=(404,)),
)
async def show(name: str, visitor: Teacher, served: Served) -> Response:
    """With the pauses in force, what is used up, and the latest hits."""
    return reply(await run_in_threadpool(served.limits, name))


@router.put(
    LIMITS,
    summary="Set the limits of a learner",
    **says("manage", schema(LimitsReport), examples.LIMITS, takes=ToLimit, refuses=(404,)),
)
async def limit(
    name: str,
    visitor: Manager,
    served: Served,
    body: Annotated[ToLimit, Depends(takes(ToLimit, "setting"))],
) -> Response:
    """All of them at once, from the next answer on; what is not given is not limited any more."""

    def limit() -> LimitsReport:
        return served.limit(name, body.noun(), actor=visitor.name)

    return reply(await run_in_threadpool(limit))


@router.post(
    PAUSE, summary="Pause", **says("manage", {}, takes=ToPause, refuses=(404,), status=204)
)
async def pause(
    visitor: Manager, served: Served, body: Annotated[ToPause, Depends(takes(ToPause))]
) -> Response:
    """From now on a learner asks for everything; without one, all do, for which a key must be good.

    Pausing what is paused changes nothing.
    """
    _check(visitor, body.learner)

    def pause() -> None:
        served.pause(body.learner, reason=body.reason, actor=visitor.name)

    await run_in_threadpool(pause)
    return Response(status_code=204)


@router.delete(PAUSE, summary="Resume", **says("manage", {}, refuses=(404,), status=204))
async def resume(
    visitor: Manager,
    served: Served,
    learner: Annotated[str | None, Query(max_length=256)] = None,
) -> Response:
    """End a learner's pause; without one, that of all. A file that pauses all has to be removed."""
    _check(visitor, learner)
    await run_in_threadpool(lambda: served.resume(learner, actor=visitor.name))
    return Response(status_code=204)


@router.get(
    PAUSE,
    summary="Pauses in force",
    **says("predict", several(Pause, "pauses"), {"pauses": [examples.PAUSE]}),
)
async def index(visitor: Predictor, served: Served) -> Response:
    """Those of learners that the key may see, and of all."""
    found = await run_in_threadpool(served.pauses)
    return reply({"pauses": [p for p in found if not p.scope or visitor.sees(p.scope)]})


def _check(visitor: Principal, learner: str | None) -> None:
    if learner is None:
        check_unscoped(visitor)
    else:
        check_learner(visitor, learner)
