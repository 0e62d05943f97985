"""Who are you: signing in with a key, signing out, and the name one teaches under."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Request, Response

from quickstudy.serve.dashboard.base.rendering import go, page_router, render
from quickstudy.serve.dashboard.base.session import (
    NAME_COOKIE,
    Anyone,
    Form,
    Known,
    cleaned_name,
    field,
    set_cookie,
)
from quickstudy.serve.http.auth import COOKIE, Authenticator

router = page_router()


@router.get("/login")
def login_page(request: Request, visitor: Anyone, next: str = "/") -> Response:
    """Asks for a key; somebody who needs none goes on."""
    if visitor.door is not None:
        return go(request, _ours(next))
    return render(request, "base/sign_in.html", next=_ours(next), problem="")


@router.post("/login")
async def login(request: Request, form: Form) -> Response:
    """Open a session for a good key."""
    there = _ours(field(form, "next"))
    session = await _doors(request).log_in(field(form, "key").strip())
    if session is None:
        problem = "This key is not known here, or it was taken back."
        return render(request, "base/sign_in.html", status=403, next=there, problem=problem)
    response = go(request, there)
    set_cookie(request, response, COOKIE, session)
    return response


@router.post("/logout")
def logout(request: Request, form: Form) -> Response:
    """Close the session."""
    _doors(request).log_out(request.cookies.get(COOKIE))
    response = go(request, "/login")
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response


@router.post("/you")
def name_yourself(request: Request, visitor: Known, form: Form) -> Response:
    """Keep the name that what this visitor teaches is filed under."""
    response = go(request, _ours(field(form, "next")))
    set_cookie(request, response, NAME_COOKIE, quote(cleaned_name(field(form, "name"))))
    return response


def _doors(request: Request) -> Authenticator:
    doors: Authenticator = request.app.state.doors
    return doors


def _ours(path: str) -> str:
    """A path on this server, whatever was asked for."""
    inside = path.startswith("/") and not path.startswith(("//", "/\\"))
    return path if inside and path.isprintable() else "/"
