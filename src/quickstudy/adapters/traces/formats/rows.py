"""The rows of a format's table: functions that make readers of parts from field names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from quickstudy.adapters.step import Step
from quickstudy.adapters.traces.fields import brief, first
from quickstudy.adapters.traces.piece import Piece, said
from quickstudy.adapters.traces.reader import ARGUMENTS, IDS, PartReader, Reader
from quickstudy.errors import InputError

NAMES = ("name", "tool_name", "toolName")
RESULTS = ("output", "content", "response", "result", "error", "errorText")


def silent(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """Parts without a step: reasoning, references, marks of a stream."""
    return ()


def media(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """A picture, sound or file: the step says only that there was one."""
    return [_shown(given["type"])]


def named(name: str) -> PartReader:
    """Media that have a key instead of a type."""
    return lambda reader, given, at: [_shown(name)]


def _shown(name: str) -> Piece:
    return Piece("media", None, Step(f"[{name}]"))


def text(*names: str) -> PartReader:
    """A part with text in the first of these fields."""

    def read(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
        name = next((n for n in names if n in given), names[0])
        if name not in given:
            raise InputError(f"{at} has no {name!r}")
        told = given[name]
        if isinstance(told, Mapping):  # in OpenAI's threads the text has annotations
            told = told.get("value")
        if not isinstance(told, str):
            raise InputError(f"{at}.{name} is {brief(given[name])}; it must be a text")
        return [said(told)]

    return read


def nested(name: str) -> PartReader:
    """A part with other parts, or a text, in a field."""
    return lambda reader, given, at: reader.parts(given.get(name), f"{at}.{name}")


def called(
    name: str | None = None,
    *,
    arguments: tuple[str, ...] = ARGUMENTS,
    whole: bool = True,
    ids: tuple[str, ...] = IDS,
) -> PartReader:
    """A call whose result is another part.

    Args:
        name: of the tool; None: the part has it.
        arguments: fields that may have the arguments.
        whole: the field is all the arguments; else these fields are the arguments.
        ids: fields that may have the id of the call.
    """

    def read(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
        told = name or first(given, NAMES)
        id, made = first(given, ids), _arguments(given, arguments, whole)
        return [reader.call(given, at, name=told, id=id, made=made)]

    return read


def _arguments(given: Mapping[str, Any], names: tuple[str, ...], whole: bool) -> Any:
    if whole:
        return first(given, names)
    return {name: given[name] for name in names if given.get(name) is not None}


def returned(
    *results: str, ids: tuple[str, ...] = IDS, parts: bool = True, inside: str = ""
) -> PartReader:
    """The result of a call.

    Args:
        results: fields that may have it; without any, those of all formats.
        ids: fields that may have the id of the call.
        parts: whether a list in it is a list of parts.
        inside: the field with all of these; "" for the part itself.
    """

    def read(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
        inner = given.get(inside) if inside else given
        if not isinstance(inner, Mapping):
            inner = {"result": inner, **{n: given[n] for n in ids if n in given}}
        content = first(inner, results or RESULTS)
        if content is None:
            content = _outcome(inner)
        id = first(inner, ids)
        return [reader.result(content, at, id=id, marks=(given, inner), parts=parts)]

    return read


def _outcome(given: Mapping[str, Any]) -> str:
    """The text of a result without content: its failure or its status."""
    word = first(given, ("error", "error_code", "errorText", "reason", "status", "outcome"))
    return word if isinstance(word, str) and word not in ("completed", "success") else ""


def performed(
    name: str | None,
    *,
    arguments: tuple[str, ...] = ARGUMENTS,
    whole: bool = True,
    results: tuple[str, ...] = (),
    finds: bool = False,
) -> PartReader:
    """A call that the provider made, with its result in the same item.

    The result has no step if the item has none and the call did not fail. What a search `finds` is
    text of others, so only a mark makes it a failure.
    """
    ask = called(name, arguments=arguments, whole=whole)

    def read(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
        [asked] = ask(reader, given, at)
        id = asked.id
        made = asked._replace(step=_unmarked(asked))
        content = given.get("error") or first(given, results)
        if content is None and asked.step.error:
            content = _outcome(given)
        if content is None:
            return [made]
        marks = (given, {"is_error": False}) if finds else (given,)
        return [made, reader.result(content, at, id=id, marks=marks, parts=True)]

    return read


def _unmarked(piece: Piece) -> Step:
    """The step of a call without its error, which belongs to the result."""
    return Step(piece.step.x, action=piece.step.action)
