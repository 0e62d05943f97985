"""A server in a process of its own, for as long as the demo lasts."""

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
START_WITHIN, STOP_WITHIN = 60.0, 30.0
LOOK_EVERY = 0.05


class Served:
    """`quickstudy serve` on a store, as a context: ready inside, ended in order afterwards.

    It gets a session of its own, so that a Ctrl-C in the terminal reaches the demo alone, which
    then ends it: requests in flight finish, and what was learned is on disk.

    Raises:
        StoreError: the server did not start; with its last words.
    """

    def __init__(self, store: Path, port: int) -> None:
        self.port = free_port(port)
        self._said = tempfile.TemporaryFile()  # noqa: SIM115 (closed on exit)
        place = ["--host", HOST, "--port", str(self.port)]
        self._process = subprocess.Popen(
            [sys.executable, "-m", "quickstudy.cli", "serve", "--store", str(store), *place],
            stdin=subprocess.DEVNULL,
            stdout=self._said,
            stderr=self._said,
            env={"OMP_NUM_THREADS": "1", **os.environ},
            start_new_session=True,
        )

    @property
    def url(self) -> str:
        """The page's address."""
        return f"http://{HOST}:{self.port}"

    def __enter__(self) -> Self:
        try:
            deadline = time.monotonic() + START_WITHIN
            while not self._ready():
                if not self.alive or time.monotonic() > deadline:
                    raise StoreError(f"the server did not start: {self.last_words()}")
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
        """Whether the process is still there."""
        return self._process.poll() is None

    def last_words(self) -> str:
        """The last line that it printed."""
        self._said.seek(0)
        lines = self._said.read().decode("utf-8", "replace").split("\n")
        return next((line.strip() for line in reversed(lines) if line.strip()), "it said nothing")

    def stop(self) -> None:
        """End it in order; by force if that takes too long."""
        if self.alive:
            self._process.send_signal(signal.SIGTERM)
            try:
                self._process.wait(STOP_WITHIN)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
        self._said.close()

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.stop()


def free_port(first: int) -> int:
    """The first port from `first` on that nobody listens at.

    Raises:
        SettingError: there is none nearby.
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
