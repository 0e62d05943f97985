"""Two kinds of learners: most pages are of one kind only."""

from __future__ import annotations

from typing import TYPE_CHECKING

from quickstudy.api.runs import ValueInfo
from quickstudy.errors import NotFoundError

if TYPE_CHECKING:
    from quickstudy.api.decisions import LearnerInfo
    from quickstudy.serve.dashboard.base.session import Store


def classifier(store: Store, name: str) -> LearnerInfo:
    """A learner that answers cases.

    Raises:
        NotFoundError: there is none of that name, or it foretells how runs end.
    """
    info = store.learner(name)
    if isinstance(info, ValueInfo):
        raise NotFoundError(f"{name!r} has no such page: it says how runs will end, see its runs")
    return info


def is_value(store: Store, name: str) -> bool:
    """Whether a learner foretells how runs end.

    Raises:
        NotFoundError: there is none of that name.
    """
    return isinstance(store.learner(name), ValueInfo)
