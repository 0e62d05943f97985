"""When a mixture chooses its feature map and refits its slow experts, and refits made elsewhere."""

from __future__ import annotations

import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from numpy.typing import NDArray

from quickstudy.experts.refitted import SlowExpert

LEAST_UNCOUNTED = 16  # a map is chosen midway if 1/16 of the examples came in runs of one label
FIELD_WAIT, LABEL_WAIT = 8, 8  # examples between a new field or label and the next map, at least
LABEL_GROWTH = 1.05  # examples must grow by this factor before a new label leads to a new map


@dataclass(frozen=True)
class Fitted:
    """Slow experts fitted on the state after `count` examples and `maps` feature maps.

    `places` are the indices of these experts in the mixture; `arrays` are named `place/name`.
    """

    count: int
    maps: int
    places: list[int]
    arrays: dict[str, NDArray[Any]]


@dataclass
class UpkeepPolicy:
    """What the owner of a mixture does itself; a setting of the process, not part of the state.

    Attributes:
        deferred: the owner refits slow experts and installs the result; `learn` refits none.
        frozen_at: number of examples from which on only `choose_map` chooses the feature map.
    """

    deferred: bool = False
    frozen_at: int = sys.maxsize


class MapSchedule:
    """At which numbers of examples the feature map is chosen.

    `growth` lists (below this size, factor): after n examples the next choice is at n * factor.
    """

    growth: tuple[tuple[float, float], ...] = ((math.inf, 2.0),)

    def __init__(self, policy: UpkeepPolicy) -> None:
        self._policy = policy
        self.due, self.midway = 1, 0
        self.mapped_at = 0

    def next_at(self, count: int) -> int:
        """The next size at which the map may be chosen."""
        at = self.midway if count < self.midway < self.due else self.due
        return at if at <= self._policy.frozen_at else sys.maxsize

    def wanted(self, count: int, uncounted: float) -> bool:
        """Whether to choose the map now; midway only if many examples came in runs of one label."""
        if count >= self.due:
            return self.due <= self._policy.frozen_at
        runs = uncounted * LEAST_UNCOUNTED >= count
        return count == self.midway <= self._policy.frozen_at and runs

    def chosen(self, count: int) -> None:
        """Schedule the next choice, after the map was chosen at `count` examples."""
        factor = next(factor for size, factor in self.growth if count < size)
        self.due = max(count + 1, int(count * factor))
        self.midway = (count + self.due) // 2
        self.mapped_at = count

    def field_added(self, count: int) -> None:
        """Choose the map soon, because it does not read the new field yet."""
        self.due = min(self.due, count + FIELD_WAIT + count // 4)

    def form_accepted(self, count: int) -> None:
        """Choose the map after the next example: records without certain fields are usual now."""
        self.due = min(self.due, count + 1)

    def label_added(self, count: int) -> None:
        """Choose the map soon, because columns that identify the new label may not vary before.

        The number of examples must grow by 5 % between two maps, however many labels are added.
        """
        soon = max(count + LABEL_WAIT, int(self.mapped_at * LABEL_GROWTH))
        self.due = min(self.due, soon)

    def state(self) -> dict[str, int]:
        return {"due": self.due, "midway": self.midway, "mapped_at": self.mapped_at}

    def restore(self, state: dict[str, Any]) -> None:
        self.due = state["due"]
        self.midway, self.mapped_at = state.get("midway", 0), state.get("mapped_at", 0)


class RefitSchedule:
    """At which numbers of examples slow experts are refitted."""

    def __init__(self, policy: UpkeepPolicy, experts: Sequence[SlowExpert], fitted_at: int) -> None:
        self._policy = policy
        self._experts = experts
        self.fitted(fitted_at)

    def fitted(self, count: int) -> None:
        """Schedule the next refit, after one on the first `count` examples."""
        self.fitted_at = count
        self.due = min((e.next_refit(count) for e in self._experts), default=sys.maxsize)

    def next_at(self) -> int:
        """The next size at which `learn` refits."""
        return sys.maxsize if self._policy.deferred else self.due

    def due_experts(self, count: int) -> list[SlowExpert]:
        """The experts whose refit is due at `count` examples."""
        return [e for e in self._experts if e.next_refit(self.fitted_at) <= count]
