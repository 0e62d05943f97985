"""Names and ids as one part of a path each, whatever characters they have."""

from __future__ import annotations

import re
from urllib.parse import unquote

from starlette.convertors import Convertor, register_url_convertor
from starlette.types import Scope

PART = "part"  # the convertor below, in the path of a route
SLASH = "\ue000"  # stands for a slash in a name while routes are matched; no name can have it
ENCODED = re.compile(r"%2f", re.IGNORECASE)


class Part(Convertor[str]):
    """One part of a path."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        """The name that the part stands for."""
        return value.replace(SLASH, "/")


register_url_convertor(PART, Part())


def keep_slashes(scope: Scope) -> None:
    """Let an encoded slash be a character of a name rather than the end of it."""
    raw = scope.get("raw_path") or b""
    if b"%2f" in raw.lower():
        scope["path"] = unquote(ENCODED.sub("%EE%80%80", raw.decode("ascii", "replace")))
