"""OpenTelemetry spans of generative AI as steps of runs.

Instrumented agents leave a span for each call of a model, each call of a tool, and around them one
for the agent. Every span of a model repeats the conversation so far, and a call stands both in the
answer that asked for it and in the span that made it: here each piece is one step, in the order of
events.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from quickstudy.adapters.step import Steps, looks_failed
from quickstudy.adapters.traces.fields import brief, written
from quickstudy.adapters.traces.formats import FORMATS
from quickstudy.adapters.traces.piece import Piece, failed_once
from quickstudy.adapters.traces.reader import Failed, Reader
from quickstudy.adapters.traces.spans.activity import UNKNOWN, Activity
from quickstudy.adapters.traces.spans.dialects import activity, is_known, names_unread
from quickstudy.adapters.traces.spans.history import History
from quickstudy.adapters.traces.spans.otlp import Span, read
from quickstudy.errors import InputError

CONVERSATION = "gen_ai.conversation.id"


def steps_of_spans(spans: Any, *, run: str | None = None, failed: Failed = looks_failed) -> Steps:
    """The steps of one run from its spans: each message text, call and result.

    Reads the conventions of OpenTelemetry for generative AI (messages in events or attributes, as
    Strands and others write them), of OpenInference, of OpenLLMetry (Traceloop), and the spans of
    the Vercel AI SDK. Other spans, such as HTTP or database calls, are ignored. Unknown or damaged
    parts of a generative span become steps that name them; `skipped` of the steps counts them, and
    `problems` describes the damaged ones.

    Args:
        spans: an OTLP JSON document (`resourceSpans`, perhaps `resourceLogs`), a list of such, or
            of spans as the SDKs' exporters write them.
        run: id of the conversation or of the trace, if there are several.
        failed: decides by the text of a result whether the call failed, if no mark says so.

    Raises:
        InputError: a span has no run or no time (names its place and the field); there are several
            runs and `run` does not say which; there is none of that id; there are spans, and none
            is of generative AI (lists what is read), or nothing in them can be read.

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
        raise InputError(f"run is {brief(run)}; the spans are of {', '.join(found) or 'none'}")
    return found[run] if run is not None else next(iter(found.values()), Steps())


def runs_of_spans(spans: Any, *, failed: Failed = looks_failed) -> dict[str, Steps]:
    """The steps of all runs, by `gen_ai.conversation.id`, or by trace without such an id.

    Raises:
        InputError: a span has no run or no time (names its place and the field), there are spans
            and none is of generative AI (lists what is read), or nothing in them can be read.
    """
    everything = read(spans)
    reader = Reader(FORMATS, failed)
    runs: dict[str, _Run] = {}
    known = False
    for span, owner in zip(everything, _owners(everything), strict=True):
        before = len(reader.problems)
        found = activity(span, reader)
        known = known or is_known(found)
        if found is not None:
            run = runs.setdefault(owner, _Run([], [], []))
            run.spans.append(span)
            run.activities.append(found)
            run.problems.extend((*span.problems, *reader.problems[before:]))
    if everything and not known:
        problems = [*reader.problems, *(one for span in everything for one in span.problems)]
        raise InputError(next(iter(problems), names_unread(everything)))
    pieces = {id: History(run.spans, run.activities).pieces() for id, run in runs.items()}
    if reader.problems and all(piece.skipped for told in pieces.values() for piece in told):
        raise InputError(reader.problems[0])
    return {id: _steps(told, runs[id]) for id, told in pieces.items() if told}


class _Run(NamedTuple):
    spans: list[Span]
    activities: list[Activity]
    problems: list[str]


def _steps(pieces: list[Piece], run: _Run) -> Steps:
    skipped = [name for piece in pieces for name in piece.skipped]
    skipped += [one.name for one in run.activities if one.type == UNKNOWN]
    steps = [piece.step for piece in failed_once(pieces)]
    return Steps(steps, skipped=skipped, problems=run.problems)


def _owners(spans: list[Span]) -> list[str]:
    """The run of each span: its conversation, that of a span around it, or the trace's only one."""
    own = {(s.trace, s.id): written(s.attributes[CONVERSATION]) for s in spans if _conversation(s)}
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
