"""Named places at which a process can be killed, for crash tests.

QUICKSTUDY_FAILPOINT="before-commit:3" kills the process, with SIGKILL, when it reaches
`before-commit` for the third time. Without the variable, `failpoint` is one comparison with None.
"""

from __future__ import annotations

import os
import signal
import threading

from quickstudy.errors import SettingError

VARIABLE = "QUICKSTUDY_FAILPOINT"
NAMES = (
    "before-insert",
    "before-commit",
    "after-commit",
    "before-reply",
    "mid-learn",
    "between-replicas",
    "snapshot-written",
    "snapshot-renamed",
    "artifact-written",
    "before-refit-event",
)


class _Trap:
    """Counts down the visits to one place, from all threads, and kills the process at the last."""

    def __init__(self, name: str, visits: int) -> None:
        self.name = name
        self._left = visits
        self._lock = threading.Lock()

    def visit(self) -> None:
        with self._lock:
            self._left -= 1
            if self._left == 0:
                os.kill(os.getpid(), signal.SIGKILL)


def _parse(spec: str | None) -> _Trap | None:
    if not spec:
        return None
    name, _, visits = spec.partition(":")
    count = visits or "1"
    if name not in NAMES or not (count.isascii() and count.isdigit()) or int(count) < 1:
        raise SettingError(
            f"{VARIABLE} is {spec!r}; it must be name:n, n >= 1, with a name of {', '.join(NAMES)}"
        )
    return _Trap(name, int(count))


_trap = _parse(os.environ.get(VARIABLE))


def failpoint(name: str) -> None:
    """Mark the place `name`: the process is killed here if its failpoint says so."""
    if _trap is not None and _trap.name == name:
        _trap.visit()
