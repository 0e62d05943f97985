"""`Resource`: the base of the groups of a client's methods, with their transport."""

from __future__ import annotations

from typing import Any

from quickstudy.client.transport import Transport


class Resource:
    """Methods that send requests through one transport."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def _get(self, path: str, **query: Any) -> Any:
        return self._transport.get(path, **query)

    def _send(self, method: str, path: str, body: Any = None, **how: Any) -> Any:
        return self._transport.send(method, path, body, **how)
