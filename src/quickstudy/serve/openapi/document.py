"""The OpenAPI document, and the arguments of routes that describe their endpoints."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Response
from fastapi.openapi.utils import get_openapi

from quickstudy.api.codec import adapter, dump
from quickstudy.serve.http.problems import MEDIA, SCHEMA
from quickstudy.serve.openapi.examples import example, examples_of_body
from quickstudy.serve.openapi.schemas import REF, Mode, Schemas

REFUSALS = {
    400: "The body is not JSON, or not of its content-encoding.",
    401: "No key, or one that is not valid.",
    403: "The key may not do this, or the request came from a page of another site.",
    404: "There is none of that name or id.",
    408: "The body came too slowly.",
    409: "It is there already, or the learner has not seen enough for this.",
    413: "The body is too long, as it is sent or decoded.",
    415: "The body is not sent as JSON, or in an encoding that is not read.",
    422: "A part of the request is not what it must be; nothing was changed.",
    429: "The key is used too fast.",
    503: "The store cannot be read or written now; nothing was changed, sending again is safe.",
}
ALWAYS = (401, 403, 422, 429, 503)  # statuses of every endpoint that needs a key
WITH_BODY = (400, 408, 413, 415)
NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
MODELS: list[tuple[Any, Mode]] = []  # models in the document: (type, request or response)
LATER = "#/models/"  # placeholder of a reference to a model, until the document is made
ABOUT = """Predictions with ids, feedback whenever it comes, asks answered by people.

Feedback is acknowledged once it is on disk, and counts exactly once however often it is sent.
Errors are problem+json (RFC 9457). Bodies may be sent with content-encoding gzip or deflate.
Wherever GET is possible, HEAD is too."""


def says(
    role: str,
    gives: Any = None,
    *,
    takes: Any = None,
    given: list[dict[str, Any]] | None = None,
    refuses: tuple[int, ...] = (),
    status: int = 200,
) -> dict[str, Any]:
    """Arguments of a route: its response and request models, its error statuses, its role.

    `takes`: a model, or several alternatives for the body. `given` names the parameters of an
    endpoint that reads them from the request itself.
    """
    media: dict[str, Any] = {"schema": {}}
    if gives is not None:
        made = example(gives)
        media = {"schema": _later(gives, "serialization"), "example": dump(made, gives)}
    content = {"application/json": media}
    also = (*refuses, *ALWAYS, *(WITH_BODY if takes else ()))
    responses: dict[int, Any] = {
        status: {"description": "Done."} | ({} if status == 204 else {"content": content}),
        **{code: refusal(code) for code in sorted(set(also))},
    }
    extra: dict[str, Any] = {"security": [{"key": []}, {"session": []}], "x-role": role}
    if given is not None:
        extra["parameters"] = given
    if takes is not None:
        extra["requestBody"] = _body(*takes if isinstance(takes, tuple) else (takes,))
    return {"status_code": status, "responses": responses, "openapi_extra": extra}


def says_text(role: str, about: str, media: str, made_by: type[Response]) -> dict[str, Any]:
    """Arguments of a route whose response is a text of another media type than JSON."""
    described = says(role)
    content = {media: {"schema": {"type": "string"}}}
    described["responses"][200] = {"description": about, "content": content}
    return described | {"response_class": made_by}


def refusal(code: int) -> dict[str, Any]:
    """The description of a response that is a problem."""
    schema = {"$ref": REF.format(model="Problem")}
    return {"description": REFUSALS[code], "content": {MEDIA: {"schema": schema}}}


def document(app: FastAPI) -> dict[str, Any]:
    """The whole document, made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title="Quickstudy",
            version=app.version,
            description=ABOUT,
            routes=app.routes,
        )
        found = [(i, mode, adapter(model).core_schema) for i, (model, mode) in enumerate(MODELS)]
        refs, schemas = Schemas(ref_template=REF).generate_definitions(found)
        by_number = {f"{LATER}{i}": schema for (i, _), schema in refs.items()}
        made = _with_schemas(made, by_number)
        parts: dict[str, Any] = {"Problem": SCHEMA}
        parts.update((str(name), schema) for name, schema in schemas.items())
        made["components"] = {
            "schemas": dict(sorted(parts.items())),
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "description": "A key, qs_..."},
                "session": {"type": "apiKey", "in": "cookie", "name": "qs_session"},
            },
        }
        app.openapi_schema = made
    return app.openapi_schema


def _later(model: Any, mode: Mode) -> dict[str, Any]:
    """A reference to the schema of a model: all are made together, so that names are unique."""
    MODELS.append((model, mode))
    return {"$ref": f"{LATER}{len(MODELS) - 1}"}


def _body(*models: Any) -> dict[str, Any]:
    given = [value for model in models for value in examples_of_body(model)]
    named = {f"{i}": {"value": value} for i, value in enumerate(given, 1)}
    refs = [_later(model, "validation") for model in models]
    media = {"schema": refs[0] if len(refs) == 1 else {"anyOf": refs}, "examples": named}
    return {"required": True, "content": {"application/json": media}}


def _with_schemas(part: Any, schemas: dict[str, Any]) -> Any:
    """A part of the document, with placeholders replaced by schemas."""
    if isinstance(part, list):
        return [_with_schemas(one, schemas) for one in part]
    if not isinstance(part, dict):
        return part
    if str(part.get("$ref", "")) in schemas:
        return schemas[part["$ref"]]
    return {name: _with_schemas(value, schemas) for name, value in part.items()}
