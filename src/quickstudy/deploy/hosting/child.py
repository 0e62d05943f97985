"""Child processes: a module that runs in a process of its own, and the pipe to it.

Not `ProcessPoolExecutor`: its processes import the main module of the program, which runs a script
without `if __name__ == "__main__"` a second time, and they outlive a parent that is killed.
"""

from __future__ import annotations

import os
import subprocess
import sys
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from typing import Any

NICE = 10  # answers come first
THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
STDERR = 2


class Child:
    """A process that runs `python -m MODULE`, and ends when this process does.

    Attributes:
        pid: the number of the process.
        connection: carries messages in both directions. Sending to a process that ended raises
            `OSError`; receiving from it raises `OSError` or `EOFError`.
    """

    def __init__(self, module: str, *arguments: str) -> None:
        self.connection, theirs = Pipe()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, "-m", module, str(theirs.fileno()), *arguments],
                pass_fds=[theirs.fileno()],
                stdin=subprocess.DEVNULL,
                stdout=STDERR,  # what a library prints is nothing that this process has to say
                env={**os.environ, **dict.fromkeys(THREADS, "1")},
                start_new_session=True,  # a Ctrl-C is for the parent, which then ends the child
            )
        self.pid = self._process.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def kill(self) -> None:
        """End the process at once; a thread that waits for its message then gets `EOFError`."""
        self._process.kill()

    def close(self) -> None:
        """End the process, wait for its end, and close the connection."""
        self.kill()
        self._process.wait()
        self.connection.close()


def connect() -> Connection[Any, Any]:
    """The connection to the parent, in a module that `Child` runs.

    The process then gives way to others, and may use every core: a server keeps to one of them.
    """
    os.nice(NICE)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    return Connection(int(sys.argv[1]))
