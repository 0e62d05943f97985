"""A count of readers, with a wait for its end."""

from __future__ import annotations

import threading


class Readers:
    """Counts the readers that are inside; the trainer can wait until there is none."""

    def __init__(self) -> None:
        self._count = 0
        self._change = threading.Condition(threading.Lock())  # held only while counting

    def arrive(self) -> None:
        """Count a reader that enters."""
        with self._change:
            self._count += 1

    def depart(self) -> None:
        """Count a reader that leaves."""
        with self._change:
            self._count -= 1
            if not self._count:
                self._change.notify_all()

    def wait_until_none(self) -> None:
        """Wait until all readers that are inside have left."""
        with self._change:
            while self._count:
                self._change.wait()
