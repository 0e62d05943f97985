"""Labels and small values as the rows and digests of the log hold them."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from quickstudy.log.events import canonical


def encode(value: Any) -> str:
    """A label or a small value as text that keeps 1, True and "1" apart."""
    return canonical(value).decode()


def decode(text: str | None) -> Any:
    """Inverse of `encode`; None for None."""
    return None if text is None else json.loads(text)


def digest(secret: bytes, *parts: Any) -> bytes:
    """A keyed digest: without the secret it reveals nothing about the values."""
    return hashlib.blake2b(canonical(parts), key=secret, digest_size=16).digest()
