"""Messages of Pydantic AI: requests and responses, whose parts name their type in `part_kind`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from quickstudy.adapters.traces.fields import first
from quickstudy.adapters.traces.formats.rows import called, nested, returned, silent
from quickstudy.adapters.traces.piece import Piece
from quickstudy.adapters.traces.reader import Format, PartReader, Reader

_IDS = ("tool_call_id",)


def _retry(reader: Reader, given: Mapping[str, Any], at: str) -> Iterable[Piece]:
    """The message to the model that its call or answer was not accepted."""
    content = first(given, ("content",))
    id = first(given, _IDS)
    return [reader.result(content, at, id=id, marks=({"is_error": True},))]


_RETURNED: PartReader = returned("content", ids=_IDS, parts=False)

PYDANTIC_AI = Format(
    name="Pydantic AI messages",
    types={
        "system-prompt": silent,
        "instruction": silent,
        "user-prompt": nested("content"),
        "tool-return": _RETURNED,
        "retry-prompt": _retry,
        "builtin-tool-call": called(ids=_IDS),
        "builtin-tool-return": _RETURNED,
    },
)
