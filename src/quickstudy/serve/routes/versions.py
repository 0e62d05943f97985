"""Versions: list, challenge, gate, promote, roll back, compare."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quickstudy.api.codec import envelope
from quickstudy.api.versions import Diff, GateReport, Promotion, Reason, Version
from quickstudy.errors import ModelFileError
from quickstudy.serve.http.auth import Manager, Teacher
from quickstudy.serve.http.body import MODEL, is_model, read_model, takes
from quickstudy.serve.http.paths import routes_of
from quickstudy.serve.http.problems import Problem
from quickstudy.serve.http.responses import Served, reply
from quickstudy.serve.openapi.document import says

router = APIRouter(tags=["versions"])
ONE = "/v1/learners/{name:part}"
CHALLENGER = ONE + "/challenger"
VERSIONS, GATE = envelope(versions=list[Version]), envelope(gate=GateReport | None)
read_reason = takes(Reason)
Why = Annotated[str, Query(max_length=500, description="For the log.")]
Id = Annotated[str, Query(max_length=64, description="Of a version: 6 characters or more.")]


@router.get(
    ONE + "/versions",
    summary="Versions of a learner",
    **says("teach", VERSIONS, refuses=(404,)),
)
async def index(
    name: str,
    visitor: Teacher,
    served: Served,
    at: Annotated[
        str | None,
        Query(max_length=64, description="Only who answered then: ISO 8601, or unix seconds."),
    ] = None,
) -> Response:
    """Newest first."""

    def look() -> list[Version]:
        if at is None:
            return served.versions(name)
        return [served.version_at(name, read_time(at))]

    return reply({"versions": await run_in_threadpool(look)}, VERSIONS)


def _challenge_says() -> dict[str, Any]:
    described = says("manage", Version, takes=Reason, refuses=(404,), status=201)
    binary = {"schema": {"type": "string", "format": "binary"}}
    described["openapi_extra"]["requestBody"]["content"][MODEL] = binary
    return described


@router.post(CHALLENGER, summary="Let a version challenge", **_challenge_says())
async def challenge(
    request: Request, name: str, visitor: Manager, served: Served, reason: Why = ""
) -> Response:
    """The consolidated champion, made here in seconds; or, if sent, the file of a learner.

    Answered once the challenger is in shadow.
    """
    model = await read_model(request) if is_model(request.headers) else None
    why = reason if model is not None else (await read_reason(request)).reason or reason

    def challenge() -> Version:
        try:
            return served.challenge(name, model=model, reason=why, actor=visitor.name)
        except ModelFileError as error:
            if model is None:
                raise
            raise Problem(422, "model-file", str(error)) from None

    return reply(await run_in_threadpool(challenge), status=201)


UPLOADS = routes_of(router, challenge)


@router.delete(
    CHALLENGER,
    summary="Withdraw the challenger",
    **says("manage", refuses=(404,), status=204),
)
async def withdraw(name: str, visitor: Manager, served: Served, reason: Why = "") -> Response:
    """The challenger leaves the shadow."""
    await run_in_threadpool(lambda: served.withdraw(name, reason=reason, actor=visitor.name))
    return Response(status_code=204)


@router.get(
    ONE + "/gate",
    summary="How the challenger stands",
    **says("teach", GATE, refuses=(404,)),
)
async def gate(name: str, visitor: Teacher, served: Served) -> Response:
    """Conditions and evidence of the challenger, or of a champion in probation; else null."""
    return reply({"gate": await run_in_threadpool(served.gate, name)}, GATE)


@router.post(
    ONE + "/promote",
    summary="Promote the challenger",
    **says("manage", Version, takes=Promotion, refuses=(404,)),
)
async def promote(
    name: str,
    visitor: Manager,
    served: Served,
    body: Annotated[Promotion, Depends(takes(Promotion))],
) -> Response:
    """The challenger answers from now on. `override` must name conditions that do not hold."""

    def promote() -> Version:
        return served.promote(name, override=body.override, reason=body.reason, actor=visitor.name)

    return reply(await run_in_threadpool(promote))


@router.post(
    ONE + "/rollback",
    summary="Go back to the previous version",
    **says("manage", Version, takes=Reason, refuses=(404,)),
)
async def rollback(
    name: str, visitor: Manager, served: Served, body: Annotated[Reason, Depends(read_reason)]
) -> Response:
    """The previous version answers from now on; it has learned all labels since."""

    def go_back() -> Version:
        return served.rollback(name, reason=body.reason, actor=visitor.name)

    return reply(await run_in_threadpool(go_back))


@router.get(
    ONE + "/diff",
    summary="What would change?",
    **says("teach", Diff, refuses=(404,)),
)
async def diff(
    name: str,
    visitor: Teacher,
    served: Served,
    before: Id,
    after: Id,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
) -> Response:
    """Two versions on the exam, and on the labelled cases after both."""
    return reply(await run_in_threadpool(lambda: served.diff(name, before, after, limit=limit)))


def read_time(text: str) -> float:
    """Seconds since 1970 of a time in a query; without an offset it is UTC.

    Raises:
        Problem: the text is not a time.

    >>> read_time("2026-03-03T09:00:00+01:00"), read_time("2026-03-03"), read_time("1772524800.5")
    (1772524800.0, 1772496000.0, 1772524800.5)
    """
    try:
        time = float(text)
    except ValueError:
        time = _from_iso(text)
    if not math.isfinite(time):
        raise Problem(422, "input", "at must be a time: ISO 8601, or unix seconds", field="at")
    return time


def _from_iso(text: str) -> float:
    try:
        # an unescaped plus sign arrives as a space
        read = datetime.fromisoformat(text.replace(" ", "+") if "T" in text else text)
        return (read if read.tzinfo else read.replace(tzinfo=UTC)).timestamp()
    except (ValueError, OverflowError):
        return math.nan
