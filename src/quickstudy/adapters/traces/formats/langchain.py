"""Messages of LangChain and LangGraph: by role, by type, or serialised with their class."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from quickstudy.adapters.traces.fields import plain
from quickstudy.adapters.traces.formats import chat
from quickstudy.adapters.traces.formats.rows import called, media, returned, silent
from quickstudy.adapters.traces.piece import Piece
from quickstudy.adapters.traces.reader import Format, Reader

_ROLES = {
    **{"human": "user", "ai": "assistant", "system": "system", "tool": "tool"},
    **{"function": "function", "developer": "developer", "remove": "system", "chat": ""},
}
_NESTED = ("data", "kwargs")


def _role(given: Mapping[str, Any]) -> str | None:
    """The role by class or type; "" if the message names it itself; None for other objects."""
    type_name = given.get("type")
    if "lc" in given or type_name in ("constructor", "not_implemented"):
        path = given.get("id")
        type_name = path[-1] if isinstance(path, list | tuple) and path else None
    if not isinstance(type_name, str):
        return None
    name = type_name.removesuffix("Chunk")
    if name.endswith("Message") and name != "Message":
        name = name.removesuffix("Message").lower()
    return _ROLES.get(name)


def _holds(given: Mapping[str, Any]) -> bool:
    return ("role" not in given or given.get("type") == "chat") and _role(given) is not None


def _is_generation(given: Mapping[str, Any]) -> bool:
    """Whether an object is an answer in a traced run: a message with metadata of the model."""
    inner = given.get("message")
    return isinstance(inner, Mapping) and "role" not in inner and _role(inner) is not None


def _any(given: Mapping[str, Any]) -> bool:
    return _holds(given) or _is_generation(given)


def _read_any(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    if _is_generation(given) and not _holds(given):
        return _read(reader, given["message"], f"{at}.message")
    return _read(reader, given, at)


def _read(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    role = _role(given)
    inside = next((n for n in _NESTED if isinstance(given.get(n), Mapping)), None)
    fields = plain(given[inside], f"{at}.{inside}") if inside else given
    message = {name: value for name, value in fields.items() if name != "type"}
    if role:
        message["role"] = role
    return chat.read(reader, message, at)


def _wrapped(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """A block of the provider for which LangChain has no type."""
    value = given.get("value")
    return reader.part(value, f"{at}.value") if isinstance(value, Mapping) else ()


def _invalid(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """A call whose arguments could not be read: it never ran."""
    return _CALL(reader, {**given, "error": given.get("error") or "invalid"}, at)


_CALL = called()

LANGCHAIN = Format(
    name="LangChain and LangGraph messages",
    holds=_any,
    read=_read_any,
    types={
        "tool_call": _CALL,
        "invalid_tool_call": _invalid,
        "server_tool_result": returned("output", "content", "error"),
        "reasoning_content": silent,
        "tool_call_chunk": silent,
        "server_tool_call_chunk": silent,
        "non_standard": _wrapped,
        "text-plain": media,
    },
)
