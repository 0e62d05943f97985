"""Forms that pages send: the token that they must bring along, their fields and files."""

from __future__ import annotations

import hmac
import re
from typing import Annotated

from fastapi import Depends, Request
from starlette.datastructures import FormData, UploadFile

from quickstudy.errors import SettingError
from quickstudy.serve.dashboard.base.session import session_of
from quickstudy.serve.http.problems import Problem


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
    if not hmac.compare_digest(given.encode(), session_of(request).token.encode()):
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


def share(form: FormData, name: str) -> float:
    """A percentage from a form, as a share.

    Raises:
        SettingError: it is not a number.
    """
    text = field(form, name)
    number = re.fullmatch(r"\s*(\d+(?:[.,]\d+)?)\s*%?\s*", text)
    if number is None:
        raise SettingError(f"{name} is {text!r}; it must be a percentage, 95 say")
    return float(number[1].replace(",", ".")) / 100.0


def whole(form: FormData, name: str, wanted: str) -> int:
    """A whole number from a form; `wanted` says in words what it must be.

    Raises:
        SettingError: it is none.
    """
    text = field(form, name).strip()
    if not (text.isascii() and text.isdigit() and len(text) < 9):
        raise SettingError(f"{name} is {text!r}; it must be {wanted}")
    return int(text)


Form = Annotated[FormData, Depends(posted)]
LongForm = Annotated[FormData, Depends(long_posted)]
