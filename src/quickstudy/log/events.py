"""Events and the hash chain that links them.

Each event has a commitment `SHA-256(salt, payload)` and a link
`SHA-256(link of the event before, all its columns, commitment)`. The chain covers the commitment
and not the payload: payload and salt can be erased, and the chain stays intact.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any

# of all kinds of learners; the log does not read payloads
TYPES = frozenset(
    [
        "created",
        "changed",
        "deleted",
        "predicted",
        "asked",
        "feedback",
        "closed",
        "expired",
        "contested",
        "ruled",
        "refitted",
        "consolidated",
        "challenged",
        "promoted",
        "rolled_back",
        "refused",
        "withdrawn",
        "pinned",
        "unpinned",
        "level_changed",
        "limits_changed",
        "limited",
        "paused",
        "resumed",
        "run_started",
        "stepped",
        "run_ended",
        "quarantined",
        "key_created",
        "key_revoked",
        "migrated",
    ]
)
OWN = "."  # in a type that one kind of learner brings: "counter.reset"
VERSION = 1  # of the payloads' format
FIRST_LINK = bytes(32)
_ENCODER = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
)


@dataclass(frozen=True, slots=True)
class Logged:
    """One event as it is stored. `learner` is the number of a learner, 0 for none."""

    seq: int
    time: float
    type: str
    version: int
    learner: int
    actor: str
    subject: str
    payload: bytes | None
    salt: bytes | None
    commitment: bytes
    link: bytes

    def read(self) -> dict[str, Any]:
        """The payload, decoded; empty if it was erased."""
        found: dict[str, Any] = json.loads(self.payload) if self.payload else {}
        return found

    def is_intact(self, before: bytes) -> bool:
        """Whether the event is as written; `before` is the link of the event before it."""
        try:
            if self.payload is not None:
                commitment = commitment_of(self.salt or b"", self.payload)
                if commitment != self.commitment:
                    return False
            return self.link == chain_hash(self, before)
        except (TypeError, ValueError):  # a damaged column is empty or has another type
            return False


def canonical(value: Any) -> bytes:
    """JSON with one form for each value: keys sorted, no spaces.

    >>> canonical({"b": 1, "a": "ü"})
    b'{"a":"\\xc3\\xbc","b":1}'
    """
    return _ENCODER.encode(value).encode()


def commitment_of(salt: bytes, payload: bytes) -> bytes:
    """SHA-256 of salt and payload: without the salt it reveals nothing of the payload."""
    return hashlib.sha256(salt + payload).digest()


def chain_hash(event: Logged, before: bytes) -> bytes:
    """The link of `event` in a chain whose last link is `before`."""
    columns = [event.seq, repr(event.time), event.type, event.version, event.learner]
    h = hashlib.sha256(before)
    h.update(canonical([*columns, event.actor, event.subject]))
    h.update(event.commitment)
    return h.digest()


def make_event(
    before: tuple[int, bytes],
    type: str,
    *,
    time: float,
    learner: int,
    actor: str,
    subject: str,
    payload: dict[str, Any],
) -> Logged:
    """The event that follows the one with sequence number and link `before`.

    >>> a = make_event((0, FIRST_LINK), "created", time=0.0, learner=1, actor="me", subject="",
    ...                payload={})
    >>> a.seq, a.is_intact(FIRST_LINK), a.is_intact(b"another link")
    (1, True, False)
    """
    if type not in TYPES and OWN not in type:
        raise ValueError(f"there is no event type {type!r}")
    content, salt = canonical(payload), secrets.token_bytes(16)
    columns = (before[0] + 1, time, type, VERSION, learner, actor, subject, content, salt)
    commitment = commitment_of(salt, content)
    event = Logged(*columns, commitment, b"")
    return Logged(*columns, commitment, chain_hash(event, before[1]))
