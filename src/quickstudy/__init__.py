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

    from quickstudy.client import Client as Client
    from quickstudy.client import connect as connect
    from quickstudy.deploy.answers import Feedback as Feedback
    from quickstudy.deploy.deployment import Deployment as Deployment
    from quickstudy.deploy.sizes import Sizes as Sizes
    from quickstudy.evaluate.run_plot import plot_run as plot_run
    from quickstudy.learners.check import check_learner as check_learner
    from quickstudy.learners.classifier import Classifier as Classifier
    from quickstudy.learners.value import ValueFunction as ValueFunction
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
    "Classifier": "quickstudy.learners.classifier",
    "Client": "quickstudy.client",
    "Costs": "quickstudy.types",
    "ValueFunction": "quickstudy.learners.value",
    "Deployment": "quickstudy.deploy.deployment",
    "Feedback": "quickstudy.deploy.answers",
    "Sizes": "quickstudy.deploy.sizes",
    "check_learner": "quickstudy.learners.check",
    "connect": "quickstudy.client",
    "plot_run": "quickstudy.evaluate.run_plot",
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
