"""JSON schemas of the public models, as the OpenAPI document shows them."""

from __future__ import annotations

import inspect
import re
from typing import Any, Literal

from pydantic.json_schema import GenerateJsonSchema

REF = "#/components/schemas/{model}"
Mode = Literal["validation", "serialization"]
ENTRY = re.compile(r"^    (\w[\w, ]*): (.*(?:\n {8,}.*)*)$", re.MULTILINE)
PART = re.compile(r"; (\w+): ")


class Schemas(GenerateJsonSchema):
    """Pydantic's schemas, with descriptions of classes and attributes from docstrings.

    A response has every field; a request has no fields but those of its model.
    """

    def dataclass_schema(self, schema: Any) -> dict[str, Any]:
        """The schema of a dataclass; "Attributes:" in its docstring describes the properties."""
        made = self._without_pairs(super().dataclass_schema(schema))
        about = inspect.getdoc(schema["cls"]) or ""
        made["description"] = " ".join(about.split("\n\n")[0].split())
        for name, meaning in attributes(about).items():
            if name in made["properties"]:
                made["properties"][name].setdefault("description", meaning)
        return made

    def typed_dict_schema(self, schema: Any) -> dict[str, Any]:
        """The schema of a TypedDict."""
        return self._without_pairs(super().typed_dict_schema(schema))

    def field_is_required(self, field: Any, total: bool) -> bool:
        """Whether a field is required."""
        always = self.mode == "serialization" and field["type"] != "typed-dict-field"
        return always or super().field_is_required(field, total)

    def field_title_should_be_set(self, schema: Any) -> bool:
        """False: titles would repeat the names."""
        return False

    def _without_pairs(self, made: dict[str, Any]) -> dict[str, Any]:
        if self.mode == "validation":
            made["additionalProperties"] = False
        for one in made["properties"].values():
            if any(isinstance(value, list | tuple) for value in one.get("examples", ())):
                del one["examples"]  # they are Python values: pairs are tuples
        return made


def attributes(docstring: str) -> dict[str, str]:
    """Name -> description of the attributes that a docstring describes.

    >>> attributes("A cat.\\n\\nAttributes:\\n    name: its name; age: in years.")
    {'name': 'its name', 'age': 'in years.'}
    """
    _, _, section = docstring.partition("Attributes:\n")
    found: dict[str, str] = {}
    for names, text in ENTRY.findall(section.split("\n\n")[0]):
        words = PART.split(" ".join(text.split()))
        found |= dict.fromkeys(names.split(", "), words[0])
        found |= dict(zip(words[1::2], words[2::2], strict=True))
    return found
