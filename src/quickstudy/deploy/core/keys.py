"""API keys: created, stored as SHA-256 digests, found by their secrets. A secret is shown once."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import get_args

from sqlalchemy import Connection, select

from quickstudy.api.admin import Key, Role
from quickstudy.api.checks import checked_name
from quickstudy.deploy.core.records import decode, encode
from quickstudy.deploy.core.tables import KEYS, Row, checked
from quickstudy.errors import SettingError

PREFIX = "qs_"


def digest(secret: str, salt: bytes = b"") -> bytes:
    """The digest that verifies a key.

    SHA-256: a secret has 256 random bits, so a slow digest would not make it harder to guess.
    Keys of older stores, which have a salt, are scrypt digests: 16 MiB and some 40 ms each.
    """
    if salt:
        return hashlib.scrypt(secret.encode(), salt=salt, n=2**14, r=8, p=1, dklen=32)
    return hashlib.sha256(secret.encode()).digest()


def new_key(name: str, role: str, learners: tuple[str, ...] | None) -> tuple[Row, str]:
    """A row for a new key, and its secret `qs_<id>_<random>`.

    Raises:
        SettingError, InputError: the role or a name is not valid.
    """
    name = checked_name("name", name)
    if role not in get_args(Role):
        raise SettingError(f"role is {role!r}; it must be one of {', '.join(get_args(Role))}")
    key_id = secrets.token_hex(6)
    secret = f"{PREFIX}{key_id}_{secrets.token_urlsafe(32)}"
    row = {
        "id": key_id,
        "name": name,
        "role": role,
        "learners": None if learners is None else encode(list(learners)),
        "salt": b"",
        "hash": digest(secret),
    }
    return row, secret


def key_of(row: Row) -> Key:
    """A key as it is shown: without digest and salt."""
    learners = decode(row["learners"])
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
    """Finds keys by their secrets."""

    def __init__(self) -> None:
        self._rows: dict[str, Row] = {}

    def refresh(self, rows: list[Row]) -> None:
        """Replace the keys by those of the store."""
        self._rows = {row["id"]: row for row in rows}

    def find(self, secret: str) -> Key | None:
        """The key of a secret; None if there is none or it was revoked."""
        row = self._row_of(secret)
        if row is None or not hmac.compare_digest(digest(secret, row["salt"]), row["hash"]):
            return None
        if row["salt"]:  # a key of an older store: the next request is verified by the fast digest
            self._rows[row["id"]] = {**row, "salt": b"", "hash": digest(secret)}
        return key_of(row)

    def is_slow(self, secret: str) -> bool:
        """Whether `find` needs a slow digest: the secret is that of a key of an older store."""
        row = self._row_of(secret)
        return row is not None and bool(row["salt"])

    def _row_of(self, secret: str) -> Row | None:
        """The row of the key that a secret names; None if it was revoked."""
        parts = secret.split("_", 2)
        named = len(parts) == 3 and secret.startswith(PREFIX) and secret.isascii()
        row = self._rows.get(parts[1]) if named else None
        return None if row is None or row["revoked"] else row

    def keys(self) -> list[Key]:
        """All keys, revoked ones too."""
        return [key_of(row) for row in self._rows.values()]
