"""A count of readers that somebody can wait for."""

from __future__ import annotations

import threading


class Readers:
    """Counts the readers that are inside; the worker can wait until none is."""

    def __init__(self) -> None:
        self._count = 0
        self._change = threading.Condition(threading.Lock())  # held while it counts, never longer

    def arrive(self) -> None:
        """One more is inside."""
        with self._change:
            self._count += 1

    def depart(self) -> None:
        """One has left."""
        with self._change:
            self._count -= 1
            if not self._count:
                self._change.notify_all()

    def wait_until_none(self) -> None:
        """Wait until all that are inside have left."""
        with self._change:
            while self._count:
                self._change.wait()
