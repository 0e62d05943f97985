"""`Step`: one step of a run, and the one spelling of a call."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_FAILED = re.compile(
    r"\s*(?:\w*(?:error|exception)(?=[\s:!.,\])(]|$)|traceback \(most recent call last\))",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Step:
    """One step of a run, as `ValueFunction.step` takes it.

    Attributes:
        x: what was said, done or seen.
        action: the call that was made, in the spelling of `call`; None where nothing was done.
        error: the step is the failure of a call.
        reward: what came with it.
    """

    x: str
    action: str | None = None
    error: bool = False
    reward: float = 0.0


def call(name: str, arguments: str | Mapping[str, Any] | None = None) -> str:
    """A call in one spelling: its name, a space, its arguments as JSON with sorted keys.

    Args:
        name: of the tool.
        arguments: an object, or its JSON; text that is none stays as it is. None: not known.

    >>> call("search", '{"to":"SEA","from":"JFK"}')
    'search {"from": "JFK", "to": "SEA"}'
    >>> call("search", "")
    'search {}'
    >>> call("search")
    'search'
    """
    if arguments is None:
        return name
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments or "{}")
        except (ValueError, RecursionError):
            return f"{name} {arguments}"
    return f"{name} {as_json(arguments)}"


def as_json(value: Any) -> str:
    """A value as JSON with sorted keys; what JSON cannot hold, as Python would write it.

    >>> as_json({"b": 1, "a": None}), as_json({1: 2, "a": 3})
    ('{"a": null, "b": 1}', "{1: 2, 'a': 3}")
    """
    try:
        return json.dumps(value, sort_keys=True, ensure_ascii=False, default=str)
    except (TypeError, ValueError):
        return repr(value)
    except RecursionError:
        return "(nested too deep)"


def looks_failed(result: str) -> bool:
    """Whether the result of a call tells of its failure: by its first word, or an "error" field.

    >>> looks_failed("Error: not enough seats"), looks_failed('{"error": "no such user"}')
    (True, True)
    >>> looks_failed("KeyError: 'id'"), looks_failed("errors: 0"), looks_failed('{"error": null}')
    (True, False, False)
    """
    if _FAILED.match(result):
        return True
    if not result.lstrip().startswith("{"):
        return False
    try:
        told = json.loads(result)
    except (ValueError, RecursionError):
        return False
    return any(bool(told.get(name)) for name in ("error", "isError", "is_error"))
