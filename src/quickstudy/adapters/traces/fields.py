"""Access to fields of objects from other libraries; errors name the field."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import fields, is_dataclass
from typing import Any

from quickstudy.adapters.step import as_json
from quickstudy.errors import InputError

_SHORT = reprlib.Repr()
_SHORT.maxstring = _SHORT.maxother = _SHORT.maxlong = 60
_WORDS = {"str": "a text", "list": "a list", "dict": "an object"}


def brief(value: Any) -> str:
    """A value in at most 60 characters, for error messages; deep nesting is allowed.

    >>> brief({"a": [1, 2]}), brief("x" * 100)[-5:]
    ("{'a': [1, 2]}", "xxxx'")
    """
    try:
        return _SHORT.repr(value)[:60]
    except (ValueError, RecursionError):  # integers with thousands of digits
        return f"a {type(value).__name__}"


def equal(one: Any, other: Any) -> bool:
    """Whether two values are equal; False if they cannot be compared."""
    try:
        return bool(one == other)
    except (RecursionError, ValueError):  # deep nesting; arrays
        return False


def plain(given: Any, at: str) -> Mapping[str, Any]:
    """The fields of a mapping, or of an object of an SDK (a model or a data class).

    Raises:
        InputError: the value is neither.
    """
    if isinstance(given, Mapping):
        return given
    dump = getattr(given, "model_dump", None)
    found = dump(exclude_none=True) if callable(dump) else None
    if is_dataclass(given) and not isinstance(given, type):
        found = {one.name: getattr(given, one.name, None) for one in fields(given)}
    if not isinstance(found, Mapping):
        raise InputError(f"{at} is {brief(given)}; it must be an object with fields")
    return found


def field(given: Mapping[str, Any], name: str, wanted: type, at: str) -> Any:
    """A field, which must have the given type.

    Raises:
        InputError: it is missing or has another type; the message names place and field.
    """
    if name not in given:
        raise InputError(f"{at} has no {name!r}")
    if not isinstance(given[name], wanted):
        words = _WORDS[wanted.__name__]
        raise InputError(f"{at}.{name} is {brief(given[name])}; it must be {words}")
    return given[name]


def first(given: Mapping[str, Any], names: Iterable[str]) -> Any:
    """The first of these fields that exists and is not None.

    >>> first({"args": None, "input": {}}, ("arguments", "args", "input"))
    {}
    """
    return next((given[name] for name in names if given.get(name) is not None), None)


def listed(given: Mapping[str, Any], name: str, at: str) -> Sequence[Any]:
    """The list in a field; empty if the field is missing.

    Raises:
        InputError: the field is not a list.
    """
    value = given.get(name) or ()
    if not isinstance(value, Sequence) or isinstance(value, str | bytes):
        raise InputError(f"{at}.{name} is {brief(value)}; it must be a list")
    return value


def written(value: Any) -> str:
    """A value as text: text is not changed, other values become JSON with sorted keys.

    >>> written(None), written("a"), written([1])
    ('', 'a', '[1]')
    """
    if value is None or isinstance(value, str):
        return value or ""
    return as_json(value)


def unpacked(value: Any, at: str) -> Any:
    """The value of JSON in a text, as in attributes of spans; other values are not changed.

    Raises:
        InputError: the text begins like JSON and is not JSON.
    """
    if not isinstance(value, str) or not value.lstrip().startswith(("[", "{")):
        return value
    try:
        return json.loads(value)
    except (ValueError, RecursionError) as error:
        raise InputError(f"{at} is no JSON: {brief(str(error))}") from None


def structure(value: Any) -> Any:
    """The object or list of a text that is its JSON; None for other texts and values.

    >>> structure('{"a": 1}'), structure("{a"), structure("3"), structure([1])
    ({'a': 1}, None, None, [1])
    """
    if isinstance(value, str):
        if not value.lstrip().startswith(("[", "{")):
            return None
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return None
    return value if isinstance(value, Mapping | list | tuple) else None
