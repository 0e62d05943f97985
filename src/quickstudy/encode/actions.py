"""Actions of a run as text: the text itself, or the JSON of any other value."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from quickstudy.encode.values import composed, is_time, plain_scalar, plain_text
from quickstudy.errors import InputError


def plain_action(action: Any) -> str | None:
    """An action as text: a text unchanged, any other value as JSON with sorted keys.

    Raises:
        InputError: the action cannot be written as JSON.

    >>> plain_action({"tool": "search", "args": ["card"]})
    '{"args":["card"],"tool":"search"}'
    """
    text = plain_text(action)
    if text is None or isinstance(text, str):
        return text
    try:
        value = _json(action)
        return json.dumps(
            value, sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")
        )
    except (TypeError, ValueError, RecursionError) as error:
        raise InputError(
            f"action is {action!r:.60}, which JSON cannot hold ({error}); "
            "give a text or a JSON value"
        ) from None


def _json(value: Any) -> Any:
    """The value in types that JSON has."""
    plain = plain_scalar(value)
    if isinstance(plain, str):
        return composed(plain)
    if is_time(plain):
        return plain.isoformat()
    if isinstance(plain, Mapping):
        return {_json_name(name): _json(held) for name, held in plain.items()}
    if isinstance(plain, list | tuple):
        return [_json(held) for held in plain]
    return _json(plain.tolist()) if isinstance(plain, np.ndarray) else plain


def _json_name(name: Any) -> str:
    plain = plain_text(name)
    if not isinstance(plain, str):
        raise TypeError(f"the key {name!r:.40} is no text")
    return plain
