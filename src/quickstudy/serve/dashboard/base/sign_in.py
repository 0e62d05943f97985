"""Signing in with a key, signing out, and the name that a visitor teaches under."""

from __future__ import annotations

from urllib.parse import quote

from fastapi import Request, Response

from quickstudy.serve.dashboard.base.forms import Form, field
from quickstudy.serve.dashboard.base.rendering import go, page_router, render
from quickstudy.serve.dashboard.base.session import (
    NAME_COOKIE,
    Anyone,
    Known,
    cleaned_name,
    own_path,
    set_cookie,
)
from quickstudy.serve.http.auth import COOKIE, Authenticator

router = page_router()


@router.get("/login")
def login_page(request: Request, visitor: Anyone, next: str = "/") -> Response:
    """Asks for a key; somebody who needs none goes on."""
    if visitor.principal is not None:
        return go(request, own_path(next))
    return render(request, "base/sign_in.html", next=own_path(next), problem="")


@router.post("/login")
async def login(request: Request, form: Form) -> Response:
    """Open a session for a good key."""
    there = own_path(field(form, "next"))
    session = await _authenticator(request).log_in(field(form, "key").strip())
    if session is None:
        problem = "This key is not known here, or it was revoked."
        return render(request, "base/sign_in.html", status=403, next=there, problem=problem)
    response = go(request, there)
    set_cookie(request, response, COOKIE, session)
    return response


@router.post("/logout")
def logout(request: Request, form: Form) -> Response:
    """Close the session."""
    _authenticator(request).log_out(request.cookies.get(COOKIE))
    response = go(request, "/login")
    response.delete_cookie(COOKIE, path="/", httponly=True, samesite="strict")
    return response


@router.post("/you")
def name_yourself(request: Request, visitor: Known, form: Form) -> Response:
    """Remember the name of this visitor: their labels have it as their source."""
    response = go(request, own_path(field(form, "next")))
    set_cookie(request, response, NAME_COOKIE, quote(cleaned_name(field(form, "name"))))
    return response


def _authenticator(request: Request) -> Authenticator:
    found: Authenticator = request.app.state.authenticator
    return found
