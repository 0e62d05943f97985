"""`Activity`: the content of a span, independent of its conventions."""

from __future__ import annotations

import ast
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from quickstudy.adapters.step import Step
from quickstudy.adapters.traces.fields import brief, first, structure, unpacked, written
from quickstudy.adapters.traces.piece import Piece
from quickstudy.adapters.traces.reader import EMPTY, Reader
from quickstudy.adapters.traces.spans.otlp import Span
from quickstudy.errors import InputError

MODEL, AROUND, TOOL, SILENT = "model", "around", "tool", "silent"
UNKNOWN, DAMAGED = "unknown", "damaged"
_LONGEST = 10_000  # characters of the longest Python literal that is parsed


@dataclass
class Activity:
    """The content of a span.

    Attributes:
        type: a call of a model, an agent around other spans, a call of a tool; silent: known, but
            without steps; unknown: an unknown operation; damaged: it cannot be read.
        inputs: of a model or an agent: the history at the start of the span.
        outputs: of a model or an agent, at the end of the span.
        call: of a tool.
        result: of a tool; None if it was not recorded.
        failure: text of the failure, or None.
        name: of an unknown operation or of a damaged span.
    """

    type: str
    inputs: list[Piece] = field(default_factory=list)
    outputs: list[Piece] = field(default_factory=list)
    call: Piece | None = None
    result: Piece | None = None
    failure: str | None = None
    name: str = ""


class Dialect(NamedTuple):
    """Conventions of spans: a test whether a span follows them, and its reader."""

    name: str
    holds: Callable[[Span], bool]
    read: Callable[[Span, Reader], Activity]


def attribute(
    fields: Mapping[str, Any], name: str, reader: Reader, at: str, *, role: str = "user"
) -> list[Piece]:
    """The pieces of the messages in an attribute; of one that is damaged, as where an exporter
    cuts long values off, a step that names it."""
    value, place = fields[name], f"{at}[{name!r}]"
    return reader.attempt(name, {}, place, lambda: messages(reader, value, place, role=role))


def messages(reader: Reader, value: Any, at: str, *, role: str = "user") -> list[Piece]:
    """The pieces of the messages in an attribute, as JSON or as objects.

    Raises:
        InputError: the attribute is neither a list of messages nor a text.
    """
    given = unpacked(value, at)
    if isinstance(given, str):
        return reader.message({"role": role, "content": given}, at)
    if isinstance(given, Mapping):
        inner = next((given[n] for n in ("messages", "prompt") if given.get(n)), given)
        given = [{"role": role, "content": inner}] if isinstance(inner, str) else inner
    if isinstance(given, Mapping):
        given = [given]
    if not isinstance(given, list | tuple):
        raise InputError(f"{at} is {brief(given)}; it must be a list")
    return reader.history(given, at)


def whole(span: Span, reader: Reader, name: str, role: str) -> list[Piece]:
    """The pieces of a request or an answer that was recorded as one text or as JSON."""
    value = span.attributes.get(name)
    return texts(value, reader, f"{span.at}.attributes[{name!r}]", role=role)


def texts(value: Any, reader: Reader, at: str, *, role: str) -> list[Piece]:
    """The messages in a value; a text is one message of that role; other values have none."""
    given = structure(value)
    if given is None:
        told = [{"role": role, "content": value}] if isinstance(value, str) else []
        return messages(reader, told, at)
    inner = first(given, ("messages", "contents")) if isinstance(given, Mapping) else None
    given = inner if isinstance(inner, list) else [given] if isinstance(given, Mapping) else given
    if len(given) == 1 and isinstance(given[0], list):  # LangChain has a list for each request
        given = given[0]
    return messages(reader, given, at) if all(map(_is_message, given)) else []


def _is_message(value: Any) -> bool:
    """Whether an object is a message, or an answer of an API with a message."""
    if not isinstance(value, Mapping):
        return False
    inner = (value.get("message"), value.get("content"))
    return (
        bool({"role", "lc"} & value.keys())
        or any(isinstance(one, Mapping) for one in inner)
        or isinstance(value.get("choices"), list)
        or value.get("object") == "response"
    )


def tool(
    span: Span,
    reader: Reader,
    *,
    name: Any,
    named: str = "name",
    id: Any = None,
    arguments: Any = None,
    result: Any = None,
    marks: Iterable[Any] = (),
) -> Activity:
    """The activity of a tool's span.

    Raises:
        InputError: the attribute `named`, which has the name of the tool, is missing.
    """
    if name is None:
        raise InputError(f"{span.at} has no {named!r}")
    id = id if isinstance(id, str) and id else None
    failure = span.failure
    made = _called_with(arguments)
    asked = reader.call({}, span.at, name=name, id=id, made=made)
    content, more = _content(_bare(result), reader)
    told = reader.result(content, span.at, id=id, marks=(*marks, *more))
    if told.step.x == EMPTY and not told.step.error and not failure:
        return Activity(TOOL, call=asked)  # the next input of a model may have the result
    text = failure if failure and told.step.x == EMPTY else told.step.x
    step = Step(text, error=told.step.error or failure is not None)
    return Activity(TOOL, call=asked, result=told._replace(step=step), failure=failure)


def _called_with(arguments: Any) -> Any:
    """The arguments of a call, without the wrapper of a framework."""
    given = structure(arguments)
    if given is None and isinstance(arguments, str):
        given = _literal(arguments)
    if not isinstance(given, Mapping):
        return arguments if isinstance(arguments, str | None) else written(arguments)
    if isinstance(given.get("inputs"), Mapping) and ("input_str" in given or len(given) == 1):
        return given["inputs"]
    if "args" in given and set(given) <= {"args", "kwargs"}:
        named = given.get("kwargs") if isinstance(given.get("kwargs"), Mapping) else {}
        return {**({"args": given["args"]} if given["args"] else {}), **(named or {})}
    if set(given) == {"input_str"}:
        return _called_with(given["input_str"])
    return given


def _literal(text: str) -> Any:
    """Arguments that Python wrote with `str`, such as {'city': 'Rome'}."""
    if not text.lstrip().startswith("{") or len(text) > _LONGEST:
        return None
    try:
        return ast.literal_eval(text.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return None


def _bare(output: Any) -> Any:
    """The value that a function returned; JSON of a text is unquoted."""
    if isinstance(output, str) and len(output) > 1 and output[0] == output[-1] == '"':
        inner = structure(f"[{output}]")
        if isinstance(inner, list) and len(inner) == 1 and isinstance(inner[0], str):
            return inner[0]
    return output


def _content(result: Any, reader: Reader) -> tuple[Any, list[Any]]:
    """The result of a tool, without the message or object that a framework wraps it in.

    Returns:
        the content, and the objects that may mark the call as failed.
    """
    given = structure(result)
    marks: list[Any] = []
    while isinstance(given, Mapping) and len(marks) < _WRAPS:
        inner = _inner(given)
        if inner is None:
            break
        marks.append(given)
        result, given = inner, structure(inner)
    is_list = isinstance(given, list | tuple) and any(isinstance(one, Mapping) for one in given)
    if is_list and all(map(reader.is_part, given)):
        return given, marks
    return result, marks


_WRAPS = 4


def _inner(given: Mapping[str, Any]) -> Any:
    """The content of a wrapper: a message, perhaps serialised, or the output with settings."""
    if isinstance(given.get("output"), Mapping | str) and set(given) <= {"output", "kwargs"}:
        return given["output"]
    if "lc" in given and isinstance(given.get("kwargs"), Mapping):
        return given["kwargs"]
    is_message = {"tool_call_id", "toolUseId", "isError", "is_error"} & set(given)
    if given.get("content") is not None and (is_message or given.get("type") == "tool"):
        return given["content"]
    return None
