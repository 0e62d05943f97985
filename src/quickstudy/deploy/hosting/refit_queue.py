"""Refits: hands learners to the child process, and its outcome back."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue

from quickstudy.deploy.hosting.refit_process import receive, send

Job = tuple[bytes, Callable[[bytes | None], None]]
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")


class RefitQueue:
    """One child for all learners of a store, started when it is first needed."""

    def __init__(self) -> None:
        self._jobs: SimpleQueue[Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._child: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._entry = threading.Lock()

    def submit(self, what: bytes, packed: bytes, done: Callable[[bytes | None], None]) -> None:
        """Refit or consolidate a packed learner; `done` gets what came of it, None if the child
        failed or no more is begun.
        """
        if self._closed:
            done(None)
            return
        with self._entry:
            self._start()
        self._jobs.put((what + packed, done))

    @property
    def closed(self) -> bool:
        """Whether the store is being closed: nothing failed then, and nothing more is begun."""
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
            except (OSError, EOFError, ValueError):  # the child died, or was told to
                self._stop()
                if not self._closed:
                    done(None)

    def _ask(self, packed: bytes) -> bytes:
        if self._child is None or self._child.poll() is not None:
            self._child = subprocess.Popen(
                [sys.executable, "-m", "quickstudy.deploy.hosting.refit_process"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env={**os.environ, **dict.fromkeys(THREADS, "1")},
                start_new_session=True,  # a Ctrl-C is for the server, which then ends the child
            )
        child = self._child
        assert child.stdin is not None and child.stdout is not None
        send(child.stdin, packed)
        return receive(child.stdout)

    def _stop(self) -> None:
        child, self._child = self._child, None
        if child is not None:
            child.kill()
            child.wait()
            for stream in (child.stdin, child.stdout):
                if stream is not None:
                    with suppress(OSError):  # what was not yet sent
                        stream.close()

    def close(self) -> None:
        """End the child; what it was at is lost, and done again when it is due again."""
        self._closed = True
        with self._entry:  # one that is being started has been started by then
            thread = self._thread
        if thread is not None:
            self._jobs.put(None)
            child = self._child
            if child is not None:
                child.kill()  # the thread, which waits for its answer, cleans up
            thread.join()
            self._stop()
