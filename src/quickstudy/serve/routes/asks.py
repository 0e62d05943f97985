"""Asks: cases that wait for a label, and claims on them."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quickstudy.api.codec import envelope
from quickstudy.api.decisions import Ask, Claim, Release
from quickstudy.serve.http.auth import Teacher, check_predictions
from quickstudy.serve.http.body import takes
from quickstudy.serve.http.responses import Served, reply
from quickstudy.serve.openapi.document import says

router = APIRouter(tags=["asks"])
ASKS, CLAIMED = envelope(asks=list[Ask]), envelope(ask=Ask | None)


@router.get(
    "/v1/learners/{name:part}/asks",
    summary="Cases that wait for a label",
    **says("teach", ASKS, refuses=(404,)),
)
async def index(
    name: str,
    visitor: Teacher,
    served: Served,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
) -> Response:
    """Most useful first. Listing claims none of them."""
    found = await run_in_threadpool(lambda: served.asks(name, limit=limit))
    return reply({"asks": found}, ASKS)


@router.post(
    "/v1/learners/{name:part}/asks/claim",
    summary="Take a case to label",
    **says("teach", CLAIMED, takes=Claim, refuses=(404,)),
)
async def claim(
    name: str, visitor: Teacher, served: Served, body: Annotated[Claim, Depends(takes(Claim))]
) -> Response:
    """The most useful case that nobody holds, or the case `id`; null if there is none.

    Nobody else gets the case for `seconds`.
    """

    def take() -> Ask | None:
        return served.claim(name, holder=body.holder, id=body.id, seconds=body.seconds)

    return reply({"ask": await run_in_threadpool(take)}, CLAIMED)


@router.post(
    "/v1/predictions/{id:part}/release",
    summary="Give a case back",
    **says("teach", takes=Release, refuses=(404,), status=204),
)
async def release(
    id: str, visitor: Teacher, served: Served, body: Annotated[Release, Depends(takes(Release))]
) -> Response:
    """Skip a case: it returns to the queue, and to this holder only after all others."""

    def give_back() -> None:
        check_predictions(visitor, served, [id])
        served.release(id, holder=body.holder)

    await run_in_threadpool(give_back)
    return Response(status_code=204)
