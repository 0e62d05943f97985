"""Message lists as the SDKs write them are read as steps; what cannot be read is named."""

import json
import re
from pathlib import Path
from types import SimpleNamespace

import pytest

from quickstudy.adapters import Step, call, looks_failed, steps_of_messages
from quickstudy.errors import InputError

DATA = Path(__file__).parent / "data"
CHAT = [json.loads(line) for line in (DATA / "messages.jsonl").read_text("utf-8").splitlines()]
SEARCH = 'search_flights {"date": "2024-05-20", "from": "JFK", "to": "SEA"}'
GET = 'get_user {"user_id": "mia_li_3668"}'
BOOK = 'book_flight {"flight": "HAT136", "pay": {"certificate_7504069": 250}}'
STEPS = [
    Step("I want to fly from New York to Seattle on May 20th. I am mia_li_3668."),
    Step(SEARCH, action=SEARCH),
    Step(GET, action=GET),
    Step('[{"flight": "HAT136", "price": 305}]'),
    Step('{"name": "Mia Li", "membership": "gold"}'),
    Step("HAT136 costs 305 dollars. I will book it with your certificate."),
    Step(BOOK, action=BOOK),
    Step("Error: total price is 305, but paid 250", error=True),
    Step(
        "I'm sorry, the certificate does not cover the price. May I charge the rest to your card?"
    ),
]


def test_a_chat_of_the_openai_sdk():
    assert CHAT[0]["role"] == "system" and CHAT[2]["function_call"] is None
    assert steps_of_messages(CHAT) == STEPS


def test_messages_may_be_the_objects_of_the_sdk():
    """What `response.choices[0].message` is, appended as it is."""

    def as_object(message):
        return SimpleNamespace(model_dump=lambda exclude_none=False: message)

    mixed = [as_object(m) if m["role"] == "assistant" else m for m in CHAT]
    assert steps_of_messages(mixed) == STEPS


def test_in_a_loop_every_step_comes_once():
    told, seen, messages = [], 0, []
    for message in CHAT:
        messages.append(message)
        told += steps_of_messages(messages, seen=seen)
        seen = len(messages)
    assert told == STEPS
    assert steps_of_messages(messages, seen=seen) == []


def test_items_of_the_responses_api_give_the_same_steps():
    said = {"type": "output_text", "text": STEPS[5].x, "annotations": []}
    items = [
        {"role": "developer", "content": "You are an airline agent."},
        {"role": "user", "content": [{"type": "input_text", "text": STEPS[0].x}]},
        {"type": "reasoning", "id": "rs_1", "summary": []},
        {
            **{"type": "function_call", "id": "fc_1", "call_id": "c1", "name": "search_flights"},
            **{"arguments": '{"to":"SEA","from":"JFK","date":"2024-05-20"}', "status": "completed"},
        },
        {
            **{"type": "function_call", "id": "fc_2", "call_id": "c2", "name": "get_user"},
            "arguments": '{"user_id":"mia_li_3668"}',
        },
        {"type": "function_call_output", "call_id": "c1", "output": STEPS[3].x},
        {
            **{"type": "function_call_output", "call_id": "c2"},
            "output": [{"type": "input_text", "text": STEPS[4].x}],
        },
        {"type": "message", "id": "msg_1", "role": "assistant", "content": [said]},
        {
            **{"type": "function_call", "call_id": "c3", "name": "book_flight"},
            "arguments": '{"flight":"HAT136","pay":{"certificate_7504069":250}}',
        },
        {"type": "function_call_output", "call_id": "c3", "output": STEPS[7].x},
        {"type": "message", "role": "assistant", "content": STEPS[8].x},
    ]
    assert steps_of_messages(items) == STEPS


def test_content_blocks_give_the_same_steps():
    """As Anthropic's API has them; results stand in a message of the user, and may be marked."""
    use = {"type": "tool_use"}
    done = {"type": "tool_result"}
    blocks = [
        {"role": "user", "content": STEPS[0].x},
        {
            "role": "assistant",
            "content": [
                {"type": "thinking", "thinking": "Two things at once.", "signature": "x"},
                {
                    **{**use, "id": "t1", "name": "search_flights"},
                    "input": {"to": "SEA", "from": "JFK", "date": "2024-05-20"},
                },
                {**use, "id": "t2", "name": "get_user", "input": {"user_id": "mia_li_3668"}},
            ],
        },
        {
            "role": "user",
            "content": [
                {**done, "tool_use_id": "t1", "content": STEPS[3].x},
                {
                    **{**done, "tool_use_id": "t2"},
                    "content": [{"type": "text", "text": STEPS[4].x}],
                },
            ],
        },
        {
            "role": "assistant",
            "content": [
                {"type": "text", "text": STEPS[5].x},
                {
                    **{**use, "id": "t3", "name": "book_flight"},
                    "input": {"pay": {"certificate_7504069": 250}, "flight": "HAT136"},
                },
            ],
        },
        {
            "role": "user",
            "content": [
                {**done, "tool_use_id": "t3", "content": STEPS[7].x, "is_error": True},
            ],
        },
        {"role": "assistant", "content": STEPS[8].x},
    ]
    assert steps_of_messages(blocks) == STEPS


def test_the_older_function_call():
    steps = steps_of_messages(
        [
            {
                **{"role": "assistant", "content": ""},
                "function_call": {"name": "get_user", "arguments": '{"user_id":"mia_li_3668"}'},
            },
            {
                "role": "function",
                "name": "get_user",
                "content": "Traceback (most recent call last)",
            },
        ]
    )
    assert steps == [Step(GET, GET), Step("Traceback (most recent call last)", error=True)]


def test_the_mark_of_a_result_goes_before_its_words():
    (step,) = steps_of_messages(
        [{"role": "user", "content": [{**RESULT, "content": "Error 404 is documented here"}]}]
    )
    assert not step.error
    (step,) = steps_of_messages([{"role": "tool", "content": "no"}], failed=lambda text: True)
    assert step.error


RESULT = {"type": "tool_result", "tool_use_id": "t", "is_error": False}


def test_pictures_are_seen_and_empty_results_count():
    steps = steps_of_messages(
        [
            {
                "role": "user",
                "content": [
                    {"type": "text", "text": "What is this?"},
                    {"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBO"}},
                ],
            },
            {"role": "tool", "tool_call_id": "c1", "content": ""},
        ]
    )
    assert [step.x for step in steps] == ["What is this?\n[image_url]", "(empty)"]


def test_arguments_have_one_spelling():
    assert call("f", '{"b":1,\n "a":{"d":2,"c":"é"}}') == 'f {"a": {"c": "é", "d": 2}, "b": 1}'
    assert call("f", {"b": 1, "a": 2}) == call("f", '{"a":2,"b":1}')
    assert call("bash", "ls -l {") == "bash ls -l {"


@pytest.mark.parametrize(
    "text", ["Error: no", "error", "ValueError(3)", ' {"error": {"code": 5}}', '{"isError": true}']
)
def test_failures_are_known_by_their_words(text):
    assert looks_failed(text)


@pytest.mark.parametrize(
    "text", ["0 errors", "Errors: none", '{"error": false}', "{not json", "errorless", ""]
)
def test_what_is_no_failure(text):
    assert not looks_failed(text)


CALL = {"id": "c", "type": "function", "function": {"name": "f", "arguments": "{}"}}


@pytest.mark.parametrize(
    ("message", "named"),
    [
        ("hello", r"messages\[0\] is 'hello'"),
        ({"content": "hello"}, r"messages\[0\] has no 'role'"),
        ({"role": 7}, r"messages\[0\]\.role is 7; it must be a text"),
        ({"role": "user", "content": 7}, r"messages\[0\]\.content is 7"),
        ({"role": "user", "content": [7]}, r"messages\[0\]\.content\[0\] is 7"),
        (
            {"role": "user", "content": [{"type": "text"}]},
            r"messages\[0\]\.content\[0\] has no 'text'",
        ),
        ({"role": "assistant", "tool_calls": "f"}, r"messages\[0\]\.tool_calls\[0\] is 'f'"),
        (
            {"role": "assistant", "tool_calls": [{"function": {"arguments": "{}"}}]},
            r"messages\[0\]\.tool_calls\[0\]\.function has no 'name'",
        ),
    ],
)
def test_what_cannot_be_read_is_named_and_costs_no_other_message(message, named):
    """Where it is all there is, it is refused; else it is a step, counted, with its reason."""
    with pytest.raises(InputError, match=named):
        steps_of_messages([message])
    hi = {"role": "user", "content": "hi"}
    steps = steps_of_messages([message, hi])
    assert steps[1:] == [Step("hi")] and steps.skipped.total() == 1
    assert len(steps.problems) == 1 and re.search(named, steps.problems[0])


def test_a_damaged_part_costs_none_of_its_neighbours():
    parts = [{"type": "text", "text": "a"}, {"type": "text"}, {"type": "text", "text": "b"}]
    calls = [CALL, {"type": "function", "function": {}}, {**CALL, "id": "d"}]
    steps = steps_of_messages([{"role": "assistant", "content": parts, "tool_calls": calls}])
    assert [step.x for step in steps] == ["a", "[text]", "b", "f {}", "[tool_calls]", "f {}"]
    assert steps.skipped == {"text": 1, "tool_calls": 1}
    assert steps_of_messages([{"role": "user", "content": ["a", None, "b"]}]) == [Step("a\nb")]


def test_ids_may_be_numbers_and_arguments_any_value():
    call = {"id": 3, "function": {"name": "f", "arguments": 5}}
    messages = [
        {"role": "assistant", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": 3, "content": "no"},
    ]
    assert [step.x for step in steps_of_messages(messages)] == ["f 5", "no"]


def test_what_is_no_list_is_refused():
    with pytest.raises(InputError, match="messages is 'hi'"):
        steps_of_messages("hi")
    with pytest.raises(InputError, match="seen is 3; there are 1 messages"):
        steps_of_messages([{"role": "user", "content": "hi"}], seen=3)


@pytest.mark.parametrize("seen", [None, True, -1, 2, "1"])
def test_seen_must_be_a_number_of_messages(seen):
    with pytest.raises(InputError, match="seen"):
        steps_of_messages([{"role": "user", "content": "hi"}], seen=seen)


def test_arguments_that_json_cannot_hold_are_spelled_all_the_same():
    deep: dict = {}
    for _ in range(3000):
        deep = {"in": deep}
    for given in ({1: 2, "a": 3}, deep):
        part = {"type": "tool_use", "id": "c", "name": "f", "input": given}
        [step] = steps_of_messages([{"role": "assistant", "content": [part]}])
        assert step.action.startswith("f ")
