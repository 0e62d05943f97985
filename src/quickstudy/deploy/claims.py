"""Claims: who has which waiting case before them, so that no two people get the same one."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

MOST_HOLDERS = 1000  # whose skipped cases are remembered


@dataclass
class _Claim:
    holder: str
    until: float


@dataclass
class Claims:
    """Kept in memory: a claim is over within minutes, and after a restart all cases are free."""

    _held: dict[str, _Claim] = field(default_factory=dict)
    _skipped: dict[str, set[str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def take(self, case_ids: list[str], holder: str, seconds: float) -> str | None:
        """Claim the first of these cases that nobody else holds, those skipped by `holder` last."""
        now = time.monotonic()
        with self._lock:
            self._held = {i: c for i, c in self._held.items() if c.until > now}
            free = [i for i in case_ids if i not in self._held or self._held[i].holder == holder]
            if not free:
                return None
            skipped = self._skipped.get(holder, set())
            if all(i in skipped for i in free):
                skipped.clear()
            chosen = next(i for i in free if i not in skipped)
            self._held[chosen] = _Claim(holder, now + seconds)
            return chosen

    @property
    def held(self) -> int:
        """How many cases somebody holds."""
        return len(self._held)

    def release(self, case_id: str, holder: str) -> None:
        """Give a case back; it comes back to this holder after all others."""
        with self._lock:
            if case_id in self._held and self._held[case_id].holder == holder:
                del self._held[case_id]
            self._skipped.setdefault(holder, set()).add(case_id)
            if len(self._skipped) > MOST_HOLDERS:
                del self._skipped[next(iter(self._skipped))]

    def forget(self, case_id: str) -> None:
        """The case is no longer waiting."""
        with self._lock:
            self._held.pop(case_id, None)
