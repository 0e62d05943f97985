"""Learners: create, list, show, change, delete, report."""

from __future__ import annotations

from typing import Annotated, Any, Literal, NotRequired, Union

from fastapi import APIRouter, Depends, Request
from pydantic import Field
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quickstudy.api.codec import envelope
from quickstudy.api.decisions import LearnerInfo, NewLearner, Report
from quickstudy.api.options import changeable, changes, checked, options, without_null
from quickstudy.api.runs import ValueInfo
from quickstudy.api.settings import DEFAULT_KIND
from quickstudy.deploy.kind import KINDS, Kind, kind_of
from quickstudy.errors import InputError, NotFoundError
from quickstudy.serve.http.auth import Manager, Predictor, Teacher, check_learner
from quickstudy.serve.http.body import takes, validated
from quickstudy.serve.http.problems import Problem
from quickstudy.serve.http.responses import Served, reply
from quickstudy.serve.openapi.document import says
from quickstudy.serve.openapi.examples import with_examples

router = APIRouter(tags=["learners"])
ONE, ALL = "/v1/learners/{name:part}", "/v1/learners"
ONE_OF_ALL: Any = Union[tuple(kind.info for kind in KINDS)]  # noqa: UP007
LEARNERS, HASH = envelope(learners=list[ONE_OF_ALL]), envelope(state_hash=str)
NAMED: dict[str, Any] = {
    "name": Annotated[str, Field(description="By which it is called from then on.")]
}


def _new(kind: Kind) -> Any:
    """The body that makes a learner of a kind; only the default kind need not be named."""
    named: Any = Literal[kind.name]
    given = NotRequired[named] if kind.name == DEFAULT_KIND else named
    title = f"New{_title(kind)}Learner"
    return with_examples(
        options(kind.settings, title, more={"kind": given, **NAMED}), dict(kind.example)
    )


def _changes(kind: Kind) -> Any:
    """The body that changes settings of a learner of a kind."""
    model: Any = kind.settings
    title = f"{_title(kind)}Changes"
    return with_examples(options(model, title, changeable(model)), dict(kind.example_changes))


def _title(kind: Kind) -> str:
    return "" if kind.name == DEFAULT_KIND else kind.name.title()


read_settings = takes(dict[str, Any], "setting")


async def read_new(request: Request) -> NewLearner:
    """Name, kind and settings of a new learner."""
    body = await read_settings(request)
    about = {name: body.pop(name) for name in ("name", "kind") if name in body}
    return validated(NewLearner, {**about, "settings": without_null(body)}, "setting")


@router.post(
    ALL,
    summary="Make a learner",
    **says(
        "manage",
        ONE_OF_ALL,
        takes=tuple(map(_new, KINDS)),
        refuses=(409,),
        status=201,
    ),
)
async def create(
    visitor: Manager,
    served: Served,
    body: Annotated[NewLearner, Depends(read_new)],
) -> Response:
    """A learner without examples. Settings that are not given have their defaults.

    With `kind` "value" the learner predicts, after each step, the outcome of a run.
    """
    check_learner(visitor, body.name)
    given = checked(KINDS.named(body.kind).settings, body.settings)

    def make() -> Any:
        try:
            return served.create(body.name, kind=body.kind, actor=visitor.name, **given)
        except InputError as error:
            if type(error) is InputError and _exists(served, body.name):
                raise Problem(409, "input", str(error), field="name") from None
            raise

    return reply(await run_in_threadpool(make), status=201)


@router.get(
    ALL,
    summary="List learners",
    **says("predict", LEARNERS),
)
async def index(visitor: Predictor, served: Served) -> Response:
    """The learners that the key may see, by name."""
    found = await run_in_threadpool(served.learners)
    return reply({"learners": [info for info in found if visitor.sees(info.name)]}, LEARNERS)


@router.get(
    ONE,
    summary="Look at a learner",
    **says("predict", ONE_OF_ALL, refuses=(404,)),
)
async def show(name: str, visitor: Predictor, served: Served) -> Response:
    """Its settings, and its counts."""
    return reply(await run_in_threadpool(served.learner, name))


@router.patch(
    ONE,
    summary="Change a learner's settings",
    **says("manage", ONE_OF_ALL, takes=tuple(map(_changes, KINDS)), refuses=(404,)),
)
async def change(
    name: str,
    visitor: Manager,
    served: Served,
    body: Annotated[dict[str, Any], Depends(read_settings)],
) -> Response:
    """Settings that are not given stay as they are."""

    def change() -> LearnerInfo | ValueInfo:
        model = kind_of(served.learner(name)).settings
        return served.change(name, actor=visitor.name, **changes(model, without_null(body)))

    return reply(await run_in_threadpool(change))


@router.delete(ONE, summary="Delete a learner", **says("manage", refuses=(404,), status=204))
async def delete(name: str, visitor: Manager, served: Served) -> Response:
    """The learner no longer answers; its events stay in the log."""
    await run_in_threadpool(lambda: served.delete(name, actor=visitor.name))
    return Response(status_code=204)


@router.get(
    ONE + "/report",
    summary="How a learner does",
    **says("teach", Report, refuses=(404,)),
)
async def report(name: str, visitor: Teacher, served: Served) -> Response:
    """Share handled, precision with its interval, labels, evidence, curve."""
    return reply(await run_in_threadpool(served.report, name))


@router.get(
    ONE + "/state",
    summary="Hash of a learner's state",
    **says("teach", HASH, refuses=(404,)),
)
async def state(name: str, visitor: Teacher, served: Served) -> Response:
    """Digest of learner and risk control, once all logged feedback is learned."""
    return reply({"state_hash": await run_in_threadpool(served.state_hash, name)}, HASH)


def _exists(served: Served, name: str) -> bool:
    try:
        return served.learner(name).name == name
    except NotFoundError:
        return False
