"""Message lists, as chat APIs take them, as steps of a run."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from quickstudy.adapters.reading import Failed, Reader
from quickstudy.adapters.step import Step, looks_failed
from quickstudy.errors import InputError


def steps_of_messages(
    messages: Sequence[Any], *, seen: int = 0, failed: Failed = looks_failed
) -> list[Step]:
    """The steps of a message list: what is said, every call, and every result is one step.

    Reads OpenAI's chat messages (with `tool_calls`, or the older `function_call`) and the items of
    its Responses API, Anthropic's content blocks, and the messages of OpenTelemetry spans; as
    dicts, or as the objects of the SDKs. System prompts and reasoning are no steps.

    In a loop that goes on, `seen` leaves out what was read before:

        for step in steps_of_messages(messages, seen=seen):
            estimate = run.step(step.x, action=step.action, error=step.error)
        seen = len(messages)

    Args:
        messages: all of them, oldest first.
        seen: number of messages whose steps are known already.
        failed: tells from the text of a result that its call failed, where it is not marked.

    Raises:
        InputError: a message cannot be read; names its index and the field.

    >>> steps_of_messages([
    ...     {"role": "user", "content": "I want to go to Seattle."},
    ...     {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function",
    ...         "function": {"name": "search", "arguments": '{"to": "SEA", "from": "JFK"}'}}]},
    ...     {"role": "tool", "tool_call_id": "c1", "content": "Error: no flights"},
    ... ])[1:]  # doctest: +NORMALIZE_WHITESPACE
    [Step(x='search {"from": "JFK", "to": "SEA"}', action='search {"from": "JFK", "to": "SEA"}',
          error=False, reward=0.0),
     Step(x='Error: no flights', action=None, error=True, reward=0.0)]

    References:
        https://platform.openai.com/docs/api-reference/chat/create
        https://platform.openai.com/docs/api-reference/responses/create
    """
    if isinstance(messages, str | bytes) or not isinstance(messages, Sequence):
        raise InputError(f"messages is {messages!r:.60}; it must be a list of messages")
    if type(seen) is not int or not 0 <= seen <= len(messages):
        raise InputError(f"seen is {seen!r}; there are {len(messages)} messages")
    reader = Reader(failed)
    found = (reader.message(messages[i], f"messages[{i}]") for i in range(seen, len(messages)))
    return [piece.step for pieces in found for piece in pieces]
