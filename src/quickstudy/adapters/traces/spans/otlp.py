"""Reads spans from OTLP JSON, from the JSON of the SDKs, and from their objects."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from quickstudy.adapters.traces.fields import brief, first, listed, plain, written
from quickstudy.errors import InputError

FAILED = (2, "ERROR", "STATUS_CODE_ERROR", "error", "Error", "2")
SUCCEEDED = (1, "OK", "STATUS_CODE_OK", "Ok", "ok", "1")
_SECOND = 1_000_000_000


@dataclass
class Span:
    """A span: names as in the conventions, times in nanoseconds, events as (name, fields)."""

    trace: str
    id: str
    parent: str | None
    start: int
    end: int
    attributes: dict[str, Any]
    failed: bool
    succeeded: bool  # by its status: exceptions during the span were handled
    message: str  # of the status
    name: str
    at: str
    events: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)  # of attributes without a value

    @property
    def failure(self) -> str | None:
        """The failure by status, exception or `error.type`; None without one."""
        type_name = self.attributes.get("error.type")
        raised = [fields for name, fields in self.events if name.endswith("exception")]
        if not (self.failed or type_name or (raised and not self.succeeded)):
            return None
        if self.message:
            return self.message
        told = raised[-1] if raised else self.attributes
        words = [told.get(f"exception.{name}") for name in ("type", "message")]
        text = ": ".join(written(word) for word in words if word)
        return text or written(type_name) or "error"


def read(spans: Any) -> list[Span]:
    """All spans of one or several exports or of a list, in order of their start.

    Raises:
        InputError: a span cannot be read; the message names place and field.
    """
    found: list[Span] = []
    loose: list[tuple[str, str, dict[str, Any]]] = []  # log records: span, name, fields
    for at, type_name, given in _leaves(spans, "spans"):
        if type_name == "span":
            found.append(_span(given, at))
        else:
            if given.get("spanId") or given.get("span_id"):  # other logs have no span
                loose.append((_id(given, ("spanId", "span_id"), at), *_event(given, at, [])))
    by_id = {span.id: span for span in found}
    for id, name, fields in loose:
        if id in by_id:
            by_id[id].events.append((name, fields))
    return sorted(found, key=lambda span: span.start)


DEEPEST = 3  # nesting of lists: folders of files of documents


def _leaves(given: Any, at: str) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    """Spans and log records with their places, from all wrappers."""
    if isinstance(given, Sequence) and not isinstance(given, str | bytes):
        if at.count("[") >= DEEPEST:
            raise InputError(f"{at} is a list of lists of lists; use a list of spans")
        for i, one in enumerate(given):
            yield from _leaves(one, f"{at}[{i}]")
        return
    document = _document(given, at)
    found = [(outer, inner) for outer, inner in _WRAPS if outer in document]
    for outer, inner in found:
        for i, one in enumerate(listed(document, outer, at)):
            yield from _unwrapped(one, inner, f"{at}.{outer}[{i}]")
    if not found and isinstance(document.get("spans"), list) and "attributes" not in document:
        yield from _leaves(document["spans"], f"{at}.spans")
    elif not found:
        yield at, "span", document


_WRAPS = (
    ("resourceSpans", (("scopeSpans", "instrumentationLibrarySpans"), "spans", "span")),
    ("resource_spans", (("scope_spans",), "spans", "span")),
    ("resourceLogs", (("scopeLogs",), "logRecords", "log")),
    ("resource_logs", (("scope_logs",), "log_records", "log")),
)


def _unwrapped(
    resource: Any, inner: tuple[tuple[str, ...], str, str], at: str
) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    scopes, leaves, type_name = inner
    given = plain(resource, at)
    for name in scopes:
        for i, scope in enumerate(listed(given, name, at)):
            place = f"{at}.{name}[{i}]"
            for j, leaf in enumerate(listed(plain(scope, place), leaves, place)):
                inside = f"{place}.{leaves}[{j}]"
                yield inside, type_name, plain(leaf, inside)


def _document(given: Any, at: str) -> Mapping[str, Any]:
    to_json = getattr(given, "to_json", None)
    if not isinstance(given, Mapping) and callable(to_json):  # a span of the Python SDK
        given = json.loads(to_json())
    return _of_table(plain(given, at))


def _of_table(given: Mapping[str, Any]) -> Mapping[str, Any]:
    """A span from a row of a table with one column for each attribute; empty cells are NaN."""
    parts: dict[str, dict[str, Any]] = {}
    for name, value in given.items():
        start, dot, rest = str(name).partition(".")
        if dot and start in ("attributes", "context") and not _is_nan(value):
            group, _, inner = rest.partition(".")
            at = parts.setdefault(start, {})
            if group == "llm" and inner:  # its lists hold objects
                at.setdefault(group, {})[inner] = value
            else:
                at[rest] = value
    there = {name: value for name, value in given.items() if not _is_nan(value)}
    return {**there, **parts} if parts else given


def _is_nan(value: Any) -> bool:
    return isinstance(value, float) and value != value


_STARTS = ("startTimeUnixNano", "start_time", "startTime", "start_time_unix_nano")
_ENDS = ("endTimeUnixNano", "end_time", "endTime", "end_time_unix_nano")


_PARENTS = ("parentSpanId", "parent_span_id", "parent_id", "parentId")


def _of_console(given: dict[str, Any]) -> dict[str, Any]:
    """A span from the JavaScript console exporter, whose times are in microseconds."""
    start, took = given.get("timestamp"), given.get("duration")
    if any(given.get(name) for name in _STARTS):
        return given
    if not (isinstance(start, int) and isinstance(took, int | float) and 0 <= took < _LONGEST):
        return given
    context = given.get("parentSpanContext")
    parent = context.get("spanId") if isinstance(context, Mapping) else given.get("parentId")
    return {
        **given,
        "spanId": given.get("id"),
        "parentSpanId": parent,
        "startTimeUnixNano": start * 1000,
        "endTimeUnixNano": start * 1000 + int(took * 1000),
    }


_LONGEST = 1e15  # microseconds that a span may take


def _span(given: Mapping[str, Any], at: str) -> Span:
    context = given.get("context") or given.get("spanContext") or {}
    merged = _of_console({**given, **plain(context, f"{at}.context")})
    status = given.get("status") or given.get("status_code") or {}
    status = status if isinstance(status, Mapping) else {"code": status}
    code = status.get("code", status.get("status_code", status.get("statusCode")))
    parent = first(merged, _PARENTS)
    start = _time(merged, _STARTS, at)
    problems: list[str] = []
    span = Span(
        trace=_id(merged, ("traceId", "trace_id"), at),
        id=_id(merged, ("spanId", "span_id"), at),
        parent=written(parent).lower().removeprefix("0x") if parent else None,
        start=start,
        end=_time(merged, _ENDS, at) if any(merged.get(name) for name in _ENDS) else start,
        attributes=_attributes(given.get("attributes"), f"{at}.attributes", problems),
        failed=isinstance(code, int | str) and code in FAILED,
        succeeded=isinstance(code, int | str) and code in SUCCEEDED,
        message=_message({**given, **status}),
        name=written(given.get("name")),
        at=at,
        problems=problems,
    )
    for i, event in enumerate(listed(given, "events", at)):
        place = f"{at}.events[{i}]"
        span.events.append(_event(plain(event, place), place, problems))
    return span


def _message(given: Mapping[str, Any]) -> str:
    names = ("message", "description", "status_message", "statusMessage")
    return written(first(given, names))


def _event(given: Mapping[str, Any], at: str, problems: list[str]) -> tuple[str, dict[str, Any]]:
    """Name and fields of an event, from its attributes and its body."""
    fields = _attributes(given.get("attributes"), f"{at}.attributes", problems)
    body = given.get("body")
    if isinstance(body, Mapping) and body:
        value = (
            _value(body, f"{at}.body")
            if len(body) == 1 and set(body) <= set(_VALUE_TYPES)
            else body
        )
        fields.update(value if isinstance(value, Mapping) else {"content": value})
    name = given.get("name") or given.get("eventName") or given.get("event_name")
    return written(name or fields.get("event.name")), fields


_VALUE_TYPES = {  # field names in JSON and in the classes of protobuf
    **{name: name for name in ("stringValue", "boolValue", "doubleValue", "bytesValue")},
    **{"intValue": "int", "arrayValue": "array", "kvlistValue": "object"},
    **{name: name for name in ("string_value", "bool_value", "double_value", "bytes_value")},
    **{"int_value": "int", "array_value": "array", "kvlist_value": "object"},
}


def _attributes(given: Any, at: str, problems: list[str]) -> dict[str, Any]:
    """Names and values; an unreadable value is left out, and a note gives the reason."""
    if given is None:
        return {}
    if isinstance(given, Mapping):
        return _flat(given)
    if not isinstance(given, Sequence) or isinstance(given, str):
        raise InputError(f"{at} is {brief(given)}; it must be a list of keys and values")
    found = {}
    for i, one in enumerate(given):
        pair = plain(one, f"{at}[{i}]")
        if not isinstance(pair.get("key"), str):
            raise InputError(f"{at}[{i}].key is {brief(pair.get('key'))}; it must be a text")
        try:
            found[pair["key"]] = _value(pair.get("value"), f"{at}[{i}].value")
        except InputError as error:
            problems.append(str(error))
    return found


def _flat(given: Mapping[str, Any]) -> dict[str, Any]:
    """Attributes by full names; some exports nest them at the dots."""
    found: dict[str, Any] = {}
    waiting: list[tuple[str, Mapping[Any, Any], frozenset[int]]] = [("", given, frozenset())]
    while waiting:
        start, inner, around = waiting.pop()
        within = around | {id(inner)}
        for name, value in inner.items():
            full = f"{start}{name}"
            if isinstance(value, list) and start and value and isinstance(value[0], Mapping):
                value = {str(i): one for i, one in enumerate(value)}
            elif "." in str(name) or id(value) in within:  # an object may contain itself
                found[full] = value
                continue
            if isinstance(value, Mapping) and value:
                waiting.append((f"{full}.", value, within))
            else:
                found[full] = value
    return found


def _value(given: Any, at: str) -> Any:
    """The plain value of an OTLP JSON value; 64-bit integers are texts there."""
    try:
        return _bare(given)
    except (AttributeError, KeyError, TypeError, ValueError, RecursionError):
        raise InputError(f"{at} is {brief(given)}; it must be a value of OTLP JSON") from None


def _bare(given: Any) -> Any:
    if given is None or given == {}:
        return None
    name, value = next(iter(given.items()))
    type_name = _VALUE_TYPES.get(name)
    if type_name == "int":
        return int(value)
    if type_name == "array":
        return [_bare(one) for one in value.get("values", ())]
    if type_name == "object":
        return {str(one["key"]): _bare(one.get("value")) for one in value.get("values", ())}
    return value


def _id(given: Mapping[str, Any], names: tuple[str, ...], at: str) -> str:
    value = next((given[name] for name in names if given.get(name)), None)
    if not isinstance(value, str):
        raise InputError(f"{at}.{names[0]} is {brief(value)}; it must be a text")
    return value.lower().removeprefix("0x")


def _time(given: Mapping[str, Any], names: tuple[str, ...], at: str) -> int:
    """Nanoseconds since 1970: from OTLP's number, ISO 8601, or (seconds, nanoseconds)."""
    name = next((n for n in names if given.get(n) is not None), names[0])
    value = given.get(name)
    try:
        if isinstance(value, str) and not value.isdigit():
            stamp = datetime.fromisoformat(value.replace("Z", "+00:00"))
            return int(stamp.timestamp()) * _SECOND + stamp.microsecond * 1000
        if isinstance(value, datetime):
            return int(value.timestamp()) * _SECOND + value.microsecond * 1000
        if isinstance(value, list | tuple):
            return int(value[0]) * _SECOND + int(value[1])
        return int(value)  # type: ignore[arg-type]
    except (TypeError, ValueError, IndexError, OverflowError):
        raise InputError(f"{at}.{name} is {brief(value)}; it must be a time") from None
