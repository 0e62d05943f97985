"""`create_app`: routes, authentication and middleware around one deployment."""

from __future__ import annotations

from collections.abc import AsyncIterator
from concurrent.futures import Future
from contextlib import asynccontextmanager
from pkgutil import resolve_name
from typing import Any

from fastapi import APIRouter, FastAPI

from quickstudy.api.decisions import Answer, Feedback, Receipt
from quickstudy.deploy.deployment import Deployment
from quickstudy.deploy.kind import KINDS
from quickstudy.serve.dashboard import mount
from quickstudy.serve.dashboard.oversight.versions import UPLOADS as PAGE_UPLOADS
from quickstudy.serve.http import problems
from quickstudy.serve.http.auth import Authenticator
from quickstudy.serve.http.batching import MicroBatcher, Submit
from quickstudy.serve.http.middleware import Middleware
from quickstudy.serve.http.sse import Broadcaster
from quickstudy.serve.metrics import Metrics
from quickstudy.serve.openapi.document import document
from quickstudy.serve.routes import (
    asks,
    autonomy,
    cases,
    events,
    exam,
    feedback,
    health,
    keys,
    learners,
    limits,
    predictions,
    versions,
)
from quickstudy.serve.settings import ServerSettings

API_VERSION = "1.0"  # of the routes below /v1
ROUTES = (
    *(learners, predictions, feedback, asks, cases, versions, exam, autonomy, limits),
    *(events, keys, health),
)


def create_app(deployment: Deployment, *, settings: ServerSettings | None = None) -> FastAPI:
    """An ASGI app that serves a deployment; the caller closes the deployment.

    `app.state` has `deployment`, `settings`, `authenticator`, `broadcaster`, `metrics` and the
    routes `api`.
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
    app.state.authenticator = Authenticator(deployment, settings)
    app.state.broadcaster = Broadcaster(deployment, settings)
    app.state.predictions = MicroBatcher(_predict(deployment))
    app.state.feedback = MicroBatcher(_teach(deployment))
    app.state.metrics = Metrics(deployment)
    app.state.stopping = False
    of_kinds = [resolve_name(address) for kind in KINDS for address in kind.routes]
    routers: list[APIRouter] = [*(part.router for part in ROUTES), *of_kinds]
    app.state.api = [route for router in routers for route in router.routes]
    for router in routers:
        app.include_router(router)
    mount(app)
    problems.install(app)
    app.add_middleware(
        Middleware,
        settings=settings,
        authenticator=app.state.authenticator,
        metrics=app.state.metrics,
        fast_paths=(*predictions.FAST_PATHS, *feedback.FAST_PATHS),
        uploads=(*versions.UPLOADS, *PAGE_UPLOADS),
    )
    app.openapi = lambda: document(app)  # type: ignore[method-assign]
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.broadcaster.end()


def _predict(deployment: Deployment) -> Submit:
    def submit(key: tuple[str, str], items: list[tuple[Any, str | None]]) -> Future[list[Answer]]:
        records, ids = zip(*items, strict=True)
        return deployment.submit_predict(key[0], records, ids=ids, actor=key[1])

    return submit


def _teach(deployment: Deployment) -> Submit:
    def submit(key: tuple[str, bool], items: list[Feedback]) -> Future[list[Receipt]]:
        return deployment.submit_feedback(items, wait_learned=key[1], actor=key[0])

    return submit
