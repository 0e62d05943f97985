"""Path parameters for names and ids with any characters."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import unquote

from fastapi import APIRouter
from fastapi.routing import APIRoute
from starlette.convertors import Convertor, register_url_convertor
from starlette.types import Scope

PART = "part"  # name of the convertor below in the paths of routes
SLASH = "\ue000"  # replaces a slash in a name while routes are matched; no name can contain it
ENCODED = re.compile(r"%2f", re.IGNORECASE)


class Part(Convertor[str]):
    """Converts one part of a path."""

    regex = "[^/]+"

    def convert(self, value: str) -> str:
        """The name in a part of a path."""
        return value.replace(SLASH, "/")


register_url_convertor(PART, Part())


def routes_of(router: APIRouter, *endpoints: Any) -> list[APIRoute]:
    """The routes of a router that these functions answer."""
    return [r for r in router.routes if isinstance(r, APIRoute) and r.endpoint in endpoints]


def keep_slashes(scope: Scope) -> None:
    """Keep an encoded slash as a character of a name instead of a separator."""
    raw = scope.get("raw_path") or b""
    if b"%2f" in raw.lower():
        scope["path"] = unquote(ENCODED.sub("%EE%80%80", raw.decode("ascii", "replace")))
