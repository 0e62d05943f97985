"""Reads the message lists of chat APIs and agent frameworks as steps of a run."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from quickstudy.adapters.step import Steps, looks_failed
from quickstudy.adapters.traces.fields import brief, equal, plain
from quickstudy.adapters.traces.formats import FORMATS
from quickstudy.adapters.traces.piece import Piece, failed_once
from quickstudy.adapters.traces.reader import Failed, Reader
from quickstudy.errors import InputError


def steps_of_messages(
    messages: Sequence[Any], *, seen: int = 0, failed: Failed = looks_failed
) -> Steps:
    """The steps of a message list: each message text, call and result is one step.

    Reads OpenAI's chat messages and all items of its Responses API, Anthropic's content blocks with
    tools of its servers and of MCP, messages of LangChain and LangGraph, of the Vercel AI SDK, of
    Bedrock and Strands, of Pydantic AI, Google's contents, and the messages of OpenTelemetry spans;
    as dicts or objects of the SDKs. System prompts and reasoning do not become steps. A message
    that is in the list twice, with its id, is read once. A part that no format knows, or that is
    damaged, becomes a step that names it, and is counted in `skipped` of the result.

    In the loop of an agent, `seen` leaves out messages that were read before:

        for step in steps_of_messages(messages, seen=seen):
            estimate = run.step(step.x, action=step.action, error=step.error)
        seen = len(messages)

    Args:
        messages: all of them, oldest first.
        seen: number of messages whose steps are known.
        failed: decides by the text of a result whether the call failed, if no mark says so.

    Raises:
        InputError: nothing in the messages can be read: they are damaged (the message names place
            and field), or in an unknown format (the message lists the known ones).

    >>> steps_of_messages([
    ...     {"role": "user", "content": "I want to go to Seattle."},
    ...     {"role": "assistant", "content": None, "tool_calls": [{"id": "c1", "type": "function",
    ...         "function": {"name": "search", "arguments": '{"to": "SEA", "from": "JFK"}'}}]},
    ...     {"role": "tool", "tool_call_id": "c1", "content": "Error: no flights"},
    ... ])[1:]  # doctest: +NORMALIZE_WHITESPACE
    [Step(x='search {"from": "JFK", "to": "SEA"}', action='search {"from": "JFK", "to": "SEA"}',
          error=False, reward=0.0),
     Step(x='Error: no flights', action=None, error=True, reward=0.0)]
    >>> steps = steps_of_messages([{"role": "user", "content": ["Look:", {"type": "hologram"}]}])
    >>> [step.x for step in steps], steps.skipped
    (['Look:', '[hologram]'], Counter({'hologram': 1}))

    References:
        https://platform.openai.com/docs/api-reference/responses/create
        https://docs.anthropic.com/en/api/messages
        https://docs.langchain.com/oss/python/langchain/messages
        https://ai-sdk.dev/docs/reference/ai-sdk-core/model-message
        https://ai.google.dev/api/caching#Content
    """
    if isinstance(messages, str | bytes) or not isinstance(messages, Sequence):
        raise InputError(f"messages is {brief(messages)}; it must be a list of messages")
    if type(seen) is not int or not 0 <= seen <= len(messages):
        raise InputError(f"seen is {brief(seen)}; there are {len(messages)} messages")
    reader = Reader(FORMATS, failed)
    pieces = list(_pieces(messages, seen, reader))
    skipped = [name for piece in pieces for name in piece.skipped]
    if seen == 0 and reader.problems and all(piece.skipped for piece in pieces):
        raise InputError(reader.problems[0])
    if seen == 0 and skipped and not reader.recognised:
        raise InputError(f"messages has only {', '.join(skipped):.80}; {reader.readable()}")
    steps = [piece.step for piece in failed_once(pieces)]
    return Steps(steps, skipped=skipped, problems=reader.problems)


def _pieces(messages: Sequence[Any], seen: int, reader: Reader) -> Iterator[Piece]:
    """Of all messages from `seen` on; those before are looked at for what later ones refer to."""
    known: dict[str, Mapping[str, Any]] = {}
    for i, message in enumerate(messages):
        at = f"messages[{i}]"
        given = _fields(message, at)
        id = given.get("id")
        if isinstance(id, str) and id and equal(known.get(id), given):
            continue
        if isinstance(id, str):
            known[id] = given
        if i >= seen:
            yield from reader.message(given or message, at)
        elif _asks(given):
            reader.message(given, at)
            reader.problems.clear()  # each has a step that names it


def _fields(message: Any, at: str) -> Mapping[str, Any]:
    """The fields of a message; empty for a value that is not a message."""
    try:
        return plain(message, at)
    except InputError:
        return {}


def _asks(given: Mapping[str, Any]) -> bool:
    """Whether the message asks for or gives consent, to which later messages refer."""
    parts = given.get("content")
    type_names = [given.get("type")]
    if isinstance(parts, list | tuple):
        type_names += [part.get("type") for part in parts if isinstance(part, Mapping)]
    return any(isinstance(type_name, str) and "approval" in type_name for type_name in type_names)
