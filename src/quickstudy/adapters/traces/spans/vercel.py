"""Spans of the Vercel AI SDK: `ai.generateText`, its `doGenerate`, and `ai.toolCall`."""

from __future__ import annotations

from typing import Any

from quickstudy.adapters.traces.fields import first, structure
from quickstudy.adapters.traces.piece import Piece
from quickstudy.adapters.traces.reader import Reader
from quickstudy.adapters.traces.spans.activity import (
    AROUND,
    MODEL,
    SILENT,
    UNKNOWN,
    Activity,
    Dialect,
    attribute,
    tool,
)
from quickstudy.adapters.traces.spans.otlp import Span

OPERATION = "ai.operationId"
_MODEL = (".doGenerate", ".doStream")
_CALLS = ("ai.response.toolCalls", "ai.result.toolCalls")
_AROUND = ("ai.generateText", "ai.streamText", "ai.generateObject", "ai.streamObject", "ai.agent")
_SILENT = ("ai.embed", "ai.rerank", "ai.transcribe", "ai.generateImage", "ai.generateSpeech")


def operation(span: Span) -> str:
    """The operation of a span: its id, or the span's name if it is one of the SDK."""
    told = span.attributes.get(OPERATION)
    if isinstance(told, str) and told:
        return told
    name = span.name.split(" ")[0]
    return name if name.startswith(("ai.toolCall", *_AROUND, *_SILENT)) else ""


def read(span: Span, reader: Reader) -> Activity:
    """The content of a span of this SDK."""
    given, name = span.attributes, operation(span)
    if name == "ai.toolCall":
        return tool(
            span,
            reader,
            name=given.get("ai.toolCall.name"),
            named="ai.toolCall.name",
            id=given.get("ai.toolCall.id"),
            arguments=first(given, ("ai.toolCall.args", "ai.toolCall.input")),
            result=first(given, ("ai.toolCall.result", "ai.toolCall.output")),
        )
    if name.startswith(_SILENT):
        return Activity(SILENT)
    if not name.startswith(_AROUND):
        return Activity(UNKNOWN, name=name)
    type_name = MODEL if name.endswith(_MODEL) else AROUND
    return Activity(
        type_name, inputs=_inputs(span, reader), outputs=_answer(span, reader), failure=span.failure
    )


def _inputs(span: Span, reader: Reader) -> list[Piece]:
    for name in ("ai.prompt.messages", "ai.prompt"):
        if span.attributes.get(name) is not None:
            return attribute(span.attributes, name, reader, f"{span.at}.attributes")
    return []


def _answer(span: Span, reader: Reader) -> list[Piece]:
    given, at = span.attributes, f"{span.at}.attributes"
    text = first(given, ("ai.response.text", "ai.response.object", "ai.result.text"))
    name = next((n for n in _CALLS if given.get(n) is not None), _CALLS[0])
    calls = structure(given.get(name))
    content: list[Any] = [{"type": "text", "text": text}] if isinstance(text, str) else []
    if isinstance(calls, list | tuple):
        content += [{**one, "type": "tool-call"} if isinstance(one, dict) else one for one in calls]
    elif given.get(name) is not None:
        content.append({"type": name})  # damaged: it is named, and the text is read
    return reader.message({"role": "assistant", "content": content}, at)


VERCEL = Dialect("Vercel AI SDK spans", lambda span: bool(operation(span)), read)
