"""Autonomy: the level of a learner, answers held for approval, and sources."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quickstudy.api.annotators import SourceReport
from quickstudy.api.codec import envelope
from quickstudy.api.decisions import Ask
from quickstudy.api.guardrails import AutonomyReport
from quickstudy.serve.http.auth import Teacher
from quickstudy.serve.http.responses import Served, reply
from quickstudy.serve.openapi.document import says

router = APIRouter(tags=["autonomy"])
ONE = "/v1/learners/{name:part}"
HELD, SOURCES = envelope(held=list[Ask]), envelope(sources=list[SourceReport])


@router.get(
    ONE + "/autonomy",
    summary="How much a learner may do",
    **says("teach", AutonomyReport, refuses=(404,)),
)
async def autonomy(name: str, visitor: Teacher, served: Served) -> Response:
    """Its level, the evidence so far, and the reason why the level is not higher."""
    return reply(await run_in_threadpool(served.autonomy, name))


@router.get(
    ONE + "/held",
    summary="Answers held for approval",
    **says("teach", HELD, refuses=(404,)),
)
async def held(
    name: str,
    visitor: Teacher,
    served: Served,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
) -> Response:
    """Oldest first. Feedback with `correct` true approves one; false, or a label, refuses it."""
    found = await run_in_threadpool(lambda: served.held(name, limit=limit))
    return reply({"held": found}, HELD)


@router.get(
    ONE + "/sources",
    summary="Who taught it",
    **says(
        "teach",
        SOURCES,
        refuses=(404,),
    ),
)
async def sources(name: str, visitor: Teacher, served: Served) -> Response:
    """The number of labels of each source, and its agreement with the others."""
    return reply({"sources": await run_in_threadpool(served.sources, name)}, SOURCES)
