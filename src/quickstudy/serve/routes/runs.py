"""Runs: start, step and end, with an estimate of the outcome after each step."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from fastapi import APIRouter, Depends, Query
from starlette.concurrency import run_in_threadpool
from starlette.responses import Response

from quickstudy.api.codec import envelope
from quickstudy.api.runs import Ending, NewRun, OneStep, RunInfo, RunReport, RunStatus, ValueReport
from quickstudy.errors import InputError
from quickstudy.serve.http.auth import Predictor, Teacher
from quickstudy.serve.http.body import takes
from quickstudy.serve.http.problems import Problem
from quickstudy.serve.http.responses import Served, reply
from quickstudy.serve.openapi.document import says
from quickstudy.types import Estimate

router = APIRouter(tags=["runs"])
LEARNER = "/v1/learners/{name:part}"
RUNS = LEARNER + "/runs"
ALL_RUNS = envelope(runs=list[RunInfo])
ONE = RUNS + "/{run:part}"
# first word of an error message -> the field that it is about
FIELDS = {
    **{name: name for name in ("task", "id", "action", "error", "reward", "number")},
    **{name: name for name in ("outcome", "success", "source")},
    "x": "input",
}
Given = TypeVar("Given")


@router.post(
    RUNS,
    summary="Start a run",
    **says("predict", RunInfo, takes=NewRun, refuses=(404,), status=201),
)
async def start(
    name: str, visitor: Predictor, served: Served, body: Annotated[NewRun, Depends(takes(NewRun))]
) -> Response:
    """A run is live until it ends, or until no step comes for the learner's `wait_seconds`.

    With an `id` of your own, a repeated request returns the existing run.
    """

    def start() -> RunInfo:
        return served.start(name, task=body.task, id=body.id, actor=visitor.name)

    return reply(await run_in_threadpool(_named, start), status=201)


@router.post(
    ONE + "/steps",
    summary="Add a step, and hear how the run will end",
    **says("predict", Estimate, takes=OneStep, refuses=(404,)),
)
async def step(
    name: str,
    run: str,
    visitor: Predictor,
    served: Served,
    body: Annotated[OneStep, Depends(takes(OneStep))],
) -> Response:
    """The estimate is on disk before it is answered.

    A step that is repeated with its `number` gets the same estimate; another step with a number
    that is taken, or a gap in the numbers, is refused.
    """

    def step() -> Estimate:
        return served.step(
            name,
            run,
            body.input,
            action=body.action,
            error=body.error,
            reward=body.reward,
            number=body.number,
            actor=visitor.name,
        )

    return reply(await run_in_threadpool(_named, step))


@router.post(
    ONE + "/end",
    summary="Say how a run ended",
    **says("teach", RunInfo, takes=Ending, refuses=(404,)),
)
async def end(
    name: str,
    run: str,
    visitor: Teacher,
    served: Served,
    body: Annotated[Ending, Depends(takes(Ending))],
) -> Response:
    """The learner learns the outcome. The same outcome again: `repeated`; another: refused.

    The end of a run that had expired is logged as `late`, and not learned.
    """

    def end() -> RunInfo:
        return served.end(
            name,
            run,
            body.outcome,
            success=body.success,
            source=body.source,
            actor=visitor.name,
        )

    return reply(await run_in_threadpool(_named, end))


@router.post(
    ONE + "/expire",
    summary="Say that the end of a run will not be known",
    **says("predict", RunInfo, refuses=(404,)),
)
async def expire(name: str, run: str, visitor: Predictor, served: Served) -> Response:
    """For a run that was stopped: it is closed, and no outcome is learned.

    A repeated request: `repeated`. A run that has ended is refused.
    """

    def expire() -> RunInfo:
        return served.expire(name, run, actor=visitor.name)

    return reply(await run_in_threadpool(_named, expire))


@router.get(
    RUNS,
    summary="Runs of a learner",
    **says("teach", ALL_RUNS, refuses=(404,)),
)
async def index(
    name: str,
    visitor: Teacher,
    served: Served,
    status: Annotated[RunStatus | None, Query(description="Only those.")] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 50,
) -> Response:
    """Newest first, without their steps."""
    found = await run_in_threadpool(lambda: served.runs(name, status=status, limit=limit))
    return reply({"runs": found}, ALL_RUNS)


@router.get(
    ONE,
    summary="Look at a run",
    **says("teach", RunReport, refuses=(404,)),
)
async def show(name: str, run: str, visitor: Teacher, served: Served) -> Response:
    """Every step as it was sent, with its estimate."""
    return reply(await run_in_threadpool(served.run, name, run))


@router.get(
    LEARNER + "/value",
    summary="How a value learner does",
    **says("teach", ValueReport, refuses=(404,)),
)
async def value(name: str, visitor: Teacher, served: Served) -> Response:
    """Numbers of runs by outcome, and whether the learner may stop runs."""
    return reply(await run_in_threadpool(served.value, name))


def _named(do: Callable[[], Given]) -> Given:
    """Call `do`; an error message that begins with the name of a field is about that field."""
    try:
        return do()
    except InputError as error:
        word: Any = str(error).split(" ", 1)[0]
        if type(error) is not InputError or word not in FIELDS:
            raise
        raise Problem(422, "input", str(error), field=FIELDS[word]) from None
