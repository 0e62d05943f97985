"""Blocks of Anthropic's Messages API, with tools that ran at Anthropic and at MCP servers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from quickstudy.adapters.step import Step
from quickstudy.adapters.traces.fields import first
from quickstudy.adapters.traces.formats.responses import ITEMS
from quickstudy.adapters.traces.formats.rows import called, media, returned, silent
from quickstudy.adapters.traces.piece import Piece, said
from quickstudy.adapters.traces.reader import Format, Reader

_IDS = ("tool_use_id", "id")


def _found(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """A page that a search found: title, address, and text if given."""
    words = [given[n] for n in ("title", "source", "url") if isinstance(given.get(n), str)]
    inside = reader.text(given.get("content"), f"{at}.content")
    told = "\n".join(one for one in (" - ".join(words), inside.text) if one)
    return [Piece("said", None, Step(told or f"[{given['type']}]"), inside.skipped)]


def _fetched(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """A page that was fetched, with its document."""
    document = given.get("content")
    source = document.get("source") if isinstance(document, Mapping) else None
    data = source.get("data") if isinstance(source, Mapping) else None
    plain_text = isinstance(source, Mapping) and source.get("type") == "text"
    shown = data if plain_text and isinstance(data, str) else "[document]"
    url = given.get("url")
    return [said(f"{url}\n{shown}" if isinstance(url, str) else shown)]


def _ran(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """The output of code: its streams and the files that it made."""
    if "call_id" in given:  # Google has a step of the same name
        return returned("result", ids=("call_id",))(reader, given, at)
    fields = {n: given[n] for n in ("stdout", "stderr") if isinstance(given.get(n), str)}
    told = reader.text(fields or given.get("content"), at)
    return [Piece("said", None, Step(told.text or "(empty)"), told.skipped)]


def _edited(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """The result of an editor command."""
    lines = given.get("lines")
    text = "\n".join(map(str, lines)) if isinstance(lines, list | tuple) else given.get("content")
    return [said(text if isinstance(text, str) and text else "(done)")]


def _failure(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    words = [given.get(n) for n in ("error_code", "error_message", "message")]
    told = ": ".join(one for one in words if isinstance(one, str) and one)
    return [Piece("said", None, Step(told or str(given["type"]), error=True))]


def _reference(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    name = first(given, ("tool_name", "file_id", "name"))
    return [said(name if isinstance(name, str) else f"[{given['type']}]")]


def _references(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    return reader.parts(given.get("tool_references"), f"{at}.tool_references")


def _advice(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    text = given.get("text")
    return [said(text if isinstance(text, str) and text else f"[{given['type']}]")]


def _provided(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """The result of a tool that ran at Anthropic; only marks make it a failure."""
    return _result(reader, given, at, known=({"is_error": False},))


def _result(
    reader: Reader, given: Mapping[str, Any], at: str, known: tuple[Any, ...] = ()
) -> Iterable[Piece]:
    """The result of a tool; its content may have the exit code or the error."""
    content = given.get("content")
    marks = (given, content, *known)
    shown = [content] if isinstance(content, Mapping) and "type" in content else content
    id = first(given, _IDS)
    return [reader.result(shown, at, id=id, marks=marks, parts=True)]


ANTHROPIC = Format(
    name="Anthropic's content blocks",
    types={
        "tool_use": called(ids=("id",)),
        "server_tool_use": called(ids=("id",)),
        "mcp_tool_use": called(ids=("id",)),
        "tool_result": _result,
        "mcp_tool_result": _result,
        "thinking": silent,
        "redacted_thinking": silent,
        "input_json_delta": silent,
        "fallback": silent,
        "tool_addition": silent,
        "tool_removal": silent,
        "document": media,
        "container_upload": media,
        "browser_state": media,
        "search_result": _found,
        "web_search_result": _found,
        "web_fetch_result": _fetched,
        "code_execution_result": _ran,
        "bash_code_execution_result": _ran,
        "encrypted_code_execution_result": _ran,
        "code_execution_output": _reference,
        "bash_code_execution_output": _reference,
        "text_editor_code_execution_view_result": _edited,
        "text_editor_code_execution_create_result": _edited,
        "text_editor_code_execution_str_replace_result": _edited,
        "tool_search_tool_search_result": _references,
        "tool_reference": _reference,
        "advisor_result": _advice,
        "advisor_redacted_result": _advice,
        "mcp_tool_listing": ITEMS["mcp_list_tools"],
    },
    families=(
        ("", "_tool_result", _provided),
        ("", "_tool_use", called(ids=("id",))),
        ("", "_tool_result_error", _failure),
    ),
)
