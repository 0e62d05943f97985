"""Runs the app under uvicorn, with a graceful shutdown."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from quickstudy.errors import SettingError
from quickstudy.serve.settings import ServerSettings

SWITCH_SECONDS = 0.001  # switch interval of threads, so that requests do not wait for learning
COLLECT_AFTER = (20_000, 50, 100)  # thresholds of the garbage collector's three generations
STOP_SECONDS = 20  # for requests in flight
KEEP_ALIVE_SECONDS = 75  # for a connection without requests
BACKLOG = 2_048  # connections waiting to be accepted


class Server(uvicorn.Server):
    """A uvicorn server that ends event streams at shutdown, and calls `ready` once it listens."""

    def __init__(self, app: FastAPI, *, ready: Callable[[], None]) -> None:
        config = uvicorn.Config(
            app,
            access_log=False,
            log_level="warning",
            ws="none",
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=STOP_SECONDS,
            timeout_keep_alive=KEEP_ALIVE_SECONDS,
        )
        super().__init__(config)
        self._app = app
        self._ready = ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Listen, then call `ready`."""
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: refuse new requests, end streams, finish requests in flight."""
        self._app.state.stopping = True
        self._app.state.broadcaster.end()
        await super().shutdown(sockets)


def listen(settings: ServerSettings) -> tuple[socket.socket, str]:
    """A listening socket, and its URL.

    Raises:
        SettingError: the server cannot listen on host and port.
    """
    place = f"{settings.host}:{settings.port}"
    host = settings.host.strip("[]")
    try:
        found = socket.getaddrinfo(host, settings.port, type=socket.SOCK_STREAM)
        family, _, _, _, address = found[0]
        listening = socket.create_server(address, family=family, backlog=BACKLOG)
        listening.setsockopt(
            socket.IPPROTO_TCP, socket.TCP_NODELAY, 1
        )  # asyncio does not set it here
    except OSError as error:
        raise SettingError(
            f"{place} cannot be listened on ({error}); choose another with --host or --port"
        ) from None
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    return listening, f"http://{shown}:{listening.getsockname()[1]}"


def keep_to_one_core() -> None:
    """Restrict this process and its future threads to one core, if the system can.

    Threads that share the interpreter's lock take twice as long on two cores.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def run(app: FastAPI, listening: socket.socket, *, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; return once every request in flight is answered."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()  # excludes all present objects: collecting them takes a tenth of a second
    gc.set_threshold(*COLLECT_AFTER)
    with _signals_end_quietly():
        Server(app, ready=ready).run(sockets=[listening])


@contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """Ignore the signal that uvicorn raises again after its shutdown."""
    kinds = (signal.SIGTERM, signal.SIGINT)

    def nothing(number: int, frame: FrameType | None) -> None:
        del number, frame

    before = {kind: signal.signal(kind, nothing) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
