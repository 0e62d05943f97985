"""The app: routes, doors and frame around one deployment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from fastapi import FastAPI

from quickstudy.deploy.deployment import Deployment
from quickstudy.serve import problems
from quickstudy.serve.auth import Doors
from quickstudy.serve.dashboard import mount
from quickstudy.serve.frame import Frame
from quickstudy.serve.gather import Gather
from quickstudy.serve.metrics import Metrics
from quickstudy.serve.openapi import document
from quickstudy.serve.routes import (
    asks,
    cases,
    events,
    feedback,
    health,
    keys,
    learners,
    predictions,
)
from quickstudy.serve.settings import ServerSettings
from quickstudy.serve.stream import Hub

API_VERSION = "1.0"  # of what is below /v1
ROUTES = (learners, predictions, feedback, asks, cases, events, keys, health)


def create_app(deployment: Deployment, *, settings: ServerSettings | None = None) -> FastAPI:
    """An ASGI app that serves a deployment, which stays its caller's to close.

    `app.state` has `deployment`, `settings`, `doors`, `hub`, `metrics` and the routes `api`.
    """
    settings = settings or ServerSettings()
    app = FastAPI(
        title="Quickstudy",
        version=API_VERSION,
        docs_url=None,  # its pages load scripts from a third party
        redoc_url=None,
        lifespan=_lifespan,
        redirect_slashes=False,
    )
    app.state.deployment = deployment
    app.state.settings = settings
    app.state.doors = Doors(deployment, settings)
    app.state.hub = Hub(deployment, settings)
    app.state.gather = Gather(deployment)
    app.state.metrics = Metrics(deployment)
    app.state.stopping = False
    app.state.api = [route for part in ROUTES for route in part.router.routes]
    for part in ROUTES:
        app.include_router(part.router)
    mount(app, deployment)
    problems.install(app)
    app.add_middleware(
        Frame,
        settings=settings,
        doors=app.state.doors,
        metrics=app.state.metrics,
        lanes=(*predictions.LANES, *feedback.LANES),
    )
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.hub.end()
