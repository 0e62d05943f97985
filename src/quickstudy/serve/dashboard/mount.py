"""Hangs the page on a server: its routes, its static files, and the deployment they talk to."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from fastapi import FastAPI, Response
from starlette.staticfiles import StaticFiles

from quickstudy.serve.dashboard import (
    approve,
    autonomy,
    cases,
    desk,
    exam,
    learners,
    limits,
    overview,
    pauses,
    runs,
    setup,
    sign_in,
    sources,
    trial,
    versions,
)

if TYPE_CHECKING:
    from quickstudy.deploy.deployment import Deployment

STATIC = Path(__file__).parent / "static"
PEOPLE = (sign_in, learners, overview, runs, desk, approve, cases, trial, setup)
CONTROL = (pauses, autonomy, limits, versions, exam, sources)


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
    for part in (*PEOPLE, *CONTROL):
        app.include_router(part.router, include_in_schema=False)
    app.mount("/static", KeptFiles(directory=STATIC), name="static")
