"""Reading a request's body: bounded before it is parsed, and checked before it is used."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Any, Literal, TypeVar

import pydantic_core
from fastapi import Request
from pydantic import BaseModel, ValidationError
from starlette.datastructures import Headers

from quickstudy.serve.http.problems import Problem, of_validation

Body = TypeVar("Body", bound=BaseModel)
LARGE = 1 << 16  # bytes of a body whose strings are not kept for those that come: they pin memory
PATIENCE = 30.0  # seconds for a body to arrive once it has begun
PATIENCE_MODEL = 300.0  # for a learner
MODEL = "application/octet-stream"


def takes(model: type[Body], slug: str = "input") -> Callable[[Request], Awaitable[Body]]:
    """A dependency that reads a JSON body as `model`; problems are named `slug`."""

    async def read(request: Request) -> Body:
        return fitted(model, parse(await read_bytes(request)), slug)

    return read


def fitted(model: type[Body], value: Any, slug: str = "input") -> Body:
    """A value as `model`.

    Raises:
        Problem: it is not of that form; named `slug`.
    """
    try:
        return model.model_validate(value)
    except ValidationError as error:
        raise of_validation(list(error.errors(include_url=False)), slug) from None


async def read_bytes(request: Request) -> bytes:
    """The whole body; the frame has bounded its length.

    Raises:
        Problem: it is not JSON (415), or comes too slowly (408).
    """
    if _media(request.headers) != "application/json":
        raise Problem(415, "not-json", "send JSON, with the header content-type: application/json")
    try:
        async with asyncio.timeout(PATIENCE):
            return await request.body()
    except TimeoutError:
        raise Problem(408, "too-slow", f"the body took more than {PATIENCE:.0f} s") from None


async def read_model(request: Request) -> bytes:
    """The file of a learner: taken as it comes, so that it is in memory once.

    Raises:
        Problem: it comes too slowly (408).
    """
    found = io.BytesIO()
    try:
        async with asyncio.timeout(PATIENCE_MODEL):
            async for chunk in request.stream():
                found.write(chunk)
    except TimeoutError:
        detail = f"the body took more than {PATIENCE_MODEL:.0f} s"
        raise Problem(408, "too-slow", detail) from None
    return found.getvalue()  # without a copy


def is_model(headers: Headers) -> bool:
    """Whether a body is sent as the file of a learner."""
    return _media(headers) == MODEL


def _media(headers: Headers) -> str:
    return headers.get("content-type", "").split(";")[0].strip().lower()


def parse(body: bytes) -> Any:
    """The value of a JSON text: strict, so no NaN, no infinity, no half a surrogate.

    Raises:
        Problem: it is not JSON, or nested too deeply (400).

    >>> parse(b'{"a": [1, true, null]}')
    {'a': [1, True, None]}
    """
    try:
        kept: Literal["all", "none"] = "all" if len(body) < LARGE else "none"
        return pydantic_core.from_json(body, allow_inf_nan=False, cache_strings=kept)
    except ValueError as error:
        said = str(error).replace("recursion limit exceeded", "nested too deeply")
        raise Problem(400, "broken-json", f"the body is not JSON: {said}") from None
