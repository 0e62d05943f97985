"""Predictions: make, show, explain; resolve disputes."""

from __future__ import annotations

from dataclasses import fields
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quickstudy.api.codec import envelope
from quickstudy.api.decisions import Answer, ExplainedCase, Receipt, Resolution, ToPredict
from quickstudy.deploy.deployment import Deployment
from quickstudy.errors import NotReadyError
from quickstudy.serve.http.auth import Teacher, check_predictions, entry
from quickstudy.serve.http.batching import MicroBatcher
from quickstudy.serve.http.body import takes
from quickstudy.serve.http.paths import routes_of
from quickstudy.serve.http.problems import Problem
from quickstudy.serve.http.responses import Served, reply
from quickstudy.serve.openapi.document import NAME, says
from quickstudy.types import Explanation

router = APIRouter(tags=["predictions"])
AT_ONCE = 16  # most records that are predicted in the event loop: more would delay other requests
BYTES_AT_ONCE = 32_768  # most bytes of such a body: long texts take as long as many records
may_predict, read_body = entry("predict"), takes(ToPredict)
PREDICTIONS = envelope(predictions=list[Answer])


@router.post(
    "/v1/learners/{name:part}/predictions",
    summary="Predict one record, or several",
    **says(
        "predict",
        Answer | PREDICTIONS,
        takes=ToPredict,
        refuses=(404,),
        given=[NAME],
    ),
)
async def predict(request: Request) -> Response:
    """`record` returns one prediction, `records` returns {"predictions": [...]}.

    A prediction is on disk before it is answered; feedback refers to its `id`. If a record lacks
    fields that the answer depends on, or has them under another name or type, `unfamiliar` names
    them, and the decision is `ask`.
    """
    visitor = await may_predict(request)
    body = await read_body(request)
    records, ids = _asked(body)
    served: Deployment = request.app.state.deployment
    served.sizes.glance(records)
    name = request.path_params["name"]
    size = len(await request.body())  # cached: it was read before
    each = ids if ids is not None else [None] * len(records)
    if 0 < len(records) == len(each) <= AT_ONCE and size <= BYTES_AT_ONCE:
        gather: MicroBatcher = request.app.state.predictions
        answers = await gather.ask((name, visitor.name), list(zip(records, each, strict=True)))
        return _reply(body, answers)
    return await run_in_threadpool(  # encodes the response there, too: a large one takes long
        lambda: _reply(body, served.predict_many(name, records, ids=ids, actor=visitor.name))
    )


def _reply(body: ToPredict, answers: list[Answer]) -> Response:
    if body.records is None:
        return reply(answers[0])
    return reply({"predictions": answers}, PREDICTIONS)


FAST_PATHS = routes_of(router, predict)


@router.get(
    "/v1/predictions/{id:part}",
    summary="Look at a prediction",
    **says("teach", ExplainedCase, refuses=(404,)),
)
async def show(id: str, visitor: Teacher, served: Served, explanation: bool = True) -> Response:
    """All its events, and the learner's present explanation of its record."""

    def look() -> ExplainedCase:
        check_predictions(visitor, served, [id])
        case = served.history(id)
        known = {field.name: getattr(case, field.name) for field in fields(case)}
        return ExplainedCase(**known, explanation=_why(served, id) if explanation else None)

    return reply(await run_in_threadpool(look))


@router.get(
    "/v1/predictions/{id:part}/explanation",
    summary="Why does it answer so?",
    **says("teach", Explanation, refuses=(404, 409)),
)
async def explain(id: str, visitor: Teacher, served: Served) -> Response:
    """Votes, remembered examples, and the most important fields."""

    def look() -> Explanation:
        check_predictions(visitor, served, [id])
        return served.explain(id)

    return reply(await run_in_threadpool(look))


@router.post(
    "/v1/predictions/{id:part}/ruling",
    summary="End a contested case",
    **says("teach", Receipt, takes=Resolution, refuses=(404,)),
)
async def rule(
    id: str,
    visitor: Teacher,
    served: Served,
    body: Annotated[Resolution, Depends(takes(Resolution))],
) -> Response:
    """A person's label resolves a case whose label changed too often."""

    def rule() -> Receipt:
        check_predictions(visitor, served, [id])
        return served.rule(id, body.label, source=body.source, actor=visitor.name)

    return reply(await run_in_threadpool(rule))


def _asked(body: ToPredict) -> tuple[list[Any], list[str | None] | None]:
    """Records and ids of a request.

    Raises:
        Problem: the body has neither `record` nor `records`, or both.
    """
    given = body.model_fields_set
    if ("record" in given) == (body.records is not None):
        raise Problem(422, "input", "send either record or records", field="record")
    if body.records is None:
        if body.ids is not None:
            raise Problem(422, "input", "ids go with records; use id", field="ids")
        return [body.record], None if body.id is None else [body.id]
    if body.id is not None:
        raise Problem(422, "input", "id goes with record; use ids", field="id")
    if body.ids is not None and len(body.ids) != len(body.records):
        detail = f"ids has {len(body.ids)} entries for {len(body.records)} records"
        raise Problem(422, "input", detail, field="ids")
    return body.records, body.ids


def _why(served: Served, id: str) -> Explanation | None:
    try:
        return served.explain(id)
    except NotReadyError:
        return None
