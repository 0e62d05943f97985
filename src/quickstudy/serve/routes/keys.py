"""API keys: create, list, revoke. Only for keys for all learners."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quickstudy.api.admin import Key, NewKey
from quickstudy.api.codec import envelope
from quickstudy.serve.http.auth import Manager, check_unscoped
from quickstudy.serve.http.body import takes
from quickstudy.serve.http.responses import Served, reply
from quickstudy.serve.openapi.document import says

router = APIRouter(tags=["keys"])
KEYS, WITH_SECRET = envelope(keys=list[Key]), envelope(key=Key, secret=str)


@router.post(
    "/v1/keys",
    summary="Make a key",
    **says(
        "manage",
        WITH_SECRET,
        takes=NewKey,
        status=201,
    ),
)
async def create(
    visitor: Manager, served: Served, body: Annotated[NewKey, Depends(takes(NewKey))]
) -> Response:
    """The secret is shown only once. With the first key of a store, every request needs a key."""
    check_unscoped(visitor)
    learners = None if body.learners is None else tuple(body.learners)

    def make() -> tuple[Key, str]:
        return served.create_key(body.name, body.role, learners, actor=visitor.name)

    key, secret = await run_in_threadpool(make)
    return reply({"key": key, "secret": secret}, WITH_SECRET, 201)


@router.get(
    "/v1/keys",
    summary="List keys",
    **says("manage", KEYS),
)
async def index(visitor: Manager, served: Served) -> Response:
    """Without their secrets, including revoked keys."""
    check_unscoped(visitor)
    return reply({"keys": await run_in_threadpool(served.keys)}, KEYS)


@router.delete(
    "/v1/keys/{id:part}", summary="Revoke a key", **says("manage", refuses=(404,), status=204)
)
async def revoke(id: str, visitor: Manager, served: Served) -> Response:
    """The key is not valid from the next request on."""
    check_unscoped(visitor)
    await run_in_threadpool(lambda: served.revoke_key(id, actor=visitor.name))
    return Response(status_code=204)
