"""Spans of any convention give the steps that the messages of the same conversation give.

Conversations are drawn at random, with texts and calls that repeat; each is written as spans after
five conventions: every span of a model repeats all messages before it.
"""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from quickstudy.adapters import steps_of_messages, steps_of_spans

TEXTS = st.sampled_from(("ok", "go on", "Error: no", "[1] {two}", "ok\nok"))
CALLS = st.tuples(
    st.sampled_from(("find", "book")), st.dictionaries(st.sampled_from("ab"), st.integers(0, 2))
)
RESULTS = st.tuples(st.sampled_from(("done", "none left", '{"free": 0}')), st.booleans())
TURNS = st.tuples(
    TEXTS,  # of the user
    st.lists(
        st.tuples(
            st.just("ok") | st.none(), st.lists(st.tuples(CALLS, RESULTS), min_size=1, max_size=3)
        ),
        max_size=3,
    ),
    TEXTS,  # the answer
)


def conversation(turns):
    """Messages in OpenAI's form; each has the number of its call where it has one."""
    messages, count = [], 0
    for asked, rounds, answer in turns:
        messages.append({"role": "user", "content": asked})
        for words, calls in rounds:
            made, results = [], []
            for (name, arguments), (text, failed) in calls:
                count += 1
                function = {"name": name, "arguments": json.dumps(arguments)}
                made.append({"id": f"c{count}", "type": "function", "function": function})
                results.append(
                    {
                        **{"role": "tool", "tool_call_id": f"c{count}", "content": text},
                        **{"is_error": failed},
                    }
                )
            messages.append({"role": "assistant", "content": words, "tool_calls": made})
            messages += results
        messages.append({"role": "assistant", "content": answer})
    return messages


def genai(messages):
    """As `gen_ai.input.messages` has them."""
    told = []
    for message in messages:
        if message["role"] == "tool":
            response = {"id": message["tool_call_id"], "response": message["content"]}
            parts = [{"type": "tool_call_response", **response, "is_error": message["is_error"]}]
        else:
            parts = [{"type": "text", "content": message["content"]}] if message["content"] else []
            for one in message.get("tool_calls", ()):
                made = json.loads(one["function"]["arguments"])
                call = {"id": one["id"], "name": one["function"]["name"], "arguments": made}
                parts.append({"type": "tool_call", **call})
        told.append({"role": message["role"], "parts": parts})
    return told


def blocks(message):
    """As Bedrock has them, and Strands in the fields of its events."""
    if message["role"] == "tool":
        status = "error" if message["is_error"] else "success"
        content = [{"text": message["content"]}]
        result = {"toolUseId": message["tool_call_id"], "status": status, "content": content}
        return [{"toolResult": result}]
    found = [{"text": message["content"]}] if message["content"] else []
    for one in message.get("tool_calls", ()):
        made = json.loads(one["function"]["arguments"])
        use = {"toolUseId": one["id"], "name": one["function"]["name"], "input": made}
        found.append({"toolUse": use})
    return found


def numbered(prefix, messages, *, inner="", call="", field=""):
    """As attributes with numbered names."""
    told = {}
    for i, message in enumerate(messages):
        at = f"{prefix}.{i}{inner}"
        told[f"{at}.role"] = message["role"]
        if message["content"] is not None:
            told[f"{at}.content"] = message["content"]
        if "tool_call_id" in message:
            told[f"{at}.tool_call_id"] = message["tool_call_id"]
        for j, one in enumerate(message.get("tool_calls", ())):
            place = f"{at}.tool_calls.{j}{call}"
            told[f"{place}.id"] = one["id"]
            told[f"{place}{field}.name"] = one["function"]["name"]
            told[f"{place}{field}.arguments"] = one["function"]["arguments"]
    return told


def openinference(prefix, messages):
    names = {"inner": ".message", "call": ".tool_call", "field": ".function"}
    return numbered(f"llm.{prefix}_messages", messages, **names)


def vercel(messages):
    """As `ai.prompt.messages` has them."""
    told = []
    for message in messages:
        if message["role"] == "tool":
            kind = "error-text" if message["is_error"] else "text"
            output = {"type": kind, "value": message["content"]}
            names = {"toolCallId": message["tool_call_id"], "toolName": "x"}
            told.append(
                {"role": "tool", "content": [{"type": "tool-result", **names, "output": output}]}
            )
            continue
        content = [{"type": "text", "text": message["content"]}] if message["content"] else []
        for one in message.get("tool_calls", ()):
            made = json.loads(one["function"]["arguments"])
            names = {"toolCallId": one["id"], "toolName": one["function"]["name"]}
            content.append({"type": "tool-call", **names, "input": made})
        told.append({"role": message["role"], "content": content})
    return told


def model_span(convention, history, answer):
    if convention == "genai":
        return {
            "gen_ai.operation.name": "chat",
            "gen_ai.input.messages": json.dumps(genai(history)),
            "gen_ai.output.messages": json.dumps(genai([answer])),
        }, []
    if convention == "strands":
        events = []
        for message in history:
            fields = {"content": json.dumps(blocks(message))}
            events.append({"name": f"gen_ai.{message['role']}.message", "attributes": fields})
        fields = {"message": json.dumps(blocks(answer)), "finish_reason": "end_turn"}
        events.append({"name": "gen_ai.choice", "attributes": fields})
        return {"gen_ai.operation.name": "chat"}, events
    if convention == "openinference":
        told = {**openinference("input", history), **openinference("output", [answer])}
        return {"openinference.span.kind": "LLM", **told}, []
    if convention == "traceloop":
        told = {**numbered("gen_ai.prompt", history), **numbered("gen_ai.completion", [answer])}
        return {"llm.request.type": "chat", **told}, []
    calls = [
        {
            **{"toolCallId": one["id"], "toolName": one["function"]["name"]},
            **{"input": one["function"]["arguments"]},
        }
        for one in answer.get("tool_calls", ())
    ]
    return {
        "ai.operationId": "ai.generateText.doGenerate",
        "ai.prompt.messages": json.dumps(vercel(history)),
        "ai.response.text": answer["content"] or "",
        "ai.response.toolCalls": json.dumps(calls),
    }, []


def tool_span(convention, call, result, *, with_id):
    name, made = call["function"]["name"], call["function"]["arguments"]
    text = result["content"]
    names = {
        "genai": ("gen_ai.tool.name", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result"),
        "strands": ("gen_ai.tool.name", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result"),
        "openinference": ("tool.name", "input.value", "output.value"),
        "traceloop": ("traceloop.entity.name", "traceloop.entity.input", "traceloop.entity.output"),
        "vercel": ("ai.toolCall.name", "ai.toolCall.args", "ai.toolCall.result"),
    }[convention]
    kinds = {
        "genai": {"gen_ai.operation.name": "execute_tool"},
        "strands": {"gen_ai.operation.name": "execute_tool"},
        "openinference": {"openinference.span.kind": "TOOL"},
        "traceloop": {"traceloop.span.kind": "tool"},
        "vercel": {"ai.operationId": "ai.toolCall"},
    }[convention]
    ids = {
        "genai": "gen_ai.tool.call.id",
        "strands": "gen_ai.tool.call.id",
        "openinference": "tool_call.id",
        "vercel": "ai.toolCall.id",
    }
    told = {**kinds, **dict(zip(names, (name, made, text), strict=True))}
    if with_id and convention in ids:
        told[ids[convention]] = call["id"]
    return told


def spans_of(convention, messages, *, tools, with_id):
    """The spans of a conversation: of the model, and of its tools if they are instrumented."""
    spans, time = [], 0

    def add(attributes, events=(), failed=False):
        nonlocal time
        time += 2
        spans.append(
            {
                **{"trace_id": "t", "span_id": f"s{time}", "start_time": time},
                **{"end_time": time + 1, "attributes": attributes, "events": list(events)},
                "status": {"status_code": "ERROR" if failed else "UNSET"},
            }
        )

    for i, message in enumerate(messages):
        if message["role"] != "assistant":
            continue
        add(*model_span(convention, messages[:i], message))
        for j, call in enumerate(message.get("tool_calls", ()) if tools else ()):
            result = messages[i + 1 + j]
            told = tool_span(convention, call, result, with_id=with_id)
            add(told, failed=result["is_error"])
    return spans


@pytest.mark.parametrize("convention", ["genai", "strands", "openinference", "traceloop", "vercel"])
@settings(max_examples=25, deadline=None)
@given(turns=st.lists(TURNS, min_size=1, max_size=2), tools=st.booleans(), with_id=st.booleans())
def test_spans_give_the_steps_of_their_messages(convention, turns, tools, with_id):
    messages = conversation(turns)
    unmarked = convention in ("openinference", "traceloop") and not tools
    if unmarked:  # these have no place for the mark of a failure but the tool's own span
        messages = [{**m, "is_error": False} if m["role"] == "tool" else m for m in messages]
    spans = spans_of(convention, messages, tools=tools, with_id=with_id)
    wanted = steps_of_messages(messages)
    assert steps_of_spans(spans) == wanted
    around = {"trace_id": "t", "span_id": "root", "start_time": 1, "end_time": 10**9}
    around |= {"attributes": {"gen_ai.operation.name": "invoke_agent"}, "status": None}
    assert steps_of_spans([around, *spans[::-1]]) == wanted
