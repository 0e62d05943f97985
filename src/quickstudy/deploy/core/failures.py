"""Failures of a learner, as errors with its name: the server and the other learners go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from quickstudy.errors import QuickstudyError, StoreError

MOST_REASON = 300  # characters
MOST_IN_A_ROW = 20
"""Consecutive events that fail while a learner is rebuilt from the log. From this many on the
machine is the likely cause (too little memory, say), and the learner is put out of service."""


class LearningError(StoreError):
    """A learner failed while it learned: its state is inconsistent and must not be used."""


class OutOfServiceError(StoreError):
    """A learner cannot be rebuilt from the log; the other learners of the store go on."""


def reason_of(error: BaseException) -> str:
    """An error in one printable line.

    >>> reason_of(MemoryError("no room\\nfor 8 GiB"))
    'MemoryError: no room for 8 GiB'
    """
    text = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    return text.encode("utf-8", "replace").decode()[:MOST_REASON]


def out_of_service(name: str, error: BaseException) -> OutOfServiceError:
    """The error that a learner cannot be rebuilt from the log, with the reason and the remedy."""
    made = OutOfServiceError(
        f"learner {name!r} is out of service, as it cannot be made from the log "
        f"({reason_of(error)}); the other learners go on: run `quickstudy doctor` on the store, "
        "then open it again"
    )
    made.__cause__ = error
    return made


@contextmanager
def answering(name: str) -> Iterator[None]:
    """Turn any failure of a learner that reads or answers into an error with its name.

    Raises:
        StoreError: the learner failed; the server and the other learners go on.
    """
    try:
        yield
    except QuickstudyError:
        raise
    except Exception as error:
        raise StoreError(
            f"learner {name!r} could not answer ({reason_of(error)}); nothing was changed"
        ) from error
