"""The learner that settings describe."""

from __future__ import annotations

from quickstudy.api.settings import Settings
from quickstudy.deploy.recovery.lineage import FREE_MAP_UNTIL
from quickstudy.learners.classifier.classifier import Classifier


def new_learner(settings: Settings) -> Classifier:
    """The learner that a deployment starts with."""
    learner = Classifier(
        budget_mb=settings.budget_mb, schema=settings.schema or None, seed=settings.seed
    )
    return as_champion(learner)


def as_champion(learner: Classifier) -> Classifier:
    """A champion: others refit its slow experts, and make its later feature maps."""
    learner.defer_refits()
    learner.freeze_map(FREE_MAP_UNTIL)
    return learner
