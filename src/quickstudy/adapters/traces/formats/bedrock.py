"""Blocks of the Converse API of Amazon Bedrock, which Strands agents also write into spans.

The table of Google's contents reads the blocks of text, which look the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from quickstudy.adapters.traces.fields import plain, written
from quickstudy.adapters.traces.formats.rows import named, silent
from quickstudy.adapters.traces.piece import Piece, said
from quickstudy.adapters.traces.reader import Format, Reader


def _use(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    place = f"{at}.toolUse"
    use = plain(given["toolUse"], place)
    made = use.get("input")
    return [reader.call(use, place, name=use.get("name"), id=use.get("toolUseId"), made=made)]


def _result(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    place = f"{at}.toolResult"
    result = plain(given["toolResult"], place)
    id, content = result.get("toolUseId"), result.get("content")
    return [reader.result(content, place, id=id, marks=(result,), parts=True)]


def _json(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    return [said(written(given["json"]))]


def _cited(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    place = f"{at}.citationsContent"
    return reader.parts(plain(given["citationsContent"], place).get("content"), place)


BEDROCK = Format(
    name="Bedrock's and Strands' content blocks",
    keys={
        "toolUse": _use,
        "toolResult": _result,
        "json": _json,
        "citationsContent": _cited,
        "reasoningContent": silent,
        "cachePoint": silent,
        "guardContent": named("guardContent"),
        "searchResult": named("searchResult"),
        "interruptResponse": named("interruptResponse"),
        "image": named("image"),
        "document": named("document"),
        "video": named("video"),
        "audio": named("audio"),
    },
)
