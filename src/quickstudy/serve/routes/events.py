"""Events: the live stream, the log, and waiting until all of it is learned."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Query, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quickstudy.api.admin import Event, Patience
from quickstudy.api.codec import envelope
from quickstudy.errors import StoreError
from quickstudy.serve.http.auth import Manager, Teacher, check_learner
from quickstudy.serve.http.body import takes
from quickstudy.serve.http.responses import Served, reply
from quickstudy.serve.http.sse import Broadcaster, EventStream
from quickstudy.serve.openapi.document import says, says_text

router = APIRouter(tags=["events"])
LARGEST = 2**53
EVENTS, LEARNED = envelope(events=list[Event]), envelope(learned=bool)
Seq = Annotated[int, Query(ge=0, le=LARGEST)]


@router.get(
    "/v1/events",
    summary="Events as they come",
    **says_text("teach", "Events as they come.", "text/event-stream", EventStream),
)
async def stream(
    request: Request,
    visitor: Teacher,
    learner: Annotated[str | None, Query(max_length=256)] = None,
    after: Annotated[int | None, Query(ge=0, le=LARGEST)] = None,
    last_event_id: Annotated[str | None, Header()] = None,
) -> Response:
    """Server-sent events without payloads: new ones, or all after `after` or Last-Event-ID.

    A client that reads too slowly is disconnected; on reconnecting it misses nothing.
    """
    if learner is not None:
        check_learner(visitor, learner)
    if last_event_id is not None and last_event_id.isascii() and last_event_id.isdigit():
        after = min(int(last_event_id[:16]), LARGEST)
    broadcaster: Broadcaster = request.app.state.broadcaster

    def wanted(name: str) -> bool:
        return visitor.sees(name) if learner is None else name == learner

    return broadcaster.stream(wanted, after)


@router.get(
    "/v1/log",
    summary="Events with their payloads",
    **says("manage", EVENTS, refuses=(404,)),
)
async def log(
    visitor: Manager,
    served: Served,
    after: Seq = 0,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
    learner: Annotated[str | None, Query(max_length=256)] = None,
) -> Response:
    """In order. A key that is limited to some learners must name one of them."""
    if learner is not None or visitor.learners is not None:
        check_learner(visitor, learner)
    found = await run_in_threadpool(lambda: served.events(after, limit, learner))
    return reply({"events": found}, EVENTS)


@router.post(
    "/v1/flush",
    summary="Wait until all is learned",
    **says("teach", LEARNED, takes=Patience),
)
async def flush(
    visitor: Teacher, served: Served, body: Annotated[Patience, Depends(takes(Patience))]
) -> Response:
    """Answered once all logged feedback is learned, or at the timeout."""

    def wait() -> bool:
        try:
            served.flush(body.timeout)
        except StoreError:
            if served.faults():
                raise
            return False
        return True

    return reply({"learned": await run_in_threadpool(wait)}, LEARNED)
