"""Spans of OpenTelemetry's conventions for generative AI, old and new, and of Strands."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from quickstudy.adapters.traces.fields import first, listed, structure, unpacked, written
from quickstudy.adapters.traces.piece import Piece
from quickstudy.adapters.traces.reader import Reader
from quickstudy.adapters.traces.spans.activity import (
    AROUND,
    MODEL,
    SILENT,
    TOOL,
    UNKNOWN,
    Activity,
    Dialect,
    attribute,
    texts,
    tool,
)
from quickstudy.adapters.traces.spans.otlp import Span

INPUTS, OUTPUTS = "gen_ai.input.messages", "gen_ai.output.messages"
_ADK = "gcp.vertex.agent"  # Google's kit for agents
OLD = {  # as one text or object; the second names are those of Logfire
    INPUTS: ("gen_ai.prompt", "request_data", f"{_ADK}.llm_request"),
    OUTPUTS: ("gen_ai.completion", "response_data", f"{_ADK}.llm_response"),
}
ARGUMENTS = (
    *("gen_ai.tool.call.arguments", "tool_arguments", "gen_ai.tool.arguments"),
    f"{_ADK}.tool_call_args",
)
RESULTS = (
    *("gen_ai.tool.call.result", "tool_response", "gen_ai.tool.result"),
    f"{_ADK}.tool_response",
)
OPERATIONS = {
    **dict.fromkeys(("chat", "text_completion", "generate_content", "completion"), MODEL),
    **dict.fromkeys(("invoke_agent", "invoke_workflow", "invoke_swarm", "invoke_graph"), AROUND),
    "execute_tool": TOOL,
    **dict.fromkeys(("embeddings", "create_agent", "retrieval", "rerank", "plan"), SILENT),
    **dict.fromkeys(("execute_event_loop_cycle", "execute_task", "handoff"), SILENT),
    **dict.fromkeys(("create_memory", "search_memory", "update_memory", "delete_memory"), SILENT),
}
CHOICE = "gen_ai.choice"
_CONTENTS = ("gen_ai.content.prompt", "gen_ai.content.completion")  # with `OLD` in their fields
_LIST = "events"  # the attribute for events that Pydantic AI does not write as logs
_MODELS = ("gen_ai.request.model", "gen_ai.response.model")
_EVENT = re.compile(r"gen_ai\.(\w+)\.message")  # of a role; the older conventions


def operation(span: Span) -> str:
    """`gen_ai.operation.name`, or an operation inferred from other attributes."""
    told = span.attributes.get("gen_ai.operation.name")
    if told is None and "gen_ai.tool.name" in span.attributes:
        return "execute_tool"
    model = any(name in span.attributes for name in _MODELS)
    if told is None and (model or _has_messages(span) or _has_events(span)):
        return "chat"
    return written(told)


def _has_events(span: Span) -> bool:
    names = [name for name, _ in _told(span)]
    return any(name in (CHOICE, *_CONTENTS) or _EVENT.fullmatch(name) for name in names)


def _told(span: Span) -> list[tuple[str, dict[str, Any]]]:
    """The events of a span, and those in its attribute, as JSON."""
    listed = structure(span.attributes.get(_LIST))
    more = [one for one in listed if isinstance(one, Mapping)] if isinstance(listed, list) else []
    return span.events + [(written(one.get("event.name")), dict(one)) for one in more]


def _has_messages(span: Span) -> bool:
    return any(span.attributes.get(name) is not None for name in (INPUTS, OUTPUTS))


def read(span: Span, reader: Reader) -> Activity:
    """The content of a span of these conventions."""
    name = operation(span)
    type_name = OPERATIONS.get(name, UNKNOWN)
    if type_name == TOOL:
        return _tool(span, reader)
    if type_name == UNKNOWN and not (_has_messages(span) or _has_events(span)):
        return Activity(UNKNOWN, name=name)
    if type_name == SILENT:
        return Activity(SILENT)
    inputs = _messages(span, reader, INPUTS) + _events(span, reader, answers=False)
    outputs = _messages(span, reader, OUTPUTS) + _events(span, reader, answers=True)
    type_name = AROUND if type_name == UNKNOWN else type_name
    return Activity(type_name, inputs=inputs, outputs=outputs, failure=span.failure)


def _messages(span: Span, reader: Reader, name: str) -> list[Piece]:
    """The messages of an attribute, on the span or on the event with its details."""
    role = "user" if name == INPUTS else "assistant"
    sources = [(span.attributes, f"{span.at}.attributes")]
    if span.attributes.get(name) is None:
        sources += [(fields, f"{span.at}.events") for _, fields in span.events]
    found: list[Piece] = []
    for fields, at in sources:
        if fields.get(name) is not None:
            found += attribute(fields, name, reader, at, role=role)
            continue
        old = next((one for one in OLD[name] if fields.get(one) is not None), None)
        if old is not None:
            found += texts(fields[old], reader, f"{at}[{old!r}]", role=role)
    return found


def _events(span: Span, reader: Reader, *, answers: bool) -> list[Piece]:
    """The messages of the older conventions, which have one event for each."""
    found: list[Piece] = []
    for name, fields in _told(span):
        is_one = name == CHOICE if answers else _EVENT.fullmatch(name)
        if is_one:
            found += reader.message(_message(span, name, fields), _place(span, name))
    return found


def _place(span: Span, name: str) -> str:
    return f"{span.at}.events[{name!r}]"


def _message(span: Span, name: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """The message of an event, from the JSON in its fields."""
    body = fields.get("gen_ai.event.content")
    given = dict(_object(body)) if body is not None else dict(fields)
    if name == CHOICE:
        message = given.pop("message", None)
        given |= _object(message) or {"content": message}
    role = _EVENT.fullmatch(name)
    given.setdefault("role", role[1] if role else "assistant")
    given["content"] = _blocks(given.get("content"))
    for calls in ("tool_calls", "function_call"):
        if isinstance(given.get(calls), str):
            given[calls] = unpacked(given[calls], _place(span, name))
    return given


def _object(value: Any) -> dict[str, Any]:
    """The message in a field, as an object or JSON; empty for plain text."""
    found = structure(value)
    known = isinstance(found, dict) and {"role", "content", "tool_calls", "message"} & set(found)
    return found if known and isinstance(found, dict) else {}


def _blocks(content: Any) -> Any:
    """Content that is the JSON of a list of blocks, as Strands writes it."""
    found = structure(content) if isinstance(content, str) else None
    if not isinstance(found, list) or not all(isinstance(b, dict) and b for b in found):
        return content
    return found if any(map(_is_block, found)) else content


def _is_block(block: Mapping[str, Any]) -> bool:
    type_name = block.get("type")
    keys = ("text", "toolUse", "toolResult", "json", "functionCall", "functionResponse", "image")
    return isinstance(type_name, str) or (len(block) == 1 and next(iter(block)) in keys)


def _tool(span: Span, reader: Reader) -> Activity:
    """The activity of a tool, from attributes or from the events and messages of Strands."""
    given = span.attributes
    fields = dict(span.events)
    name, id = given.get("gen_ai.tool.name"), given.get("gen_ai.tool.call.id")
    arguments, result = first(given, ARGUMENTS), first(given, RESULTS)
    asked, told = fields.get("gen_ai.tool.message", {}), fields.get(CHOICE, {})
    if arguments is None:
        arguments = first(asked, ("content",))
    if arguments is None:
        arguments = _part(span, INPUTS, ("arguments",))
    if result is None:
        result = _blocks(first(told, ("message", "content")))
    if result is None:
        result = _part(span, OUTPUTS, ("response", "result"))
    state = {"status": first(given, ("gen_ai.tool.status", "gen_ai.task.status"))}
    id = id or first(asked, ("id",)) or first(told, ("id",))
    if name is None and span.name.startswith("execute_tool "):
        name = span.name.removeprefix("execute_tool ")
    return tool(
        span,
        reader,
        name=name,
        named="gen_ai.tool.name",
        id=id,
        arguments=arguments,
        result=result,
        marks=(state, told),
    )


def _part(span: Span, name: str, wanted: tuple[str, ...]) -> Any:
    """A field of the first part in the messages of a tool's span."""
    for fields in (span.attributes, *(fields for _, fields in span.events)):
        given = structure(fields.get(name))
        for message in given if isinstance(given, list | tuple) else ():
            if isinstance(message, Mapping):
                for part in listed(message, "parts", span.at):
                    if isinstance(part, Mapping) and first(part, wanted) is not None:
                        return first(part, wanted)
    return None


def _holds(span: Span) -> bool:
    return bool(operation(span))


GENAI = Dialect("OpenTelemetry's spans of generative AI", _holds, read)
