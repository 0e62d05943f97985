"""Lists and objects from attributes with numbered names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def tree(attributes: Mapping[str, Any], prefix: str) -> list[Any]:
    """The list of attributes like `prefix.0.role` and `prefix.1.tool_calls.0.name`.

    >>> tree({"p.0.role": "user", "p.1.calls.0.name": "f", "p.1.calls.1.name": "g"}, "p")
    [{'role': 'user'}, {'calls': [{'name': 'f'}, {'name': 'g'}]}]
    """
    root: dict[str, Any] = {}
    for name, value in attributes.items():
        if isinstance(name, str) and name.startswith(f"{prefix}.") and value is not None:
            *path, last = name.removeprefix(f"{prefix}.").split(".")
            at = root
            for step in path:
                inner = at.get(step)
                if not isinstance(inner, dict):
                    inner = at[step] = {}
                at = inner
            at.setdefault(last, value)
    found = _lists(root)
    return found if isinstance(found, list) else []


def _lists(given: Any) -> Any:
    if not isinstance(given, dict):
        return given
    if given and all(name.isdecimal() and len(name) < 7 for name in given):
        return [_lists(given[name]) for name in sorted(given, key=int)]
    return {name: _lists(value) for name, value in given.items()}
