"""The server of the demo, in a child process."""

from __future__ import annotations

import http.client
import os
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from quickstudy.errors import SettingError, StoreError

HOST = "127.0.0.1"
MOST_PORTS = 100  # tried one after the other
START_WITHIN, STOP_WITHIN = 60.0, 30.0  # seconds
LOOK_EVERY = 0.05  # seconds


class ServerProcess:
    """`quickstudy serve` on a store, as a context manager: ready inside, stopped afterwards.

    The server gets a session of its own, so that a Ctrl-C in the terminal reaches the demo alone.
    The demo then stops the server: requests in flight finish, and what was learned is on disk.

    Raises:
        StoreError: the server did not start; with the last line that it printed.
    """

    def __init__(self, store: Path, port: int) -> None:
        self.port = free_port(port)
        self._output = tempfile.TemporaryFile()  # noqa: SIM115 (closed on exit)
        place = ["--host", HOST, "--port", str(self.port)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "quickstudy.cli", "serve", "--store", str(store), *place],
            stdin=subprocess.DEVNULL,
            stdout=self._output,
            stderr=self._output,
            env={"OMP_NUM_THREADS": "1", **os.environ},
            start_new_session=True,
        )

    @property
    def url(self) -> str:
        """The address of the page."""
        return f"http://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        try:
            deadline = time.monotonic() + START_WITHIN
            while not self._ready():
                if not self.alive or time.monotonic() > deadline:
                    raise StoreError(f"the server did not start: {self.last_line()}")
                time.sleep(LOOK_EVERY)
        except BaseException:
            self.stop()
            raise
        return self

    def _ready(self) -> bool:
        connection = http.client.HTTPConnection(HOST, self.port, timeout=5.0)
        try:
            connection.request("GET", "/readyz")
            return connection.getresponse().status == 200
        except (OSError, http.client.HTTPException):
            return False
        finally:
            connection.close()

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._process.poll() is None

    def last_line(self) -> str:
        """The last line that the server printed."""
        self._output.seek(0)
        lines = self._output.read().decode("utf-8", "replace").split("\n")
        return next(
            (line.strip() for line in reversed(lines) if line.strip()), "it printed nothing"
        )

    def stop(self) -> None:
        """Stop the server in order; by force if that takes longer than `STOP_WITHIN`."""
        if self.alive:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._output.close()

    def __exit__(
        self,
        error_type: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def free_port(first: int) -> int:
    """The first port from `first` on that no process listens at.

    Raises:
        SettingError: the next `MOST_PORTS` ports are all taken.
    """
    for port in range(first, min(first + MOST_PORTS, 65_536)):
        with socket.socket() as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            try:
                probe.bind((HOST, port))
            except OSError:
                continue
            return port
    raise SettingError(f"port is {first}: it is taken, and so are the {MOST_PORTS - 1} after it")
