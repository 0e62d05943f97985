"""A failure is a failure in every spelling; what merely looks like one is none."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from quickstudy.adapters import looks_failed, steps_of_messages, steps_of_spans
from tests.examples import many


def tool(content="x", **more):
    return {"role": "tool", "tool_call_id": "c", "content": content, **more}


def block(kind, **more):
    return {"role": "assistant", "content": [{"type": kind, "tool_use_id": "c", **more}]}


def item(kind, **more):
    return {"type": kind, "call_id": "c", **more}


def vercel(kind, **value):
    output = {"type": kind, **value}
    part = {"type": "tool-result", "toolCallId": "c", "toolName": "f", "output": output}
    return {"role": "tool", "content": [part]}


def google(**response):
    return {"role": "user", "parts": [{"functionResponse": {"name": "f", "response": response}}]}


FAILED = [
    tool(is_error=True),
    tool(isError=True),
    tool(status="error"),
    tool(error="quota"),
    tool(error={"code": 5}),
    tool(additional_kwargs={"is_error": True}),
    tool("Error: no"),
    tool("[Error] no"),
    tool("<error>no</error>"),
    tool("openai.RateLimitError: wait"),
    tool("running\nTraceback (most recent call last):\n  File ..."),
    tool("Exit code: 2\nls: no such file"),
    tool("Process exited with code 1"),
    tool('{"error": "quota"}'),
    tool('{"success": false, "reason": "sold"}'),
    tool('{"status": "error"}'),
    tool('{"output": "no", "metadata": {"exit_code": 1}}'),
    tool('{"stdout": "", "returncode": 2}'),
    tool([{"type": "text", "text": "Error: no"}, {"type": "image_url", "image_url": {}}]),
    tool([{"type": "image_url", "image_url": {}}, {"type": "text", "text": "Error: no"}]),
    block("tool_result", is_error=True, content=""),
    block("mcp_tool_result", is_error=True, content=[]),
    block("anything_tool_result", content={"type": "anything_tool_result_error"}),
    block("code_execution_tool_result", content={"type": "x", "return_code": 1}),
    item("function_call_output", output="x", status="incomplete"),
    item("custom_tool_call_output", output="Error: x"),
    item("apply_patch_call_output", status="failed"),
    item("shell_call_output", output=[{"stdout": "", "outcome": {"type": "timeout"}}]),
    item("shell_call_output", output=[{"stdout": "", "outcome": {"type": "exit", "exit_code": 9}}]),
    item("local_shell_call_output", output="Error: x"),
    item("mcp_call", id="c", name="f", arguments="{}", error="down"),
    item("web_search_call", id="c", action={"type": "search"}, status="failed"),
    item("newer_call", id="c", action={"a": 1}, status="failed"),
    item("newer_call_output", output="x", status="failed"),
    item("computer_call", action={"type": "wait"}, status="incomplete"),
    vercel("error-text", value="no"),
    vercel("error-json", value={"a": 1}),
    vercel("execution-denied", reason="no"),
    vercel("json", value={"error": "no"}),
    vercel("json", value={"isError": True, "content": [{"type": "text", "text": "no"}]}),
    google(error="no"),
    google(output="Error: no"),
    google(result={"error": "no"}),
    {"role": "model", "parts": [{"codeExecutionResult": {"outcome": "OUTCOME_FAILED"}}]},
    {"role": "model", "parts": [{"code_execution_result": {"outcome": "OUTCOME_FAILED"}}]},
    {"role": "user", "content": [{"toolResult": {"toolUseId": "c", "status": "error"}}]},
    {"type": "tool", "content": "no", "tool_call_id": "c", "status": "error"},
    {"type": "ai", "content": "", "invalid_tool_calls": [{"name": "f", "args": "{", "id": "c"}]},
    {"role": "assistant", "parts": [{"type": "tool-f", "state": "output-error", "errorText": "x"}]},
    {"role": "assistant", "parts": [{"type": "tool-f", "state": "output-denied", "input": {}}]},
]
FINE = [
    tool(is_error=False, content="Error 404 is explained here"),
    tool(status="success"),
    tool(error=None),
    tool(error=""),
    tool("errors: 0"),
    tool("Exit code: 0\nError.txt"),
    tool('{"status": "cancelled", "order": 7}'),
    tool('{"exit_code": 0, "output": "Error.txt"}'),
    block(
        "web_search_tool_result", content=[{"type": "web_search_result", "title": "Error codes"}]
    ),
    block("bash_code_execution_tool_result", content={"type": "x", "return_code": 0}),
    item("function_call_output", output="x", status="completed"),
    item("shell_call_output", output=[{"stdout": "Error.txt", "outcome": {"exit_code": 0}}]),
    vercel("text", value="ok"),
    vercel("json", value={"status": "cancelled", "order": 7}),
    google(status="cancelled", order=7),
    google(output="ok"),
    {
        "role": "model",
        "parts": [{"codeExecutionResult": {"outcome": "OUTCOME_OK", "output": "Error: a"}}],
    },
]


@pytest.mark.parametrize("message", FAILED, ids=json.dumps)
def test_one_failure(message):
    assert sum(step.error for step in steps_of_messages([message])) == 1


@pytest.mark.parametrize("message", FINE, ids=json.dumps)
def test_no_failure(message):
    steps = steps_of_messages([message])
    assert steps and not any(step.error for step in steps)


def span(attributes, *, status=None, events=()):
    base = {"trace_id": "t", "span_id": "s", "start_time": 1, "end_time": 2, "status": status}
    return {**base, "attributes": attributes, "events": list(events)}


GENAI = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "f"}
RAISED = {"name": "exception", "attributes": {"exception.type": "KeyError"}}


@pytest.mark.parametrize(
    "one",
    [
        span(GENAI, status={"status_code": "ERROR"}),
        span(GENAI, status={"code": 2, "message": "down"}),
        span(GENAI, status="ERROR"),
        span({**GENAI, "error.type": "timeout"}),
        span({**GENAI, "gen_ai.tool.status": "error"}),
        span({**GENAI, "gen_ai.task.status": "failure"}),
        span({**GENAI, "gen_ai.tool.call.result": "Error: no"}),
        span({**GENAI, "gen_ai.tool.call.result": '{"isError": true, "content": []}'}),
        span(GENAI, events=[RAISED]),
        span({"openinference.span.kind": "TOOL", "tool.name": "f"}, events=[RAISED]),
        span({"traceloop.span.kind": "tool", "traceloop.entity.output": '"Error: no"'}),
        span({"ai.operationId": "ai.toolCall", "ai.toolCall.name": "f"}, status={"code": 2}),
        span({"gen_ai.operation.name": "chat"}, events=[RAISED]),
        span({"gen_ai.operation.name": "invoke_agent"}, status={"code": 2}),
    ],
    ids=lambda one: json.dumps({n: one[n] for n in ("attributes", "status", "events")}),
)
def test_one_failure_of_a_span(one):
    one = {**one, "name": "f"}
    assert [step.error for step in steps_of_spans([one]) if step.action is None] == [True]


def test_an_exception_that_was_dealt_with_is_no_failure():
    done = {**GENAI, "gen_ai.tool.call.result": "ok"}
    steps = steps_of_spans([span(done, status={"status_code": "OK"}, events=[RAISED])])
    assert [step.error for step in steps] == [False, False]


def test_the_failure_of_a_model_inside_an_agent_is_told_once():
    model = span({"gen_ai.operation.name": "chat"}, status={"code": 2, "message": "quota"})
    agent = {**span({"gen_ai.operation.name": "invoke_agent"}, status={"code": 2}), "span_id": "a"}
    steps = steps_of_spans([{**agent, "start_time": 0, "end_time": 9}, model])
    assert [(step.x, step.error) for step in steps] == [("quota", True)]


@many(200)
@given(st.text(max_size=40), st.integers(-300, 300))
def test_an_exit_code_decides_over_any_output(output, code):
    """In JSON as shells of agents write it, unless the output itself begins with an error."""
    told = json.dumps({"output": output, "exit_code": code})
    assert looks_failed(told) == (code != 0)
    outcome = {"type": "exit", "exit_code": code}
    shell = item("shell_call_output", output=[{"stdout": output, "stderr": "", "outcome": outcome}])
    [step] = steps_of_messages([shell])
    assert step.error == (code != 0)
