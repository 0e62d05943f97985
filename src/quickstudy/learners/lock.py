"""A lock for one writer or many readers."""

from __future__ import annotations

import threading


class ReadWriteLock:
    """A writer has the lock alone (`with lock`), readers share it (`with lock.shared`).

    A thread may enter again what it is in, and the writer may read. A writer that waits goes before
    readers that come later, so that it waits for those inside alone.

    >>> lock = ReadWriteLock()
    >>> with lock, lock.shared, lock:
    ...     "inside"
    'inside'
    """

    def __init__(self) -> None:
        self.shared = Shared(self)
        self._change = threading.Condition(threading.Lock())  # held for a few instructions
        self._readers: dict[int, int] = {}  # thread -> how many times it is inside
        self._writer = 0  # the thread that writes, or waits for the readers inside to leave
        self._times = 0  # that the writer is inside

    def __enter__(self) -> None:
        """Enter as the writer.

        Raises:
            RuntimeError: this thread is inside as a reader.
        """
        me = threading.get_ident()
        with self._change:
            if self._writer != me:
                if me in self._readers:
                    raise RuntimeError("a thread that reads must leave before it writes")
                self._wait_alone(me)
            self._times += 1

    def _wait_alone(self, me: int) -> None:
        while self._writer:
            self._change.wait()
        self._writer = me
        try:
            while self._readers:
                self._change.wait()
        except BaseException:  # an interrupt: others must not wait for this thread
            self._leave()
            raise

    def __exit__(self, *_: object) -> None:
        with self._change:
            self._times -= 1
            if not self._times:
                self._leave()

    def _leave(self) -> None:
        self._writer = 0
        self._change.notify_all()

    def enter_shared(self) -> None:
        """Enter as a reader."""
        me = threading.get_ident()
        with self._change:
            times = self._readers.get(me, 0)
            while self._writer and self._writer != me and not times:
                self._change.wait()
            self._readers[me] = times + 1

    def leave_shared(self) -> None:
        """Leave as a reader."""
        me = threading.get_ident()
        with self._change:
            times = self._readers.pop(me) - 1
            if times:
                self._readers[me] = times
            elif self._writer and not self._readers:
                self._change.notify_all()


class Shared:
    """The reader's side of a lock, for `with`."""

    def __init__(self, lock: ReadWriteLock) -> None:
        self._lock = lock

    def __enter__(self) -> None:
        self._lock.enter_shared()

    def __exit__(self, *_: object) -> None:
        self._lock.leave_shared()
