"""JSON schemas of the nouns, from their own types and words; what the OpenAPI document shows."""

from __future__ import annotations

import types
from dataclasses import is_dataclass
from typing import Any, Literal, Union, get_args, get_origin

from quickstudy.api.codec import PAIRS, hints, is_single
from quickstudy.types import Label, Probabilities

LABEL = {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}]}
PLAIN = {str: "string", int: "integer", bool: "boolean", float: "number"}


def schema(cls: Any) -> dict[str, Any]:
    """The JSON schema of what `wire.dump` makes of a type; nouns are referred to.

    >>> schema(tuple[str, ...])
    {'type': 'array', 'items': {'type': 'string'}}
    """
    if is_dataclass(cls):
        return {"$ref": f"#/components/schemas/{getattr(cls, '__name__', '')}"}
    if cls == Label:
        return LABEL
    if cls is Probabilities:
        return {"type": "array", "items": _object(("label", "probability"), (Label, float))}
    if cls in PLAIN:
        return {"type": PLAIN[cls]}
    origin, inner = get_origin(cls), get_args(cls)
    if origin is Literal:
        return {"type": "string", "enum": list(inner)}
    if origin in (Union, types.UnionType):
        return _union(inner)
    if origin is tuple:
        return {"type": "array", "items": schema(inner[0])}
    return {"type": "object"} if origin is dict else {}


def several(cls: Any, name: str) -> dict[str, Any]:
    """The schema of {name: [noun, ...]}."""
    items = {"type": "array", "items": schema(cls)}
    return {"type": "object", "properties": {name: items}, "required": [name]}


def components(*roots: Any) -> dict[str, Any]:
    """Schemas of these nouns and of all that they hold, by name."""
    found: dict[str, Any] = {}
    waiting = list(roots)
    while waiting:
        kind = waiting.pop()
        inner: Any = get_args(kind)
        if is_dataclass(kind):
            noun: Any = kind
            inner = () if noun.__name__ in found else hints(noun).values()
            found.setdefault(noun.__name__, _component(noun))
        waiting += inner
    return dict(sorted(found.items()))


def _component(cls: Any) -> dict[str, Any]:
    members = {}
    for name, kind in hints(cls).items():
        said = PAIRS.get((cls.__name__, name))
        members[name] = schema(kind) if said is None else _named(said, kind)
    about = (cls.__doc__ or "").split("\n\n")[0]
    return {
        "title": cls.__name__,
        "description": " ".join(about.split()),
        "type": "object",
        "properties": members,
        "required": list(members),
    }


def _union(inner: tuple[Any, ...]) -> dict[str, Any]:
    some: list[dict[str, Any]] = []
    for part in inner:
        found: dict[str, Any] = {"type": "null"} if part is type(None) else schema(part)
        some += found.get("anyOf", [found])
    return {"anyOf": some} if {} not in some else {}


def _named(names: tuple[str, ...], kind: Any) -> dict[str, Any]:
    """Of a tuple of pairs, or of one pair, whose members have these names on the wire."""
    if is_single(kind):
        return _object(names, get_args(kind))
    return {"type": "array", "items": _object(names, get_args(get_args(kind)[0]))}


def _object(names: tuple[str, ...], kinds: tuple[Any, ...]) -> dict[str, Any]:
    members = {name: schema(kind) for name, kind in zip(names, kinds, strict=True)}
    return {"type": "object", "properties": members, "required": list(names)}
