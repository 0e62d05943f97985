"""Running the app: uvicorn, and a stop in which nothing is lost."""

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

SWITCH_SECONDS = 0.001  # a learning thread gives way after this, so that requests do not wait
COLLECT_AFTER = (20_000, 50, 100)  # new objects; young, and middle collections before the next
STOP_SECONDS = 20  # for requests in flight
KEEP_ALIVE_SECONDS = 75  # of a connection without requests
BACKLOG = 2_048  # connections that wait to be accepted


class Server(uvicorn.Server):
    """Uvicorn that ends the event streams when it is told to stop, and says when it is ready."""

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
        """Listen, then say so."""
        await super().startup(sockets)
        self._ready()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Stop: no new requests, streams end, those in flight finish."""
        self._app.state.stopping = True
        self._app.state.hub.end()
        await super().shutdown(sockets)


def listen(settings: ServerSettings) -> tuple[socket.socket, str]:
    """A listening socket and its address as a browser takes it.

    Raises:
        SettingError: host and port cannot be listened on.
    """
    place = f"{settings.host}:{settings.port}"
    host = settings.host.strip("[]")
    try:
        found = socket.getaddrinfo(host, settings.port, type=socket.SOCK_STREAM)
        family, _, _, _, address = found[0]
        listening = socket.create_server(address, family=family, backlog=BACKLOG)
        listening.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)  # asyncio does not here
    except OSError as error:
        raise SettingError(
            f"{place} cannot be listened on ({error}); choose another with --host or --port"
        ) from None
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    return listening, f"http://{shown}:{listening.getsockname()[1]}"


def keep_to_one_core() -> None:
    """Where the system can, keep this process and the threads it will start to one core.

    Threads that take turns at the interpreter take twice as long when they sit on two.
    """
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})


def run(app: FastAPI, listening: socket.socket, *, ready: Callable[[], None]) -> None:
    """Serve until SIGTERM or SIGINT; returns once every request in flight was answered."""
    sys.setswitchinterval(SWITCH_SECONDS)
    gc.collect()
    gc.freeze()  # what was imported and loaded stays: looking through it takes a tenth of a second
    gc.set_threshold(*COLLECT_AFTER)
    with _signals_end_quietly():
        Server(app, ready=ready).run(sockets=[listening])


@contextmanager
def _signals_end_quietly() -> Iterator[None]:
    """Uvicorn raises the signal it stopped for once more at its end: here that does nothing."""
    kinds = (signal.SIGTERM, signal.SIGINT)

    def nothing(number: int, frame: FrameType | None) -> None:
        del number, frame

    before = {kind: signal.signal(kind, nothing) for kind in kinds}
    try:
        yield
    finally:
        for kind, handler in before.items():
            signal.signal(kind, handler)
