"""Cases: search the predictions of a learner."""

from __future__ import annotations

import json
from typing import Annotated, Any

from fastapi import APIRouter, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quickstudy.api.codec import envelope
from quickstudy.api.decisions import Action, Case, CaseStatus
from quickstudy.serve.http.auth import Teacher
from quickstudy.serve.http.responses import Served, reply
from quickstudy.serve.openapi.document import says

CASES = envelope(cases=list[Case])
router = APIRouter(tags=["cases"])
LARGEST = 2**53


@router.get(
    "/v1/learners/{name:part}/cases",
    summary="Search predictions",
    **says("teach", CASES, refuses=(404,)),
)
async def index(
    name: str,
    visitor: Teacher,
    served: Served,
    text: Annotated[str, Query(max_length=256, description="Part of the record.")] = "",
    decision: Action | None = None,
    status: CaseStatus | None = None,
    label: Annotated[
        str | None,
        Query(max_length=256, description='A text, or JSON where that differs: 1, true, "1".'),
    ] = None,
    before: Annotated[
        int | None, Query(ge=0, le=LARGEST, description="A case's seq: older ones.")
    ] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
) -> Response:
    """Newest first; for the next page, pass the seq of the last answer as `before`."""

    def search() -> list[Case]:
        return served.cases(
            name,
            text=text,
            decision=decision,
            status=status,
            label=label_of_query(label),
            before=before,
            limit=limit,
        )

    return reply({"cases": await run_in_threadpool(search)}, CASES)


def label_of_query(text: str | None) -> Any:
    """A label from a query: parsed if it is a JSON number, boolean or string, else the text.

    >>> [label_of_query(text) for text in ("1", '"1"', "true", "lost card")]
    [1, '1', True, 'lost card']
    """
    try:
        value = json.loads(text) if text is not None else None
    except ValueError:
        return text
    return value if isinstance(value, str | int) else text
