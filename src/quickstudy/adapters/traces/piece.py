"""`Piece`, a step with its type and call id, and the order of the pieces of a message."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

from quickstudy.adapters.step import Step


class Piece(NamedTuple):
    """A step with what is needed to put it in order.

    Attributes:
        type: said, call, result, media (pictures and files), unknown, or what a format adds.
        id: of the call, if there is one.
        step: of the run.
        skipped: names of unknown parts in it.
    """

    type: str
    id: str | None
    step: Step
    skipped: tuple[str, ...] = ()


class Told(NamedTuple):
    """The result of a call.

    Attributes:
        text: the whole text.
        words: the text without pictures and unknown parts, from which a failure is recognised.
        skipped: names of its unknown parts.
    """

    text: str
    words: str
    skipped: tuple[str, ...]


def said(text: str) -> Piece:
    """The piece of a message text."""
    return Piece("said", None, Step(text))


def squeezed(text: str) -> str:
    """A text with single spaces, to compare texts.

    >>> squeezed(" Sorry,\\n no seats. ")
    'Sorry, no seats.'
    """
    return " ".join(text.split())


def tool_of(text: str) -> str:
    """The name of the tool in the text of a call."""
    return text.split(" ", 1)[0]


def in_order(pieces: Iterable[Piece]) -> list[Piece]:
    """The pieces with each call once and before its result, without empty ones."""
    given = list(pieces)
    full = {(one.id, tool_of(one.step.x)) for one in given if one.id and _has_arguments(one)}
    found: list[Piece] = []
    told: set[tuple[str, str]] = set()
    results: dict[str, int] = {}
    for piece in given:
        if piece.type == "said" and not piece.step.x.strip():
            continue
        at = len(found)
        if piece.type == "call" and piece.id is not None:
            key = piece.id, squeezed(piece.step.x)
            is_told_better = (piece.id, tool_of(key[1])) in full and not _has_arguments(piece)
            if key in told or is_told_better:
                continue
            told.add(key)
            at = results.get(piece.id, at)
        elif piece.type == "result" and piece.id is not None:
            results.setdefault(piece.id, at)
        found.insert(at, piece)
        if at < len(found) - 1:
            results = {id: there + (there >= at) for id, there in results.items()}
    return found


def _has_arguments(piece: Piece) -> bool:
    """Whether a call has arguments: a streamed message may have it twice, once without them."""
    name = tool_of(piece.step.x)
    return piece.type == "call" and piece.step.x not in (name, f"{name} {{}}")


def failed_once(pieces: Sequence[Piece]) -> list[Piece]:
    """The pieces with the error on the result instead of the call, if a failed result follows.

    >>> call = Piece("call", "c", Step("f {", action="f {", error=True))
    >>> result = Piece("result", "c", Step("no", error=True))
    >>> [piece.step.error for piece in failed_once([call, result])]
    [False, True]
    >>> [piece.step.error for piece in failed_once([call])]
    [True]
    """
    found: list[Piece] = []
    failed: set[str] = set()
    for piece in reversed(pieces):
        if piece.type == "result" and piece.id is not None and piece.step.error:
            failed.add(piece.id)
        elif piece.type == "call" and piece.id in failed:
            failed.discard(piece.id)
            piece = piece._replace(step=Step(piece.step.x, action=piece.step.action))
        found.append(piece)
    return found[::-1]
