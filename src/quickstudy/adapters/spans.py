"""OpenTelemetry spans of generative AI as steps of runs.

Instrumented agents leave a span for each call of a model (`chat`), each call of a tool
(`execute_tool`), and around them one for the agent (`invoke_agent`). Every `chat` repeats the
conversation so far, and a call stands both in the answer that asked for it and in the span that
made it: here everything comes once, in the order in which it happened.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any

from quickstudy.adapters.otlp import Span, read
from quickstudy.adapters.reading import Failed, Piece, Reader, written
from quickstudy.adapters.step import Step, call, looks_failed
from quickstudy.errors import InputError

MODEL = ("chat", "text_completion", "generate_content")
AROUND = ("invoke_agent", "invoke_workflow")
CONVERSATION = "gen_ai.conversation.id"
_INPUTS, _OUTPUTS = "gen_ai.input.messages", "gen_ai.output.messages"
_ROLES = {
    "gen_ai.system.message": "system",
    "gen_ai.user.message": "user",
    "gen_ai.assistant.message": "assistant",
    "gen_ai.tool.message": "tool",
}


def steps_of_spans(
    spans: Any, *, run: str | None = None, failed: Failed = looks_failed
) -> list[Step]:
    """The steps of one run, from its spans: what is said, every call, and every result.

    Args:
        spans: an OTLP JSON document (`resourceSpans`, perhaps `resourceLogs`), a list of such, or
            of spans as the SDKs' exporters write them.
        run: id of the conversation or of the trace, where there are several.
        failed: tells from the text of a result that its call failed, where it is not marked.

    Raises:
        InputError: a span cannot be read (names its place and the field); there are several runs
            and `run` does not say which; there is none of that id.

    >>> span = {"traceId": "5b8e", "spanId": "01", "startTimeUnixNano": "1", "status": {"code": 2},
    ...     "attributes": [
    ...         {"key": "gen_ai.operation.name", "value": {"stringValue": "execute_tool"}},
    ...         {"key": "gen_ai.tool.name", "value": {"stringValue": "read"}},
    ...         {"key": "error.type", "value": {"stringValue": "timeout"}}]}
    >>> [(step.x, step.action, step.error) for step in steps_of_spans([span])]
    [('read', 'read', False), ('timeout', None, True)]

    References:
        https://opentelemetry.io/docs/specs/semconv/gen-ai/gen-ai-spans/
        https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
    """
    found = runs_of_spans(spans, failed=failed)
    if run is None and len(found) > 1:
        raise InputError(f"spans are of {len(found)} runs, {', '.join(found):.80}: say which run")
    if run is not None and run not in found:
        raise InputError(f"run is {run!r}; the spans are of {', '.join(found) or 'none'}")
    return found[run] if run is not None else next(iter(found.values()), [])


def runs_of_spans(spans: Any, *, failed: Failed = looks_failed) -> dict[str, list[Step]]:
    """The steps of all runs: by `gen_ai.conversation.id`, or by trace where there is none.

    Raises:
        InputError: a span cannot be read; names its place and the field.
    """
    runs: dict[str, list[Span]] = {}
    everything = read(spans)
    owners = _owners(everything)
    for span, owner in zip(everything, owners, strict=True):
        runs.setdefault(owner, []).append(span)
    steps = {id: _Told(Reader(failed)).steps(group) for id, group in runs.items()}
    return {id: told for id, told in steps.items() if told}


def _owners(spans: list[Span]) -> list[str]:
    """The run of each span: its conversation, that of a span around it, or the trace's only one."""
    own = {(s.trace, s.id): str(s.attributes[CONVERSATION]) for s in spans if _conversation(s)}
    parents = {(span.trace, span.id): span.parent for span in spans}
    only: dict[str, set[str]] = {}
    for (trace, _), conversation in own.items():
        only.setdefault(trace, set()).add(conversation)
    owners = []
    for span in spans:
        at: str | None = span.id
        passed: set[str] = set()  # a broken export may have spans around each other
        while at is not None and (span.trace, at) not in own and at not in passed:
            passed.add(at)
            at = parents.get((span.trace, at))
        known = only.get(span.trace, set())
        fallback = next(iter(known)) if len(known) == 1 else span.trace
        owners.append(own.get((span.trace, at or ""), fallback))
    return owners


def _conversation(span: Span) -> bool:
    return bool(span.attributes.get(CONVERSATION))


class _Told:
    """What the spans of one run told so far, so that nothing is told twice."""

    def __init__(self, reader: Reader) -> None:
        self.reader = reader
        self.counts: Counter[tuple[str, str]] = Counter()
        self.made: list[Step] = []

    def steps(self, spans: list[Span]) -> list[Step]:
        moments = [(s.start, 1, s.start, i) for i, s in enumerate(spans)]
        moments += [(s.end, 0 if s.end > s.start else 2, s.start, i) for i, s in enumerate(spans)]
        for moment in sorted(moments, key=lambda m: (m[0], m[1], m[2], m[3])):
            span = spans[moment[3]]
            if moment[1] == 1:
                self._begin(span)
            else:
                self._finish(span)
        return self.made

    def _begin(self, span: Span) -> None:
        if span.operation in (*MODEL, *AROUND):
            self._new(self._messages(span, _INPUTS) + self._events(span, answers=False))
        elif span.operation == "execute_tool":
            name = span.attributes.get("gen_ai.tool.name")
            if not isinstance(name, str):
                raise InputError(f"{span.at} has no 'gen_ai.tool.name'")
            made = span.attributes.get("gen_ai.tool.call.arguments")
            text = call(
                name, made if made is None or isinstance(made, str | dict) else written(made)
            )
            self._call(Piece("call", _call_id(span), Step(text, action=text)))

    def _finish(self, span: Span) -> None:
        failure = str(span.attributes.get("error.type") or span.message or "error")
        wrong = span.failed or bool(span.attributes.get("error.type"))
        if span.operation in (*MODEL, *AROUND):
            answers = self._messages(span, _OUTPUTS) + self._events(span, answers=True)
            if span.operation in AROUND:
                self._new(answers)
            else:
                for piece in answers:
                    self._tell(piece)
                if wrong:
                    self._tell(Piece("said", None, Step(span.message or failure, error=True)))
        elif span.operation == "execute_tool":
            self._result(span, wrong, span.message or failure)

    def _call(self, piece: Piece) -> None:
        """A call that a tool's span made: told already if a model's answer asked for it."""
        asked = ("asked", piece.step.x)
        if not self.counts[asked if piece.id is None else _key(piece)] > 0:
            self._tell(piece)
        if piece.id is None:
            self.counts[asked] -= 1  # without ids: asked for, and made now

    def _result(self, span: Span, wrong: bool, failure: str) -> None:
        text = written(span.attributes.get("gen_ai.tool.call.result"))
        error = wrong or self.reader.failed(text)
        if not text and not error:
            return  # its text was not recorded; the next input of the model may have it
        piece = Piece("result", _call_id(span), Step(text or failure, error=error))
        if piece.id is None or self.counts[_key(piece)] == 0:
            self._tell(piece)

    def _new(self, pieces: Iterable[Piece]) -> None:
        """Those of a history that came more often in it than they were told."""
        here: Counter[tuple[str, str]] = Counter()
        for piece in pieces:
            here[_key(piece)] += 1
            if here[_key(piece)] > self.counts[_key(piece)]:
                self._tell(piece)

    def _tell(self, piece: Piece) -> None:
        self.counts[_key(piece)] += 1
        if piece.kind == "call" and piece.id is None:
            self.counts["asked", piece.step.x] += 1
        self.made.append(piece.step)

    def _messages(self, span: Span, name: str) -> list[Piece]:
        """The messages of an attribute, on the span or on the event with its details."""
        sources = [(span.attributes, f"{span.at}.attributes")]
        sources += [(fields, f"{span.at}.events") for _, fields in span.events]
        for fields, at in sources:
            if fields.get(name) is not None:
                given = _unpacked(fields[name], f"{at}[{name!r}]")
                if not isinstance(given, list | tuple):
                    raise InputError(f"{at}[{name!r}] is {given!r:.60}; it must be a list")
                places = (f"{at}[{name!r}][{i}]" for i in range(len(given)))
                read = [self.reader.message(m, p) for m, p in zip(given, places, strict=True)]
                return [piece for pieces in read for piece in pieces]
        return []

    def _events(self, span: Span, *, answers: bool) -> list[Piece]:
        """The messages of the older conventions: one event each."""
        found: list[Piece] = []
        for name, fields in span.events:
            if (name == "gen_ai.choice") != answers or name not in (*_ROLES, "gen_ai.choice"):
                continue
            at = f"{span.at}.events[{name!r}]"
            body = fields.get("gen_ai.event.content")
            given = dict(_object(body)) if body is not None else dict(fields)
            if answers:
                message = given.get("message")
                said = _object(message) or {"content": message}
                given = {"role": "assistant", **given, **said}
            given.setdefault("role", _ROLES.get(name, "assistant"))
            if isinstance(given.get("tool_calls"), str):
                given["tool_calls"] = _unpacked(given["tool_calls"], at)
            found += self.reader.message(given, at)
        return found


def _object(value: Any) -> dict[str, Any]:
    """A message that stands in a field, as an object or its JSON; empty if it is a mere text."""
    try:
        found = json.loads(value) if isinstance(value, str) else value
    except (ValueError, RecursionError):
        return {}
    known = isinstance(found, dict) and {"role", "content", "tool_calls", "message"} & set(found)
    return found if known else {}


def _key(piece: Piece) -> tuple[str, str]:
    return piece.kind, piece.id or piece.step.x


def _call_id(span: Span) -> str | None:
    id = span.attributes.get("gen_ai.tool.call.id")
    return id if isinstance(id, str) and id else None


def _unpacked(value: Any, at: str) -> Any:
    """Spans may hold only plain values: structures come as JSON."""
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{at} is no JSON: {error}") from None
