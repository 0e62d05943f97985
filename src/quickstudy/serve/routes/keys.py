"""Keys of the API: make, list, revoke. Only for keys that are good for all learners."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quickstudy.api.decisions import Key
from quickstudy.api.json_schema import schema, several
from quickstudy.serve.http.auth import Manager, check_unscoped
from quickstudy.serve.http.body import takes
from quickstudy.serve.http.responses import Served, reply
from quickstudy.serve.openapi import examples
from quickstudy.serve.openapi.document import says
from quickstudy.serve.openapi.forms import NewKey

router = APIRouter(tags=["keys"])
WITH_SECRET = {
    "type": "object",
    "properties": {"key": schema(Key), "secret": {"type": "string"}},
    "required": ["key", "secret"],
}


@router.post(
    "/v1/keys",
    summary="Make a key",
    **says(
        "manage",
        WITH_SECRET,
        {"key": examples.KEY, "secret": "qs_..."},
        takes=NewKey,
        status=201,
    ),
)
async def create(
    visitor: Manager, served: Served, body: Annotated[NewKey, Depends(takes(NewKey))]
) -> Response:
    """Its secret is shown this once. The first key of a store closes the doors to those without."""
    check_unscoped(visitor)
    learners = None if body.learners is None else tuple(body.learners)

    def make() -> tuple[Key, str]:
        return served.create_key(body.name, body.role, learners, actor=visitor.name)

    key, secret = await run_in_threadpool(make)
    return reply({"key": key, "secret": secret}, 201)


@router.get(
    "/v1/keys",
    summary="List keys",
    **says("manage", several(Key, "keys"), {"keys": [examples.KEY]}),
)
async def index(visitor: Manager, served: Served) -> Response:
    """Without their secrets, those revoked too."""
    check_unscoped(visitor)
    return reply({"keys": await run_in_threadpool(served.keys)})


@router.delete(
    "/v1/keys/{id:part}", summary="Revoke a key", **says("manage", {}, refuses=(404,), status=204)
)
async def revoke(id: str, visitor: Manager, served: Served) -> Response:
    """It is good for nothing from the next request on."""
    check_unscoped(visitor)
    await run_in_threadpool(lambda: served.revoke_key(id, actor=visitor.name))
    return Response(status_code=204)
