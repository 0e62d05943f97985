"""`Middleware`: checks of host, origin and size, metrics, and unexpected errors."""

from __future__ import annotations

import logging
import time
import traceback
from collections.abc import Sequence
from typing import Any

from fastapi.routing import APIRoute
from starlette.datastructures import Headers
from starlette.requests import ClientDisconnect, Request
from starlette.types import ASGIApp, Receive, Scope, Send

from quickstudy.errors import QuickstudyError
from quickstudy.serve.http.auth import Authenticator
from quickstudy.serve.http.body import is_model
from quickstudy.serve.http.exchange import Exchange
from quickstudy.serve.http.methods import SAFE, methods_of, options
from quickstudy.serve.http.paths import keep_slashes
from quickstudy.serve.http.problems import Problem, of_error
from quickstudy.serve.metrics import Metrics
from quickstudy.serve.settings import ServerSettings, is_loopback

log = logging.getLogger("quickstudy.serve")
LEFT = 499  # status, in metrics only, of a request whose client disconnected


class Middleware:
    """ASGI middleware around the whole app. A handler's own headers win over those given here.

    Routes whose endpoint takes only the request (`fast_paths`) are called directly: resolving the
    dependencies of an endpoint takes longer than a prediction. `uploads` accept a learner, which is
    larger than any other body. HEAD is served as GET, without the body.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        settings: ServerSettings,
        authenticator: Authenticator,
        metrics: Metrics,
        fast_paths: Sequence[APIRoute] = (),
        uploads: Sequence[APIRoute] = (),
    ) -> None:
        self.app = app
        self.settings = settings
        self.authenticator = authenticator
        self.metrics = metrics
        self.fast_paths = tuple(fast_paths)
        self.uploads = tuple(uploads)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        began = time.perf_counter()
        keep_slashes(scope)
        exchange = Exchange(scope, receive, send, **self._longest(scope))
        try:
            self._check(scope, exchange)
            if scope["method"] == "HEAD":
                await self._serve_head(scope, exchange)
            else:
                await self._serve(scope, exchange)
        except ClientDisconnect:
            exchange.status = LEFT
        except Exception as error:
            if exchange.status:  # the response has started: too late for another
                raise
            await exchange.refuse(_problem_of(error, scope))
        finally:
            self.metrics.saw(scope, exchange.status, time.perf_counter() - began)

    def _longest(self, scope: Scope) -> dict[str, Any]:
        """Most bytes of the body of a request, and the setting with this bound."""
        usual = {"max_body": self.settings.max_body, "setting": "max_body"}
        if scope["method"] != "POST" or not is_model(Headers(scope=scope)):
            return usual
        model = self.settings.max_model
        found = any(route.path_regex.match(scope["path"]) for route in self.uploads)
        larger = found and model > self.settings.max_body
        return {"max_body": model, "setting": "max_model"} if larger else usual

    async def _serve_head(self, scope: Scope, exchange: Exchange) -> None:
        """Serve a HEAD request as GET; the exchange ends the response after its headers."""
        asked = {**scope, "method": "GET"}
        try:
            await self._serve(asked, exchange)
        finally:
            scope["route"] = asked.get("route")  # for the metrics

    async def _serve(self, scope: Scope, exchange: Exchange) -> None:
        if scope["method"] == "OPTIONS" and (allowed := methods_of(scope)):
            await options(allowed)(scope, exchange.receive, exchange.send)
            return
        for route in self.fast_paths:
            found = route.path_regex.match(scope["path"])
            if found and scope["method"] in (route.methods or ()):
                convert = route.param_convertors
                given = {name: convert[name].convert(v) for name, v in found.groupdict().items()}
                scope["route"], scope["path_params"] = route, given
                request = Request(scope, exchange.receive)
                response = await route.endpoint(request)
                await response(scope, exchange.receive, exchange.send)
                return
        await self.app(scope, exchange.receive, exchange.send)

    def _check(self, scope: Scope, exchange: Exchange) -> None:
        headers = Headers(scope=scope)
        host = headers.get("host", "")
        if not is_loopback(_name_of(host)) and self.authenticator.open:
            raise Problem(  # DNS rebinding: another site's name resolves to this server
                403, "wrong-host", "without keys this server answers to localhost only"
            )
        if scope["method"] not in SAFE:
            _check_origin(headers, host)
            if "content-encoding" in headers:
                exchange.decode(headers)
            exchange.check_length(headers.get("content-length"))


def _problem_of(error: Exception, scope: Scope) -> Problem:
    """The problem for an error; a bug in a handler must not end the connection silently."""
    if isinstance(error, Problem | QuickstudyError):
        error.__traceback__ = None  # its frames hold the request, in a cycle that is freed late
        return error if isinstance(error, Problem) else of_error(error)
    _log_without_payload(scope, error)
    return Problem(500, "bug", "the server met a bug; its log says where")


def _check_origin(headers: Headers, host: str) -> None:
    """Refuse writes from pages of another site (CSRF)."""
    origin = headers.get("origin")
    if origin is None:
        foreign = headers.get("sec-fetch-site", "none") not in ("same-origin", "none")
    else:
        foreign = origin.split("://", 1)[-1].lower() != host.lower()
    if foreign:
        raise Problem(403, "wrong-origin", "a page of another site may not write here")


def _name_of(host: str) -> str:
    """The host of a Host header, without its port."""
    return host.partition("]")[0] if host.startswith("[") else host.partition(":")[0]


def _log_without_payload(scope: Scope, error: BaseException) -> None:
    """Log type and place of an error, not its message, which may quote a record."""
    route: Any = scope.get("route")
    place = traceback.extract_tb(error.__traceback__)[-1]
    log.error(
        "%s %s failed: %s at %s:%s",
        scope["method"],
        getattr(route, "path", "?"),
        type(error).__name__,
        place.filename,
        place.lineno,
    )
