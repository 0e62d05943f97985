"""The doors: who a visitor is, what they may do, and how fast.

On loopback, as long as the store never had a key, every visitor is "local" and may do everything.
Otherwise a visitor shows a key (`Authorization: Bearer qs_...`) or, in a browser, the session
cookie that was given in exchange for one.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Annotated

from fastapi import Depends, Request
from starlette.concurrency import run_in_threadpool

from quickstudy.api.admin import Key, Role
from quickstudy.errors import NotFoundError, SettingError
from quickstudy.serve.http.problems import Problem
from quickstudy.serve.http.sessions import Sessions
from quickstudy.serve.settings import ServerSettings

if TYPE_CHECKING:
    from quickstudy.deploy.deployment import Deployment

ROLES = ("predict", "teach", "manage")  # each includes those before it
COOKIE = "qs_session"
BURST_SECONDS = 2.0  # of its rate that a key may use at once
LONGEST_SECRET = 256


@dataclass(frozen=True, slots=True)
class Principal:
    """Who makes a request. `learners`: those it may see, None for all; `key`: id of its key."""

    name: str
    role: Role
    learners: tuple[str, ...] | None = None
    key: str | None = None

    def may(self, role: str) -> bool:
        """Whether its role includes `role`."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def sees(self, learner: str | None) -> bool:
        """Whether it may know of a learner."""
        return self.learners is None or learner in self.learners


LOCAL = Principal("local", "manage")


class Authenticator:
    """Keys, sessions and rates of one app."""

    def __init__(self, deployment: Deployment, settings: ServerSettings) -> None:
        self._deployment = deployment
        self._settings = settings
        self._slowly = asyncio.Semaphore(1)  # a slow digest needs 16 MiB
        self._buckets: dict[str, tuple[float, float]] = {}

    @property
    def open(self) -> bool:
        """Whether no key is needed."""
        return self._settings.loopback and not self._deployment.keys()

    async def who(self, request: Request) -> Principal:
        """The visitor who makes a request, held to its rate.

        Raises:
            Problem: no valid key (401), or too fast (429).
        """
        visitor = await self._recognise(request)
        self._charge(visitor)
        return visitor

    async def _recognise(self, request: Request) -> Principal:
        given = request.headers.get("authorization")
        if given is not None:
            scheme, _, secret = given.partition(" ")
            key = await self._key_of(secret.strip()) if scheme.lower() == "bearer" else None
        else:
            key = self._key_of_session(request.cookies.get(COOKIE))
        if key is not None:
            return Principal(key.name, key.role, key.learners, key.id)
        if self.open:
            return LOCAL
        raise Problem(
            401,
            "access",
            "this needs a valid key: send the header authorization: Bearer qs_...",
            headers={"www-authenticate": "Bearer"},
        )

    async def _key_of(self, secret: str) -> Key | None:
        """The valid key of a secret."""
        if not secret.startswith("qs_") or len(secret) > LONGEST_SECRET:
            return None
        if not self._deployment.is_slow_key(secret):
            return self._deployment.find_key(secret)
        async with self._slowly:
            return await run_in_threadpool(self._deployment.find_key, secret)

    async def log_in(self, secret: str) -> str | None:
        """A session in exchange for a key's secret; None if that is not valid.

        Set it as the cookie `COOKIE`, HttpOnly and SameSite=Strict.
        """
        key = await self._key_of(secret)
        return None if key is None else self._sessions.begin(key.id)

    def log_out(self, session: str | None) -> None:
        """End a session."""
        if session:
            self._sessions.end(session)

    @cached_property
    def _sessions(self) -> Sessions:
        return Sessions(self._deployment.store.folder)

    def _key_of_session(self, session: str | None) -> Key | None:
        if not session:
            return None
        id, known = self._sessions.key_of(session), self._deployment.keys()
        return next((key for key in known if key.id == id and not key.revoked), None)

    def _charge(self, visitor: Principal) -> None:
        """Take one token out of the visitor's bucket."""
        rate = self._settings.rate
        if rate is None:
            return
        most = max(1.0, rate * BURST_SECONDS)
        now = time.monotonic()
        left, then = self._buckets.get(visitor.key or "", (most, now))
        left = min(most, left + (now - then) * rate)
        if left < 1.0:
            wait = math.ceil((1.0 - left) / rate)
            detail = f"this key may make {rate:g} requests a second; wait {wait} s"
            raise Problem(429, "access", detail, headers={"retry-after": str(wait)})
        self._buckets[visitor.key or ""] = (left - 1.0, now)


async def who(request: Request) -> Principal:
    """The visitor who makes a request; see `Authenticator.who`."""
    doors: Authenticator = request.app.state.doors
    return await doors.who(request)


def entry(role: Role) -> Callable[[Request], Awaitable[Principal]]:
    """A dependency that lets in visitors of a role, to learners of their scope."""

    async def enter(request: Request) -> Principal:
        visitor = await who(request)
        if not visitor.may(role):
            detail = f"this needs a key of role {role}; {visitor.name} has {visitor.role}"
            raise Problem(403, "access", detail)
        if (learner := request.path_params.get("name")) is not None:
            check_learner(visitor, learner)
        return visitor

    return enter


Predictor = Annotated[Principal, Depends(entry("predict"))]
Teacher = Annotated[Principal, Depends(entry("teach"))]
Manager = Annotated[Principal, Depends(entry("manage"))]


def check_learner(visitor: Principal, learner: str | None) -> None:
    """Refuse a learner out of the visitor's scope, whether there is one of that name or not.

    Raises:
        Problem: it is (403).
    """
    if not visitor.sees(learner):
        raise Problem(403, "access", f"the key {visitor.name} is not good for this learner")


def check_unscoped(visitor: Principal) -> None:
    """Refuse a key that is good for some learners only.

    Raises:
        Problem: it is (403).
    """
    if visitor.learners is not None:
        raise Problem(403, "access", "this needs a key that is good for all learners")


def check_predictions(visitor: Principal, deployment: Deployment, ids: Iterable[str]) -> None:
    """Refuse predictions of learners out of scope, in the words for those that do not exist.

    Raises:
        NotFoundError: there is none, as far as the visitor may know.
    """
    if visitor.learners is None:
        return
    for id in dict.fromkeys(ids):
        try:
            learner = deployment.history(id).learner
        except NotFoundError:
            learner = None
        if not visitor.sees(learner):
            raise NotFoundError(f"there is no prediction {id!r}")


def check_start(deployment: Deployment, settings: ServerSettings, store: str) -> None:
    """Refuse to listen beyond this machine without a key.

    Raises:
        SettingError: there is none; says how to make one.
    """
    known = deployment.keys()
    if settings.loopback or not all(key.revoked for key in known):
        return
    raise SettingError(
        f"to listen on {settings.host}, which other machines can reach, the store needs a key: "
        f"run `quickstudy keys create --store {store} --role manage NAME` first, "
        "or listen on 127.0.0.1"
    )
