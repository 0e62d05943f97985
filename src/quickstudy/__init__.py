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
    from quickstudy.learners.check import check_learner as check_learner
    from quickstudy.learners.classifier import Classifier as Classifier

__all__ = ["Classifier", "check_learner"]
_HOMES = {
    "Classifier": "quickstudy.learners.classifier",
    "check_learner": "quickstudy.learners.check",
}


def __getattr__(name: str) -> Any:
    """Import a public name when it is first used: `import quickstudy` itself does no work."""
    if name not in _HOMES:
        raise AttributeError(f"module 'quickstudy' has no attribute {name!r}")
    from importlib import import_module

    return getattr(import_module(_HOMES[name]), name)
