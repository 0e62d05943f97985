"""OpenAI's chat messages, and every other message that has a role."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from quickstudy.adapters.step import Step
from quickstudy.adapters.traces.fields import field, first, listed, plain, written
from quickstudy.adapters.traces.formats.rows import media, silent, text
from quickstudy.adapters.traces.reader import ARGUMENTS, IDS, Format, Piece, Reader, said

SILENT = ("system", "developer")  # the same in every run: they say nothing about this one
SPEAKERS = ("user", "assistant", "model", "human", "ai")
TOOLS = ("tool", "function", "ipython", "observation", "tool-response", "tool_response")
_CALL_IDS = ("tool_call_id", "toolCallId", "tool_use_id", "id")


def read(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """The pieces of a message with a role, whichever format its parts have."""
    role = field(given, "role", str, at)
    if role in SILENT:
        return []
    name = "parts" if given.get("content") is None or given.get("parts") else "content"
    content = given.get(name)
    place = f"{at}.{name}"
    if role in TOOLS:
        return _result(reader, given, content, at)
    pieces = [*reader.parts(content, place), *_calls(reader, given, at)]
    if role not in SPEAKERS:
        reader.recognised -= 1  # only what it says is known
        return [_named(role), *pieces]
    if not pieces and first(given, ("finish_reason", "finishReason")) == "error":
        return [Piece("said", None, Step("error", error=True))]
    if not any(piece.kind == "result" for piece in pieces):
        pieces.sort(key=lambda piece: piece.kind == "call")  # some write the calls first
    return pieces


def _named(role: str) -> Piece:
    return Piece("unknown", None, Step(f"[{role}]"), (role,))


def _result(reader: Reader, given: Mapping[str, Any], content: Any, at: str) -> Iterable[Piece]:
    """A tool's message: parts that are results, or one result that is the whole message."""
    if isinstance(content, list | tuple) and any(_holds_result(part) for part in content):
        return reader.parts(content, f"{at}.content")
    named = next((name for name in _CALL_IDS if given.get(name) is not None), "id")
    marks = [given, given.get("additional_kwargs")]
    id = given.get(named)
    return [reader.result(content, at, id=id, marks=marks, parts=True, named=named)]


def _holds_result(part: Any) -> bool:
    if not isinstance(part, Mapping):
        return callable(getattr(part, "model_dump", None))
    kind = written(part.get("type", next(iter(part), ""))).lower().replace("-", "_")
    return kind.endswith(("result", "response", "output", "tool_error"))


def _calls(reader: Reader, given: Mapping[str, Any], at: str) -> Iterator[Piece]:
    if given.get("refusal"):
        yield said(field(given, "refusal", str, at))
    spoken = given.get("audio")
    if isinstance(spoken, Mapping) and isinstance(spoken.get("transcript"), str):
        yield said(spoken["transcript"])
    yield from calls(reader, given, at)
    if not given.get("parts"):  # the Vercel AI SDK kept calls here before it had parts
        for j, one in enumerate(listed(given, "toolInvocations", at)):
            part = {"type": "tool-invocation", "toolInvocation": one}
            yield from reader.part(part, f"{at}.toolInvocations[{j}]")
    extra = given.get("additional_kwargs")  # LangChain's place for what the provider sent
    if isinstance(extra, Mapping):
        if not given.get("tool_calls"):
            yield from calls(reader, extra, f"{at}.additional_kwargs")
        outputs = listed(extra, "tool_outputs", f"{at}.additional_kwargs")
        yield from reader.parts(list(outputs), f"{at}.additional_kwargs.tool_outputs")


def calls(reader: Reader, given: Mapping[str, Any], at: str) -> Iterator[Piece]:
    """The calls that stand next to the content of a message."""
    if given.get("function_call"):
        legacy = plain(given["function_call"], f"{at}.function_call")
        yield _call(reader, None, legacy, f"{at}.function_call")
    for name in ("tool_calls", "toolCalls", "invalid_tool_calls"):
        for j, one in enumerate(listed(given, name, at)):
            place = f"{at}.{name}[{j}]"
            asked = plain(one, place)
            if "type" not in asked and name == "invalid_tool_calls":
                asked = {**asked, "error": asked.get("error") or "invalid"}
            inner = next((n for n in ("function", "custom") if n in asked), None)
            id = first(asked, ("id", *IDS))
            if inner:
                place = f"{place}.{inner}"
                asked = plain(asked[inner], place)
            yield _call(reader, id, asked, place)


def _call(reader: Reader, id: Any, given: Mapping[str, Any], at: str) -> Piece:
    name = first(given, ("name", "toolName", "tool_name"))
    return reader.call(given, at, name=name, id=id, made=first(given, ARGUMENTS))


def _holds(given: Mapping[str, Any]) -> bool:
    inner = given.get("message")
    return "role" in given or (isinstance(inner, Mapping) and "role" in inner)


def _read(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """A message, perhaps inside the line of a transcript that has it with a time and an id."""
    if "role" in given:
        return read(reader, given, at)
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
        "image": media,
        "audio": media,
        "video": media,
        "reference": media,
        "thought": silent,
    },
)
