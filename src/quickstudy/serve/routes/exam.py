"""The exam: cases that a version must or should answer correctly."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quickstudy.api.codec import envelope
from quickstudy.api.versions import Exam, Pin, ToPin
from quickstudy.serve.http.auth import Manager, Teacher, check_predictions
from quickstudy.serve.http.body import takes
from quickstudy.serve.http.problems import Problem
from quickstudy.serve.http.responses import Served, reply
from quickstudy.serve.openapi.document import says

router = APIRouter(tags=["exam"])
EXAM = "/v1/learners/{name:part}/exam"
COUNT = envelope(pinned=int)


@router.get(
    EXAM,
    summary="Sit the exam",
    **says("teach", Exam, refuses=(404,)),
)
async def sit(
    name: str,
    visitor: Teacher,
    served: Served,
    version: Annotated[
        str | None, Query(max_length=64, description="Else the champion, as it is now.")
    ] = None,
) -> Response:
    """The result of a version on the pinned cases, failed cases first."""
    return reply(await run_in_threadpool(lambda: served.exam(name, version=version)))


@router.post(
    EXAM,
    summary="Pin a case, or several",
    **says(
        "manage",
        Pin | COUNT,
        takes=ToPin,
        refuses=(404,),
        status=201,
    ),
)
async def pin(
    name: str,
    visitor: Manager,
    served: Served,
    body: Annotated[ToPin, Depends(takes(ToPin))],
) -> Response:
    """A prediction or a record with its label; `pins` returns {"pinned": number of pins}."""
    _check(body)

    def pin() -> Pin:
        if body.prediction_id is not None:
            check_predictions(visitor, served, [body.prediction_id])
        return served.pin(
            name,
            prediction_id=body.prediction_id,
            record=body.record,
            label=body.label,
            bound=body.bound,
            source=body.source,
            actor=visitor.name,
        )

    def pin_many() -> dict[str, int]:
        rows = [(pin.record, pin.label, pin.bound) for pin in body.pins or []]
        return {"pinned": served.pin_many(name, rows, actor=visitor.name)}

    if body.pins is None:
        return reply(await run_in_threadpool(pin), status=201)
    return reply(await run_in_threadpool(pin_many), COUNT, 201)


@router.delete(
    EXAM + "/{id:part}",
    summary="Take a case out of the exam",
    **says("manage", refuses=(404,), status=204),
)
async def unpin(name: str, id: str, visitor: Manager, served: Served) -> Response:
    """The log keeps the event of the pin."""
    await run_in_threadpool(lambda: served.unpin(name, id, actor=visitor.name))
    return Response(status_code=204)


def _check(body: ToPin) -> None:
    """Refuse a body with contradictory fields."""
    if body.pins is not None and body.model_fields_set != {"pins"}:
        raise Problem(422, "input", "pins stands alone", field="pins")
