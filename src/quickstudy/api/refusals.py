"""What pydantic says of a value that is not of its model, as an error of Quickstudy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from quickstudy.errors import InputError, QuickstudyError

PREFIX = "Input should be "
# type of pydantic's error -> what the value must be, where pydantic's words are not ours
MUST = {
    "tuple_type": "a list",
    "list_type": "a list",
    "float_type": "a number",
    "int_type": "a whole number",
    "int_from_float": "a whole number",
    "bool_type": "true or false",
    "string_type": "a text",
}
BOUNDS = {
    "greater_than": ("above", "gt"),
    "greater_than_equal": ("at least", "ge"),
    "less_than": ("below", "lt"),
    "less_than_equal": ("at most", "le"),
}
OUTSIDE = ("body", "query", "path", "[key]")  # parts of a place that are no name
UNKNOWN = ("extra_forbidden", "unexpected_keyword_argument")


def refusal(
    error: ValidationError,
    error_class: type[QuickstudyError],
    ranges: Mapping[str, str] | None = None,
) -> QuickstudyError:
    """The first thing that is wrong; `field` is the place of the value: "targets.0.value".

    Args:
        error: what pydantic raised.
        error_class: the class of the error.
        ranges: by the name of a field, its whole range in words.
    """
    first = error.errors(include_url=False)[0]
    return error_class(words(first, ranges or {}), field=place(first["loc"]))


def place(parts: Sequence[str | int]) -> str | None:
    """Where it is, with points, at most 256 characters; None: the whole.

    >>> place(("body", "targets", 0, "value"))
    'targets.0.value'
    """
    found = [str(part) for part in parts if part not in OUTSIDE]
    return ".".join(found)[:256] or None


def words(error: Mapping[str, Any], ranges: Mapping[str, str] | None = None) -> str:
    """One of pydantic's errors in a sentence: the field, its value, what it must be.

    >>> words({"type": "float_type", "loc": ("costs", 0, "cost"), "input": "5", "msg": "..."})
    "costs[0].cost is '5'; it must be a number"
    """
    where, error_type, ctx = _indexed(error["loc"]), error["type"], error.get("ctx", {})
    if error_type == "missing":
        return f"{where} is missing"
    if error_type in UNKNOWN:
        return f"{where} is not known here; leave it out"
    if error_type == "too_long":
        most = f"at most {ctx['max_length']:,} can be kept"
        return f"{where} has {ctx['actual_length']:,} entries; {most}"
    if error_type == "value_error":
        why = ctx["error"]
        ours = isinstance(why, InputError)  # which says itself what the value is
        return f"{where}: {why}" if ours else f"{where} is {error['input']!r:.60}; {why}"
    return f"{where} is {error['input']!r:.60}; it must be {_must(error, where, ranges or {})}"


def bound(error_type: str, value: Any) -> str:
    """A bound in words.

    >>> bound("greater_than_equal", 1000)
    'at least 1,000'
    """
    number = f"{value:,}" if isinstance(value, int) else f"{value:g}"
    return f"{BOUNDS[error_type][0]} {number}"


def _must(error: Mapping[str, Any], where: str, ranges: Mapping[str, str]) -> str:
    error_type = error["type"]
    if error_type in BOUNDS:
        return ranges.get(where) or bound(error_type, error["ctx"][BOUNDS[error_type][1]])
    return MUST.get(error_type) or str(error["msg"]).removeprefix(PREFIX)


def _indexed(parts: Sequence[str | int]) -> str:
    found = ""
    for part in parts:
        if part not in OUTSIDE:
            found += f"[{part}]" if isinstance(part, int) else f".{part}"
    return found.removeprefix(".") or "the body"
