"""Events and the chain that binds them.

Each event carries a commitment `SHA-256(salt, payload)` and a link
`SHA-256(link before, all its columns, commitment)`. The chain covers the commitment and not the
payload: forgetting erases payload and salt, and the chain stays whole.
"""

from __future__ import annotations

import hashlib
import json
import secrets
from dataclasses import dataclass
from typing import Any

# every kind of learner has its names here; what is in a payload, the log does not know
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
VERSION = 1  # of the payloads
FIRST_LINK = bytes(32)
_ENCODER = json.JSONEncoder(
    sort_keys=True, ensure_ascii=False, separators=(",", ":"), allow_nan=False
)


@dataclass(frozen=True, slots=True)
class Logged:
    """One event as the log keeps it. `learner` is the number of a learner, 0 for none."""

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
        """The payload as values; empty once it was forgotten."""
        found: dict[str, Any] = json.loads(self.payload) if self.payload else {}
        return found

    def whole(self, before: bytes) -> bool:
        """Whether payload, columns and link fit together, `before` being the link before."""
        try:
            if self.payload is not None:
                commitment = commit(self.salt or b"", self.payload)
                if commitment != self.commitment:
                    return False
            return self.link == link_of(self, before)
        except (TypeError, ValueError):  # a column is empty, or of another type: damage
            return False


def canonical(value: Any) -> bytes:
    """JSON with one spelling for one value: keys sorted, no spaces.

    >>> canonical({"b": 1, "a": "ü"})
    b'{"a":"\\xc3\\xbc","b":1}'
    """
    return _ENCODER.encode(value).encode()


def commit(salt: bytes, payload: bytes) -> bytes:
    """The salted commitment to a payload: without the salt it tells nothing of it."""
    return hashlib.sha256(salt + payload).digest()


def link_of(event: Logged, before: bytes) -> bytes:
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
    >>> a.seq, a.whole(FIRST_LINK), a.whole(b"another link")
    (1, True, False)
    """
    if type not in TYPES:
        raise ValueError(f"there is no event type {type!r}")
    content, salt = canonical(payload), secrets.token_bytes(16)
    columns = (before[0] + 1, time, type, VERSION, learner, actor, subject, content, salt)
    commitment = commit(salt, content)
    event = Logged(*columns, commitment, b"")
    return Logged(*columns, commitment, link_of(event, before[1]))
