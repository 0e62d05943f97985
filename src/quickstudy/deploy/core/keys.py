"""API keys: made, kept as scrypt digests, found again. A secret is shown once and kept nowhere."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from typing import TYPE_CHECKING, get_args

from sqlalchemy import Connection, select

from quickstudy.api.admin import Key, Role
from quickstudy.api.checks import checked_name
from quickstudy.deploy.core.records import read, written
from quickstudy.deploy.core.tables import KEYS, Row, checked
from quickstudy.errors import NotFoundError, SettingError

if TYPE_CHECKING:
    from quickstudy.deploy.core.context import Context
    from quickstudy.deploy.decisions.commands import MakeKey, RevokeKey

PREFIX = "qs_"


def scrypt(secret: str, salt: bytes) -> bytes:
    """A digest that is slow to guess by: 16 MiB and some 40 ms a try."""
    return hashlib.scrypt(secret.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)


def new_key(name: str, role: str, learners: tuple[str, ...] | None) -> tuple[Row, str]:
    """A row for a new key, and its secret `qs_<id>_<random>`.

    Raises:
        SettingError, InputError: the role or a name is none.
    """
    name = checked_name("name", name)
    if role not in get_args(Role):
        raise SettingError(f"role is {role!r}; it must be one of {', '.join(get_args(Role))}")
    key_id, salt = secrets.token_hex(6), secrets.token_bytes(16)
    secret = f"{PREFIX}{key_id}_{secrets.token_urlsafe(32)}"
    row = {
        "id": key_id,
        "name": name,
        "role": role,
        "learners": None if learners is None else written(list(learners)),
        "salt": salt,
        "hash": scrypt(secret, salt),
    }
    return row, secret


def key_of(row: Row) -> Key:
    """A key as people may see it."""
    learners = read(row["learners"])
    return Key(
        id=row["id"],
        name=row["name"],
        role=row["role"],
        learners=None if learners is None else tuple(learners),
        created=row["created"],
        revoked=bool(row["revoked"]),
    )


def all_keys(connection: Connection) -> list[Row]:
    """Rows of all keys, oldest first."""
    rows = connection.execute(select(KEYS).order_by(KEYS.c.created)).mappings()
    return [checked(KEYS, row) for row in rows]


class KeyRing:
    """Finds keys by their secrets; the slow digest is taken once a secret."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}
        self._met: dict[bytes, str] = {}
        self._lock = threading.Lock()
        self._pepper = secrets.token_bytes(16)

    def refresh(self, rows: list[Row]) -> None:
        """Take over the keys of the store."""
        with self._lock:
            self._rows = {row["id"]: row for row in rows}

    def find(self, secret: str) -> Key | None:
        """The key of a secret, unless there is none or it was revoked."""
        parts = secret.split("_", 2)
        row = self._rows.get(parts[1]) if len(parts) == 3 and secret.startswith(PREFIX) else None
        if row is None or row["revoked"]:
            return None
        short = hashlib.blake2b(secret.encode(), key=self._pepper, digest_size=32).digest()
        if self._met.get(short) != row["id"]:
            if not hmac.compare_digest(scrypt(secret, row["salt"]), row["hash"]):
                return None
            with self._lock:
                self._met[short] = row["id"]
        return key_of(row)

    def keys(self) -> list[Key]:
        """All keys, revoked ones too."""
        return [key_of(row) for row in self._rows.values()]


def make(context: Context, request: MakeKey) -> None:
    """Put a new key on record."""
    row = {**request.row, "created": context.transaction.time, "revoked": 0}
    context.rows.put(KEYS, row)
    payload = {"name": row["name"], "role": row["role"], "learners": read(row["learners"])}
    context.log("key_created", 0, actor=request.actor, subject=row["id"], payload=payload)


def revoke(context: Context, request: RevokeKey) -> None:
    """Make a key worthless.

    Raises:
        NotFoundError: there is none of that id.
    """
    if not context.rows.find(KEYS, request.id):
        raise NotFoundError(f"there is no key {request.id!r}; `quickstudy keys list` shows all")
    context.rows[KEYS].change((request.id,), revoked=1)
    context.log("key_revoked", 0, actor=request.actor, subject=request.id, payload={})
