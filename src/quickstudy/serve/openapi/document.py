"""What the OpenAPI document says of each endpoint; the routes hand it to FastAPI."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from pydantic import BaseModel

from quickstudy.api import decisions, runs, versions
from quickstudy.api.json_schema import components
from quickstudy.serve.http.problems import MEDIA, SCHEMA
from quickstudy.serve.openapi import forms, forms_oversight, forms_runs
from quickstudy.types import Estimate, Explanation

NOUNS = (
    decisions.LearnerInfo,
    decisions.Answer,
    decisions.Receipt,
    decisions.Ask,
    decisions.Case,
    decisions.Event,
    decisions.Report,
    decisions.Key,
    versions.Version,
    versions.GateReport,
    versions.Diff,
    versions.Pin,
    versions.Exam,
    versions.LimitsReport,
    versions.Pause,
    versions.AutonomyReport,
    versions.SourceReport,
    runs.ValueInfo,
    runs.ValueReport,
    runs.RunInfo,
    runs.RunReport,
    Estimate,
    Explanation,
)
FORMS: tuple[type[BaseModel], ...] = (
    forms.NewLearner,
    forms.Changes,
    forms.ToPredict,
    forms.ToTeach,
    forms.GatedDecision,
    forms.Claim,
    forms.Release,
    forms.NewKey,
    forms.Patience,
    forms_oversight.Reason,
    forms_oversight.Promotion,
    forms_oversight.ToPin,
    forms_oversight.ToLimit,
    forms_oversight.ToPause,
    forms_runs.NewValueLearner,
    forms_runs.ValueChanges,
    forms_runs.NewRun,
    forms_runs.OneStep,
    forms_runs.Ending,
)
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
ALWAYS = (401, 403, 422, 429, 503)  # of every endpoint that needs a key
WITH_BODY = (400, 408, 413, 415)
NAME = {"name": "name", "in": "path", "required": True, "schema": {"type": "string"}}
REF = "#/components/schemas/{model}"
ABOUT = """Predictions with ids, feedback whenever it comes, asks answered by people.

Feedback is acknowledged once it is on disk, and counts exactly once however often it is sent.
Errors are problem+json (RFC 9457). Bodies may be sent with content-encoding gzip or deflate.
Wherever GET is possible, HEAD is too."""


def says(
    role: str,
    gives: dict[str, Any],
    example: Any = None,
    *,
    takes: type[BaseModel] | tuple[type[BaseModel], ...] | None = None,
    given: list[dict[str, Any]] | None = None,
    refuses: tuple[int, ...] = (),
    status: int = 200,
) -> dict[str, Any]:
    """Arguments of a route: the schema of what it gives and takes, its refusals, its role.

    `takes`: a form, or several of which the body is one. `given` names the parameters of an
    endpoint that reads them off the request by itself.
    """
    media: dict[str, Any] = {"schema": gives}
    if example is not None:
        media["example"] = example
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


def refusal(code: int) -> dict[str, Any]:
    """A response that is a problem."""
    schema = {"$ref": "#/components/schemas/Problem"}
    return {"description": REFUSALS[code], "content": {MEDIA: {"schema": schema}}}


def _body(*forms: type[BaseModel]) -> dict[str, Any]:
    given = [value for form in forms for value in _examples(form)]
    named = {f"{i}": {"value": value} for i, value in enumerate(given, 1)}
    refs = [{"$ref": REF.format(model=form.__name__)} for form in forms]
    media = {"schema": refs[0] if len(refs) == 1 else {"anyOf": refs}, "examples": named}
    return {"required": True, "content": {"application/json": media}}


def _examples(form: type[BaseModel]) -> list[Any]:
    found: Any = form.model_config.get("json_schema_extra")
    return list(found["examples"]) if isinstance(found, dict) else []


def document(app: FastAPI) -> dict[str, Any]:
    """The whole document; made once."""
    if app.openapi_schema is None:
        made = get_openapi(
            title="Quickstudy",
            version=app.version,
            description=ABOUT,
            routes=app.routes,
        )
        parts = made.setdefault("components", {})
        schemas = {name: s for name, s in parts.get("schemas", {}).items() if "Valid" not in name}
        parts["schemas"] = dict(sorted({**schemas, **_schemas()}.items()))
        parts["securitySchemes"] = {
            "key": {"type": "http", "scheme": "bearer", "description": "A key, qs_..."},
            "session": {"type": "apiKey", "in": "cookie", "name": "qs_session"},
        }
        app.openapi_schema = made
    return app.openapi_schema


def _schemas() -> dict[str, Any]:
    found = {"Problem": SCHEMA, **components(*NOUNS)}
    for form in FORMS:
        made = form.model_json_schema(ref_template=REF)
        found.update(made.pop("$defs", {}))
        found[form.__name__] = made
    return found
