"""The nine statuses of a feedback, as a pure function of the state of its case."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from quickstudy.api.decisions import Status
from quickstudy.deploy.core.records import encode

LEARNED: frozenset[Status] = frozenset({"accepted", "superseded", "conflicting", "late"})
MESSAGES: dict[Status, str] = {
    "accepted": "on disk, and learned",
    "repeated": "this was sent before; nothing changed",
    "superseded": "it replaces what this source said before",
    "confirmed": "another source had said the same; kept, not learned twice",
    "conflicting": "another source had said otherwise; the newer label is learned",
    "late": "learned; the wait time was over, so it does not count towards precision",
    "early": "kept until a prediction with this id is made",
    "unknown": "no prediction with this id was ever made here; kept, nothing is learned",
    "contested": "people disagree on this input; kept, not learned until somebody rules",
}


@dataclass(frozen=True, slots=True)
class Known:
    """The state of a case when a feedback about it arrives.

    Attributes:
        case: status of the case: waiting, closed, labelled, expired or contested.
        contested: the input is contested, by this case or another.
        said_before: the source gave this case a label before.
        truth: present label of the case: a label, {"not": label}, or None.
        over: the wait time is over.
    """

    case: str
    contested: bool
    said_before: bool
    truth: Any
    over: bool


def status_of(known: Known, says: Any) -> Status:
    """The status of a feedback that gives a label, or {"not": label}.

    >>> status_of(Known("waiting", False, False, None, over=False), "refund")
    'accepted'
    >>> status_of(Known("labelled", False, False, "refund", over=False), "fraud")
    'conflicting'
    """
    if known.case == "contested" or known.contested:
        return "contested"
    if known.said_before:
        return "superseded"
    if known.truth is not None:
        return status_against(known.truth, says)
    late = known.case == "expired" or (known.case == "closed" and known.over)
    return "late" if late else "accepted"


def status_against(truth: Any, says: Any) -> Status:
    """The status of a label given another source's label; either may be {"not": label}."""
    if encode(truth) == encode(says):
        return "confirmed"
    if isinstance(truth, dict):
        contradicted = not isinstance(says, dict) and encode(truth["not"]) == encode(says)
        return "conflicting" if contradicted else "accepted"
    refuted = not isinstance(says, dict) or encode(says["not"]) == encode(truth)
    return "conflicting" if refuted else "confirmed"
