"""Autonomy: how much a learner may do, what is held for approval, and who taught it."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quickstudy.api.decisions import Ask
from quickstudy.api.json_schema import schema, several
from quickstudy.api.versions import AutonomyReport, SourceReport
from quickstudy.serve.http.auth import Teacher
from quickstudy.serve.http.responses import Served, reply
from quickstudy.serve.openapi import examples, examples_oversight
from quickstudy.serve.openapi.document import says

router = APIRouter(tags=["autonomy"])
ONE = "/v1/learners/{name:part}"
HELD = {**examples.ASK, "held": True}


@router.get(
    ONE + "/autonomy",
    summary="How much a learner may do",
    **says("teach", schema(AutonomyReport), examples_oversight.AUTONOMY, refuses=(404,)),
)
async def autonomy(name: str, visitor: Teacher, served: Served) -> Response:
    """Its level, the evidence so far, and why it is not higher."""
    return reply(await run_in_threadpool(served.autonomy, name))


@router.get(
    ONE + "/held",
    summary="Answers held for approval",
    **says("teach", several(Ask, "held"), {"held": [HELD]}, refuses=(404,)),
)
async def held(
    name: str,
    visitor: Teacher,
    served: Served,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
) -> Response:
    """Oldest first. Feedback with `correct` true approves one; a label, or false, refuses it."""
    return reply({"held": await run_in_threadpool(lambda: served.held(name, limit=limit))})


@router.get(
    ONE + "/sources",
    summary="Who taught it",
    **says(
        "teach",
        several(SourceReport, "sources"),
        {"sources": [examples_oversight.SOURCE]},
        refuses=(404,),
    ),
)
async def sources(name: str, visitor: Teacher, served: Served) -> Response:
    """How much each source taught, and how it agrees with the others."""
    return reply({"sources": await run_in_threadpool(served.sources, name)})
