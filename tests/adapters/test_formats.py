"""The tables of the formats: one meaning for each name, and what holds for all of them."""

import json
import re
from collections import Counter
from dataclasses import dataclass

import pytest

from quickstudy import ValueFunction
from quickstudy.adapters import Step, Steps, steps_of_messages
from quickstudy.adapters.traces.formats import FORMATS
from quickstudy.errors import InputError

USER = {"role": "user", "content": "do it"}


def test_no_two_formats_claim_the_same_part():
    for table in ("types", "keys"):
        names = Counter(name for form in FORMATS for name in getattr(form, table))
        assert [name for name, times in names.items() if times > 1] == []


@pytest.mark.parametrize(
    "kind", sorted({kind for form in FORMATS for kind in form.types}), ids=lambda kind: kind
)
def test_a_part_of_any_known_type_is_not_skipped(kind):
    """With every field that some format asks for, and nothing else."""
    fields = {name: "a" for name in ("text", "content", "refusal", "name", "toolName", "logs")}
    part = {"type": kind, **fields, "action": {"a": 1}, "transcript": "a", "toolInvocation": {}}
    part["toolInvocation"] = {"toolName": "f"}
    for messages in ([USER, {"role": "assistant", "content": [part]}], [USER, part]):
        if kind in ("message", "non_standard"):  # these hold others
            continue
        steps = steps_of_messages(messages)
        assert steps[0] == Step("do it") and not steps.skipped


def test_three_searches_are_no_loop():
    """As LangGraph writes them: the arguments tell the calls apart."""
    messages = [USER]
    for number, city in enumerate(("Rome", "Oslo", "Bern")):
        call = {"type": "tool_call", "id": f"c{number}", "name": "search", "args": {"city": city}}
        messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
        messages.append({"role": "tool", "tool_call_id": f"c{number}", "content": "no rooms"})
    run = ValueFunction().start()
    told = [run.step(s.x, action=s.action, error=s.error) for s in steps_of_messages(messages)]
    assert len(told) == 7 and told[-2].loop is None


def test_a_message_that_comes_again_with_its_id_is_told_once():
    """As in the states that LangGraph streams, and in inputs that repeat the outputs before."""
    first = {"type": "ai", "id": "m1", "content": "I look."}
    assert steps_of_messages([first, first]) == [Step("I look.")]
    assert steps_of_messages([first, USER, first], seen=2) == []
    changed = {**first, "content": "I look again."}
    assert [step.x for step in steps_of_messages([first, changed])] == ["I look.", "I look again."]
    without = {"role": "assistant", "content": "I look."}
    assert len(steps_of_messages([without, without])) == 2


def test_a_call_stands_before_its_result_wherever_the_answer_has_it():
    result = {"type": "web_search_tool_result", "tool_use_id": "s", "content": "found"}
    use = {"type": "server_tool_use", "id": "s", "name": "web_search", "input": {}}
    steps = steps_of_messages([{"role": "assistant", "content": [result, use]}])
    assert [step.x for step in steps] == ["web_search {}", "found"]


def test_consent_is_remembered_in_a_live_loop():
    request = {"type": "mcp_approval_request", "id": "a", "name": "pay", "arguments": "{}"}
    consent = {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True}
    done = {"type": "mcp_call", "id": "m", "name": "pay", "arguments": "{}", "output": "paid"}
    messages = [USER, request, consent, {**done, "approval_request_id": "a"}]
    told = [s.x for seen in range(4) for s in steps_of_messages(messages[: seen + 1], seen=seen)]
    assert told == ["do it", "pay {}", "approved", "paid"]


def test_a_role_that_nobody_knows_is_named_and_its_words_are_read():
    steps = steps_of_messages([USER, {"role": "critic", "content": "too slow"}])
    assert [step.x for step in steps] == ["do it", "[critic]", "too slow"]
    assert steps.skipped == {"critic": 1}


def test_an_unknown_part_inside_a_result_is_named_in_it_and_counted():
    content = [{"type": "text", "text": "seen"}, {"type": "hologram", "data": "AA=="}]
    result = {"type": "tool_result", "tool_use_id": "t", "content": content}
    steps = steps_of_messages([{"role": "user", "content": [result]}])
    assert steps == [Step("seen\n[hologram]")] and steps.skipped == {"hologram": 1}


def test_a_call_whose_arguments_no_one_can_read_fails_once():
    """On the call, or on the failed result where one follows."""
    bad = {"type": "invalid_tool_call", "id": "c", "name": "f", "args": '{"a": ', "error": None}
    asked = {"type": "ai", "content": "", "tool_calls": [], "invalid_tool_calls": [bad]}
    assert steps_of_messages([asked]) == [Step('f {"a": ', 'f {"a": ', error=True)]
    answer = {"type": "tool", "tool_call_id": "c", "content": "bad arguments", "status": "error"}
    steps = steps_of_messages([asked, answer])
    assert [step.error for step in steps] == [False, True]


@pytest.mark.parametrize("arguments", [{}, {"a": 1}])
def test_a_streamed_message_that_has_a_call_twice_has_one(arguments):
    """Once among its blocks, still without arguments, and once among its calls."""
    block = {"type": "tool_use", "id": "c", "name": "f", "input": {}, "partial_json": "..."}
    call = {"type": "tool_call", "id": "c", "name": "f", "args": arguments}
    message = {"type": "AIMessageChunk", "content": [block], "tool_calls": [call]}
    assert [step.action for step in steps_of_messages([message])] == [f"f {json.dumps(arguments)}"]


def test_what_a_search_finds_is_no_failure_whatever_its_words():
    found = [{"filename": "a.md", "text": "Error: how to handle it"}]
    item = {"type": "file_search_call", "queries": ["errors"], "results": found}
    assert [step.error for step in steps_of_messages([item])] == [False, False]
    pages = [{"type": "url", "url": "http://a"}, {"type": "url", "url": "http://b"}]
    action = {"type": "search", "query": "q", "sources": pages}
    steps = steps_of_messages([{"type": "web_search_call", "action": action}])
    assert [s.x for s in steps] == [
        'web_search {"query": "q", "type": "search"}',
        "http://a\nhttp://b",
    ]


def test_a_whole_answer_of_an_api_stands_for_its_messages():
    call = {"type": "function_call", "call_id": "c", "name": "f", "arguments": "{}"}
    response = {"object": "response", "status": "completed", "error": None, "output": [call]}
    failed = {"object": "response", "error": {"code": "server_error", "message": "down"}}
    message = {"role": "assistant", "content": "done"}
    completion = {"object": "chat.completion", "choices": [{"index": 0, "message": message}]}
    steps = steps_of_messages([USER, response, {**failed, "output": []}, completion])
    assert [step.x for step in steps] == ["do it", "f {}", "down", "done"]
    assert [step.error for step in steps] == [False, False, True, False]


@dataclass
class Part:
    content: str
    part_kind: str


@dataclass
class Request:
    parts: list
    kind: str = "request"


class Item:
    """An object of an SDK: it gives its fields away as a dict."""

    def __init__(self, **fields):
        self.fields = fields

    def model_dump(self, *, exclude_none):
        return {name: value for name, value in self.fields.items() if value is not None}


def test_objects_of_the_sdks_are_read_as_their_fields():
    assert steps_of_messages([Request([Part("do it", "user-prompt")])]) == [Step("do it")]
    request = Item(type="mcp_approval_request", id="a", name="pay", arguments="{}")
    consent = {"type": "mcp_approval_response", "approval_request_id": "a", "approve": True}
    made = Item(type="mcp_call", name="pay", arguments="{}", output="paid", error=None)
    made.fields["approval_request_id"] = "a"
    messages = [USER, request, consent, made]
    assert [step.x for step in steps_of_messages(messages, seen=3)] == ["paid"]
    assert [step.x for step in steps_of_messages(messages)] == [
        "do it",
        "pay {}",
        "approved",
        "paid",
    ]


def test_steps_are_a_list():
    steps = Steps([Step("a")], skipped=["x"])
    assert steps == [Step("a")] and isinstance(steps, list) and Steps().skipped == {}


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ({"type": "function_call", "call_id": "c"}, r"messages\[0\] has no 'name'"),
        ({"type": "mcp_call", "name": 3}, r"messages\[0\]\.name is 3; it must be a text"),
        ({"type": "ai", "content": 7}, r"messages\[0\]\.content is 7"),
        ({"role": "model", "parts": [{"functionCall": 3}]}, r"parts\[0\]\.functionCall is 3"),
        ({"role": "user", "content": [{"toolUse": {}}]}, r"content\[0\]\.toolUse has no 'name'"),
        ({"role": "user", "content": [{}]}, r"content\[0\] has no 'type'"),
        ({"role": "user", "content": [{"type": 3}]}, r"content\[0\]\.type is 3; it must be a text"),
    ],
)
def test_what_a_known_part_lacks_is_named_and_the_run_is_read(message, named):
    with pytest.raises(InputError, match=named):
        steps_of_messages([message])
    steps = steps_of_messages([message, USER])
    assert len(steps) == 2 and steps[1] == Step("do it") and steps.skipped.total() == 1
    assert len(steps.problems) == 1 and re.search(named, steps.problems[0])
