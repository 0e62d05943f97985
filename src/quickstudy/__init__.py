"""Quickstudy: a learner you deploy beside a stream of decisions.

>>> from quickstudy import Classifier
>>> c = Classifier()
>>> _ = c.learn("where is my new card", "card_arrival")
>>> c.predict("where is my new card").label
'card_arrival'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pathlib import Path

    from quickstudy.api.decisions import Feedback as Feedback
    from quickstudy.api.sizes import Sizes as Sizes
    from quickstudy.client.client import Client as Client
    from quickstudy.client.client import connect as connect
    from quickstudy.deploy.deployment import Deployment as Deployment
    from quickstudy.evaluate.report.run_plot import plot_run as plot_run
    from quickstudy.learners.check import check_learner as check_learner
    from quickstudy.learners.classifier.classifier import Classifier as Classifier
    from quickstudy.learners.value.value_function import ValueFunction as ValueFunction
    from quickstudy.types import Costs as Costs

__all__ = [
    "Classifier",
    "Client",
    "Costs",
    "Deployment",
    "Feedback",
    "Sizes",
    "ValueFunction",
    "check_learner",
    "connect",
    "open",
    "plot_run",
]
_HOMES = {
    "Classifier": "quickstudy.learners.classifier.classifier",
    "Client": "quickstudy.client.client",
    "Costs": "quickstudy.types",
    "ValueFunction": "quickstudy.learners.value.value_function",
    "Deployment": "quickstudy.deploy.deployment",
    "Feedback": "quickstudy.api.decisions",
    "Sizes": "quickstudy.api.sizes",
    "check_learner": "quickstudy.learners.check",
    "connect": "quickstudy.client.client",
    "plot_run": "quickstudy.evaluate.report.run_plot",
}


def open(path: str | Path, *, actor: str = "local", sizes: Sizes | None = None) -> Deployment:
    """Open a store in this process; made if it is not there. `connect` does the same afar.

    Args:
        path: of the store.
        actor: who is doing this, for the log.
        sizes: largest inputs that it takes in; `Sizes()` unless given.

    Raises:
        StoreError: the store is open elsewhere, damaged, or of a newer schema.
    """
    from quickstudy.deploy.deployment import Deployment

    return Deployment(path, actor=actor, sizes=sizes)


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import quickstudy` itself does no work."""
    if name not in _HOMES:
        raise AttributeError(f"module 'quickstudy' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
