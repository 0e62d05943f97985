"""Encodes labels, settings and small values for rows and digests."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from quickstudy.api.settings import Settings
from quickstudy.log.events import canonical


def encode(value: Any) -> str:
    """A label or a small value as text that keeps 1, True and "1" apart."""
    return canonical(value).decode()


def decode(text: str | None) -> Any:
    """Inverse of `encode`; None for None."""
    return None if text is None else json.loads(text)


def decode_settings(values: Mapping[str, Any]) -> Settings:
    """Settings of a classifier from the values that an event or a row holds."""
    values = {name: value for name, value in values.items() if name != "version"}
    pairs = {n: tuple((label, v) for label, v in values[n]) for n in ("targets", "costs")}
    return Settings(**{**values, **pairs, "trusted": tuple(values["trusted"])})


def digest(secret: bytes, *parts: Any) -> bytes:
    """A keyed digest: without the secret it reveals nothing about the values."""
    return hashlib.blake2b(canonical(parts), key=secret, digest_size=16).digest()
