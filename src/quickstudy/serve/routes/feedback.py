"""Feedback: labels, corrections and outcomes, one or many at once."""

from __future__ import annotations

from collections.abc import Sequence

from fastapi import APIRouter, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quickstudy.api.codec import envelope
from quickstudy.api.decisions import Feedback, Receipt, ToTeach
from quickstudy.deploy.deployment import Deployment
from quickstudy.serve.http.auth import Principal, check_learner, check_predictions, entry
from quickstudy.serve.http.batching import MicroBatcher
from quickstudy.serve.http.body import takes
from quickstudy.serve.http.paths import routes_of
from quickstudy.serve.http.problems import Problem
from quickstudy.serve.http.responses import reply
from quickstudy.serve.openapi.document import says

router = APIRouter(tags=["feedback"])
may_teach, read_body = entry("teach"), takes(ToTeach)
RECEIPTS = envelope(receipts=list[Receipt])
WAIT = {
    "name": "wait",
    "in": "query",
    "required": False,
    "description": "Until what is done before the answer, besides writing to disk.",
    "schema": {"const": "learned"},
}


@router.post(
    "/v1/feedback",
    summary="Say what is right",
    **says(
        "teach",
        Receipt | RECEIPTS,
        takes=ToTeach,
        refuses=(404,),
        given=[WAIT],
    ),
)
async def teach(request: Request) -> Response:
    """On a prediction (`prediction_id`), or for a `record` of a `learner`.

    Answered once the feedback is on disk; with `wait=learned` once it is learned, too. `feedback`
    takes several, and returns {"receipts": [...]}. A repeated request, with the same `key` or the
    same content, gets the receipt of the first.
    """
    visitor = await may_teach(request)
    wait = request.query_params.get("wait")
    if wait not in (None, "learned"):
        raise Problem(422, "input", "wait must be learned, or left out", field="wait")
    body = await read_body(request)
    given = [body.alone()] if body.feedback is None else body.feedback
    if body.feedback is not None and body.alone() != Feedback():
        raise Problem(422, "input", "feedback stands alone", field="feedback")
    served: Deployment = request.app.state.deployment
    served.sizes.batch("feedback", given)  # refuses empty and oversized batches
    await _check(given, visitor, served)
    gather: MicroBatcher = request.app.state.feedback
    receipts = await gather.ask((visitor.name, wait == "learned"), given)
    if body.feedback is None:
        return reply(receipts[0])
    return reply({"receipts": receipts}, RECEIPTS)


FAST_PATHS = routes_of(router, teach)


async def _check(given: Sequence[Feedback], visitor: Principal, served: Deployment) -> None:
    """Refuse feedback on learners outside the scope of the key."""
    if visitor.learners is not None:
        for one in given:
            if one.prediction_id is None or one.learner is not None:
                check_learner(visitor, one.learner)
        ids = [one.prediction_id for one in given if one.prediction_id is not None]
        await run_in_threadpool(check_predictions, visitor, served, ids)
