"""Spans of instrumented agents give the steps that their messages give.

The exports in `data` were written by the OpenTelemetry SDK and its instrumentation of the OpenAI
client, of one conversation: with messages on the spans, and in the older form with log records.
"""

import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from types import SimpleNamespace

import pytest

from quickstudy.adapters import Step, runs_of_spans, steps_of_messages, steps_of_spans
from quickstudy.errors import InputError
from tests.adapters.test_messages import CHAT

DATA = Path(__file__).parent / "data"
CONVERSATION = "conv_5j66UpCpwteGg4YSxUnt7lPY"


def lines(name):
    return [json.loads(line) for line in (DATA / name).read_text("utf-8").splitlines()]


def as_recorded():
    """The chat's steps; of a call that raised, its span has the exception."""
    steps = steps_of_messages(CHAT)
    steps[7] = Step("PaymentError: total price is 305, but paid 250", error=True)
    return steps


@pytest.mark.parametrize("name", ["otlp_spans", "otlp_events", "sdk_spans"])
def test_an_export_gives_the_steps_of_the_conversation(name):
    assert runs_of_spans(lines(f"{name}.jsonl")) == {CONVERSATION: as_recorded()}


def test_one_document_is_enough():
    batches = [resource for line in lines("otlp_spans.jsonl") for resource in line["resourceSpans"]]
    assert steps_of_spans({"resourceSpans": batches[::-1]}) == as_recorded()


def test_spans_of_the_sdk_are_read_as_they_are():
    """Finished spans in the same process have `to_json`."""
    spans = [SimpleNamespace(to_json=lambda s=s: json.dumps(s)) for s in lines("sdk_spans.jsonl")]
    assert steps_of_spans(spans) == as_recorded()


def test_without_recorded_texts_the_calls_are_left():
    spans = [line for line in lines("otlp_events.jsonl") if "resourceSpans" in line]
    assert steps_of_spans(spans) == [
        Step("search_flights", "search_flights"),
        Step("get_user", "get_user"),
        Step("book_flight", "book_flight"),
        Step("PaymentError: total price is 305, but paid 250", error=True),
    ]


def span(operation, start, *, trace="t1", id=None, end=None, parent=None, status=None, **more):
    names = {name.replace("__", "."): value for name, value in more.items()}
    return {
        "trace_id": trace,
        "span_id": id or f"s{start}",
        "parent_id": parent,
        "start_time": start,
        "end_time": end or start + 1,
        "status": {"status_code": status or "UNSET"},
        "attributes": {"gen_ai.operation.name": operation, **names},
    }


def texts(role, *said):
    parts = [{"role": role, "parts": [{"type": "text", "content": text}]} for text in said]
    return json.dumps(parts)


def test_what_every_chat_repeats_is_told_once_and_what_is_said_twice_twice():
    ask = json.loads(texts("user", "ok?"))
    answer = json.loads(texts("assistant", "ok"))
    spans = [
        span("chat", 10, gen_ai__input__messages=ask, gen_ai__output__messages=answer),
        span(
            "chat",
            20,
            gen_ai__input__messages=[*ask, *answer, *ask],
            gen_ai__output__messages=answer,
        ),
    ]
    assert [s.x for s in steps_of_spans(spans)] == ["ok?", "ok", "ok?", "ok"]


def test_calls_without_ids_are_told_once_for_each_time_they_are_made():
    asked = [
        {
            "role": "assistant",
            "parts": [{"type": "tool_call", "name": "f", "arguments": {"b": 1, "a": 2}}],
        }
    ]
    tool = {"gen_ai__tool__name": "f", "gen_ai__tool__call__arguments": '{"a":2,"b":1}'}
    spans = [
        span("chat", 10, gen_ai__output__messages=json.dumps(asked)),
        span("execute_tool", 20, **tool, gen_ai__tool__call__result="one"),
        span("execute_tool", 30, **tool, gen_ai__tool__call__result="two"),
        span("execute_tool", 40, **tool, gen_ai__tool__call__result="three"),
    ]
    f = 'f {"a": 2, "b": 1}'
    assert [s.x for s in steps_of_spans(spans)] == [f, "one", f, "two", f, "three"]


def test_the_answer_of_the_agent_around_is_not_told_again():
    said = texts("assistant", "done")
    inner = span("chat", 20, gen_ai__output__messages=said)
    outer = span("invoke_agent", 10, end=90, gen_ai__output__messages=said)
    assert [s.x for s in steps_of_spans([inner, outer])] == ["done"]
    assert [s.x for s in steps_of_spans([outer])] == ["done"]


def test_a_model_that_fails_is_an_error():
    failed = span("chat", 10, status="ERROR", error__type="RateLimitError")
    assert steps_of_spans([failed]) == [Step("RateLimitError", error=True)]


def test_events_on_the_span_as_the_older_conventions_have_them():
    one = span("chat", 10)
    one["events"] = [
        {"name": "gen_ai.system.message", "attributes": {"content": "Be brief."}},
        {
            "name": "gen_ai.user.message",
            "attributes": {"gen_ai.event.content": '{"role": "user", "content": "Paris?"}'},
        },
        {
            "name": "gen_ai.choice",
            "attributes": {"index": 0, "message": '{"content": "{1} rainy"}'},
        },
    ]
    assert steps_of_spans([one]) == [Step("Paris?"), Step("{1} rainy")]


def test_runs_are_conversations_or_else_traces():
    tool = {"gen_ai__tool__name": "f"}
    name = {"gen_ai__conversation__id": "c9"}
    spans = [
        span("invoke_agent", 10, trace="t1", id="a", end=40, **name),
        span("execute_tool", 20, trace="t1", id="b", parent="a", **tool),
        span("invoke_agent", 50, trace="t2", id="a", end=80, **name),
        span("execute_tool", 60, trace="t2", id="b", parent="gone", **tool),
        span("execute_tool", 5, trace="t3", **tool),
    ]
    runs = runs_of_spans(spans)
    assert {id: len(steps) for id, steps in runs.items()} == {"t3": 1, "c9": 2}
    assert steps_of_spans(spans, run="t3") == [Step("f", "f")]
    with pytest.raises(InputError, match="2 runs, t3, c9: say which run"):
        steps_of_spans(spans)
    with pytest.raises(InputError, match="run is 't1'; the spans are of t3, c9"):
        steps_of_spans(spans, run="t1")


def test_two_conversations_in_one_trace_are_two_runs():
    tool = {"gen_ai__tool__name": "f"}
    spans = []
    for at, name in ((10, "c1"), (20, "c2")):
        conversation = {"gen_ai__conversation__id": name}
        spans.append(span("invoke_agent", at, id=name, end=at + 9, **conversation))
        spans.append(span("execute_tool", at + 1, parent=name, **tool))
    assert {id: len(steps) for id, steps in runs_of_spans(spans).items()} == {"c1": 1, "c2": 1}


def test_times_are_numbers_or_iso_8601():
    late = span("execute_tool", 10, id="late", gen_ai__tool__name="late")
    late |= {"start_time": "2026-03-01T10:00:00.000002Z", "end_time": None}
    soon = span("execute_tool", 10, id="soon", gen_ai__tool__name="soon")
    soon |= {"start_time": [1772359200, 1000], "end_time": "1772359200000001500"}
    assert [s.x for s in steps_of_spans([late, soon])] == ["soon", "late"]


def test_other_spans_are_no_steps():
    assert runs_of_spans([span("embeddings", 10), span("GET /users", 20)]) == {}
    assert steps_of_spans([]) == []


@pytest.mark.parametrize(
    ("change", "named"),
    [
        ({"trace_id": None}, r"spans\[1\]\.traceId is None"),
        ({"start_time": "soon"}, r"spans\[1\]\.start_time is 'soon'; it must be a time"),
        ({"attributes": "x"}, r"spans\[1\]\.attributes is 'x'"),
        ({"attributes": [{"value": {}}]}, r"spans\[1\]\.attributes\[0\]\.key is None"),
        ({"events": 5}, r"spans\[1\]\.events is 5"),
    ],
)
def test_a_span_that_has_no_place_is_refused(change, named):
    """Without its run, its time or its fields there is nothing to tell, and no order."""
    good = span("execute_tool", 10, gen_ai__tool__name="f")
    with pytest.raises(InputError, match=named):
        steps_of_spans([good, {**good, **change}])


@pytest.mark.parametrize(
    ("attributes", "skipped", "named"),
    [
        ({"gen_ai.operation.name": "execute_tool"}, "span", r"no 'gen_ai\.tool\.name'"),
        (
            {"gen_ai.operation.name": "chat", "gen_ai.input.messages": "[{"},
            "gen_ai.input.messages",
            r"spans\[0\]\.attributes\['gen_ai\.input\.messages'\] is no JSON",
        ),
        (
            {"gen_ai.operation.name": "chat", "gen_ai.output.messages": '[{"a":1}]'},
            "message",
            r"\['gen_ai\.output\.messages'\]\[0\] has no 'role'",
        ),
        (
            {"ai.operationId": "ai.generateText.doGenerate", "ai.prompt.messages": "{"},
            "ai.prompt.messages",
            r"\['ai\.prompt\.messages'\] is no JSON",
        ),
    ],
)
def test_what_cannot_be_read_is_named_and_costs_no_other_span(attributes, skipped, named):
    """Exporters cut long values off: the rest of the run is read."""
    good = span("execute_tool", 10, gen_ai__tool__name="f")
    bad = {**good, "name": "span", "span_id": "b", "attributes": attributes}
    with pytest.raises(InputError, match=named):
        steps_of_spans([bad])
    steps = steps_of_spans([bad, good])
    assert Step("f", "f") in steps and steps.skipped == {skipped: 1}
    assert len(steps.problems) == 1 and re.search(named, steps.problems[0])


def test_what_is_no_span_is_refused():
    with pytest.raises(InputError, match=r"spans\[0\] is 'x'"):
        steps_of_spans(["x"])
    with pytest.raises(InputError, match=r"resourceSpans\[0\]\.scopeSpans is 3"):
        steps_of_spans({"resourceSpans": [{"scopeSpans": 3}]})


def test_rows_of_a_table_of_spans_are_read():
    """A column for each attribute, empty cells are NaN, times are objects: as Phoenix has them."""
    start = datetime(2026, 1, 1, tzinfo=UTC)
    row = {
        **{"name": "llm", "context.trace_id": "t", "context.span_id": "a", "parent_id": None},
        **{"start_time": start, "end_time": start + timedelta(seconds=1), "status_code": "OK"},
        "attributes.openinference.span.kind": "LLM",
        "attributes.llm.input_messages": [{"message.role": "user", "message.content": "go"}],
        "attributes.llm.output_messages": [{"message.role": "assistant", "message.content": "ok"}],
        "attributes.tool.name": float("nan"),
    }
    assert steps_of_spans([row]) == [Step("go"), Step("ok")]


def test_a_call_without_arguments_has_the_spelling_of_its_span():
    """Some leave `{}` out of the answer that asks for the call."""
    asked = {"role": "assistant", "tool_calls": [{"id": "c", "function": {"name": "f"}}]}
    kind = "openinference.span.kind"
    model = span("x", 10, **{kind: "LLM", "output.value": json.dumps([asked])})
    call = {kind: "TOOL", "tool.name": "f", "input.value": "{}", "output.value": '"done"'}
    assert steps_of_spans([model, span("x", 30, **call)]) == [Step("f {}", "f {}"), Step("done")]


def test_attributes_that_hold_themselves_end():
    """Objects in the process may do so; no JSON can."""
    inner: dict = {"value": "go"}
    inner["again"] = [inner, {"deep": inner}]
    made = span("chat", 10, input=inner, gen_ai__input__messages="go")
    assert [step.x for step in steps_of_spans([made])] == ["go"]


def test_an_attribute_without_a_value_costs_no_other_attribute():
    good = {"key": "gen_ai.tool.name", "value": {"stringValue": "f"}}
    bad = {"key": "gen_ai.tool.call.result", "value": 3}
    made = {**span("x", 10), "attributes": [bad, good]}
    steps = steps_of_spans([made])
    assert steps == [Step("f", "f")]
    assert steps.problems[0].startswith("spans[0].attributes[0].value is 3")
