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
    """The value that `encode` made text of; None for None."""
    return None if text is None else json.loads(text)


def digest(secret: bytes, *parts: Any) -> bytes:
    """A digest of values that tells nothing of them to who does not know the secret."""
    return hashlib.blake2b(canonical(parts), key=secret, digest_size=16).digest()
