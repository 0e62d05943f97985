"""`project`: writes the rows that an event makes, live, in a rebuild and in a migration."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from quickstudy.deploy.core import projection as core_projection
from quickstudy.deploy.core.projection import Projector
from quickstudy.deploy.core.records import decode
from quickstudy.deploy.core.rows import Rows
from quickstudy.deploy.core.tables import LEARNERS
from quickstudy.deploy.decisions import projection as decision_projection
from quickstudy.deploy.guardrails import projection as guardrail_projection
from quickstudy.deploy.runs import projection as run_projection
from quickstudy.deploy.runs.settings import KIND
from quickstudy.deploy.versions import projection as version_projection
from quickstudy.log.events import Logged

SHARED = core_projection.PROJECTORS | guardrail_projection.PROJECTORS
DECISIONS = decision_projection.PROJECTORS | version_projection.PROJECTORS
RUNS = run_projection.PROJECTORS


def project(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    """Write the rows of an event with its payload."""
    projector = SHARED.get(event.type) or _of_kind(rows, event, payload).get(event.type)
    if projector:
        projector(rows, event, payload)


def _of_kind(rows: Rows, event: Logged, payload: dict[str, Any]) -> Mapping[str, Projector]:
    if event.type == "created":
        return RUNS if payload.get("kind") == KIND else DECISIONS
    row = rows.find(LEARNERS, event.learner) if event.learner else None
    return RUNS if row and _kind(row["settings"]) == KIND else DECISIONS


@lru_cache(maxsize=1024)
def _kind(settings: str) -> str:
    """The kind that settings name; settings of classifiers name none."""
    kind: str = decode(settings).get("kind", "classifier")
    return kind
