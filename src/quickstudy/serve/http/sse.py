"""Server-sent events: one bounded queue per subscriber; a slow subscriber is disconnected."""

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

PAGE = 500  # events read from the log at once while a subscriber catches up
GOODBYE_SECONDS = 1.0  # for the last bytes of a stream that ends
SHOWN = ("seq", "time", "type", "learner", "actor", "subject")
Wanted = Callable[[str], bool]  # whether events of the learner of a name are sent


class Subscriber:
    """One client's queue. `over` is set when the client is disconnected or the server stops."""

    def __init__(self, wanted: Wanted, size: int) -> None:
        self.wanted = wanted
        self.queue: asyncio.Queue[Event] = asyncio.Queue(size)
        self.over = asyncio.Event()

    def offer(self, events: Sequence[Event]) -> None:
        """Queue the events that it wants; end it if too many are waiting."""
        for event in events:
            if self.wanted(event.learner):
                if self.queue.full():
                    self.over.set()
                    return
                self.queue.put_nowait(event)


class Broadcaster:
    """Passes events from the writer's thread to the subscribers of one app."""

    def __init__(self, deployment: Deployment, settings: ServerSettings) -> None:
        self._deployment = deployment
        self._settings = settings
        self._readers: set[Subscriber] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._ended = False
        self._stop_listening: Callable[[], None] | None = None  # None without subscribers

    def join(self, reader: Subscriber) -> None:
        """Add a subscriber."""
        self._loop = asyncio.get_running_loop()
        self._readers.add(reader)
        if self._stop_listening is None:
            self._stop_listening = self._deployment.listen(self._on_events)

    def leave(self, reader: Subscriber) -> None:
        """Remove a subscriber; without subscribers the broadcaster does not listen."""
        self._readers.discard(reader)
        if self._stop_listening is not None and not self._readers:
            self._stop_listening()
            self._stop_listening = None

    def _on_events(self, events: Sequence[Event]) -> None:
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._offer_all, tuple(events))

    def _offer_all(self, events: Sequence[Event]) -> None:
        for reader in tuple(self._readers):
            reader.offer(events)

    def end(self) -> None:
        """End all streams; call it in the loop's thread."""
        self._ended = True
        for reader in self._readers:
            reader.over.set()

    def stream(self, wanted: Wanted, after: int | None) -> EventStream:
        """A response that sends the events after `after`, or new events only.

        Raises:
            Problem: there are too many streams, or the server is stopping (503).
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
        """Past events of the log; new events come through the subscriber's queue."""
        while True:
            found = await run_in_threadpool(self._deployment.events, after, PAGE)
            for event in found:
                yield event
            if len(found) < PAGE:
                return
            after = found[-1].seq


class EventStream(Response):
    """A response that ends when its client disconnects, or its subscriber is over."""

    media_type = "text/event-stream"

    def __init__(
        self, broadcaster: Broadcaster, reader: Subscriber, chunks: AsyncIterator[bytes]
    ) -> None:
        super().__init__()
        del self.headers["content-length"]
        self._broadcaster = broadcaster
        self._reader = reader
        self._chunks = chunks

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the stream."""
        self._broadcaster.join(self._reader)
        parts: list[Awaitable[None]] = [self._send(send), _left(receive), self._over()]
        tasks = [asyncio.ensure_future(part) for part in parts]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        finally:
            self._broadcaster.leave(self._reader)
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
    """An event as it is sent, without its payload."""
    data: dict[str, Any] = {name: getattr(event, name) for name in SHOWN}
    return b"id: %d\ndata: %s\n\n" % (event.seq, to_bytes(data))


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


async def _say_goodbye(send: Send) -> None:
    try:
        async with asyncio.timeout(GOODBYE_SECONDS):
            await send({"type": "http.response.body", "body": b"", "more_body": False})
    except (TimeoutError, OSError):
        return  # the client no longer reads: the server closes the connection
