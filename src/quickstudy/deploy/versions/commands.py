"""Commands on versions and the exam."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from quickstudy.api.sizes import Sizes
from quickstudy.api.versions import Bound, Condition, Kind
from quickstudy.types import Label

if TYPE_CHECKING:
    from quickstudy.deploy.hosting.learner import HostedLearner


@dataclass(frozen=True, slots=True)
class VersionSpec:
    """A new version, as in the table. `simpler`: it is not larger than the champion."""

    id: str
    kind: Kind
    asof: int
    examples: int
    size: int
    parent: str
    simpler: bool


@dataclass(frozen=True, slots=True)
class Challenge:
    """Put a version into shadow; the file of its base is on disk."""

    hosted: HostedLearner
    made: VersionSpec
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class Promote:
    """Make the challenger the champion. `better`: proved better, not only not worse.

    `exam`: the revision of the exam that the challenger sat, None if it sat none.
    """

    hosted: HostedLearner
    version: str
    conditions: Sequence[Condition]
    override: Sequence[str]
    better: bool
    reason: str
    actor: str
    exam: tuple[int, int] | None = None


@dataclass(frozen=True, slots=True)
class Rollback:
    """Make the previous version the champion again; with `version`, only if it is that version."""

    hosted: HostedLearner
    version: str
    reason: str
    actor: str
    by_gate: bool = False


@dataclass(frozen=True, slots=True)
class Refuse:
    """Take the challenger out of shadow: refused by the `gate`, or withdrawn by a person."""

    hosted: HostedLearner
    version: str
    gate: bool
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class PinSpec:
    """A case for the exam: a prediction or a record. `source` None: the actor of the command."""

    label: Label
    record: Any = None
    prediction_id: str | None = None
    bound: Bound = "must"
    source: str | None = None


@dataclass(frozen=True, slots=True)
class PinCases:
    """Pin cases, all of them or none."""

    learner_name: str
    items: Sequence[PinSpec]
    actor: str
    sizes: Sizes = Sizes()  # noqa: RUF009 - frozen


@dataclass(frozen=True, slots=True)
class Unpin:
    """Take a case out of the exam."""

    name: str
    id: str
    actor: str
