"""An example of every public model, made from the examples that its fields declare."""

from __future__ import annotations

import types
from dataclasses import MISSING, Field, fields, is_dataclass
from typing import Annotated, Any, Literal, Union, get_args, get_origin, get_type_hints

import numpy as np
from pydantic import ConfigDict, with_config
from pydantic.fields import FieldInfo
from typing_extensions import is_typeddict

from quickstudy.api.codec import dump
from quickstudy.api.fields import TICKET
from quickstudy.types import (
    Estimate,
    Explanation,
    Loop,
    Neighbour,
    Prediction,
    Probabilities,
    Vote,
)

PLAIN: dict[Any, Any] = {str: "", int: 0, float: 0.0, bool: False}
ESTIMATE = Estimate(
    run="run-17",
    step=7,
    value=0.21,
    low=0.0,
    high=1.0,
    success_probability=0.21,
    credit=-0.34,
    loop=Loop("repeat", 1, 3, True, 0.12, 40),
    advice="ask",
    stop=False,
    steps_left=5.5,
    why="asking costs 0.20 and going on loses 0.41",
    votes=(("task", 0.35), ("runs like it", 0.14)),
)
EXPLANATION = Explanation(
    prediction=Prediction(
        label="card_arrival",
        confidence=0.91,
        novelty=0.02,
        probabilities=Probabilities(("card_arrival", "lost_card"), np.array([0.92, 0.06])),
        votes=np.zeros((0, 0)),
    ),
    votes=(Vote("kernel", 0.6, "card_arrival", 0.93),),
    neighbours=(Neighbour(TICKET, "card_arrival", 0.88, 311),),
    fields=(("text", 0.4),),
)
WHOLE = {Estimate: ESTIMATE, Explanation: EXPLANATION}  # for classes that declare no examples


def example(kind: Any) -> Any:
    """An instance of a model, or a value of a type.

    >>> from quickstudy.api.decisions import Policy
    >>> example(Policy)
    Policy(threshold=0.84, log_evidence=4.1, log_bar=3.0, certified=True)
    """
    if kind in WHOLE:
        return WHOLE[kind]
    if is_dataclass(kind):
        noun: Any = kind
        hints = get_type_hints(noun, include_extras=True)
        return noun(**{f.name: _of_field(f, hints[f.name]) for f in fields(noun)})
    if is_typeddict(kind):
        hints = get_type_hints(kind, include_extras=True)
        return {name: example(inner) for name, inner in hints.items()}
    found = declared(kind)
    if found:
        return found[0]
    origin, inner = get_origin(kind), get_args(kind)
    if origin in (Annotated, Union, types.UnionType):
        return example(inner[0])
    if origin is Literal:
        return inner[0]
    if origin is list:
        return [example(inner[0])]
    if origin is tuple:
        several = inner[-1] is Ellipsis
        return (example(inner[0]),) if several else tuple(map(example, inner))
    return PLAIN[kind]


def declared(kind: Any) -> list[Any]:
    """The examples in the annotation of a type; for a union, those of its first member."""
    if get_origin(kind) in (Union, types.UnionType):
        return declared(get_args(kind)[0])
    parts = getattr(kind, "__metadata__", ())
    found = [p.examples for p in parts if isinstance(p, FieldInfo) and p.examples]
    return found[-1] if found else []


def _of_field(field: Field[Any], kind: Any) -> Any:
    if is_setting(kind) or not declared(kind):
        if field.default is not MISSING:
            return field.default
        if field.default_factory is not MISSING:
            return field.default_factory()
    return example(kind)


def is_setting(kind: Any) -> bool:
    """Whether a type is that of a setting, whose default is its best example."""
    parts = getattr(kind, "__metadata__", ())
    return any(isinstance(p, FieldInfo) and p.json_schema_extra for p in parts)


def with_examples(model: Any, *values: Any) -> Any:
    """Add examples of its values to a TypedDict."""
    return with_config(ConfigDict(json_schema_extra={"examples": list(values)}))(model)


def examples_of_body(model: Any) -> list[Any]:
    """Examples of a request's body as JSON: those of its class, or one made from its fields."""
    config = getattr(model, "model_config", None) or getattr(model, "__pydantic_config__", {})
    if extra := config.get("json_schema_extra"):
        return list(extra["examples"])
    if is_dataclass(model):
        return [dump(example(model), model)]
    return [{name: f.examples[0] for name, f in model.model_fields.items() if f.examples}]
