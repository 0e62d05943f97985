"""Spans of OpenLLMetry (Traceloop): numbered prompts and completions, entities around them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from quickstudy.adapters.traces.fields import structure, written
from quickstudy.adapters.traces.piece import Piece
from quickstudy.adapters.traces.reader import Reader
from quickstudy.adapters.traces.spans.activity import (
    MODEL,
    SILENT,
    UNKNOWN,
    Activity,
    Dialect,
    tool,
)
from quickstudy.adapters.traces.spans.attributes import tree
from quickstudy.adapters.traces.spans.otlp import Span

SPAN_KIND = "traceloop.span.kind"
_PROMPTS = ("gen_ai.prompt", "llm.prompts")
_COMPLETIONS = ("gen_ai.completion", "llm.completions")
_AROUND = ("workflow", "task", "agent", "unknown")


def read(span: Span, reader: Reader) -> Activity:
    """The content of a span of these conventions."""
    given = span.attributes
    type_name = given.get(SPAN_KIND)
    if type_name == "tool":
        name = given.get("traceloop.entity.name") or span.name or None
        result = given.get("traceloop.entity.output")
        return tool(
            span,
            reader,
            name=name,
            id=_id(result),
            arguments=given.get("traceloop.entity.input"),
            result=result,
        )
    if _is_model(span):
        inputs = _said(span, reader, _PROMPTS, "user")
        outputs = _said(span, reader, _COMPLETIONS, "assistant")
        return Activity(MODEL, inputs=inputs, outputs=outputs, failure=span.failure)
    if type_name is None or type_name in _AROUND:
        return Activity(SILENT)
    return Activity(UNKNOWN, name=written(type_name))


def _said(span: Span, reader: Reader, prefixes: tuple[str, ...], role: str) -> list[Piece]:
    found: list[Piece] = []
    for prefix in prefixes:
        told = [one for one in tree(span.attributes, prefix) if isinstance(one, Mapping)]
        at = f"{span.at}.attributes[{prefix!r}]"
        found += reader.history([_message(one, role) for one in told], at)
    return found


def _message(given: Mapping[str, Any], role: str) -> dict[str, Any]:
    """A prompt or completion as a chat message; lists of parts are JSON in it."""
    message = {"role": role, **given}
    if message["role"] == "unknown":
        message["role"] = role
    parts = structure(given.get("content"))
    if isinstance(parts, list) and parts and all(_is_part(part) for part in parts):
        message["content"] = parts
    if isinstance(given.get("tool_calls"), str):
        message["tool_calls"] = structure(given["tool_calls"])
    return message


def _is_part(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("type"), str)


def _id(output: Any) -> Any:
    """The id of the call, from the tool message that LangChain returned."""
    given = structure(output)
    for name in ("output", "kwargs"):
        inner = given.get(name) if isinstance(given, Mapping) else None
        given = inner if isinstance(inner, Mapping) else given
    return given.get("tool_call_id") if isinstance(given, Mapping) else None


def _is_model(span: Span) -> bool:
    prefixes = tuple(f"{name}.0." for name in (*_PROMPTS, *_COMPLETIONS))
    return "llm.request.type" in span.attributes or any(
        str(name).startswith(prefixes) for name in span.attributes
    )


def _holds(span: Span) -> bool:
    """Whether a span is of OpenLLMetry; newer versions follow OpenTelemetry, and that table."""
    if "gen_ai.operation.name" in span.attributes:
        return False
    return _is_model(span) or any(str(name).startswith("traceloop.") for name in span.attributes)


TRACELOOP = Dialect("OpenLLMetry (Traceloop) spans", _holds, read)
