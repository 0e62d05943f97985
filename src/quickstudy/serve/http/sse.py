"""The live stream of events: one bounded queue a reader; whoever is too slow is cut off."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from quickstudy.api.codec import to_bytes
from quickstudy.serve.http.problems import Problem
from quickstudy.serve.settings import ServerSettings

if TYPE_CHECKING:
    from quickstudy.api.admin import Event
    from quickstudy.deploy.deployment import Deployment

PAGE = 500  # events read from the log at once while a reader catches up
GOODBYE_SECONDS = 1.0  # for the last bytes of a stream that ends
SHOWN = ("seq", "time", "type", "learner", "actor", "subject")
Wanted = Callable[[str], bool]  # of a learner's name


class Subscriber:
    """One client's queue. `over` is set when it is cut off or the server stops."""

    def __init__(self, wanted: Wanted, size: int) -> None:
        self.wanted = wanted
        self.queue: asyncio.Queue[Event] = asyncio.Queue(size)
        self.over = asyncio.Event()

    def offer(self, events: Sequence[Event]) -> None:
        """Queue what it wants; too many that it has not taken end it."""
        for event in events:
            if self.wanted(event.learner):
                if self.queue.full():
                    self.over.set()
                    return
                self.queue.put_nowait(event)


class Broadcaster:
    """Hands events from the writer's thread to the readers of one app."""

    def __init__(self, deployment: Deployment, settings: ServerSettings) -> None:
        self._deployment = deployment
        self._settings = settings
        self._readers: set[Subscriber] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = False
        self._deaf: Callable[[], None] | None = None  # what ends listening, while anyone reads

    def join(self, reader: Subscriber) -> None:
        """Hand events to a reader too, from now on."""
        self._loop = asyncio.get_running_loop()
        self._readers.add(reader)
        if self._deaf is None:
            self._deaf = self._deployment.listen(self._heard)

    def leave(self, reader: Subscriber) -> None:
        """Hand it no more; without readers nothing is listened to, and costs nothing."""
        self._readers.discard(reader)
        if self._deaf is not None and not self._readers:
            self._deaf()
            self._deaf = None

    def _heard(self, events: Sequence[Event]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._spread, tuple(events))

    def _spread(self, events: Sequence[Event]) -> None:
        for reader in tuple(self._readers):
            reader.offer(events)

    def end(self) -> None:
        """End all streams; call it in the loop's thread."""
        self._ended = True
        for reader in self._readers:
            reader.over.set()

    def stream(self, wanted: Wanted, after: int | None) -> EventStream:
        """A response that sends the events after `after`, or from now on.

        Raises:
            Problem: there are too many streams, or the server is about to stop (503).
        """
        if self._ended or len(self._readers) >= self._settings.max_streams:
            raise Problem(
                503, "store", "no more event streams now; try later", headers={"retry-after": "5"}
            )
        reader = Subscriber(wanted, self._settings.max_events)
        return EventStream(self, reader, self._chunks(reader, after))

    async def _chunks(self, reader: Subscriber, after: int | None) -> AsyncIterator[bytes]:
        yield b"retry: 2000\n\n"
        if after is not None:
            async for event in self._past(after):
                after = event.seq
                if reader.wanted(event.learner):
                    yield render(event)
        while True:
            try:
                async with asyncio.timeout(self._settings.heartbeat):
                    event = await reader.queue.get()
            except TimeoutError:
                yield b": still here\n\n"
                continue
            if after is None or event.seq > after:
                yield render(event)

    async def _past(self, after: int) -> AsyncIterator[Event]:
        """Events of the log until there are no more. The reader's queue has those to come."""
        while True:
            found = await run_in_threadpool(self._deployment.events, after, PAGE)
            for event in found:
                yield event
            if len(found) < PAGE:
                return
            after = found[-1].seq


class EventStream(Response):
    """A response that ends when its client leaves, or its reader is over."""

    media_type = "text/event-stream"

    def __init__(self, hub: Broadcaster, reader: Subscriber, chunks: AsyncIterator[bytes]) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._hub = hub
        self._reader = reader
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        self._hub.join(self._reader)
        parts: list[Awaitable[None]] = [self._send(send), _left(receive), self._over()]
        tasks = [asyncio.ensure_future(part) for part in parts]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._hub.leave(self._reader)
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
        await _say_goodbye(send)

    async def _over(self) -> None:
        await self._reader.over.wait()

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        async for chunk in self._chunks:
            await send({"type": "http.response.body", "body": chunk, "more_body": True})


def render(event: Event) -> bytes:
    """An event as it is sent: without its payload."""
    said: dict[str, Any] = {name: getattr(event, name) for name in SHOWN}
    return b"id: %d\ndata: %s\n\n" % (event.seq, to_bytes(said))


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _say_goodbye(send: Send) -> None:
    try:
        async with asyncio.timeout(GOODBYE_SECONDS):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    except (TimeoutError, OSError):
        return  # it reads no more: the server closes the connection
