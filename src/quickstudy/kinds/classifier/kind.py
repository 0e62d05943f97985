"""What the classifier brings."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quickstudy.api.decisions import LearnerInfo
from quickstudy.api.settings import Settings
from quickstudy.deploy.kind import Kind
from quickstudy.kinds.classifier.metrics import METRICS

if TYPE_CHECKING:
    from quickstudy.learners.decider import Decider


def new_classifier(settings: Settings) -> Decider:
    """The learner that a deployment starts with."""
    from quickstudy.deploy.recovery.lineage import as_champion
    from quickstudy.learners.classifier.classifier import Classifier

    learner = Classifier(
        budget_mb=settings.budget_mb, schema=settings.schema or None, seed=settings.seed
    )
    return as_champion(learner)


CLASSIFIER = Kind(
    name="classifier",
    noun="classifier",
    protocol="decisions",
    settings=Settings,
    learner="quickstudy.learners.classifier.classifier:Classifier",
    new=new_classifier,
    info=LearnerInfo,
    report=lambda deployment, name: deployment.report(name),
    example={"name": "tickets", "target": 0.9},
    example_changes={"target": 0.97, "audit": 0.1},
    versions=True,
    metrics=METRICS,
    pages="quickstudy.serve.dashboard.learners.classifier:CLASSIFIER",
)
