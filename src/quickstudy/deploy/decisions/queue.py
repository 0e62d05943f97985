"""Leases on waiting cases, so that no two people label the same case."""

from __future__ import annotations

import threading
import time
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass

CLAIMABLE = 200  # waiting cases that can be claimed at a time
LONGEST_CLAIM = 86_400.0  # seconds
MOST_HOLDERS = 1000  # holders whose skipped cases are remembered
MOST_SKIPPED = 1000  # skipped cases of one holder


@dataclass
class _Claim:
    holder: str
    until: float


class Leases:
    """Leases in memory: each ends within minutes, and after a restart all cases are free."""

    def __init__(self) -> None:
        self._held: dict[str, _Claim] = {}
        self._skipped: OrderedDict[str, OrderedDict[str, None]] = OrderedDict()
        self._lock = threading.Lock()

    @property
    def held(self) -> int:
        """Number of cases that somebody holds."""
        return len(self._held)

    def acquire(self, case_ids: Sequence[str], holder: str, seconds: float) -> str | None:
        """Claim the first case that nobody else holds; cases that `holder` skipped come last."""
        with self._lock:
            free = self._free(case_ids, holder)
            skipped = self._skipped.get(holder, OrderedDict())
            if free and all(i in skipped for i in free):
                free.sort(key=list(skipped).index)  # the case skipped longest ago first
                chosen: str | None = free[0]
            else:
                chosen = next((i for i in free if i not in skipped), None)
            if chosen is not None:
                self._held[chosen] = _Claim(holder, time.monotonic() + seconds)
                skipped.pop(chosen, None)
            return chosen

    def acquire_one(self, case_id: str, holder: str, seconds: float) -> bool:
        """Claim this case, unless somebody else holds it."""
        with self._lock:
            if not self._free([case_id], holder):
                return False
            self._held[case_id] = _Claim(holder, time.monotonic() + seconds)
            return True

    def _free(self, case_ids: Sequence[str], holder: str) -> list[str]:
        now = time.monotonic()
        self._held = {i: c for i, c in self._held.items() if c.until > now}
        return [i for i in case_ids if i not in self._held or self._held[i].holder == holder]

    def release(self, case_id: str, holder: str) -> None:
        """Release a case; this holder gets it again only after all others."""
        with self._lock:
            if case_id not in self._held or self._held[case_id].holder != holder:
                return
            del self._held[case_id]
            skipped = self._skipped.setdefault(holder, OrderedDict())
            skipped[case_id] = None
            self._skipped.move_to_end(holder)
            if len(skipped) > MOST_SKIPPED:
                skipped.popitem(last=False)
            if len(self._skipped) > MOST_HOLDERS:
                self._skipped.popitem(last=False)

    def forget(self, case_id: str) -> None:
        """Drop a case that no longer waits."""
        with self._lock:
            self._held.pop(case_id, None)
            for skipped in self._skipped.values():
                skipped.pop(case_id, None)
