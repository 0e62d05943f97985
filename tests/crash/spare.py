"""A process for refits that is there at once: it does what the real one does, but was forked.

Starting Python and its libraries takes a second, which would be most of a point. Some points use
the real way.
"""

from __future__ import annotations

import os
import signal
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

from quickstudy.deploy.hosting import child, refit_process, refit_queue

HANDLE = 3  # of the connection, in the process


class Spare:
    """Looks like the `Child` that `refits` works with."""

    def __init__(self) -> None:
        self.connection, theirs = Pipe()
        self.pid = os.fork()
        if self.pid == 0:
            _serve(theirs)
        theirs.close()
        self._ended = False

    @property
    def alive(self) -> bool:
        if not self._ended:
            self._ended = os.waitpid(self.pid, os.WNOHANG)[0] != 0
        return not self._ended

    def kill(self) -> None:
        if self.alive:
            os.kill(self.pid, signal.SIGKILL)

    def close(self) -> None:
        self.kill()
        if not self._ended:
            os.waitpid(self.pid, 0)
            self._ended = True
        self.connection.close()


def _serve(connection: Connection[Any, Any]) -> None:
    try:
        os.dup2(connection.fileno(), HANDLE)
        os.closerange(HANDLE + 1, 4096)
        sys.argv = ["refit_child", str(HANDLE)]
        refit_process.main()
    finally:
        os._exit(0)


def prepare() -> None:
    """Have the first process for refits be one that is forked now; to be called before threads."""
    waiting = [Spare()]

    def start(module: str) -> Any:
        return waiting.pop() if waiting else child.Child(module)

    refit_queue.Child = start  # type: ignore


def none() -> None:
    """Let nothing be refitted in this process: what is learned then depends on the log alone."""
    refit_queue.RefitQueue.submit = lambda *_: None  # type: ignore
