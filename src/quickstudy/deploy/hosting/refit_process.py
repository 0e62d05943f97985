"""Refits and consolidates learners, in a child process of the server.

Reads packed learners from standard input, each after a byte that says what to do with it, and
writes what came of it to standard output; each message after eight bytes that say how long it is.
It ends when its input does, so it never outlives its parent.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import IO, Any

from quickstudy import snapshot
from quickstudy.deploy.core.failures import reason_of
from quickstudy.learners.classifier.classifier import Classifier
from quickstudy.learners.classifier.refits import Fitted

NICE = 10  # answers come first
REFIT, CONSOLIDATE = b"r", b"c"


def send(stream: IO[bytes], content: bytes) -> None:
    """Write one message."""
    stream.write(len(content).to_bytes(8, "little") + content)
    stream.flush()


def receive(stream: IO[bytes]) -> bytes:
    """Read one message.

    Raises:
        EOFError: the other side is gone.
    """
    size = stream.read(8)
    content = stream.read(int.from_bytes(size, "little")) if len(size) == 8 else b""
    if len(size) < 8 or len(content) < int.from_bytes(size, "little"):
        raise EOFError("the other side of the pipe is gone")
    return content


def refit(packed: bytes) -> bytes:
    """Refit what is due in a packed learner; the packed outcome."""
    return pack_fitted(Classifier.unpacked(packed).fit_due())


def consolidate(packed: bytes) -> bytes:
    """A packed learner with a new feature map and refitted slow experts, packed."""
    learner = Classifier.unpacked(packed)
    learner.consolidate()
    return learner.packed()


WORK: dict[bytes, Callable[[bytes], bytes]] = {REFIT: refit, CONSOLIDATE: consolidate}


def pack_fitted(fitted: Fitted) -> bytes:
    """Refitted experts as bytes; the same ones may give other bytes the next time."""
    return snapshot.pack(fitted.arrays, _plain(fitted))


def _plain(fitted: Fitted) -> dict[str, Any]:
    return {"count": fitted.count, "maps": fitted.maps, "places": fitted.places}


def artifact_name(fitted: Fitted, asof: int) -> str:
    """A file name for experts refitted on the state after event `asof`, by what they are."""
    return f"refit-{asof:012d}-{snapshot.digest(fitted.arrays, _plain(fitted))}.safetensors"


def unpack_fitted(content: bytes, *, name: str = "the refitted experts") -> Fitted:
    """Raises `ModelFileError` if the bytes are not those that were packed."""
    arrays, plain = snapshot.unpack(content, name=name)
    return Fitted(arrays=arrays, **plain)


def main() -> None:
    """Serve until the input ends."""
    os.nice(NICE)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, range(os.cpu_count() or 1))  # a server may keep to one core
    replies = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # what a library prints must not get between the messages
    while True:
        try:
            message = receive(sys.stdin.buffer)
            send(replies, WORK[message[:1]](message[1:]))
        except (EOFError, BrokenPipeError):
            return
        except Exception as error:  # the parent tries again later, with another child
            print(f"quickstudy: refitting failed ({reason_of(error)})", file=sys.stderr)
            return


if __name__ == "__main__":
    main()
