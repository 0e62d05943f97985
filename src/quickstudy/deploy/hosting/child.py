"""Child processes: a module that runs in a separate process, and the connection to it.

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

NICE = 10  # lower priority than answers
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
                stdout=STDERR,  # stdout of this process must not get the output of libraries
                env={**os.environ, **dict.fromkeys(THREADS, "1")},
                start_new_session=True,  # Ctrl-C goes to the parent, which ends the child
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

    Lowers the priority of the process, and allows it every core: a server keeps to one core.
    """
    os.nice(NICE)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))
    return Connection(int(sys.argv[1]))
