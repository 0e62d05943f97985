"""Parts of messages on spans, by OpenTelemetry's conventions for generative AI."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from quickstudy.adapters.traces.fields import first
from quickstudy.adapters.traces.formats.rows import media, returned
from quickstudy.adapters.traces.piece import Piece
from quickstudy.adapters.traces.reader import ARGUMENTS, Format, Reader


def _server_call(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """A call that the provider made; its arguments are in `server_tool_call`."""
    made = first(given, ARGUMENTS)
    own = given.get("server_tool_call")
    if isinstance(own, Mapping):
        made = {name: value for name, value in own.items() if name != "type"}
    name = given.get("name")
    return [reader.call(given, at, name=name, id=given.get("id"), made=made)]


_ANSWERS = ("response", "result", "server_tool_call_response", "output", "content", "error")

SEMCONV = Format(
    name="messages of OpenTelemetry spans",
    types={
        "tool_call_response": returned(*_ANSWERS, parts=False),
        "server_tool_call": _server_call,
        "server_tool_call_response": returned(*_ANSWERS, parts=False),
        "interrupt_response": media,
        "blob": media,
        "uri": media,
    },
)
