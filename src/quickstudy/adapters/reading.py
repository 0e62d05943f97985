"""Reads one message of the usual kinds: what is said in it, called, and returned by a call."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, NamedTuple

from quickstudy.adapters.step import Step, as_json, call
from quickstudy.errors import InputError

Failed = Callable[[str], bool]
SILENT = ("system", "developer")  # the same in every run: they say nothing about this one
TEXTS = ("text", "input_text", "output_text", "refusal", "summary_text")
THOUGHTS = ("reasoning", "thinking", "redacted_thinking", "item_reference", "compaction")
CALLS = ("tool_call", "tool_use", "server_tool_call", "server_tool_use", "function_call")
RESULTS = ("tool_call_response", "tool_result", "server_tool_call_response")
EMPTY = "(empty)"  # the result of a call that gives back nothing


class Piece(NamedTuple):
    """A step with its kind (said, call, result) and the id of its call, if it has one."""

    kind: str
    id: str | None
    step: Step


class Reader:
    """Reads messages; `failed` tells whether a result is a failure that is not marked as one."""

    def __init__(self, failed: Failed) -> None:
        self.failed = failed

    def message(self, message: Any, at: str) -> list[Piece]:
        """The pieces of a message that stands at `at`.

        Raises:
            InputError: it cannot be read; names the place and the field.
        """
        given = plain(message, at)
        kind = given.get("type")
        if "role" not in given and kind is not None:
            return list(self._item(given, kind, at))
        role = field(given, "role", str, at)
        if role in SILENT:
            return []
        content = given.get("content", given.get("parts"))
        if role in ("tool", "function"):
            pieces = list(self._parts(content, f"{at}.content"))
            if any(piece.kind == "result" for piece in pieces):
                return pieces
            id = given.get("tool_call_id", given.get("id"))
            return [self._result(id, _joined(pieces), given.get("is_error"), f"{at}.tool_call_id")]
        if role not in ("user", "assistant", "model"):
            raise InputError(
                f"{at}.role is {role!r}; it must be system, developer, user, assistant or tool"
            )
        pieces = [*self._parts(content, f"{at}.content"), *self._calls(given, at)]
        if not any(piece.kind == "result" for piece in pieces):
            pieces.sort(key=lambda piece: piece.kind == "call")  # some write the calls first
        return pieces

    def _calls(self, given: Mapping[str, Any], at: str) -> Iterator[Piece]:
        if given.get("refusal"):
            yield Piece("said", None, Step(field(given, "refusal", str, at)))
        if given.get("function_call"):
            legacy = plain(given["function_call"], f"{at}.function_call")
            yield _call(None, legacy, f"{at}.function_call")
        calls = given.get("tool_calls") or []
        if not isinstance(calls, list | tuple):
            raise InputError(f"{at}.tool_calls is {calls!r:.60}; it must be a list")
        for j, one in enumerate(calls):
            place = f"{at}.tool_calls[{j}]"
            asked = plain(one, place)
            inner = next((n for n in ("function", "custom") if n in asked), None)
            id = asked.get("id")
            if inner:
                place = f"{place}.{inner}"
                asked = plain(asked[inner], place)
            yield _call(id, asked, place)

    def _parts(self, content: Any, at: str) -> Iterator[Piece]:
        if content is None:
            return
        if isinstance(content, str):
            content = [content]
        if not isinstance(content, list | tuple):
            raise InputError(f"{at} is {content!r:.60}; it must be a text or a list of parts")
        said: list[str] = []
        for j, part in enumerate(content):
            found = self._part(part, f"{at}[{j}]")
            if isinstance(found, str):
                said.append(found)
                continue
            yield from _said(said)
            said = []
            yield found
        yield from _said(said)

    def _part(self, part: Any, at: str) -> str | Piece:
        if isinstance(part, str):
            return part
        given = plain(part, at)
        kind = field(given, "type", str, at)
        if kind in TEXTS:
            name = next((n for n in ("text", "content", "refusal") if n in given), "text")
            return str(field(given, name, str, at))
        if kind in THOUGHTS:
            return ""
        if kind in CALLS:
            return _call(given.get("id", given.get("call_id")), given, at)
        if kind in RESULTS:
            return self._returned(given, at)
        return f"[{kind}]"  # a picture, sound or file: that there was one

    def _item(self, given: Mapping[str, Any], kind: Any, at: str) -> Iterator[Piece]:
        """An item of the Responses API."""
        if kind in THOUGHTS:
            return
        if kind in ("function_call", "custom_tool_call"):
            yield _call(given.get("call_id", given.get("id")), given, at)
        elif kind in ("function_call_output", "custom_tool_call_output"):
            yield self._returned(given, at)
        elif kind == "mcp_call":
            yield _call(given.get("id"), given, at)
            if given.get("output") is not None or given.get("error") is not None:
                yield self._returned(given, at)
        elif isinstance(kind, str) and kind.endswith("_call"):  # a tool of the provider's own
            made = given.get("action", given.get("code"))
            yield _call(given.get("id"), {"name": kind.removesuffix("_call"), "input": made}, at)
        else:
            raise InputError(f"{at} has no role, and its type is {kind!r}; it must have a role")

    def _returned(self, given: Mapping[str, Any], at: str) -> Piece:
        names = ("output", "content", "response", "result", "server_tool_call_response", "error")
        name = next((n for n in names if given.get(n) is not None), "content")
        found = given.get(name)
        if isinstance(found, str | list | tuple) and name in ("output", "content"):
            text = _joined(self._parts(found, f"{at}.{name}"))
        else:
            text = written(found)
        id = given.get("call_id", given.get("tool_use_id", given.get("id")))
        wrong = given.get("is_error", bool(given.get("error")) or None)
        return self._result(id, text, wrong, f"{at}.id")

    def _result(self, id: Any, text: str, wrong: Any, at: str) -> Piece:
        if not (id is None or isinstance(id, str)):
            raise InputError(f"{at} is {id!r:.60}; it must be a text")
        error = bool(wrong) if wrong is not None else self.failed(text)
        return Piece("result", id, Step(text or EMPTY, error=error))


def _said(texts: list[str]) -> Iterator[Piece]:
    text = "\n".join(t for t in texts if t.strip())
    if text:
        yield Piece("said", None, Step(text))


def _joined(pieces: Any) -> str:
    return "\n".join(piece.step.x for piece in pieces)


def _call(id: Any, given: Mapping[str, Any], at: str) -> Piece:
    name = field(given, "name", str, at)
    made = next((given[n] for n in ("arguments", "input", "parameters") if n in given), None)
    if not (made is None or isinstance(made, str | Mapping)):
        raise InputError(f"{at}.arguments is {made!r:.60}; it must be JSON or an object")
    text = call(name, made)
    return Piece("call", id if isinstance(id, str) else None, Step(text, action=text))


def plain(given: Any, at: str) -> Mapping[str, Any]:
    """The fields of a mapping, or of an object as the SDKs have them (`model_dump`).

    Raises:
        InputError: it is neither.
    """
    if isinstance(given, Mapping):
        return given
    dump = getattr(given, "model_dump", None)
    found = dump(exclude_none=True) if callable(dump) else None
    if not isinstance(found, Mapping):
        raise InputError(f"{at} is {given!r:.60}; it must be an object with fields")
    return found


def field(given: Mapping[str, Any], name: str, kind: type, at: str) -> Any:
    """The field of that name, which must be of that type.

    Raises:
        InputError: it is missing or of another type; names the place and the field.
    """
    if name not in given:
        raise InputError(f"{at} has no {name!r}")
    if not isinstance(given[name], kind):
        wanted = {"str": "a text", "list": "a list", "dict": "an object"}[kind.__name__]
        raise InputError(f"{at}.{name} is {given[name]!r:.60}; it must be {wanted}")
    return given[name]


def written(value: Any) -> str:
    """A value as a text: texts as they are, the rest as JSON with sorted keys."""
    if value is None or isinstance(value, str):
        return value or ""
    return as_json(value)
