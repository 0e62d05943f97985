"""Items of OpenAI's Responses API, from its `input` and its `output`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from quickstudy.adapters.step import Step, as_json
from quickstudy.adapters.traces.failure import marked
from quickstudy.adapters.traces.fields import first
from quickstudy.adapters.traces.formats import chat
from quickstudy.adapters.traces.formats.rows import (
    called,
    media,
    performed,
    returned,
    silent,
    text,
)
from quickstudy.adapters.traces.piece import Piece
from quickstudy.adapters.traces.reader import Format, Reader


def _message(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    return chat.read(reader, given, at)


def _listing(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """The step of a list of tools; an error if the server did not answer."""
    tools = given.get("tools")
    found = tools if isinstance(tools, list | tuple) else ()
    names = [tool.get("name") for tool in found if isinstance(tool, Mapping)]
    server = first(given, ("server_label", "mcp_server_name"))
    label = f"[{given['type']}] {server}" if isinstance(server, str) else f"[{given['type']}]"
    error = given.get("error")
    if error:
        told = error if isinstance(error, str) else as_json(error)
        return [Piece("listed", None, Step(f"{label}: {told}", error=True))]
    words = ", ".join(name for name in names if isinstance(name, str))
    return [Piece("listed", None, Step(f"{label}: {words}" if words else label))]


def _mcp_call(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """A call of a remote server; if it needed approval, the request had the call already."""
    pieces = list(_MCP_CALL(reader, given, at))
    request = given.get("approval_request_id")
    if isinstance(request, str) and request in reader.approvals:
        return pieces[1:]
    return pieces


_MCP_CALL = performed(None, results=("output",))


def _request(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    if isinstance(given.get("id"), str):
        reader.approvals[given["id"]] = given["id"]
    return _ASKED(reader, given, at)


_ASKED = called(ids=("id",))


def _consent(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """The piece of a denied call, which is a failure."""
    word = "approved" if given.get("approve") is True else "denied"
    reason = given.get("reason")
    told = f"{word}: {reason}" if isinstance(reason, str) and reason else word
    id = given.get("approval_request_id")
    if word == "denied":
        return [reader.result(told, at, id=id, marks=({"approve": False},))]
    return [Piece("approved", None, Step(told))]


def _code(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    return performed(
        "code_interpreter", arguments=("code",), whole=False, results=_some(given, "outputs")
    )(reader, given, at)


def _some(given: Mapping[str, Any], name: str) -> tuple[str, ...]:
    """The field, if it is not empty: an empty list of outputs is not a result."""
    return (name,) if given.get(name) else ()


def _picture(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """A picture, without its megabytes of base64."""
    shown = {**given, "result": "[image]"} if given.get("result") else given
    fields = ("revised_prompt", "action", "size")
    return performed(
        "image_generation", arguments=fields, whole=False, results=_some(shown, "result")
    )(reader, shown, at)


def _searched(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """A search: the found pages are next to the query."""
    action = given.get("action")
    if not isinstance(action, Mapping) or not isinstance(action.get("sources"), list | tuple):
        return _SEARCH(reader, given, at)
    asked = {name: value for name, value in action.items() if name != "sources"}
    pages = [one.get("url") for one in action["sources"] if isinstance(one, Mapping)]
    found = "\n".join(page for page in pages if isinstance(page, str))
    return _SEARCH(reader, {"results": found or None, **given, "action": asked}, at)


_SEARCH = performed("web_search", arguments=("action",), results=("results",), finds=True)


def _own(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """A tool of the provider that this table does not have."""
    name = given.get("name") or str(given["type"]).removesuffix("_call")
    made = ("action", "arguments", "input", "operation", "code", "query")
    results = tuple(n for n in ("output", "outputs", "result", "results") if given.get(n))
    return performed(name, arguments=made, results=results)(reader, given, at)


ITEMS = {
    "function_call": called(),
    "function_call_output": returned("output"),
    "custom_tool_call": called(),
    "custom_tool_call_output": returned("output"),
    "web_search_call": _searched,
    "file_search_call": performed(
        "file_search", arguments=("queries",), whole=False, results=("results",), finds=True
    ),
    "tool_search_call": called("tool_search"),
    "tool_search_output": returned("tools"),
    "computer_call": called("computer", arguments=("action", "actions")),
    "computer_call_output": returned("output"),
    "code_interpreter_call": _code,
    "image_generation_call": _picture,
    "local_shell_call": called("local_shell", arguments=("action",)),
    "local_shell_call_output": returned("output"),
    "shell_call": called("shell", arguments=("action",)),
    "shell_call_output": returned("output"),
    "apply_patch_call": called("apply_patch", arguments=("operation",)),
    "apply_patch_call_output": returned("output"),
    "program": called("program", arguments=("code",), whole=False),
    "program_output": returned("result"),
    "mcp_list_tools": _listing,
    "mcp_approval_request": _request,
    "mcp_approval_response": _consent,
    "mcp_call": _mcp_call,
    "reasoning": silent,
    "compaction": silent,
    "compaction_summary": silent,
    "compaction_trigger": silent,
    "item_reference": silent,
    "additional_tools": silent,
    "configuration_update": silent,
}


def _holds(given: Mapping[str, Any]) -> bool:
    type_name = given.get("type")
    return (isinstance(type_name, str) and type_name in ITEMS) or _is_response(given)


def _is_response(given: Mapping[str, Any]) -> bool:
    """Whether an object is a whole answer of the API instead of an item."""
    type_name, output = given.get("object"), given.get("output")
    return type_name == "response" and isinstance(output, list | tuple) and "role" not in given


def _read(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    if not _is_response(given):
        return ITEMS[given["type"]](reader, given, at)
    items = [
        piece
        for j, item in enumerate(given["output"])
        for piece in reader.message(item, f"{at}.output[{j}]")
    ]
    if marked({"error": given.get("error")}):
        told = reader.text(given["error"], f"{at}.error").text
        items.append(Piece("failed", None, Step(told, error=True)))
    return items


RESPONSES = Format(
    name="items of OpenAI's Responses API",
    holds=_holds,
    read=_read,
    types={
        **ITEMS,
        "message": _message,
        "input_text": text("text"),
        "output_text": text("text"),
        "summary_text": text("text"),
        "input_image": media,
        "input_file": media,
        "input_video": media,
        "computer_screenshot": media,
        "output_audio": text("transcript", "text"),
        "reasoning_text": silent,
        "logs": text("logs"),
    },
    families=(
        ("", "_call_output", returned("output")),
        ("", "_call_result", returned("output")),
        ("", "_call", _own),
    ),
)
