"""Hangs the page on a server: its routes, its static files, and the deployment they talk to."""

from __future__ import annotations

from pathlib import Path
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Response
from starlette.staticfiles import StaticFiles

from quickstudy.deploy.kind import KINDS
from quickstudy.serve.dashboard.base import kinds, pauses, sign_in
from quickstudy.serve.dashboard.learners import list as learner_list
from quickstudy.serve.dashboard.learners import overview, settings
from quickstudy.serve.dashboard.oversight import annotators, autonomy, exam, limits, versions
from quickstudy.serve.dashboard.runs import runs
from quickstudy.serve.dashboard.teaching import approvals, cases, queue, try_it

if TYPE_CHECKING:
    from quickstudy.deploy.deployment import Deployment

STATIC = Path(__file__).parent / "static"
PEOPLE = (sign_in, learner_list, overview, runs, queue, approvals, cases, try_it, settings)
CONTROL = (pauses, autonomy, limits, versions, exam, annotators)


class KeptFiles(StaticFiles):
    """Static files that browsers may keep: their address changes with their content."""

    def file_response(self, *args: Any, **kwargs: Any) -> Response:
        """The response for a file."""
        response = super().file_response(*args, **kwargs)
        response.headers["cache-control"] = "public, max-age=31536000, immutable"
        return response


def mount(app: FastAPI, deployment: Deployment) -> None:
    """Add the page to `app`; nothing of it appears in the OpenAPI document."""
    app.state.deployment = deployment
    kinds.register(*(resolve_name(kind.pages) for kind in KINDS if kind.pages))
    for part in (*PEOPLE, *CONTROL):
        app.include_router(part.router, include_in_schema=False)
    app.mount("/static", KeptFiles(directory=STATIC), name="static")
