"""Labels, settings and small values as the rows and digests of the log hold them."""

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
    """The value that `encode` made text of; None for None."""
    return None if text is None else json.loads(text)


def decode_settings(values: Mapping[str, Any]) -> Settings:
    """Settings of a classifier as an event or a row keeps them."""
    values = {name: value for name, value in values.items() if name != "version"}
    pairs = {n: tuple((label, v) for label, v in values[n]) for n in ("targets", "costs")}
    return Settings(**{**values, **pairs, "trusted": tuple(values["trusted"])})


def digest(secret: bytes, *parts: Any) -> bytes:
    """A digest of values that tells nothing of them to who does not know the secret."""
    return hashlib.blake2b(canonical(parts), key=secret, digest_size=16).digest()
