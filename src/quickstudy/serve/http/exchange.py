"""`Exchange`: one request and its response, between the server and the app."""

from __future__ import annotations

import asyncio

from starlette.datastructures import Headers
from starlette.types import Message, Receive, Scope, Send

from quickstudy.serve.http.encoding import Decoder, decoder_of
from quickstudy.serve.http.problems import Problem

HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'",
    "cache-control": "no-store",
}
ENCODED = [(name.encode(), value.encode()) for name, value in HEADERS.items()]
OF_THE_ENCODED = (b"content-encoding", b"content-length")  # wrong for the decoded body
SLACK = 1_024  # bytes, plus a thousandth: most that an encoding may add to a body


class Exchange:
    """Bounds and decodes the body of one request, and adds headers to its response.

    Args:
        max_body: most bytes of the body, before and after decoding.
        setting: name of the server's setting that sets this bound.

    The response to HEAD has the status and headers of that to GET, and no body.
    """

    def __init__(
        self, scope: Scope, receive: Receive, send: Send, *, max_body: int, setting: str
    ) -> None:
        self.scope = scope
        self.status = 0
        self.max_body = max_body
        self._setting = setting
        self._receive = receive
        self._send = send
        self._head = scope["method"] == "HEAD"
        self._decoder: Decoder | None = None
        self._came = 0  # bytes received, encoded
        self._got = 0  # bytes passed to the app, decoded
        self._last = self._over = False  # all was received; all was passed to the app

    def check_length(self, length: str | None) -> None:
        """Refuse a body whose content-length is too large.

        Raises:
            Problem: it is too large, or not a number (413).
        """
        if length is None:
            return
        known = length.isascii() and length.isdigit() and len(length) < 20
        if not known or int(length) > self._most():
            raise self._too_large()

    def decode(self, headers: Headers) -> None:
        """Decode the body by its headers, which are removed before the app sees them.

        Raises:
            Problem: the encoding is not supported (415).
        """
        self._decoder = decoder_of(headers)
        if self._decoder is not None:
            given = self.scope["headers"]
            self.scope["headers"] = [pair for pair in given if pair[0] not in OF_THE_ENCODED]

    def _most(self) -> int:
        """Most bytes to receive."""
        slack = 0 if self._decoder is None else SLACK + self.max_body // 1_000
        return self.max_body + slack

    def _too_large(self) -> Problem:
        option = "--" + self._setting.replace("_", "-")
        decoded = "" if self._decoder is None else ", decoded"
        return Problem(
            413,
            "too-large",
            f"the body is longer than {self.max_body:,} bytes{decoded}; send less at once, or "
            f"start the server with a larger {option}",
            headers={"connection": "close"},
        )

    async def receive(self) -> Message:
        """The next part of the request's body, decoded.

        Raises:
            Problem: the body is too long (413), or does not have its encoding (400).
        """
        if self._decoder is not None and not self._over:
            return await self._decoded(self._decoder)
        message = await self._receive()
        if message["type"] == "http.request":
            self._count(message)
        return message

    def _count(self, message: Message) -> None:
        """Count the bytes that are passed to the app."""
        self._got += len(message.get("body", b""))
        if self._got > self.max_body:
            raise self._too_large()

    async def _decoded(self, decoder: Decoder) -> Message:
        """The next piece of an encoded body; yields to other requests between two pieces."""
        while True:
            if piece := decoder.read():
                decoded: Message = {"type": "http.request", "body": piece, "more_body": True}
                self._count(decoded)
                await asyncio.sleep(0)
                return decoded
            if self._last:
                decoder.close()
                self._over = True
                return {"type": "http.request", "body": b"", "more_body": False}
            message = await self._receive()
            if message["type"] != "http.request":
                return message
            body: bytes = message.get("body", b"")
            self._came += len(body)
            if self._came > self._most():
                raise self._too_large()
            self._last = not message.get("more_body", False)
            decoder.feed(body)

    async def send(self, message: Message) -> None:
        """Pass on a part of the response."""
        if message["type"] != "http.response.start":
            if not self._head:
                await self._send(message)
            return
        self.status = message["status"]
        given = list(message.get("headers", ()))
        names = {name for name, _ in given}
        message["headers"] = given + [pair for pair in ENCODED if pair[0] not in names]
        await self._send(message)
        if self._head:  # ends a stream, too: the server then reports a disconnect
            await self._send({"type": "http.response.body", "body": b"", "more_body": False})

    async def refuse(self, problem: Problem) -> None:
        """Answer with a problem."""
        await problem.response()(self.scope, self.receive, self.send)
