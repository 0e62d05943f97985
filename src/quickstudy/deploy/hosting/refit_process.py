"""Refits and consolidates learners, in a child process of the server.

It receives packed learners, each after a byte that names the job, and sends the result. It ends
when its connection does, so it never outlives its parent.
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from quickstudy import snapshot
from quickstudy.deploy.core.failures import reason_of
from quickstudy.deploy.hosting.child import connect
from quickstudy.deploy.kind import unpacked
from quickstudy.learners.classifier.refits import Fitted
from quickstudy.learners.decider import Decider

REFIT, CONSOLIDATE = b"r", b"c"


def refit(packed: bytes) -> bytes:
    """Refit the experts that are due in a packed learner; returns them packed."""
    return pack_fitted(unpacked(packed).fit_due())


def consolidate(packed: bytes) -> bytes:
    """A packed learner with a new feature map and refitted slow experts, packed."""
    learner: Decider = unpacked(packed)
    learner.consolidate()
    return learner.packed()


WORK: dict[bytes, Callable[[bytes], bytes]] = {REFIT: refit, CONSOLIDATE: consolidate}


def pack_fitted(fitted: Fitted) -> bytes:
    """Refitted experts as bytes; equal experts may give different bytes."""
    return snapshot.pack(fitted.arrays, _plain(fitted))


def _plain(fitted: Fitted) -> dict[str, Any]:
    return {"count": fitted.count, "maps": fitted.maps, "places": fitted.places}


def artifact_name(fitted: Fitted, asof: int) -> str:
    """A file name, from the content, for experts refitted on the state after event `asof`."""
    return f"refit-{asof:012d}-{snapshot.digest(fitted.arrays, _plain(fitted))}.safetensors"


def unpack_fitted(content: bytes, *, name: str = "the refitted experts") -> Fitted:
    """Inverse of `pack_fitted`; raises `ModelFileError` if the bytes are damaged."""
    arrays, plain = snapshot.unpack(content, name=name)
    return Fitted(arrays=arrays, **plain)


def outcome(message: bytes) -> bytes | None:
    """The result of a message; None if it failed: the parent tries again with another child."""
    try:
        return WORK[message[:1]](message[1:])
    except Exception as error:
        print(f"quickstudy: refitting failed ({reason_of(error)})", file=sys.stderr)
        return None


def main() -> None:
    """Serve until the connection ends."""
    connection = connect()
    with suppress(EOFError, OSError):  # the parent is gone
        while (made := outcome(connection.recv_bytes())) is not None:
            connection.send_bytes(made)


if __name__ == "__main__":
    main()
