"""Authentication: the principal of a request, its permissions and its rate.

On loopback, as long as the store never had a key, every caller is "local" and may do everything.
Otherwise a caller sends a key (`Authorization: Bearer qs_...`) or, in a browser, the session cookie
that was issued for a key.
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

ROLES = ("predict", "teach", "manage")  # each includes the ones before
COOKIE = "qs_session"
BURST_SECONDS = 2.0  # seconds of its rate that a key may use at once
LONGEST_SECRET = 256


@dataclass(frozen=True, slots=True)
class Principal:
    """The caller of a request. `learners`: those it may see, None for all; `key`: id of its key."""

    name: str
    role: Role
    learners: tuple[str, ...] | None = None
    key: str | None = None

    def may(self, role: str) -> bool:
        """Whether its role includes `role`."""
        return ROLES.index(self.role) >= ROLES.index(role)

    def sees(self, learner: str | None) -> bool:
        """Whether it may see a learner."""
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
        """Whether requests need no key."""
        return self._settings.loopback and not self._deployment.keys()

    async def who(self, request: Request) -> Principal:
        """The principal of a request, charged against its rate.

        Raises:
            Problem: there is no valid key (401), or too many requests (429).
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
        """The valid key of a secret, or None."""
        if not secret.startswith("qs_") or len(secret) > LONGEST_SECRET:
            return None
        if not self._deployment.is_slow_key(secret):
            return self._deployment.find_key(secret)
        async with self._slowly:
            return await run_in_threadpool(self._deployment.find_key, secret)

    async def log_in(self, secret: str) -> str | None:
        """A new session for a key's secret; None if the secret is not valid.

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
        """Take one token from the principal's bucket (rate limit)."""
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
    """The principal of a request; see `Authenticator.who`."""
    authenticator: Authenticator = request.app.state.authenticator
    return await authenticator.who(request)


def entry(role: Role) -> Callable[[Request], Awaitable[Principal]]:
    """A dependency that requires a role, and limits principals to learners of their scope."""

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
    """Refuse a learner outside the principal's scope, whether it exists or not.

    Raises:
        Problem: it is outside (403).
    """
    if not visitor.sees(learner):
        raise Problem(403, "access", f"the key {visitor.name} is not good for this learner")


def check_unscoped(visitor: Principal) -> None:
    """Refuse a key that is limited to some learners.

    Raises:
        Problem: it is limited (403).
    """
    if visitor.learners is not None:
        raise Problem(403, "access", "this needs a key that is good for all learners")


def check_predictions(visitor: Principal, deployment: Deployment, ids: Iterable[str]) -> None:
    """Refuse predictions of learners outside the scope as if they did not exist.

    Raises:
        NotFoundError: a prediction does not exist, or is outside the scope.
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
    """Refuse to listen beyond this machine if the store has no key.

    Raises:
        SettingError: there is no key; the message says how to make one.
    """
    known = deployment.keys()
    if settings.loopback or not all(key.revoked for key in known):
        return
    raise SettingError(
        f"to listen on {settings.host}, which other machines can reach, the store needs a key: "
        f"run `quickstudy keys create --store {store} --role manage NAME` first, "
        "or listen on 127.0.0.1"
    )
