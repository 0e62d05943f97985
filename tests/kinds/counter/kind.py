"""What the counter brings."""

from dataclasses import dataclass
from typing import Annotated, Literal

from counter.learner import Counter

from quickstudy.api.decisions import LearnerInfo
from quickstudy.api.fields import PLAIN
from quickstudy.api.settings import Settings, number
from quickstudy.deploy.core.contract import Draft
from quickstudy.deploy.core.projection import count
from quickstudy.deploy.core.queries import tally
from quickstudy.deploy.hosting.transaction import HostedLearners
from quickstudy.deploy.kind import Kind, Metric
from quickstudy.kinds.classifier.metrics import METRICS


@dataclass(frozen=True, slots=True)
class CounterSettings(Settings):
    """What a counter is to hold to, as its owner set it."""

    prior: Annotated[float, number("Weight of labels never seen.", 1.0, ge=0, le=1e6), PLAIN] = 1.0


@dataclass(frozen=True, slots=True)
class CounterInfo(LearnerInfo):
    """A counter of a store."""

    settings: CounterSettings
    kind: Literal["counter"] = "counter"


def _count(rows, event, payload):
    count(rows, event.learner, told=1)


def _check(store, number):
    with store.reading() as connection:
        told = tally(connection, number).get("told", 0)
    return f"it was told {told} labels"


@dataclass(frozen=True)
class Fade:
    """Divide all counts of a counter: what it was told long ago counts less."""

    name: str
    by: int
    actor: str


def _fade(context, command):
    hosted = context.of(HostedLearners).in_service(command.name, context)
    yield Draft("counter.fade", hosted.number, command.actor, payload={"by": command.by})


COUNTER = Kind(
    name="counter",
    noun="counter",
    protocol="decisions",
    settings=CounterSettings,
    learner="counter.learner:Counter",
    new=lambda settings: Counter(settings.prior),
    info=CounterInfo,
    report=lambda deployment, name: deployment.report(name),
    example={"kind": "counter", "name": "coins", "prior": 2.0},
    example_changes={"target": 0.8},
    handlers={Fade: _fade},
    apply=lambda learner, type, payload: learner.fade(payload["by"]),
    projectors={"feedback": _count},
    metrics=(*METRICS, Metric("counter_labels", "Labels.", lambda r: len(r.learner.labels))),
    checks={"labels that it was told": _check},
    routes=("counter.routes:router",),
    pages="counter.pages:PAGES",
)
