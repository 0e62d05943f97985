"""Whatever JSON a trace holds: steps or a typed error; an unknown part costs no other part."""

import copy
import json

import pytest
from hypothesis import HealthCheck, assume, given
from hypothesis import strategies as st

from quickstudy.adapters import Step, Steps, runs_of_spans, steps_of_messages
from quickstudy.errors import InputError
from tests.adapters.test_damage import places
from tests.adapters.test_golden import FILES, golden, steps_in
from tests.examples import many

MESSAGES = [path for path in FILES if not path.stem.startswith("spans_")]
SPANS = [path for path in FILES if path.stem.startswith("spans_")]
WORDS = (
    *("type", "role", "content", "parts", "text", "name", "id", "kwargs", "lc", "tool_calls"),
    *("function", "arguments", "args", "input", "output", "result", "status", "error", "state"),
    *("toolUse", "toolResult", "functionCall", "functionResponse", "executableCode", "data"),
    *("tool_use", "tool_result", "tool-call", "tool-result", "tool-x", "dynamic-tool", "message"),
    *("function_call", "function_call_output", "mcp_call", "shell_call_output", "outcome"),
    *("web_search_tool_result", "tool_call", "tool_call_response", "user", "assistant", "tool"),
    *("ai", "human", "toolInvocations", "additional_kwargs", "is_error", "exit_code", "value"),
)
ATTRIBUTES = (
    *("gen_ai.operation.name", "gen_ai.tool.name", "gen_ai.input.messages", "gen_ai.prompt"),
    *("gen_ai.output.messages", "gen_ai.tool.call.arguments", "gen_ai.tool.call.result"),
    *("gen_ai.prompt.0.role", "gen_ai.prompt.0.content", "gen_ai.completion.0.tool_calls.0.name"),
    *("traceloop.span.kind", "traceloop.entity.name", "traceloop.entity.input"),
    *("traceloop.entity.output", "openinference.span.kind", "input.value", "output.value"),
    *("llm.input_messages.0.message.role", "llm.input_messages.0.message.contents.0.x.type"),
    *("llm.output_messages.0.message.tool_calls.0.tool_call.id", "llm.prompts.0.prompt.text"),
    *("ai.operationId", "ai.prompt", "ai.prompt.messages", "ai.response.toolCalls"),
    *("ai.toolCall.name", "ai.toolCall.args", "ai.toolCall.result", "error.type"),
)
VALUES = (
    *("chat", "execute_tool", "invoke_agent", "LLM", "TOOL", "AGENT", "tool", "workflow"),
    *("ai.toolCall", "ai.generateText", "ai.generateText.doGenerate", "[{", "{}", "[]", "null"),
    *('[{"role": "user", "content": "a"}]', '{"messages": 3}', '{"lc": 1, "kwargs": {}}'),
)


def json_like(texts):
    """JSON of any shape, made of the names that the readers look for."""
    leaves = st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(), st.sampled_from(texts), st.text()
    )
    return st.recursive(
        leaves,
        lambda inner: st.one_of(
            st.lists(inner, max_size=4),
            st.dictionaries(st.sampled_from(texts), inner, max_size=5),
        ),
        max_leaves=12,
    )


def read_or_refused(read, given):
    """The steps, or None where a typed error says what is wrong."""
    try:
        found = read(given)
    except InputError as error:
        assert len(str(error)) > 10
        return None
    for steps in found.values() if isinstance(found, dict) else [found]:
        assert isinstance(steps, Steps)
        for step in steps:
            assert isinstance(step.x, str) and step.x and type(step.error) is bool
            assert step.action is None or step.action == step.x
    return found


@many(300)
@given(st.lists(json_like(WORDS), max_size=4))
def test_any_messages_are_read_or_refused(messages):
    read_or_refused(steps_of_messages, messages)


@many(300)
@given(st.sampled_from(("user", "assistant", "tool", "model")), json_like(WORDS))
def test_any_content_is_read_or_refused(role, content):
    read_or_refused(steps_of_messages, [{"role": role, "content": content}])


@many(300)
@given(
    st.dictionaries(
        st.sampled_from(ATTRIBUTES), st.one_of(st.sampled_from(VALUES), json_like(WORDS))
    ),
    st.lists(st.tuples(st.sampled_from(("gen_ai.choice", "exception", "x")), json_like(WORDS))),
    json_like(WORDS),
)
def test_any_span_is_read_or_refused(attributes, events, status):
    span = {"trace_id": "t", "span_id": "s", "start_time": 1, "status": status}
    told = [{"name": name, "attributes": fields} for name, fields in events]
    read_or_refused(runs_of_spans, [{**span, "attributes": attributes, "events": told}])


@many(150, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_a_good_trace_with_anything_in_some_place_is_read_or_refused(data):
    path = data.draw(st.sampled_from(FILES))
    given = golden(path)["given"]
    spot = data.draw(st.sampled_from(list(places(given))))
    at = given
    for key in spot[:-1]:
        at = at[key]
    at[spot[-1]] = data.draw(json_like(WORDS))
    read_or_refused(steps_of_messages if path in MESSAGES else runs_of_spans, given)


def part_lists(given, path=()):
    """Lists of parts inside messages, by path: where a new kind of part would stand."""
    for key, one in given.items() if isinstance(given, dict) else enumerate(given):
        here = (*path, key)
        if key in ("content", "parts") and isinstance(one, list) and "role" in given:
            yield here
        if isinstance(one, dict | list):
            yield from part_lists(one, here)


@many(200)
@given(st.data(), st.from_regex(r"[a-z]{3,9}_[a-z]{3,9}", fullmatch=True), json_like(WORDS))
def test_an_unknown_part_is_named_counted_and_costs_no_other_part(data, name, payload):
    assume(not name.endswith(("_call", "_tool_use")))
    path = data.draw(st.sampled_from([p for p in MESSAGES if list(part_lists(golden(p)["given"]))]))
    document = golden(path)
    spot = data.draw(st.sampled_from(list(part_lists(document["given"]))))
    before = steps_of_messages(document["given"])
    at = document["given"]
    for key in spot:
        at = at[key]
    at.insert(data.draw(st.integers(0, len(at))), {"type": name, "payload": payload})
    after = steps_of_messages(document["given"])
    assert after.skipped == before.skipped + type(before.skipped)([name])
    assert any(f"[{name}]" in step.x for step in after)
    kept = "\n".join(step.x for step in after)
    assert all(line in kept for step in before for line in step.x.splitlines())
    assert [s for s in after if s.action] == [s for s in before if s.action]
    assert sum(s.error for s in after) == sum(s.error for s in before)


DAMAGED = (
    *({"type": "text"}, {"type": "tool_use", "id": "z"}, {"functionCall": {}}),
    *({"type": "tool-call"}, {"type": "function_call", "name": 5}),
)


@many(100)
@given(st.data(), st.sampled_from(DAMAGED))
def test_a_damaged_part_is_counted_and_costs_no_other_part(data, part):
    path = data.draw(st.sampled_from([p for p in MESSAGES if list(part_lists(golden(p)["given"]))]))
    document = golden(path)
    spot = data.draw(st.sampled_from(list(part_lists(document["given"]))))
    before = steps_of_messages(document["given"])
    at = document["given"]
    for key in spot:
        at = at[key]
    at.insert(data.draw(st.integers(0, len(at))), part)
    after = steps_of_messages(document["given"])
    assert after.skipped.total() == before.skipped.total() + 1
    assert len(after.problems) == 1 and "messages[" in after.problems[0]
    assert [s for s in after if s.action] == [s for s in before if s.action]
    assert sum(s.error for s in after) == sum(s.error for s in before)


@pytest.mark.parametrize("path", MESSAGES, ids=lambda path: path.stem)
def test_an_unknown_message_between_others_is_named_and_costs_none(path):
    document = golden(path)
    steps = steps_in(document)
    for i in range(len(document["given"]) + 1):
        given = copy.deepcopy(document["given"])
        given.insert(i, {"type": "omen_item", "weight": 3})
        found = steps_of_messages(given)
        assert found.count(Step("[omen_item]")) == 1 and found.skipped["omen_item"] == 1
        assert [step for step in found if step.x != "[omen_item]"] == steps


def marked(path):
    """The largest of the files takes 20 seconds, the others less than one."""
    marks = [pytest.mark.slow] if path.stem == "spans_phoenix" else []
    return pytest.param(path, marks=marks, id=path.stem)


@pytest.mark.parametrize("path", [marked(path) for path in FILES])
def test_deep_nesting_in_any_place_is_read_or_refused(path):
    """Of lists, of objects, and of parts that hold parts."""
    document = golden(path)["given"]
    towers = {"list": [], "object": {}, "part": {"type": "tool_result", "content": []}}
    for _ in range(3000):
        towers["list"] = [towers["list"]]
        towers["object"] = {"content": towers["object"]}
        towers["part"] = {"type": "tool_result", "content": [towers["part"]]}
    spots = list(places(document))
    for spot in spots[:: max(1, len(spots) // 40)]:
        for tower in towers.values():
            given = copy.deepcopy(document)
            at = given
            for key in spot[:-1]:
                at = at[key]
            at[spot[-1]] = tower
            read_or_refused(steps_of_messages if path in MESSAGES else runs_of_spans, given)


def test_what_json_texts_hold_is_no_danger_either():
    deep = "[" * 5000 + "]" * 5000
    for text in (deep, "9" * 5000, '{"a": ' * 4000, json.dumps("\ud800")):
        call = {"type": "function", "id": "c", "function": {"name": "f", "arguments": text}}
        messages = [
            {"role": "assistant", "tool_calls": [call]},
            {"role": "tool", "tool_call_id": "c", "content": text},
        ]
        steps = steps_of_messages(messages)
        assert len(steps) == 2 and steps[0].action.startswith("f ")


@pytest.mark.parametrize(
    "given",
    [
        [{"type": "weather"}],
        [{"type": "omen_item"}, {"role": "robot", "content": [{"type": "beep"}]}],
        [{"hologram": {"data": 3}, "type": "hologram"}],
    ],
)
def test_messages_of_which_nothing_is_known_are_an_error_that_lists_what_is_read(given):
    with pytest.raises(InputError, match=r"messages has only .*what is read: .*Responses.*Google"):
        steps_of_messages(given)


def test_spans_of_which_nothing_is_known_are_an_error_that_lists_what_is_read():
    span = {"traceId": "t", "spanId": "s", "startTimeUnixNano": "1", "name": "GET /users"}
    with pytest.raises(InputError, match=r"none of them known \(GET /users\).*OpenInference"):
        runs_of_spans([span])
    assert runs_of_spans([]) == {} and steps_of_messages([]) == []
