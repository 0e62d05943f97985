"""Reads the body of a request: bounded before it is parsed, and validated before it is used."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import pydantic_core
from fastapi import Request
from pydantic import ValidationError
from starlette.datastructures import Headers

from quickstudy.api.codec import adapter
from quickstudy.serve.http.problems import Problem, of_validation

Body = TypeVar("Body")
NO_NUMBERS = (b"NaN", b"Infinity")
PATIENCE = 30.0  # seconds for a body to arrive
PATIENCE_MODEL = 300.0  # seconds for an uploaded learner to arrive
MODEL = "application/octet-stream"


def takes(model: type[Body], slug: str = "input") -> Callable[[Request], Awaitable[Body]]:
    """A dependency that reads a JSON body as `model`; problems are named `slug`."""

    async def read(request: Request) -> Body:
        return fitted(model, await read_bytes(request), slug)

    return read


def fitted(model: type[Body], body: bytes, slug: str = "input") -> Body:
    """A JSON text as `model`, parsed once and strictly: no NaN, no infinity, no lone surrogate.

    Raises:
        Problem: it is not JSON (400), or does not match the model (422, named `slug`).
    """
    if any(word in body for word in NO_NUMBERS):  # the model would accept them as numbers
        parse(body)
    try:
        made: Body = adapter(model).validate_json(body, strict=True, extra="forbid")
    except ValidationError as error:
        raise _refused(error, slug) from None
    return made


def validated(model: type[Body], value: Any, slug: str = "input") -> Body:
    """The value of a JSON text as `model`.

    Raises:
        Problem: it does not match the model (422, named `slug`).
    """
    try:
        made: Body = adapter(model).validate_python(value)
    except ValidationError as error:
        raise _refused(error, slug) from None
    return made


async def read_bytes(request: Request) -> bytes:
    """The whole body; the middleware has bounded its length.

    Raises:
        Problem: it is not JSON (415), or arrives too slowly (408).
    """
    if _media(request.headers) != "application/json":
        raise Problem(415, "not-json", "send JSON, with the header content-type: application/json")
    try:
        async with asyncio.timeout(PATIENCE):
            return await request.body()
    except TimeoutError:
        raise Problem(408, "too-slow", f"the body took more than {PATIENCE:.0f} s") from None


async def read_model(request: Request) -> bytes:
    """The file of a learner, read in pieces, so that it is in memory only once.

    Raises:
        Problem: it arrives too slowly (408).
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
    """Whether the content type of a body is that of a learner's file."""
    return _media(headers) == MODEL


def _media(headers: Headers) -> str:
    return headers.get("content-type", "").split(";")[0].strip().lower()


def parse(body: bytes) -> Any:
    """The value of a JSON text, parsed strictly: no NaN, no infinity, no lone surrogate.

    Raises:
        Problem: it is not JSON, or nested too deeply (400).

    >>> parse(b'{"a": [1, true, null]}')
    {'a': [1, True, None]}
    """
    try:
        return pydantic_core.from_json(body, allow_inf_nan=False, cache_strings="keys")
    except ValueError as error:
        raise _broken(str(error)) from None


def _refused(error: ValidationError, slug: str) -> Problem:
    first = error.errors(include_url=False)[0]
    if first["type"] == "json_invalid":
        return _broken(first["ctx"]["error"])
    return of_validation(first, slug)


def _broken(why: str) -> Problem:
    reason = why.replace("recursion limit exceeded", "nested too deeply")
    return Problem(400, "broken-json", f"the body is not JSON: {reason}")
