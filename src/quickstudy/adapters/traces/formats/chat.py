"""OpenAI's chat messages, and every other message that has a role."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from quickstudy.adapters.step import Step
from quickstudy.adapters.traces.fields import field, first, listed, plain, written
from quickstudy.adapters.traces.formats.rows import media, silent, text
from quickstudy.adapters.traces.piece import Piece, said
from quickstudy.adapters.traces.reader import ARGUMENTS, IDS, Format, Reader

SILENT = ("system", "developer")  # equal in every run, so without information on this one
SPEAKERS = ("user", "assistant", "model", "human", "ai")
TOOLS = ("tool", "function", "ipython", "observation", "tool-response", "tool_response")
_CALL_IDS = ("tool_call_id", "toolCallId", "tool_use_id", "id")


def read(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """The pieces of a message with a role, whichever format its parts have."""
    role = field(given, "role", str, at)
    if role in SILENT:
        return []
    name = next((name for name in ("parts", "blocks") if given.get(name)), "content")
    content = given.get(name)
    place = f"{at}.{name}"
    if role in TOOLS:
        return _result(reader, given, content, at)
    said_first = sorted(reader.parts(content, place), key=_rank(content))
    pieces = [*said_first, *_calls(reader, given, at)]
    if role not in SPEAKERS:
        reader.recognised -= 1  # only known parts count
        return [_named(role), *pieces]
    if not pieces and first(given, ("finish_reason", "finishReason")) == "error":
        return [Piece("said", None, Step("error", error=True))]
    return pieces


def _list(content: Any) -> Any:
    return content if isinstance(content, list | tuple) else ()


def _rank(content: Any) -> Callable[[Piece], bool]:
    """A sort key for pieces: spans may have the calls of an answer before its text."""
    type_names = [one.get("type") for one in _list(content) if isinstance(one, Mapping)]
    results = any(str(type_name).endswith("_response") for type_name in type_names)
    in_spans = "tool_call" in type_names and not results
    return lambda piece: in_spans and piece.type == "call"


def _named(role: str) -> Piece:
    return Piece("unknown", None, Step(f"[{role}]"), (role,))


def _result(reader: Reader, given: Mapping[str, Any], content: Any, at: str) -> Iterable[Piece]:
    """A tool's message: parts that are results, or one result that is the whole message."""
    if isinstance(content, list | tuple) and any(_holds_result(part) for part in content):
        return reader.parts(content, f"{at}.content")
    extra = given.get("additional_kwargs")
    id = first(given, _CALL_IDS)
    if id is None and isinstance(extra, Mapping):
        id = first(extra, _CALL_IDS)
    return [reader.result(content, at, id=id, marks=[given, extra], parts=True)]


def _holds_result(part: Any) -> bool:
    if not isinstance(part, Mapping):
        return callable(getattr(part, "model_dump", None))
    type_name = written(part.get("type", next(iter(part), ""))).lower().replace("-", "_")
    return type_name.endswith(("result", "response", "output", "tool_error"))


def _calls(reader: Reader, given: Mapping[str, Any], at: str) -> Iterator[Piece]:
    if given.get("refusal"):
        part = {"type": "refusal", "refusal": given["refusal"]}
        yield from reader.part(part, at)
    spoken = given.get("audio")
    if isinstance(spoken, Mapping) and isinstance(spoken.get("transcript"), str):
        yield said(spoken["transcript"])
    yield from calls(reader, given, at)
    if not given.get("parts"):  # the Vercel AI SDK kept calls here before it had parts
        for j, one in enumerate(listed(given, "toolInvocations", at)):
            part = {"type": "tool-invocation", "toolInvocation": one}
            yield from reader.part(part, f"{at}.toolInvocations[{j}]")
    extra = given.get("additional_kwargs")  # LangChain keeps fields of the provider there
    if isinstance(extra, Mapping):
        if not given.get("tool_calls"):
            yield from calls(reader, extra, f"{at}.additional_kwargs")
        yield from reader.parts(extra.get("tool_outputs"), f"{at}.additional_kwargs.tool_outputs")


def calls(reader: Reader, given: Mapping[str, Any], at: str) -> Iterator[Piece]:
    """The calls in fields next to the content of a message."""
    if given.get("function_call"):
        yield from _attempt(reader, given["function_call"], f"{at}.function_call", "function_call")
    for name in ("tool_calls", "toolCalls", "invalid_tool_calls"):
        found = given.get(name) or ()
        if not isinstance(found, list | tuple):
            found = (found,)
        for j, one in enumerate(found):
            yield from _attempt(reader, one, f"{at}.{name}[{j}]", name)


def _attempt(reader: Reader, asked: Any, at: str, name: str) -> Iterable[Piece]:
    if name == "invalid_tool_calls" and isinstance(asked, Mapping):
        asked = {**asked, "error": asked.get("error") or "invalid"}
    return reader.attempt(name, asked, at, lambda: [_asked(reader, asked, at, name)])


def _asked(reader: Reader, given: Any, at: str, name: str) -> Piece:
    """The piece of a call, from a list of calls or the older single field."""
    asked = plain(given, at)
    id = first(asked, ("id", *IDS)) if name != "function_call" else None
    inner = next((n for n in ("function", "custom") if n in asked), None)
    if inner:
        at = f"{at}.{inner}"
        asked = plain(asked[inner], at)
    return _call(reader, id, asked, at)


def _call(reader: Reader, id: Any, given: Mapping[str, Any], at: str) -> Piece:
    name = first(given, ("name", "toolName", "tool_name"))
    return reader.call(given, at, name=name, id=id, made=first(given, ARGUMENTS))


def _holds(given: Mapping[str, Any]) -> bool:
    inner = given.get("message")
    is_line = isinstance(inner, Mapping) and "role" in inner
    return "role" in given or is_line or bool(_chosen(given))


def _chosen(given: Mapping[str, Any]) -> Any:
    """The first choice of a whole answer of the API."""
    choices = given.get("choices")
    if isinstance(choices, list | tuple) and choices and isinstance(choices[0], Mapping):
        message = choices[0].get("message")
        return message if isinstance(message, Mapping) and "role" in message else None
    return None


def _read(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """The pieces of a message, perhaps wrapped with time and id in a line of a transcript."""
    if "role" in given:
        return read(reader, given, at)
    chosen = _chosen(given)
    if chosen:
        return read(reader, chosen, f"{at}.choices[0].message")
    return read(reader, given["message"], f"{at}.message")


CHAT = Format(
    name="OpenAI chat messages",
    holds=_holds,
    read=_read,
    types={
        "text": text("text", "content"),
        "refusal": text("refusal"),
        "image_url": media,
        "input_audio": media,
        "file": media,
        "image_file": media,
        "image": media,
        "audio": media,
        "video": media,
        "reference": media,
        "thought": silent,
    },
)
