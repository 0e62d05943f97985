"""Learners: make, list, look at, change, delete, report."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quickstudy.api.decisions import LearnerInfo, Report
from quickstudy.api.json_schema import schema, several
from quickstudy.api.runs import ValueInfo
from quickstudy.errors import InputError, NotFoundError
from quickstudy.serve.http.auth import Manager, Predictor, Teacher, check_learner
from quickstudy.serve.http.body import fitted, parse, read_bytes
from quickstudy.serve.http.problems import Problem
from quickstudy.serve.http.responses import Served, reply
from quickstudy.serve.openapi import examples, examples_runs
from quickstudy.serve.openapi.document import says
from quickstudy.serve.openapi.forms import Changes, NewLearner
from quickstudy.serve.openapi.forms_runs import NewValueLearner, ValueChanges

router = APIRouter(tags=["learners"])
ONE, ALL = "/v1/learners/{name:part}", "/v1/learners"
HASH = {
    "type": "object",
    "properties": {"state_hash": {"type": "string"}},
    "required": ["state_hash"],
}
INFO = schema(LearnerInfo | ValueInfo)


async def read_new(request: Request) -> NewLearner | NewValueLearner:
    """The settings of a new learner of the `kind` that the body says."""
    value = parse(await read_bytes(request))
    runs = isinstance(value, Mapping) and value.get("kind") == "value"
    form: type[NewLearner | NewValueLearner] = NewValueLearner if runs else NewLearner
    return fitted(form, value, "setting")


@router.post(
    ALL,
    summary="Make a learner",
    **says(
        "manage",
        INFO,
        examples.LEARNER,
        takes=(NewLearner, NewValueLearner),
        refuses=(409,),
        status=201,
    ),
)
async def create(
    visitor: Manager,
    served: Served,
    body: Annotated[NewLearner | NewValueLearner, Depends(read_new)],
) -> Response:
    """A learner that knows nothing yet. What is not given has its default.

    With `kind` "value" it is one that foretells how runs of many steps will end.
    """
    check_learner(visitor, body.name)

    def make() -> LearnerInfo | ValueInfo:
        create = served.create_value if isinstance(body, NewValueLearner) else served.create
        try:
            return create(body.name, actor=visitor.name, **body.settings())
        except InputError as error:
            if type(error) is InputError and _exists(served, body.name):
                raise Problem(409, "input", str(error), field="name") from None
            raise

    return reply(await run_in_threadpool(make), 201)


@router.get(
    ALL,
    summary="List learners",
    **says(
        "predict",
        several(LearnerInfo | ValueInfo, "learners"),
        {"learners": [examples_runs.LEARNER, examples.LEARNER]},
    ),
)
async def index(visitor: Predictor, served: Served) -> Response:
    """Those that the key may see, by name."""
    found = await run_in_threadpool(served.learners)
    return reply({"learners": [info for info in found if visitor.sees(info.name)]})


@router.get(
    ONE,
    summary="Look at a learner",
    **says("predict", INFO, examples.LEARNER, refuses=(404,)),
)
async def show(name: str, visitor: Predictor, served: Served) -> Response:
    """Its settings, and how far it is."""
    return reply(await run_in_threadpool(served.learner, name))


@router.patch(
    ONE,
    summary="Change a learner's settings",
    **says("manage", INFO, examples.LEARNER, takes=(Changes, ValueChanges), refuses=(404,)),
)
async def change(request: Request, name: str, visitor: Manager, served: Served) -> Response:
    """What is not given stays as it is."""
    value = parse(await read_bytes(request))
    known = await run_in_threadpool(served.learner, name)
    form: type[Changes | ValueChanges] = ValueChanges if isinstance(known, ValueInfo) else Changes
    body = fitted(form, value, "setting")

    def change() -> LearnerInfo | ValueInfo:
        return served.change(name, actor=visitor.name, **body.settings())

    return reply(await run_in_threadpool(change))


@router.delete(ONE, summary="Delete a learner", **says("manage", {}, refuses=(404,), status=204))
async def delete(name: str, visitor: Manager, served: Served) -> Response:
    """It answers no more; its events stay in the log."""
    await run_in_threadpool(lambda: served.delete(name, actor=visitor.name))
    return Response(status_code=204)


@router.get(
    ONE + "/report",
    summary="How a learner does",
    **says("teach", schema(Report), examples.REPORT, refuses=(404,)),
)
async def report(name: str, visitor: Teacher, served: Served) -> Response:
    """Share handled, precision with its interval, labels, evidence, curve."""
    return reply(await run_in_threadpool(served.report, name))


@router.get(
    ONE + "/state",
    summary="Hash of a learner's state",
    **says("teach", HASH, {"state_hash": "9f2c..."}, refuses=(404,)),
)
async def state(name: str, visitor: Teacher, served: Served) -> Response:
    """Of learner and risk control, once all that is logged is learned."""
    return reply({"state_hash": await run_in_threadpool(served.state_hash, name)})


def _exists(served: Served, name: str) -> bool:
    try:
        return served.learner(name).name == name
    except NotFoundError:
        return False
