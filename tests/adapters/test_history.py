"""What spans of one run repeat is told once, in the order in which it happened."""

import json

from quickstudy.adapters import steps_of_spans
from tests.adapters.test_spans import span


def said(role, text):
    return {"role": role, "parts": [{"type": "text", "content": text}]}


def asked(id, name, **arguments):
    call = {"type": "tool_call", "id": id, "name": name, "arguments": arguments}
    return {"role": "assistant", "parts": [call]}


def answered(id, text):
    return {"role": "tool", "parts": [{"type": "tool_call_response", "id": id, "response": text}]}


def chat(start, end, history, *answers, **more):
    told = {
        "gen_ai__input__messages": json.dumps(history),
        "gen_ai__output__messages": json.dumps(answers),
    }
    return span("chat", start, end=end, **told, **more)


def tool(start, end, name, call, result, **more):
    told = {"gen_ai__tool__name": name, "gen_ai__tool__call__id": call}
    return span("execute_tool", start, end=end, **told, gen_ai__tool__call__result=result, **more)


QUESTION = said("user", "where?")


def texts(spans):
    return [step.x for step in steps_of_spans(spans)]


def test_two_libraries_that_see_one_call_of_a_model():
    outer = chat(10, 30, [QUESTION], said("assistant", "here"), id="outer")
    inner = chat(12, 28, [QUESTION], said("assistant", "here"), parent="outer")
    assert texts([outer, inner]) == ["where?", "here"]


def test_two_libraries_that_see_one_call_of_a_tool():
    outer = tool(10, 30, "find", "c1", "here", id="outer")
    inner = span("execute_tool", 12, end=28, parent="outer", gen_ai__tool__name="find")
    assert texts([outer, inner]) == ["find", "here"]


def test_a_tool_that_runs_while_the_model_speaks_has_the_arguments_of_the_answer():
    model = chat(10, 30, [QUESTION], asked("c1", "find", what="keys"))
    assert texts([model, tool(15, 20, "find", "c1", "here")]) == [
        "where?",
        'find {"what": "keys"}',
        "here",
    ]


def test_an_agent_inside_a_tool_may_call_the_tool_of_the_same_name():
    outer = asked("c1", "delegate", to="x")
    inner = asked("d1", "delegate", to="y")
    question = said("user", "and you?")
    spans = [
        chat(10, 11, [QUESTION], outer),
        tool(20, 60, "delegate", "c1", "all done", id="tool"),
        span("invoke_agent", 21, end=59, id="agent", parent="tool"),
        chat(22, 23, [question], inner, parent="agent"),
        tool(24, 25, "delegate", "d1", "deep", parent="agent"),
        chat(26, 27, [question, inner, answered("d1", "deep")], said("assistant", "ok")),
        chat(70, 71, [QUESTION, outer, answered("c1", "all done")], said("assistant", "fine")),
    ]
    assert texts(spans) == [
        *("where?", 'delegate {"to": "x"}', "and you?", 'delegate {"to": "y"}'),
        *("deep", "ok", "all done", "fine"),
    ]


def test_a_model_that_is_asked_again_after_a_failure():
    failed = chat(10, 11, [QUESTION], status="ERROR", error__type="RateLimitError")
    again = chat(20, 21, [QUESTION], said("assistant", "here"))
    steps = steps_of_spans([failed, again])
    assert [(step.x, step.error) for step in steps] == [
        ("where?", False),
        ("RateLimitError", True),
        ("here", False),
    ]


def test_a_result_that_no_span_has_comes_from_the_next_history():
    call = asked("c1", "find")
    spans = [
        chat(10, 11, [QUESTION], call),
        span("execute_tool", 20, gen_ai__tool__name="find", gen_ai__tool__call__id="c1"),
        chat(30, 31, [QUESTION, call, answered("c1", "Error: no")], said("assistant", "sorry")),
    ]
    steps = steps_of_spans(spans)
    assert [(step.x, step.error) for step in steps][1:3] == [
        ("find {}", False),
        ("Error: no", True),
    ]


def test_older_attributes_and_events_with_whole_texts():
    """As before there were messages: one text or one object for all that was asked or answered."""
    old = span("text_completion", 10, gen_ai__prompt="Once", gen_ai__completion=" upon a time")
    assert texts([old]) == ["Once", " upon a time"]
    prompt = json.dumps([{"role": "user", "content": "where?"}])
    answer = json.dumps({"messages": [{"role": "assistant", "content": "here"}]})
    one = {**span("", 10), "attributes": {"gen_ai.request.model": "m"}}
    one["events"] = [
        {"name": "gen_ai.content.prompt", "attributes": {"gen_ai.prompt": prompt}},
        {"name": "gen_ai.content.completion", "attributes": {"gen_ai.completion": answer}},
    ]
    assert texts([one]) == ["where?", "here"]


def test_events_of_any_role():
    one = span("chat", 10)
    one["events"] = [
        {"name": f"gen_ai.{role}.message", "attributes": {"content": f"of {role}"}}
        for role in ("developer", "oracle", "user")
    ]
    steps = steps_of_spans([one])
    assert [step.x for step in steps] == ["[oracle]", "of oracle", "of user"]
    assert steps.skipped == {"oracle": 1}


def test_an_export_with_the_names_of_protobuf():
    values = {"operation.name": "execute_tool", "tool.name": "find"}
    one = {
        **{"trace_id": "t", "span_id": "s", "start_time_unix_nano": "1", "name": "find"},
        "attributes": [
            {"key": f"gen_ai.{name}", "value": {"string_value": value}}
            for name, value in values.items()
        ],
    }
    document = {"resource_spans": [{"scope_spans": [{"spans": [one]}]}]}
    assert texts(document) == ["find"] and texts({"spans": [one]}) == ["find"]


def test_a_question_to_the_whole_that_no_model_was_asked():
    """As LlamaIndex has it: the model is asked with a text around the question."""
    root = {"openinference.span.kind": "CHAIN", "input.value": "where?", "output.value": "here"}
    model = {"openinference.span.kind": "LLM", "input.value": "Find: where?"}
    spans = [
        {**span("", 10, id="r", end=90), "attributes": root},
        {**span("", 20, parent="r"), "attributes": {**model, "output.value": "here"}},
    ]
    assert texts(spans) == ["where?", "Find: where?", "here"]


def test_ids_that_begin_again_in_each_answer():
    """Some servers call the first call of every answer `call_0`."""
    first, second = asked("call_0", "find", what="a"), asked("call_0", "find", what="b")
    history = [QUESTION, first, answered("call_0", "one")]
    spans = [
        chat(10, 11, [QUESTION], first),
        tool(20, 21, "find", "call_0", "one"),
        chat(30, 31, history, second),
        tool(40, 41, "find", "call_0", "two"),
        chat(50, 51, [*history, second, answered("call_0", "two")], said("assistant", "fine")),
    ]
    wanted = ["where?", 'find {"what": "a"}', "one", 'find {"what": "b"}', "two", "fine"]
    assert texts(spans) == wanted
    tools = [span for span in spans if "gen_ai.tool.name" in span["attributes"]]
    assert texts(tools) == ["find", "one", "find", "two"]


def test_a_request_of_langchain_as_one_value():
    message = {"lc": 1, "type": "constructor", "id": ["langchain", "HumanMessage"]}
    given = {"messages": [[{**message, "kwargs": {"content": "where?"}}]]}
    one = {"openinference.span.kind": "LLM", "input.value": json.dumps(given)}
    assert texts([{**span("", 10), "attributes": {**one, "output.value": '{"x": 1}'}}]) == [
        "where?"
    ]
