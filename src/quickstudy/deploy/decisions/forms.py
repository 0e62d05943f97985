"""Records of an unfamiliar form: how they are written down, counted, and told to people."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from quickstudy.api.decisions import FormNotice
from quickstudy.deploy.core.records import written
from quickstudy.deploy.core.tables import LEARNERS
from quickstudy.types import Unfamiliar

if TYPE_CHECKING:
    from quickstudy.deploy.core.context import Context
    from quickstudy.deploy.hosting.learner import HostedLearner

OVER = 50  # familiar cases in a row after which an episode of unfamiliar ones is over


def read_unfamiliar(payload: Mapping[str, Any]) -> Unfamiliar | None:
    """What was unfamiliar about the record of a `predicted` event; older events do not say."""
    found = payload.get("unfamiliar")
    return Unfamiliar(**{name: tuple(fields) for name, fields in found.items()}) if found else None


def written_unfamiliar(unfamiliar: Unfamiliar | None) -> dict[str, Any]:
    """The part of a payload that says what is unfamiliar; nothing where all is familiar."""
    if unfamiliar is None:
        return {}
    return {"unfamiliar": {name: list(fields) for name, fields in asdict(unfamiliar).items()}}


def told(unfamiliar: Unfamiliar, limit: str) -> str:
    """Why it asks, in words."""
    why = f"the record has an unfamiliar form: {unfamiliar}"
    return f"{why}; it is limited, too: {limit}" if limit else why


def count(context: Context, hosted: HostedLearner, unfamiliar: Unfamiliar) -> None:
    """Count a case of unfamiliar form, and begin or continue the episode that it belongs to."""
    row = context.rows.find(LEARNERS, hosted.number)
    assert row is not None
    tally = json.loads(row["tally"])
    now = context.transaction.time
    before = _going_on(tally) or {"since": now, "cases": 0}
    tally["unfamiliar"] = tally.get("unfamiliar", 0) + 1
    tally["episode"] = {
        "since": before["since"],
        "last": now,
        "cases": before["cases"] + 1,
        "at": tally["cases"],
        **written_unfamiliar(unfamiliar),
    }
    context.rows[LEARNERS].change((hosted.number,), tally=written(tally))


def notice(tally: Mapping[str, Any]) -> FormNotice | None:
    """The episode that is going on, by a learner's tally."""
    found = _going_on(tally)
    names = read_unfamiliar(found) if found else None
    if found is None or names is None:
        return None
    return FormNotice(
        since=found["since"], last=found["last"], cases=found["cases"], unfamiliar=names
    )


def _going_on(tally: Mapping[str, Any]) -> dict[str, Any] | None:
    episode: dict[str, Any] | None = tally.get("episode")
    return episode if episode and tally["cases"] - episode["at"] <= OVER else None
