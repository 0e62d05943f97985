"""Contents of Google's GenAI API, and the steps of its Interactions API."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from quickstudy.adapters.step import Step
from quickstudy.adapters.traces.fields import first, plain, written
from quickstudy.adapters.traces.formats.rows import named, nested, returned, silent, text
from quickstudy.adapters.traces.piece import Piece
from quickstudy.adapters.traces.reader import Format, PartReader, Reader

CODE = "code_execution"  # name of the tool that runs the model's code


def _call(key: str) -> PartReader:
    def read(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
        place = f"{at}.{key}"
        asked = plain(given[key], place)
        name = first(asked, ("name", "tool_type", "toolType"))
        made = asked.get("args")
        made = {} if made is None else made  # empty results are left out
        return [reader.call(asked, place, name=name, id=asked.get("id"), made=made)]

    return read


def _response(key: str) -> PartReader:
    def read(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
        place = f"{at}.{key}"
        result = plain(given[key], place)
        content = first(result, ("response", "parts"))
        return [reader.result(content, place, id=result.get("id"), marks=(result,))]

    return read


def _code(key: str) -> PartReader:
    def read(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
        place = f"{at}.{key}"
        code = plain(given[key], place)
        made = {"code": code.get("code")}
        return [reader.call(code, place, name=CODE, id=code.get("id"), made=made)]

    return read


def _outcome(key: str) -> PartReader:
    def read(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
        place = f"{at}.{key}"
        result = plain(given[key], place)
        outcome = _OUTCOMES.get(written(result.get("outcome")), result.get("outcome"))
        content = result.get("output") or None
        if content is None and outcome != "OUTCOME_OK":
            content = outcome if isinstance(outcome, str) else None
        marks = (result, {"outcome": outcome})
        return [reader.result(content, place, id=result.get("id"), marks=marks)]

    return read


_OUTCOMES = {"1": "OUTCOME_OK", "2": "OUTCOME_FAILED", "3": "OUTCOME_DEADLINE_EXCEEDED"}


def _text(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """The piece of a text; thoughts are left out."""
    return () if given.get("thought") is True else _SAID(reader, given, at)


_SAID = text("text")


def _keyed(snake: str, read: Any) -> dict[str, PartReader]:
    """A key in its forms in JSON and in the Python SDK."""
    start, *rest = snake.split("_")
    camel = start + "".join(word.capitalize() for word in rest)
    return {key: read(key) for key in (snake, camel)}


def _own(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """A call of a tool that ran at Google."""
    name = first(given, ("name",)) or str(given["type"]).removesuffix("_call")
    made = first(given, ("arguments", "args", "input"))
    return [reader.call(given, at, name=name, id=given.get("id"), made=made)]


_TOOLS = ("tool_search", "url_context", "google_search", "google_maps", "retrieval", "processing")
_SERVERS = ("mcp_server_tool",)
_returned = returned("result", "output", "error", ids=("call_id", "id"))


def _failure(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    content = first(given, ("error", "message"))
    piece = reader.result(content, at, marks=({"is_error": True},))
    return [piece._replace(type="failed")]


def _holds(given: Mapping[str, Any]) -> bool:
    inner = given.get("content")
    return "role" not in given and (
        "parts" in given or (isinstance(inner, Mapping) and "parts" in inner) or _failed(given)
    )


def _failed(given: Mapping[str, Any]) -> bool:
    """The event of an agent with the reason for missing content."""
    code = first(given, ("error_code", "errorCode"))
    return isinstance(code, str) and "author" in given and not given.get("content")


def _read(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """The pieces of a content without a role, or of the event of an agent with a content in it."""
    if _failed(given):
        names = ("error_code", "errorCode", "error_message", "errorMessage")
        words = [given.get(name) for name in names]
        told = ": ".join(one for one in words if isinstance(one, str) and one)
        return [Piece("failed", None, Step(told, error=True))]
    reader.recognised -= 1  # only known parts count
    if "parts" in given:
        return reader.parts(given["parts"], f"{at}.parts")
    return reader.parts(given["content"]["parts"], f"{at}.content.parts")


GOOGLE = Format(
    name="Google GenAI contents",
    holds=_holds,
    read=_read,
    keys={
        **_keyed("function_call", _call),
        **_keyed("function_response", _response),
        **_keyed("tool_call", _call),
        **_keyed("tool_response", _response),
        **_keyed("executable_code", _code),
        **_keyed("code_execution_result", _outcome),
        **_keyed("inline_data", named),
        **_keyed("file_data", named),
        "text": _text,
        **_keyed("thought_signature", lambda key: silent),
        **_keyed("video_metadata", lambda key: silent),
        "thought": silent,
    },
    types={
        "user_input": nested("content"),
        "model_output": nested("content"),
        "function_result": _returned,
        "error": _failure,
        **{f"{name}_call": _own for name in (*_TOOLS[1:], *_SERVERS, "code_execution")},
        **{f"{name}_result": _returned for name in (*_TOOLS, *_SERVERS)},
        "file_search_result": _returned,
    },
)
