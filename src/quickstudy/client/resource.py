"""What the groups of a client's methods share: the transport to the server."""

from __future__ import annotations

from typing import Any

from quickstudy.client.transport import Transport


class Resource:
    """Methods that speak to a server through one transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _get(self, path: str, **query: Any) -> Any:
        return self._transport.get(path, **query)

    def _send(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        return self._transport.send(method, path, body, **how)
