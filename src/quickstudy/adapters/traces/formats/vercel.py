"""Parts of the Vercel AI SDK: of model messages and of UI messages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from quickstudy.adapters.step import Step
from quickstudy.adapters.traces.fields import first, plain
from quickstudy.adapters.traces.formats.rows import called, media, silent
from quickstudy.adapters.traces.piece import Piece
from quickstudy.adapters.traces.reader import Format, Reader

_CALL = called(arguments=("input", "args", "rawInput"), ids=("toolCallId", "tool_call_id"))
_DONE = ("output-available", "output-error", "output-denied", "result")


def _result(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """A result: `output` has a type; in older versions `result` is the value."""
    output = given.get("output")
    if isinstance(output, Mapping) and isinstance(output.get("type"), str):
        if output["type"] == "execution-denied" and given.get("toolCallId") in list(reader.denied):
            return []
        parts = output["type"] == "content"
        content = first(output, ("value", "reason", "type"))
        return [_told(reader, given, at, content=content, marks=(given, output), parts=parts)]
    content = first(given, ("output", "result", "content", "errorText", "error"))
    return [_told(reader, given, at, content=content, marks=(given,), parts=False)]


def _told(
    reader: Reader,
    given: Mapping[str, Any],
    at: str,
    *,
    content: Any,
    marks: tuple[Any, ...],
    parts: bool,
) -> Piece:
    id = given.get("toolCallId")
    return reader.result(content, at, id=id, marks=marks, parts=parts)


def _tool(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """The part of a tool in a UI message: its call and, if present, its result."""
    name = given.get("toolName")
    if name is None:
        name = str(given["type"]).removeprefix("tool-")
    made = first(given, ("input", "args", "rawInput"))
    asked = {n: given[n] for n in given if n not in ("state", "errorText", "error", "output")}
    pieces = [reader.call(asked, at, name=name, id=given.get("toolCallId"), made=made)]
    state = given.get("state")
    if state in _DONE or (state is None and ("output" in given or "errorText" in given)):
        content = first(given, ("errorText", "output", "result"))
        if content is None and state in ("output-error", "output-denied"):
            content = _reason(given) or str(state).removeprefix("output-")
        pieces.append(_told(reader, given, at, content=content, marks=(given,), parts=False))
    return pieces


def _reason(given: Mapping[str, Any]) -> str:
    approval = given.get("approval")
    reason = approval.get("reason") if isinstance(approval, Mapping) else None
    return reason if isinstance(reason, str) else ""


def _invocation(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    place = f"{at}.toolInvocation"
    inner = plain(given.get("toolInvocation"), place)
    return _tool(reader, {"type": "tool-invocation", **inner}, place)


def _error(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    content = first(given, ("error", "errorText", "output"))
    if isinstance(content, Mapping) and isinstance(content.get("message"), str):
        content = content["message"]
    marks = (given, {"is_error": True})
    return [_told(reader, given, at, content=content, marks=marks, parts=False)]


def _request(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """A request for consent; its call is another part."""
    approval, call = given.get("approvalId"), given.get("toolCallId")
    if isinstance(approval, str) and isinstance(call, str):
        reader.approvals[approval] = call
    return ()


def _consent(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """A denied call is a failure; the result that the SDK adds for it is left out."""
    word = "approved" if given.get("approved") is True else "denied"
    reason = given.get("reason")
    told = f"{word}: {reason}" if isinstance(reason, str) and reason else word
    if word == "approved":
        return [Piece("approved", None, Step(told))]
    approval = given.get("approvalId")
    id = reader.approvals.get(approval) if isinstance(approval, str) else None
    if id is not None:
        reader.denied.add(id)
    return [reader.result(told, at, id=id, marks=({"approved": False},))]


VERCEL = Format(
    name="Vercel AI SDK messages",
    types={
        "tool-call": _CALL,
        "tool-result": _result,
        "tool-error": _error,
        "tool-output-denied": _error,
        "tool-invocation": _invocation,
        "tool-approval-request": _request,
        "tool-approval-response": _consent,
        "dynamic-tool": _tool,
        "step-start": silent,
        "redacted-reasoning": silent,
        "reasoning-file": silent,
        "source": silent,
        "source-url": silent,
        "source-document": silent,
        "media": media,
        **{f"file-{name}": media for name in ("data", "url", "id")},
        **{f"image-{name}": media for name in ("data", "url", "file-id")},
    },
    families=(("tool-", "", _tool),),
)
