"""Decides commands that concern learners of every kind, and API keys."""

from __future__ import annotations

from quickstudy.deploy.core.commands import Delete, MakeKey, RevokeKey
from quickstudy.deploy.core.context import Context
from quickstudy.deploy.core.contract import Decided, Draft, Hosted
from quickstudy.deploy.core.records import decode
from quickstudy.deploy.core.tables import KEYS
from quickstudy.errors import NotFoundError


def delete(context: Context, command: Delete) -> Decided[Hosted]:
    """Take a learner out of service; returns it."""
    hosted = context.find(command.name)
    yield Draft("deleted", hosted.number, actor=command.actor, subject=hosted.name)
    return hosted


def make_key(context: Context, command: MakeKey) -> Decided[None]:
    """Log a new key: the digest of its secret, not the secret itself."""
    row = command.row
    payload = {
        "name": row["name"],
        "role": row["role"],
        "learners": decode(row["learners"]),
        "salt": row["salt"].hex(),
        "hash": row["hash"].hex(),
    }
    yield Draft("key_created", 0, actor=command.actor, subject=row["id"], payload=payload)


def revoke_key(context: Context, command: RevokeKey) -> Decided[None]:
    """Revoke a key.

    Raises:
        NotFoundError: there is no key with that id.
    """
    if not context.rows.find(KEYS, command.id):
        raise NotFoundError(f"there is no key {command.id!r}; `quickstudy keys list` shows all")
    yield Draft("key_revoked", 0, actor=command.actor, subject=command.id)
