"""The methods that the routes of an app accept at a path."""

from __future__ import annotations

from starlette.responses import Response
from starlette.routing import Match, Mount
from starlette.types import Scope

SAFE = ("GET", "HEAD", "OPTIONS")
ASKED = ("GET", "POST", "PUT", "PATCH", "DELETE")


def methods_of(scope: Scope) -> list[str]:
    """Methods at the path of a request: HEAD wherever GET is, OPTIONS wherever any is."""
    place = {**scope, "root_path": scope.get("app_root_path", scope.get("root_path", ""))}
    found = {method for method in ASKED if _takes({**place, "method": method})}
    if "GET" in found:
        found.add("HEAD")
    return sorted({*found, "OPTIONS"} if found else found)


def _takes(scope: Scope) -> bool:
    for route in scope["app"].routes:
        files = isinstance(route, Mount)  # matches every method, and answers only GET
        if not (files and scope["method"] != "GET") and route.matches(scope)[0] is Match.FULL:
            return True
    return False


def options(allowed: list[str]) -> Response:
    """The response to OPTIONS: the allowed methods, without CORS headers."""
    return Response(status_code=204, headers={"allow": ", ".join(allowed)})
