"""Turns templates into responses, and dresses every response for a browser."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Coroutine
from functools import cache, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from fastapi import APIRouter, Request, Response
from fastapi.responses import HTMLResponse
from fastapi.routing import APIRoute
from jinja2 import Environment, PackageLoader, StrictUndefined

from quickstudy.errors import QuickstudyError
from quickstudy.serve.dashboard.base import formatting, records, terms, words
from quickstudy.serve.dashboard.base.kinds import pages_of
from quickstudy.serve.dashboard.base.session import ID_COOKIE, recognise, session_of, set_cookie
from quickstudy.serve.http.problems import Problem, of_error
from quickstudy.types import same_label

if TYPE_CHECKING:
    from quickstudy.api.guardrails import Pause

STATIC = Path(__file__).parents[1] / "static"
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
TITLES = {
    403: "You may not do this",
    404: "There is nothing here",
    409: "Not ready for that yet",
    422: "That did not work",
    429: "Too fast",
    503: "The store cannot be reached",
}
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class PageRoute(APIRoute):
    """A route whose errors become pages, and whose responses carry the page's headers."""

    def get_route_handler(self) -> Handler:
        """The handler, wrapped."""
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                await recognise(request)
                response = await inner(request)
            except Problem as problem:
                response = _refused(request, problem)
            except QuickstudyError as error:
                response = _refused(request, of_error(error))
            response.headers["Content-Security-Policy"] = POLICY
            visitor = session_of(request)
            if visitor.is_new:
                set_cookie(request, response, ID_COOKIE, visitor.id)
            return response

        return handle


def page_router() -> APIRouter:
    """A router for pages."""
    return APIRouter(route_class=PageRoute, default_response_class=HTMLResponse)


def render(
    request: Request,
    template: str,
    *,
    status: int = 200,
    said: str = "",
    events: dict[str, Any] | None = None,
    **context: Any,
) -> HTMLResponse:
    """A template as a response.

    `said` is read out and shown for a moment; `events` reach the page's scripts by name.
    """
    visitor = session_of(request)
    shared = {
        "visitor": visitor,
        "csrf": visitor.token,
        "path": request.url.path,
        "pauses": partial(_pauses, request),
        "tabs": partial(_tabs, request),
    }
    html = _templates().get_template(template).render(**shared, **context)
    response = HTMLResponse(html, status)
    told = dict(events or {}) | ({"said": said} if said else {})
    if told:
        response.headers["HX-Trigger"] = json.dumps(told)
    return response


def go(request: Request, where: str) -> Response:
    """Send the browser to another of our pages."""
    if is_partial(request):
        return Response(status_code=204, headers={"HX-Redirect": where})
    return Response(status_code=303, headers={"Location": where})


def settle(request: Request, act: Callable[[], str], page: Callable[..., Response]) -> Response:
    """Do what a form asks for and go where `act` says, or show `page` with why it was refused.

    `page` gets the `status` and the `problem` in words.
    """
    try:
        where = act()
    except QuickstudyError as error:
        return page(status=of_error(error).status, problem=str(error))
    return go(request, where)


def home(name: str) -> str:
    """The address of a learner's page."""
    return f"/learners/{quote(name, safe='')}"


def is_partial(request: Request) -> bool:
    """Whether only a part of the page is asked for."""
    headers = request.headers
    return headers.get("hx-request") == "true" and "hx-history-restore-request" not in headers


def _refused(request: Request, problem: Problem) -> Response:
    """A refusal in plain words: a whole page, or a notice on the one that is open."""
    if "location" in problem.headers:
        return go(request, problem.headers["location"])
    if is_partial(request):
        response = render(
            request, "base/parts/notice.html", status=problem.status, text=problem.detail
        )
        response.headers["HX-Retarget"] = "#notice"
        response.headers["HX-Reswap"] = "innerHTML"
        return response
    title = TITLES.get(problem.status, "Something went wrong")
    status, text = problem.status, problem.detail
    return render(request, "base/trouble.html", status=status, title=title, text=text)


def _pauses(request: Request, learner: str = "") -> list[Pause]:
    """The pauses in force that this visitor may know of: of one learner, or of all they see."""
    visitor = session_of(request)
    if visitor.principal is None:
        return []
    try:
        found: list[Pause] = request.app.state.deployment.pauses()
    except QuickstudyError:  # a page that says what is wrong must not fail for that
        return []
    mine = [p for p in found if not learner or p.scope in ("", learner)]
    return [p for p in mine if not p.scope or visitor.principal.sees(p.scope)]


def _tabs(request: Request, learner: str) -> tuple[tuple[str, str], ...]:
    """Last part of the address and title of the pages that the kind of a learner brings."""
    try:
        return pages_of(request.app.state.deployment.learner(learner)).tabs
    except QuickstudyError:  # a page that says what is wrong must not fail for that
        return ()


@cache
def _templates() -> Environment:
    made = Environment(
        loader=PackageLoader("quickstudy.serve.dashboard"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    for module in (formatting, records, terms, words):
        made.globals[module.__name__.rpartition(".")[2]] = module
    for name in ("count", "percent", "plural", "sentence", "ago", "duration", "stamp", "moment"):
        made.filters[name] = getattr(formatting, name)
    made.filters["label"] = records.label_text
    made.filters["code"] = records.label_code
    made.filters["snippet"] = records.snippet
    made.filters["url"] = lambda text: quote(str(text), safe="")
    made.filters["short"] = terms.short
    made.globals["same"] = same_label
    made.globals["static"] = static
    return made


@cache
def static(name: str) -> str:
    """The address of a static file; it changes with the content, so browsers may keep it."""
    digest = hashlib.sha256((STATIC / name).read_bytes()).hexdigest()[:12]
    return f"/static/{name}?v={digest}"
