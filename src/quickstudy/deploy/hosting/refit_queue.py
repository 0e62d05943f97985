"""`RefitQueue`: sends learners to the child process, and passes on its results."""

from __future__ import annotations

import threading
from collections.abc import Callable
from queue import SimpleQueue

from quickstudy.deploy.hosting.child import Child

Job = tuple[bytes, Callable[[bytes | None], None]]


class RefitQueue:
    """One child process for all learners of a store, started when it is first needed."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._child: Child | None = None
        self._closed = False
        self._entry = threading.Lock()

    def submit(self, what: bytes, packed: bytes, done: Callable[[bytes | None], None]) -> None:
        """Refit or consolidate a packed learner; `done` gets the result, None if the child failed
        or the queue is closed.
        """
        if self._closed:
            done(None)
            return
        with self._entry:
            self._start()
        self._jobs.put((what + packed, done))

    @property
    def closed(self) -> bool:
        """Whether the store is being closed: then a result None is not a failure."""
        return self._closed

    def _start(self) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._run, name="quickstudy-refits", daemon=True)
            self._thread.start()

    def _run(self) -> None:
        while (job := self._jobs.get()) is not None and not self._closed:
            packed, done = job
            try:
                done(self._ask(packed))
            except (OSError, EOFError):  # the child died or was killed
                self._stop()
                if not self._closed:
                    done(None)
        self._stop()

    def _ask(self, packed: bytes) -> bytes:
        if self._child is None or not self._child.alive:
            self._stop()
            self._child = Child("quickstudy.deploy.hosting.refit_process")
        if self._closed:  # the child was started too late for `close` to see it
            raise EOFError("no more is begun")
        connection = self._child.connection
        connection.send_bytes(packed)
        return connection.recv_bytes()

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.close()

    def close(self) -> None:
        """End the child; its present job is lost, and started again when it is due again."""
        self._closed = True
        with self._entry:  # one that is being started has been started by then
            thread = self._thread
        if thread is not None:
            self._jobs.put(None)
            child = self._child
            if child is not None:
                child.kill()  # the thread that waits for its answer cleans up
            thread.join()
            self._stop()
