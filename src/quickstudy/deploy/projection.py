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
from quickstudy.deploy.kind import KINDS, Kind
from quickstudy.deploy.runs import projection as run_projection
from quickstudy.deploy.versions import projection as version_projection
from quickstudy.log.events import Logged

SHARED = core_projection.PROJECTORS | guardrail_projection.PROJECTORS
OF_PROTOCOL: dict[str, Mapping[str, Projector]] = {
    "decisions": decision_projection.PROJECTORS | version_projection.PROJECTORS,
    "runs": run_projection.PROJECTORS,
}


def project(rows: Rows, event: Logged, payload: dict[str, Any]) -> None:
    """Write the rows of an event with its payload."""
    if projector := SHARED.get(event.type):
        projector(rows, event, payload)
        return
    kind = _kind_of(rows, event, payload)
    for projectors in (OF_PROTOCOL[kind.protocol], kind.projectors):
        if projector := projectors.get(event.type):
            projector(rows, event, payload)


def _kind_of(rows: Rows, event: Logged, payload: dict[str, Any]) -> Kind:
    if event.type == "created":
        return KINDS.of_plain(payload)
    row = rows.find(LEARNERS, event.learner) if event.learner else None
    return _of_row(row["settings"]) if row else KINDS.of_plain({})


@lru_cache(maxsize=1024)
def _of_row(settings: str) -> Kind:
    return KINDS.of_plain(decode(settings))
