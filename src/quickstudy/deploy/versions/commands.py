"""Commands that change versions and the exam."""

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
    """A version that was made, as in the table. `simpler`: it is no larger than the champion."""

    id: str
    kind: Kind
    asof: int
    examples: int
    size: int
    parent: str
    simpler: bool


@dataclass(frozen=True, slots=True)
class Challenge:
    """Put a version into shadow; its base is on disk."""

    hosted: HostedLearner
    made: VersionSpec
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class Promote:
    """Have the challenger answer. `better`: it was proved to be, not only to be no worse.

    `exam`: the mark of the exam that it sat, None if it sat none.
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
    """Have the previous version answer again; with `version`, only if it is that one."""

    hosted: HostedLearner
    version: str
    reason: str
    actor: str
    by_gate: bool = False


@dataclass(frozen=True, slots=True)
class Refuse:
    """Take the challenger out of shadow: by the `gate`, or because people say so."""

    hosted: HostedLearner
    version: str
    gate: bool
    reason: str
    actor: str


@dataclass(frozen=True, slots=True)
class PinSpec:
    """A case for the exam: that of a prediction, or a record. `source` None: who asks for it."""

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
