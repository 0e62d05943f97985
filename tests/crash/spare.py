"""A process for refits that is there at once: it does what the real one does, but was forked.

Starting Python and its libraries takes a second, which would be most of a point. Some points use
the real way.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from contextlib import suppress
from types import SimpleNamespace
from typing import IO, Any

from quickstudy.deploy.hosting import refit_process, refit_queue


class Spare:
    """Looks like the `Popen` that `refits` works with."""

    def __init__(self) -> None:
        here, there = os.pipe(), os.pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _serve(here[0], there[1])
        os.close(here[0])
        os.close(there[1])
        self.stdin: IO[bytes] = os.fdopen(here[1], "wb")
        self.stdout: IO[bytes] = os.fdopen(there[0], "rb")
        self._ended = False

    def poll(self) -> int | None:
        if not self._ended:
            self._ended = os.waitpid(self.pid, os.WNOHANG)[0] != 0
        return 0 if self._ended else None

    def kill(self) -> None:
        if self.poll() is None:
            os.kill(self.pid, signal.SIGKILL)

    def communicate(self) -> None:
        with suppress(OSError):
            self.stdin.close()
        self.stdout.close()
        if not self._ended:
            os.waitpid(self.pid, 0)
            self._ended = True

    def wait(self, timeout: float | None = None) -> int:
        self.communicate()
        return 0


def _serve(requests: int, replies: int) -> None:
    try:
        os.dup2(requests, 0)
        os.dup2(replies, 1)
        os.closerange(3, 4096)
        sys.stdin = os.fdopen(0, "r", closefd=False)
        refit_process.main()
    finally:
        os._exit(0)


def prepare() -> None:
    """Have the first process for refits be one that is forked now; to be called before threads."""
    waiting = [Spare()]

    def popen(*args: Any, **kwargs: Any) -> Any:
        return waiting.pop() if waiting else subprocess.Popen(*args, **kwargs)

    refit_queue.subprocess = SimpleNamespace(Popen=popen, PIPE=subprocess.PIPE)  # type: ignore


def none() -> None:
    """Let nothing be refitted in this process: what is learned then depends on the log alone."""
    refit_queue.RefitQueue.submit = lambda *_: None  # type: ignore
