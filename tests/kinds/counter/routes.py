"""An endpoint of its own: how often each label was taught."""

from counter.kind import Fade
from fastapi import APIRouter

from quickstudy.serve.http.auth import Manager, Teacher
from quickstudy.serve.http.responses import Served, reply
from quickstudy.serve.openapi.document import says

router = APIRouter(tags=["counters"])


@router.post("/v1/learners/{name:part}/fade", summary="Fade", **says("manage", refuses=(404,)))
def fade(name: str, by: int, visitor: Manager, served: Served):
    served.writer.submit(Fade(name, by, visitor.name)).result()
    return reply({})


@router.get("/v1/learners/{name:part}/counts", summary="Counts", **says("teach", refuses=(404,)))
def counts(name: str, visitor: Teacher, served: Served):
    with served.classifiers.in_service(name, served.context).replicas.reading() as learner:
        return reply([[label, int(times)] for label, times in learner.counts.items()])
