"""Types that fields of the public models share: what each means, an example, and how it is read."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field
from pydantic_core import core_schema

from quickstudy.encode.values import plain_flag, plain_scalar, plain_text
from quickstudy.types import Label

TICKET: Any = {"text": "my card has not arrived", "country": "IT", "days": 9}
LABEL = {"anyOf": [{"type": "string"}, {"type": "integer"}, {"type": "boolean"}]}
RECORD = {
    "description": "An object of fields, a text, or a list of numbers.",
    "anyOf": [
        {"type": "object"},
        {"type": "string"},
        {"type": "array", "items": {"type": "number"}},
    ],
}


class Body(BaseModel):
    """The body of a request: only the fields that are named, of just the types that are named."""

    model_config = ConfigDict(
        extra="forbid", strict=True, allow_inf_nan=False, cache_strings="keys"
    )


class Unchecked:
    """Metadata of a type whose values are taken as they are: checks of their own come later."""

    def __init__(self, schema: dict[str, Any]) -> None:
        self.schema = schema

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """Any value."""
        return core_schema.any_schema()

    def __get_pydantic_json_schema__(self, schema: Any, handler: Any) -> dict[str, Any]:
        """What the value should be."""
        return dict(self.schema)


class GivenAs:
    """Metadata of a dataclass that callers give as an instance, or as a mapping of `form`, a
    TypedDict that says types and ranges; None is the dataclass with its defaults."""

    def __init__(self, form: Any, made: Any) -> None:
        self.form = form
        self.made = made

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """A schema that takes both, and writes the dataclass."""
        return core_schema.no_info_before_validator_function(
            self._plain,
            core_schema.no_info_after_validator_function(
                lambda given: self.made(**given), handler.generate_schema(self.form)
            ),
            serialization=core_schema.plain_serializer_function_ser_schema(
                lambda value: value, return_schema=handler.generate_schema(self.made)
            ),
        )

    def _plain(self, value: Any) -> Any:
        return asdict(value) if isinstance(value, self.made) else {} if value is None else value


def example(*values: Any) -> Any:
    """Metadata of a field: examples of its value."""
    return Field(examples=list(values))


def members(value: Any) -> Any:
    """A list, set or array as a tuple; what is none of these comes back as it is."""
    several = isinstance(value, Iterable) and not isinstance(value, str | bytes | Mapping)
    return tuple(value) if several else value


def _missing(value: Any) -> Any:
    return math.nan if value is None else value


# what answers hold
Seq = Annotated[int, Field(description="Number of the event in the log.", examples=[1_208])]
Time = Annotated[float, Field(description="Seconds since 1970.", examples=[1_790_000_000.0])]
LearnerName = Annotated[str, example("tickets")]
CaseId = Annotated[str, example("p_01JA4Z")]
VersionId = Annotated[str, example("9b1d64c2f0a84e7d8c35b6a1e2f40917")]
Source = Annotated[str, example("ana")]
AnyLabel = Annotated[Label, example("card_arrival")]
AnyRecord = Annotated[Any, example(TICKET)]
Share = Annotated[float, example(0.91)]
Finite = Annotated[float, BeforeValidator(_missing), example(1.4)]  # null in JSON: not finite

# what callers give; checked where it is used
GivenRecord = Annotated[Any, Unchecked(RECORD)]
GivenLabel = Annotated[Any, Unchecked({"anyOf": [*LABEL["anyOf"], {"type": "null"}]})]

# what callers give as numbers, switches and texts: numpy's count as Python's
PLAIN, FLAG = BeforeValidator(plain_scalar), BeforeValidator(plain_flag)
Number = Annotated[float, Field(strict=True, allow_inf_nan=False), PLAIN]
Text = Annotated[str, Field(strict=True), BeforeValidator(plain_text)]
Why = Annotated[str, Field(max_length=500, description="For the log.")]
