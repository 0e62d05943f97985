"""Tuples whose members have names in JSON: ("ana", 400) is {"source": "ana", "labels": 400}."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, get_args


class Named:
    """Metadata of a tuple type: the names that its members have in JSON.

    Pydantic reads it; this file does not import pydantic, so that learners need not.

    >>> from typing import Annotated
    >>> from pydantic import TypeAdapter
    >>> votes = TypeAdapter(Annotated[tuple[str, float], Named("expert", "weight")])
    >>> votes.dump_json(("kernel", 0.5))
    b'{"expert":"kernel","weight":0.5}'
    >>> votes.validate_json(b'{"expert": "kernel", "weight": 0.5}')
    ('kernel', 0.5)
    """

    def __init__(self, *names: str) -> None:
        self.names = names

    def __get_pydantic_core_schema__(self, source: Any, handler: Any) -> Any:
        """A schema that takes an object or a tuple, and writes an object."""
        from pydantic_core import core_schema

        kinds = [handler.generate_schema(kind) for kind in get_args(source)]
        members = zip(self.names, kinds, strict=True)
        form = core_schema.typed_dict_schema(
            {name: core_schema.typed_dict_field(kind) for name, kind in members}
        )
        return core_schema.no_info_before_validator_function(
            self._named,
            core_schema.no_info_after_validator_function(self._members, form),
            serialization=core_schema.plain_serializer_function_ser_schema(
                self._named, return_schema=form
            ),
        )

    def _named(self, value: Any) -> Any:
        if isinstance(value, tuple | list) and len(value) == len(self.names):
            return dict(zip(self.names, value, strict=True))
        if not isinstance(value, Mapping):
            raise ValueError(f"it must have {' and '.join(self.names)}")
        return value

    def _members(self, value: dict[str, Any]) -> tuple[Any, ...]:
        return tuple(value[name] for name in self.names)
