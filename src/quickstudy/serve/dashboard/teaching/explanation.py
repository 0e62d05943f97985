"""Why a case gets its answer, for the pages that show it."""

from __future__ import annotations

from quickstudy.errors import QuickstudyError
from quickstudy.serve.dashboard.base.session import Store
from quickstudy.types import Explanation


def explanation(store: Store, id: str) -> Explanation | None:
    """Why a case would get its present answer; None while nothing is learned."""
    try:
        return store.explain(id)
    except QuickstudyError:
        return None
