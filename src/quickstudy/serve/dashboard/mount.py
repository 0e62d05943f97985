"""Hangs the page on a server: its routes and its static files."""

from __future__ import annotations

from pkgutil import resolve_name
from typing import Any

from fastapi import FastAPI, Response
from starlette.staticfiles import StaticFiles

from quickstudy.deploy.kind import KINDS
from quickstudy.serve.dashboard.base import kinds, pauses, sign_in
from quickstudy.serve.dashboard.base.rendering import STATIC
from quickstudy.serve.dashboard.learners import list as learner_list
from quickstudy.serve.dashboard.learners import overview, settings
from quickstudy.serve.dashboard.oversight import annotators, autonomy, exam, limits, versions
from quickstudy.serve.dashboard.runs import runs
from quickstudy.serve.dashboard.teaching import approvals, cases, queue, try_it

PEOPLE = (sign_in, learner_list, overview, runs, queue, approvals, cases, try_it, settings)
CONTROL = (pauses, autonomy, limits, versions, exam, annotators)


class KeptFiles(StaticFiles):
    """Static files that browsers may keep: their address changes with their content."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The response for a file."""
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def mount(app: FastAPI) -> None:
    """Add the page to `app`; nothing of it appears in the OpenAPI document."""
    kinds.register(*(resolve_name(kind.pages) for kind in KINDS if kind.pages))
    for part in (*PEOPLE, *CONTROL):
        app.include_router(part.router, include_in_schema=False)
    app.mount("/static", KeptFiles(directory=STATIC), name="static")
