"""Endpoint x role x scope: what every key may do, worked out from the OpenAPI document."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

ROLES = ("predict", "teach", "manage")
MINE = ("mine", "mine runs")  # a classifier, and a value learner
SCOPES = (None, MINE)
KEYS = tuple(itertools.product(ROLES, SCOPES))
NAMES = ("mine", "theirs")
OPEN = {("get", "/healthz"), ("get", "/readyz")}
UNSCOPED = {("get", "/metrics"), ("post", "/v1/keys"), ("get", "/v1/keys")}
UNSCOPED |= {("delete", "/v1/keys/{id}")}
# about no learner in particular: each key sees there what it may
FOR_ALL = {("get", "/v1/learners"), ("post", "/v1/flush"), ("get", "/v1/pause")}
ENDLESS = ("get", "/v1/events")
ASKED_BY_QUERY = {"/v1/events", "/v1/log", "/v1/pause"}
CANARY = "a canary of {name}"
VERSION = "0" * 32
RUN = "run-1"
Key = tuple[str, tuple[str, ...] | None]


@dataclass(frozen=True)
class Operation:
    """One of the document. `role`: that it needs, None for whoever comes."""

    method: str
    path: str
    role: str | None

    def __str__(self) -> str:
        return f"{self.method.upper()} {self.path}"

    @property
    def takes_away(self) -> bool:
        """Whether it removes what other cells need, or has no end."""
        return self.method == "delete" or (self.method, self.path) == ENDLESS


@dataclass(frozen=True)
class Knock:
    """A request."""

    method: str
    path: str
    body: Any
    query: dict[str, str] | None


@dataclass(frozen=True)
class Cell:
    """A key, None for none, that asks for an operation on a learner."""

    operation: Operation
    key: Key | None
    name: str

    @property
    def may(self) -> bool:
        """Whether it is to be let in."""
        what = (self.operation.method, self.operation.path)
        if self.operation.role is None:
            return True
        if self.key is None:
            return False
        role, scope = self.key
        sees = scope is None or what in FOR_ALL or (what not in UNSCOPED and self.name in scope)
        return sees and ROLES.index(role) >= ROLES.index(self.operation.role)

    def request(self, ids: Mapping[str, str]) -> Knock:
        """What is sent; `ids`: of a prediction of each learner."""
        path, name = self.operation.path, self.name
        about_runs = "/runs" in path or path.endswith("/value")
        learner = of_runs(name) if about_runs else name
        asked = {"learner": name} if path in ASKED_BY_QUERY else None
        if path.endswith("/diff"):
            asked = {"before": VERSION, "after": VERSION}
        body = body_of(self.operation, name)
        filled = path.replace("{name}", learner).replace("{id}", ids[name]).replace("{run}", RUN)
        return Knock(self.operation.method, filled, body, asked)

    def fault(self, status: int, text: str) -> str:
        """What is wrong with an answer: an exposure, or a door that should have been open."""
        who = f"{self.operation} of {self.name} with {self.key}"
        scope = self.key[1] if self.key else ()
        hidden = [n for n in NAMES if scope is not None and n not in scope] if self.key else NAMES
        if any(CANARY.format(name=n) in text for n in (hidden if self.may else NAMES)):
            return f"{who}: shows what is not to be seen ({status})"
        if status >= 500:
            return f"{who}: answered with {status}"
        if self.may:
            return f"{who}: is refused ({status})" if status in (401, 403) else ""
        hides = self.key is not None and "{id}" in self.operation.path
        refused = (401,) if self.key is None else (403, 404) if hides else (403,)
        return "" if status in refused else f"{who}: is let in ({status})"


def operations(document: Mapping[str, Any]) -> Iterator[Operation]:
    """All of the document."""
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield Operation(method, path, operation.get("x-role"))


def cells(operation: Operation) -> Iterator[Cell]:
    """Every key on every learner."""
    for key, name in itertools.product(KEYS, NAMES):
        yield Cell(operation, key, name)


def body_of(operation: Operation, name: str) -> Any:
    """A body for an operation, about a learner."""
    one = "/v1/learners/{name}"
    return {
        ("post", "/v1/learners"): {"name": name},
        ("post", f"{one}/predictions"): {"record": "hello"},
        ("post", f"{one}/asks/claim"): {"holder": "eve"},
        ("patch", one): {"target": 0.9},
        ("post", f"{one}/challenger"): {"reason": "eve"},
        ("post", f"{one}/promote"): {"override": [], "reason": "eve"},
        ("post", f"{one}/rollback"): {"reason": "eve"},
        ("post", f"{one}/exam"): {"record": "hello", "label": "x"},
        ("put", f"{one}/limits"): {"per_minute": 60},
        ("post", f"{one}/runs"): {"task": "eve"},
        ("post", f"{one}/runs/{{run}}/steps"): {"action": "look"},
        ("post", f"{one}/runs/{{run}}/end"): {"outcome": 1.0},
        ("post", f"{one}/runs/{{run}}/expire"): {},
        ("post", "/v1/pause"): {"learner": name},
        ("post", "/v1/feedback"): {"learner": name, "record": "hello", "label": "x"},
        ("post", "/v1/predictions/{id}/ruling"): {"label": "x"},
        ("post", "/v1/predictions/{id}/release"): {"holder": "eve"},
        ("post", "/v1/keys"): {"name": "eve", "role": "predict"},
        ("post", "/v1/flush"): {"timeout": 0},
    }.get((operation.method, operation.path))


def of_runs(name: str) -> str:
    """The value learner beside a classifier."""
    return f"{name} runs"


def furnish(deployment: Any) -> dict[str, str]:
    """Learners of which everything that can be seen is a canary; an id of a prediction of each."""
    ids = {}
    for name in NAMES:
        canary = CANARY.format(name=name)
        deployment.create(name, budget_mb=16)
        deployment.feedback(
            learner=name, record=canary, label=canary, source=canary, wait_learned=True
        )
        ids[name] = deployment.predict(name, canary).id
        deployment.pin(name, record=canary, label=canary)
        deployment.pause(name, reason=canary)
        deployment.create_value(of_runs(name), budget_mb=16)
        deployment.start(of_runs(name), task=canary, id=RUN)
        deployment.step(of_runs(name), RUN, canary, action=canary)
    return ids
