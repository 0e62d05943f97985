"""Failures of a learner, as errors with its name: the server and the other learners go on."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from quickstudy.errors import QuickstudyError, StoreError

MOST_REASON = 300  # characters
MOST_IN_A_ROW = 20
"""Events that fail one after the other when a learner is made from the log: from so many on the
machine is to blame, by too little memory say, and the learner is out of service instead."""


class LearningError(StoreError):
    """A learner failed while it learned: its state is that of half a step, not to be used."""


class OutOfServiceError(StoreError):
    """A learner cannot be made from the log; the others of its store go on."""


def reason_of(error: BaseException) -> str:
    """An error in one printable line.

    >>> reason_of(MemoryError("no room\\nfor 8 GiB"))
    'MemoryError: no room for 8 GiB'
    """
    text = " ".join(f"{type(error).__name__}: {error}".split()).removesuffix(":")
    return text.encode("utf-8", "replace").decode()[:MOST_REASON]


def out_of_service(name: str, error: BaseException) -> OutOfServiceError:
    """That a learner cannot be made from the log, why, and what to do."""
    made = OutOfServiceError(
        f"learner {name!r} is out of service, as it cannot be made from the log "
        f"({reason_of(error)}); the other learners go on: run `quickstudy doctor` on the store, "
        "then open it again"
    )
    made.__cause__ = error
    return made


@contextmanager
def answering(name: str) -> Iterator[None]:
    """A learner reads or answers; whatever goes wrong in it is an error with its name.

    Raises:
        StoreError: it failed; the server and the other learners go on.
    """
    try:
        yield
    except QuickstudyError:
        raise
    except Exception as error:
        raise StoreError(
            f"learner {name!r} could not answer ({reason_of(error)}); nothing was changed"
        ) from error
