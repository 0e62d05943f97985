"""Who looks at the page: a random id in a cookie, a name, and what their key allows."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any
from urllib.parse import quote, unquote, urlsplit

from fastapi import Depends, Request, Response
from starlette.datastructures import FormData, UploadFile

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
    """One browser. `id` is its secret; `door` is who the doors say it is, None before sign-in."""

    id: str
    name: str
    door: auth.Principal | None
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
        return self.door is not None and self.door.key is not None

    @property
    def source(self) -> str:
        """Under which name it teaches: that of its key, else the one it gave itself."""
        return self.actor if self.keyed else self.name or NAMELESS

    @property
    def actor(self) -> str:
        """Who did it, for the log."""
        return self.door.name if self.door is not None else NAMELESS

    def may(self, role: Role, learner: str | None = None) -> bool:
        """Whether it may do what `role` may, to this learner."""
        if self.door is None or not self.door.may(role):
            return False
        return learner is None or self.door.sees(learner)

    @property
    def may_pause_all(self) -> bool:
        """Whether it manages every learner there is."""
        return self.may("manage") and self.door is not None and self.door.learners is None

    def require(self, role: Role, learner: str | None = None) -> None:
        """Raise unless it may; a learner outside its scope does not exist for it."""
        if learner is not None and self.door is not None and not self.door.sees(learner):
            raise NotFoundError(f"there is no learner {learner!r}")
        if not self.may(role, learner):
            raise Problem(403, "access", f"this needs a key of role {role}")


async def recognise(request: Request) -> Session:
    """The visitor of a request, whether or not a key is needed and given; asked once."""
    known = request.cookies.get(ID_COOKIE, "")
    is_new = len(known) < LEAST_ID
    id = secrets.token_urlsafe(LEAST_ID) if is_new else known
    name = cleaned_name(unquote(request.cookies.get(NAME_COOKIE, "")))
    request.state.visitor = Session(id, name, None, is_new)  # also where the doors refuse
    request.state.visitor = Session(id, name, await _door(request), is_new)
    return stranger(request)


def stranger(request: Request) -> Session:
    """The visitor, once recognised."""
    visitor: Session = request.state.visitor
    return visitor


async def _stranger(request: Request) -> Session:
    return stranger(request)


async def signed_in(request: Request) -> Session:
    """The visitor; one who needs a key and has none is sent to the page that asks for it."""
    visitor = stranger(request)
    if visitor.door is None:
        there = quote(_page_of(request))
        raise Problem(303, "access", "sign in first", headers={"location": f"/login?next={there}"})
    return visitor


async def posted(request: Request) -> FormData:
    """The fields of a form that a page of this visitor sent.

    Raises:
        Problem: it comes without the visitor's token (403).
    """
    return await _checked(request, max_fields=64, max_files=0)


async def long_posted(request: Request) -> FormData:
    """The fields of a long form, perhaps with a file.

    Raises:
        Problem: it comes without the visitor's token (403).
    """
    return await _checked(request, max_fields=2_000, max_files=1)


async def _checked(request: Request, **most: int) -> FormData:
    form = await request.form(**most)
    check_token(request, field(form, "csrf"))
    return form


def check_token(request: Request, given: str) -> None:
    """Refuse what does not come from a page of this visitor.

    Raises:
        Problem: the token is not the visitor's (403).
    """
    if not hmac.compare_digest(given.encode(), stranger(request).token.encode()):
        raise Problem(403, "access", "this page is too old: load it again")


def field(form: FormData, name: str) -> str:
    """A field of a form as text; "" if it is missing."""
    return str(form.get(name, ""))


def fields(form: FormData, name: str) -> list[str]:
    """All that a form says under one name, without the space around it."""
    return [str(value).strip() for value in form.getlist(name)]


def file_of(form: FormData, name: str) -> tuple[str, bytes] | None:
    """A file that came with a form: its name and content; None if there is none."""
    found = form.get(name)
    if not isinstance(found, UploadFile) or not found.filename:
        return None
    return found.filename, found.file.read()


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


def _page_of(request: Request) -> str:
    """The path of the page that is open, also where only a part of it is asked for."""
    if request.headers.get("hx-request") == "true":
        return urlsplit(request.headers.get("hx-current-url", "/")).path
    return request.url.path if request.method == "GET" else "/"


async def _door(request: Request) -> auth.Principal | None:
    try:
        return await auth.who(request)
    except Problem as problem:
        if problem.status == 401:
            return None
        raise


def _digest(purpose: str, secret: str) -> str:
    return hashlib.sha256(f"quickstudy {purpose} {secret}".encode()).hexdigest()


Known = Annotated[Session, Depends(signed_in)]
Anyone = Annotated[Session, Depends(_stranger)]
Form = Annotated[FormData, Depends(posted)]
LongForm = Annotated[FormData, Depends(long_posted)]
if TYPE_CHECKING:
    Store = Deployment
else:
    Store = Annotated[object, Depends(deployment_of)]
