"""Settings as keyword arguments: checked by the model that declares them, and shown by `help`."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping
from dataclasses import MISSING, Field, fields
from functools import cache
from typing import Any, NotRequired, TypeVar, get_type_hints

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo
from typing_extensions import TypedDict

from quickstudy.api.refusals import BOUNDS, bound, refusal
from quickstudy.errors import SettingError

EMPTY: Mapping[str, Any] = {}
F = TypeVar("F", bound=Callable[..., Any])


def checked(model: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings of a new learner in their own types and ranges.

    Args:
        model: the class that declares them: `Settings` or `ValueSettings`.

    Raises:
        SettingError: one is unknown, of another type, or out of range; names it.

    >>> from quickstudy.api.settings import Settings
    >>> checked(Settings, {"costs": {"refund": 5}})
    {'costs': (('refund', 5.0),)}
    """
    known = types_of(model)
    for name in given:
        if name not in known:
            raise SettingError(f"there is no setting {name!r:.60}: {', '.join(known)}", field=name)
    try:
        made: dict[str, Any] = _adapter(model).validate_python(dict(given), extra="forbid")
    except ValidationError as error:
        ranges = {name: range_of(model, name) for name in given}
        raise refusal(error, SettingError, ranges) from None
    return made


def changes(model: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """The same, for settings of a hosted learner, not all of which can be changed."""
    possible = changeable(model)
    if unknown := sorted(set(given) - set(possible)):
        told = f"{', '.join(unknown)} cannot be changed; {', '.join(possible)} can"
        raise SettingError(told, field=unknown[0])
    return checked(model, given)


@cache
def types_of(model: Any) -> dict[str, Any]:
    """Name -> annotated type of each setting."""
    return get_type_hints(model, include_extras=True)


@cache
def changeable(model: Any) -> tuple[str, ...]:
    """Names of the settings that a hosted learner may change."""
    return tuple(name for name in types_of(model) if _change(model, name) != "never")


@cache
def resetting(model: Any) -> tuple[str, ...]:
    """Names of the settings whose change resets the evidence that autonomy rests on."""
    return tuple(name for name in types_of(model) if _change(model, name) == "resets")


def about(model: Any, name: str) -> FieldInfo:
    """Meaning, example and limits of a setting."""
    found = [part for part in types_of(model)[name].__metadata__ if isinstance(part, FieldInfo)]
    return found[-1]


def range_of(model: Any, name: str) -> str:
    """The range of a setting in words; "" if any value of its type will do.

    >>> from quickstudy.api.settings import Settings
    >>> range_of(Settings, "target"), range_of(Settings, "approvals")
    ('above 0, below 1', 'at least 0, at most 1,000,000')
    """
    limits = about(model, name).metadata
    found = [
        bound(kind, getattr(limit, short))
        for kind, (_, short) in BOUNDS.items()
        for limit in limits
        if hasattr(limit, short)
    ]
    return ", ".join(found)


def options(
    model: Any,
    title: str,
    names: Iterable[str] | None = None,
    more: Mapping[str, Any] = EMPTY,
) -> Any:
    """The type of a dict of settings, none of which must be there; `more` as in a TypedDict."""
    known = types_of(model)
    found = {name: NotRequired[known[name]] for name in (known if names is None else names)}
    return TypedDict(title, {**more, **found})  # type: ignore[operator]


def sent(model: Any, given: Mapping[str, Any]) -> dict[str, Any]:
    """Settings as JSON, checked; those that are None are left out, and so have their defaults.

    >>> from quickstudy.api.settings import Settings
    >>> sent(Settings, {"costs": {"refund": 5}, "seed": None})
    {'costs': [{'label': 'refund', 'value': 5.0}]}
    """
    made: dict[str, Any] = _adapter(model).dump_python(
        checked(model, without_null(given)), mode="json", exclude_none=True
    )
    return made


def without_null(given: Mapping[str, Any]) -> dict[str, Any]:
    """Values as JSON gives them: null is as if it was not given."""
    return {name: value for name, value in given.items() if value is not None}


def takes_settings(model: Any) -> Callable[[F], F]:
    """Show the settings that a method takes as **settings in its signature and docstring."""

    def decorate(method: F) -> F:
        signature = inspect.signature(method)
        plain = [p for p in signature.parameters.values() if p.kind is not p.VAR_KEYWORD]
        shown = [
            inspect.Parameter(f.name, inspect.Parameter.KEYWORD_ONLY, default=_default(f))
            for f in fields(model)
        ]
        method.__signature__ = signature.replace(parameters=[*plain, *shown])  # type: ignore[attr-defined]
        told = "\n".join(f"    {f.name}: {_told(model, f.name)}" for f in fields(model))
        method.__doc__ = f"{inspect.getdoc(method)}\n\nSettings:\n{told}"
        return method

    return decorate


def _told(model: Any, name: str) -> str:
    limits = range_of(model, name)
    meaning = str(about(model, name).description)
    return f"{meaning} {limits[0].upper()}{limits[1:]}." if limits else meaning


def _default(field: Field[Any]) -> Any:
    if field.name == "seed":
        return None  # one is drawn
    if field.default_factory is not MISSING:
        return field.default_factory()
    return field.default


def _change(model: Any, name: str) -> str:
    extra: Any = about(model, name).json_schema_extra
    return str(extra["x-change"])


@cache
def _adapter(model: Any) -> TypeAdapter[Any]:
    return TypeAdapter(options(model, model.__name__))
