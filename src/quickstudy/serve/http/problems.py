"""Errors as problem+json (RFC 9457): the form of every response that is not a success."""

from __future__ import annotations

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from quickstudy.api.codec import PROBLEM_BASE, PROBLEMS, to_bytes
from quickstudy.api.refusals import place, words
from quickstudy.errors import QuickstudyError
from quickstudy.serve.http.methods import methods_of

MEDIA = "application/problem+json"
STATUS = {
    "not-found": 404,
    "not-ready": 409,
    "access": 403,
    "store": 503,
    "model-file": 503,
    "missing-extra": 503,
}
LONGEST_DETAIL, LONGEST_FIELD = 1_000, 256
SCHEMA = {
    "title": "Problem",
    "description": "Why a request was refused (RFC 9457). Nothing was changed.",
    "type": "object",
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "field": {"type": "string", "description": "What part of the request it is about."},
    },
    "required": ["type", "title", "status", "detail"],
    "examples": [
        {
            "type": PROBLEM_BASE + "record",
            "title": "Unprocessable Content",
            "status": 422,
            "detail": "field 'height' holds inf; use a finite number",
            "field": "height",
        }
    ],
}


class Problem(Exception):  # noqa: N818 - the RFC's word
    """An HTTP error.

    Args:
        status: of the response.
        slug: last part of the problem's type, in kebab case.
        detail: what is wrong and what to do.
    """

    def __init__(
        self,
        status: int,
        slug: str,
        detail: str,
        *,
        field: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.slug, self.detail = status, slug, detail
        self.field, self.headers = field, dict(headers or {})

    def response(self) -> Response:
        """The response of the problem."""
        body: dict[str, Any] = {
            "type": PROBLEM_BASE + self.slug,
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail[:LONGEST_DETAIL],
        }
        if self.field is not None:
            body["field"] = self.field
        return Response(to_bytes(body), self.status, self.headers, MEDIA)


def of_error(error: QuickstudyError) -> Problem:
    """The problem of a Quickstudy error."""
    slug = next(s for s, cls in PROBLEMS.items() if isinstance(error, cls))
    detail = _printable(str(error))
    field = error.field or ("label" if slug == "label" else None)
    shown = None if field is None else _printable(str(field))[:LONGEST_FIELD]
    return Problem(STATUS.get(slug, 422), slug, detail, field=shown)


def of_validation(first: Mapping[str, Any], slug: str = "input") -> Problem:
    """The problem of a request that does not match its model, from the first validation error."""
    return Problem(422, slug, _printable(words(first)), field=place(first["loc"]))


def install(app: FastAPI) -> None:
    """Install handlers that answer every error of an app with a problem."""
    app.add_exception_handler(Problem, _on_problem)
    app.add_exception_handler(QuickstudyError, _on_error)
    app.add_exception_handler(RequestValidationError, _on_validation)
    app.add_exception_handler(ValidationError, _on_validation)
    app.add_exception_handler(HTTPException, _on_http)


async def _on_problem(_: Request, error: Exception) -> Response:
    assert isinstance(error, Problem)
    return error.response()


async def _on_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, QuickstudyError)
    error.__traceback__ = None  # its frames hold the request, in a cycle that is freed late
    return of_error(error).response()


async def _on_validation(_: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError | ValidationError)
    return of_validation(error.errors()[0]).response()


async def _on_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    slug = {404: "no-such-page", 405: "method-not-allowed"}.get(error.status_code, "input")
    detail = {
        404: f"there is no page {_printable(request.url.path)[:200]}; see /openapi.json",
        405: f"{request.method} is not possible here",
    }.get(error.status_code, str(error.detail))
    headers = dict(error.headers or {})
    if error.status_code == 405 and (allowed := methods_of(request.scope)):
        headers = {"allow": ", ".join(allowed)}
    return Problem(error.status_code, slug, detail, headers=headers).response()


def _printable(text: str) -> str:
    """Text that UTF-8 can encode: lone surrogates are escaped."""
    return text.encode("utf-8", "backslashreplace").decode("utf-8")
