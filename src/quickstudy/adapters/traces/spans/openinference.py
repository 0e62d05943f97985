"""Spans of OpenInference, the conventions of Phoenix and Arize."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quickstudy.adapters.traces.fields import first, structure, written
from quickstudy.adapters.traces.piece import Piece
from quickstudy.adapters.traces.reader import Reader
from quickstudy.adapters.traces.spans.activity import (
    AROUND,
    MODEL,
    SILENT,
    UNKNOWN,
    Activity,
    Dialect,
    tool,
    whole,
)
from quickstudy.adapters.traces.spans.attributes import tree
from quickstudy.adapters.traces.spans.otlp import Span

SPAN_KIND = "openinference.span.kind"
_SILENT = (
    *("CHAIN", "RETRIEVER", "EMBEDDING", "RERANKER", "GUARDRAIL", "EVALUATOR", "PROMPT"),
    *("UNKNOWN", "DECISION"),
)


def read(span: Span, reader: Reader) -> Activity:
    """The content of a span of these conventions."""
    type_name = written(span.attributes[SPAN_KIND]).upper()
    given = span.attributes
    if type_name == "LLM":
        inputs = _said(span, reader, "llm.input_messages", "input.value")
        outputs = _said(span, reader, "llm.output_messages", "output.value")
        return Activity(MODEL, inputs=inputs, outputs=outputs, failure=span.failure)
    if type_name == "TOOL":
        name = first(given, ("tool.name", "tool_call.function.name")) or span.name or None
        id = first(given, ("tool_call.id", "tool.id")) or _id(given.get("output.value"))
        made = first(given, ("tool_call.function.arguments", "input.value"))
        result = given.get("output.value")
        return tool(span, reader, name=name, id=id, arguments=made, result=result)
    if type_name == "AGENT" or (type_name == "CHAIN" and span.parent is None):
        inputs, outputs = _text(span, reader, "input"), _text(span, reader, "output")
        return Activity(AROUND, inputs=inputs, outputs=outputs, failure=span.failure)
    return Activity(SILENT) if type_name in _SILENT else Activity(UNKNOWN, name=type_name)


def _said(span: Span, reader: Reader, prefix: str, value: str) -> list[Piece]:
    """The messages of a model's span; without any, its whole input or output."""
    at = f"{span.at}.attributes[{prefix!r}]"
    found = [_message(one) for one in tree(span.attributes, prefix)]
    if found:
        return reader.history(found, at)
    answers = prefix == "llm.output_messages"
    names = ("llm.choices", "completion.text") if answers else ("llm.prompts", "prompt.text")
    role = "assistant" if answers else "user"
    for one in tree(span.attributes, names[0]):
        text = first(one, (names[1], "text")) if isinstance(one, Mapping) else None
        if text is None and isinstance(one, Mapping):
            inner = first(one, ("prompt", "completion"))
            text = inner.get("text") if isinstance(inner, Mapping) else None
        found += [{"role": role, "content": text}] if isinstance(text, str) else []
    if found:
        return reader.history(found, at)
    return whole(span, reader, value, role)


def _message(given: Any) -> Any:
    """A message of numbered attributes as a chat message."""
    inner = given.get("message") if isinstance(given, Mapping) else None
    if not isinstance(inner, Mapping):
        return given
    found = {name: inner[name] for name in ("role", "content", "tool_call_id") if name in inner}
    found.setdefault("role", "assistant")
    contents = inner.get("contents")
    if isinstance(contents, list) and not isinstance(found.get("content"), str):
        found["content"] = [_part(one) for one in contents]
    calls = inner.get("tool_calls")
    if isinstance(calls, list):
        found["tool_calls"] = [_field(one, "tool_call") for one in calls]
    if isinstance(inner.get("function_call_name"), str):
        made = inner.get("function_call_arguments_json")
        found["function_call"] = {"name": inner["function_call_name"], "arguments": made}
    return found


def _part(given: Any) -> Any:
    part = _field(given, "message_content")
    if isinstance(part, Mapping) and "type" not in part:
        return {"type": "text", **part} if "text" in part else part
    return part


def _field(given: Any, name: str) -> Any:
    return given.get(name, given) if isinstance(given, Mapping) else given


def _text(span: Span, reader: Reader, side: str) -> list[Piece]:
    """The input or output of an agent if it is plain text; other content is in its spans."""
    value = span.attributes.get(f"{side}.value")
    mime = span.attributes.get(f"{side}.mime_type")
    if not isinstance(value, str) or mime == "application/json" or structure(value) is not None:
        return []
    role = "user" if side == "input" else "assistant"
    return reader.message({"role": role, "content": value}, f"{span.at}.attributes")


def _id(output: Any) -> Any:
    """The id of the call, from the tool message that a framework returned."""
    given = structure(output)
    if isinstance(given, Mapping) and isinstance(given.get("kwargs"), Mapping):
        given = given["kwargs"]
    return given.get("tool_call_id") if isinstance(given, Mapping) else None


OPENINFERENCE = Dialect("OpenInference spans", lambda span: SPAN_KIND in span.attributes, read)
