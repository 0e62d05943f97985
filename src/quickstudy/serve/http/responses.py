"""Helpers of every endpoint: the deployment, and JSON responses."""

from __future__ import annotations

from typing import Annotated, Any, cast

from fastapi import Depends, Request
from starlette.responses import Response

from quickstudy.api.codec import dumps
from quickstudy.deploy.deployment import Deployment


def reply(value: Any, model: Any = None, status: int = 200) -> Response:
    """A JSON response with a value of `model`, by default of its own class."""
    return Response(dumps(value, model), status, media_type="application/json")


async def _served(request: Request) -> Deployment:
    return cast(Deployment, request.app.state.deployment)


Served = Annotated[Deployment, Depends(_served)]
