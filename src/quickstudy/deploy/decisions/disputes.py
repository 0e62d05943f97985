"""Disputes about an input: how its labels become contested, and how a person resolves that."""

from __future__ import annotations

from typing import Any

from sqlalchemy import select

from quickstudy.api.checks import checked_label
from quickstudy.api.decisions import Receipt
from quickstudy.deploy.core.context import Context
from quickstudy.deploy.core.contract import SYSTEM, Decided, Draft
from quickstudy.deploy.core.records import decode, encode
from quickstudy.deploy.core.tables import CASES, INPUT_LABELS, Row
from quickstudy.deploy.decisions.commands import ResolveDispute
from quickstudy.deploy.hosting.transaction import HostedLearners
from quickstudy.errors import InputError, NotFoundError

CHANGES, SOURCES_NEEDED = 3, 2  # changes of label of one input, and sources, until it is contested


def relabelled(row: Row | None, place: tuple[int, bytes], label: str, source: str) -> Row:
    """The row of an input after a source labelled it; `contested` stays set until `resolve`."""
    if row is None:
        return {
            "learner": place[0],
            "digest": place[1],
            "label": label,
            "changes": 0,
            "sources": encode([source]),
            "contested": 0,
        }
    sources = decode(row["sources"])
    sources = sources if source in sources else [*sources, source][-SOURCES_NEEDED:]
    changes = row["changes"] + (row["label"] != label)
    contested = row["contested"] or (changes >= CHANGES and len(sources) >= SOURCES_NEEDED)
    changed = {"label": label, "changes": changes, "sources": encode(sources)}
    return {**row, **changed, "contested": int(contested)}


def resolve(context: Context, command: ResolveDispute) -> Decided[Receipt]:
    """Resolve a dispute by a person's label: it is learned, and the input takes labels again.

    Raises:
        NotFoundError, InputError: there is no such prediction, or it is not contested.
    """
    case = context.rows.find(CASES, command.case_id)
    hosted = context.of(HostedLearners).of_case(case) if case else None
    if case is None or hosted is None:
        raise NotFoundError(f"there is no prediction {command.case_id!r}")
    label = checked_label(command.label)
    row = context.rows.find(INPUT_LABELS, hosted.number, case["input"])
    if not row or not row["contested"]:
        raise InputError(f"prediction {command.case_id!r} is not contested: give feedback instead")
    hosted.check_label(label, set())
    found = [one["id"] for one in _contested(context, case)]
    for case_id in found:
        yield from _close(context, case_id, label)
    payload = {
        "label": label,
        "source": command.source,
        "learn": "label",
        "case": case["seq"],
        "closed": found,
    }
    event = yield Draft(
        "ruled", hosted.number, actor=command.actor, subject=command.case_id, payload=payload
    )
    message = "the ruling is learned, and the input is no longer contested"
    return Receipt(event.seq, "accepted", command.case_id, hosted.name, False, message)


def _contested(context: Context, case: Row) -> list[Row]:
    """The contested cases of the same input."""
    query = select(CASES).where(
        CASES.c.learner == case["learner"],
        CASES.c.input == case["input"],
        CASES.c.status == "contested",
    )
    return context.rows.select(CASES, query)


def _close(context: Context, case_id: str, label: Any) -> Decided[None]:
    """If the outcome of a contested case is still due, the resolution is the outcome."""
    case = context.rows.find(CASES, case_id)
    assert case is not None
    if context.of(HostedLearners).counts(case):
        wrong = encode(label) != case["answer"]
        payload = {"case": case["seq"], "counted": True, "wrong": wrong}
        learner = case["learner"]
        yield Draft("closed", learner, actor=SYSTEM, subject=case_id, payload=payload)
