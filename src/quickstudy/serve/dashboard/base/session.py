"""Who looks at a page: a random id in a cookie, a name, and what their key allows."""

from __future__ import annotations

import hashlib
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, unquote, urlsplit

from fastapi import Depends, Request, Response

from quickstudy.errors import NotFoundError
from quickstudy.serve.http import auth
from quickstudy.serve.http.problems import Problem

if TYPE_CHECKING:
    from quickstudy.api.admin import Role
    from quickstudy.deploy.deployment import Deployment

ID_COOKIE, NAME_COOKIE = "qs_visitor", "qs_name"
LEAST_ID = 32  # characters
YEAR = 365 * 24 * 3600  # seconds
NAMELESS = "page"  # the source of what a visitor without key and name teaches
LONGEST_NAME = 40


@dataclass(frozen=True, slots=True)
class Session:
    """One browser. `id` is its secret; `principal` is whose key it shows, None before sign-in."""

    id: str
    name: str
    principal: auth.Principal | None
    is_new: bool

    @property
    def token(self) -> str:
        """What every form must bring along: only pages made for this visitor have it."""
        return _digest("form", self.id)

    def holder(self, tab: str) -> str:
        """Who holds a claimed case: one tab of one browser."""
        return f"{_digest('holder', self.id)[:16]}.{tab[:32]}"

    @property
    def keyed(self) -> bool:
        """Whether a key says who this is."""
        return self.principal is not None and self.principal.key is not None

    @property
    def source(self) -> str:
        """Under which name it teaches: that of its key, else the one it gave itself."""
        return self.actor if self.keyed else self.name or NAMELESS

    @property
    def actor(self) -> str:
        """Who did it, for the log."""
        return self.principal.name if self.principal is not None else NAMELESS

    def may(self, role: Role, learner: str | None = None) -> bool:
        """Whether it may do what `role` may, to this learner."""
        if self.principal is None or not self.principal.may(role):
            return False
        return learner is None or self.principal.sees(learner)

    @property
    def may_pause_all(self) -> bool:
        """Whether it manages every learner there is."""
        return self.may("manage") and self.principal is not None and self.principal.learners is None

    def require(self, role: Role, learner: str | None = None) -> None:
        """Raise unless it may; a learner outside its scope does not exist for it."""
        if learner is not None and self.principal is not None and not self.principal.sees(learner):
            raise NotFoundError(f"there is no learner {learner!r}")
        if not self.may(role, learner):
            raise Problem(403, "access", f"this needs a key of role {role}")


async def recognise(request: Request) -> Session:
    """The visitor of a request, whether or not a key is needed and given; asked once."""
    known = request.cookies.get(ID_COOKIE, "")
    is_new = len(known) < LEAST_ID
    id = secrets.token_urlsafe(LEAST_ID) if is_new else known
    name = cleaned_name(unquote(request.cookies.get(NAME_COOKIE, "")))
    request.state.visitor = Session(id, name, None, is_new)  # also where access is refused
    request.state.visitor = Session(id, name, await _principal(request), is_new)
    return session_of(request)


def session_of(request: Request) -> Session:
    """The visitor of a request that was recognised before."""
    visitor: Session = request.state.visitor
    return visitor


async def anyone(request: Request) -> Session:
    """The visitor, signed in or not."""
    return session_of(request)


async def signed_in(request: Request) -> Session:
    """The visitor; one who needs a key and has none is sent to the page that asks for it."""
    visitor = session_of(request)
    if visitor.principal is None:
        there = quote(_page_of(request))
        raise Problem(303, "access", "sign in first", headers={"location": f"/login?next={there}"})
    return visitor


def set_cookie(request: Request, response: Response, name: str, value: str) -> None:
    """A cookie that scripts cannot read and other sites do not send."""
    secure = request.url.scheme == "https"
    response.set_cookie(
        name, value, max_age=YEAR, httponly=True, samesite="strict", secure=secure, path="/"
    )


def cleaned_name(text: str) -> str:
    """A name to teach under: short, on one line, nothing unprintable."""
    return "".join(c for c in text if c.isprintable()).strip()[:LONGEST_NAME]


async def deployment_of(request: Request) -> Any:
    """The deployment that this server serves."""
    return request.app.state.deployment


def own_path(path: str) -> str:
    """A path on this server: what was asked for if it is one, else the first page.

    >>> own_path("/learners/a?at=1"), own_path("//elsewhere.example"), own_path("https://x")
    ('/learners/a?at=1', '/', '/')
    """
    inside = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if inside and path.isprintable() else "/"


def _page_of(request: Request) -> str:
    """The path of the page that is open, also where only a part of it is asked for."""
    if request.headers.get("hx-request") == "true":
        return urlsplit(request.headers.get("hx-current-url", "/")).path
    return request.url.path if request.method == "GET" else "/"


async def _principal(request: Request) -> auth.Principal | None:
    try:
        return await auth.who(request)
    except Problem as problem:
        if problem.status == 401:
            return None
        raise


def _digest(purpose: str, secret: str) -> str:
    return hashlib.sha256(f"quickstudy {purpose} {secret}".encode()).hexdigest()


Known = Annotated[Session, Depends(signed_in)]
Anyone = Annotated[Session, Depends(anyone)]
if TYPE_CHECKING:
    Store = Deployment
else:
    Store = Annotated[object, Depends(deployment_of)]
